-- Granular scopes as a predicate: whether a version of a dispensation lies in one of the slices that a token's
-- scopes open. A function, because most tokens have none: `NULL IS NULL OR …` then costs a history nothing, where
-- a subquery in the statement would be made ready each time.
--
-- A slice is an object; a member that is null or left out asks for nothing:
--   live, voided   booleans: which of the two it admits
--   kinds          fills, as mappings/conceptmaps/supply-type.json names them
--   ndcs, rxcuis   drug codes: one of either is enough
--   first, last    days of filling, both ends included; `left_out` a multirange of days
CREATE FUNCTION pdmp.in_a_slice(
    slices jsonb, is_voided boolean, of_fill smallint, of_part text, of_qualifier text, of_product text,
    of_rxcui text, of_day date
) RETURNS boolean LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM jsonb_to_recordset(slices) AS slice (
            live boolean, voided boolean, kinds text[], ndcs text[], rxcuis text[],
            "first" date, "last" date, left_out datemultirange
        )
        WHERE CASE WHEN is_voided THEN slice.voided ELSE slice.live END
          AND (slice.kinds IS NULL OR pdmp.kind_of_fill(of_fill, of_part) = ANY(slice.kinds))
          AND (slice.ndcs IS NULL OR (of_qualifier = '01' AND of_product = ANY(slice.ndcs))
                  OR of_rxcui = ANY(slice.rxcuis))
          AND (slice."first" IS NULL OR of_day >= slice."first")
          AND (slice."last" IS NULL OR of_day <= slice."last")
          AND (slice.left_out IS NULL OR NOT of_day <@ slice.left_out)
    );
END
$$;

-- ASAP DSP06 and DSP13 as MedicationDispense.type tells them.
CREATE FUNCTION pdmp.kind_of_fill(fill_number smallint, partial_fill text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN fill_number = 0 THEN 'original' ELSE 'refill' END
        || CASE WHEN partial_fill IN ('00', '') THEN '-whole' ELSE '-partial' END
$$;
