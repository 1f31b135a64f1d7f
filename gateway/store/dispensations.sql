-- name: page
-- One page of a person's current dispensations that the grant admits, newest first after the cursor, and
-- its audit row, in one statement: what is read is recorded, or neither happens.
-- Index: dispensation_history_idx, whose order is the page's. A page that holds all there is counts itself;
-- only a full one, or one behind a cursor, makes the database count again.
WITH admitted AS NOT MATERIALIZED (
    SELECT * FROM pdmp.dispensation_version
    WHERE jurisdiction = %(jurisdiction)s AND person_id = %(person_id)s AND superseded_at IS NULL
      AND (%(restricted)s OR restriction IS NULL)
      AND filled_on >= greatest(%(window_start)s, %(prepared_start)s, '-infinity'::date)
      AND filled_on <= least(%(window_end)s, %(prepared_end)s, 'infinity'::date)
      AND (NOT %(by_sold)s OR sold_on BETWEEN coalesce(%(sold_start)s, '-infinity'::date)
                                          AND coalesce(%(sold_end)s, 'infinity'::date))
      AND (%(not_prepared)s::datemultirange IS NULL OR NOT filled_on <@ %(not_prepared)s::datemultirange)
      AND (%(not_sold)s::datemultirange IS NULL OR NOT sold_on <@ %(not_sold)s::datemultirange)
      AND (%(not_updated)s::tstzmultirange IS NULL OR NOT recorded_at <@ %(not_updated)s::tstzmultirange)
      AND (%(ids)s::uuid[] IS NULL OR dispensation_id = ANY(%(ids)s::uuid[]))
      AND ((NOT voided AND %(live)s) OR (voided AND %(voided)s))
      AND (%(ndcs)s::text[] IS NULL OR (product_qualifier = '01' AND product_id = ANY(%(ndcs)s::text[]))
              OR rxcui = ANY(%(rxcuis)s::text[]))
      AND (%(kinds)s::text[] IS NULL OR pdmp.kind_of_fill(fill_number, partial_fill) = ANY(%(kinds)s::text[]))
      AND (%(slices)s::jsonb IS NULL OR pdmp.in_a_slice(%(slices)s::jsonb, voided, fill_number, partial_fill,
                                                        product_qualifier, product_id, rxcui, filled_on))
      AND recorded_at >= coalesce(%(updated_from)s, '-infinity'::timestamptz)
      AND recorded_at < coalesce(%(updated_before)s, 'infinity'::timestamptz)
), behind AS NOT MATERIALIZED (
    SELECT * FROM admitted
    WHERE %(after_day)s::date IS NULL
       OR (filled_on, dispensation_id) < (%(after_day)s::date, %(after_id)s::uuid)
), page AS MATERIALIZED (
    -- Without the resources: these come straight out of the table below, by the same snapshot.
    SELECT dispensation_id, version, dispenser_id, prescriber_id
    FROM behind
    ORDER BY filled_on DESC, dispensation_id DESC
    LIMIT %(count)s
), extent AS MATERIALIZED (
    SELECT count(*) AS rows, coalesce(array_agg(dispensation_id), '{}') AS ids,
           coalesce(array_agg(version), '{}') AS versions
    FROM page
), granted AS (
    -- A history leaves a grant behind it; a search stands on one that is there.
    INSERT INTO pdmp.disclosure_grant (
        grant_id, jurisdiction, person_id, client_id, account_id, practitioner, purpose, expires_at
    )
    SELECT %(grant_id)s, %(jurisdiction)s, %(person_id)s, %(client_id)s, %(account_id)s, %(practitioner)s,
           %(purpose)s, now() + interval '15 minutes'
    WHERE %(new_grant)s
), logged AS (
    INSERT INTO pdmp.audit (
        jurisdiction, audit_id, outcome, interaction, client_id, account_id, delegate_id, practitioner, person_id,
        purpose, grant_id, consent_id, request_id, window_start, window_end, dispensation_ids,
        dispensation_versions, other_resources
    )
    SELECT %(jurisdiction)s, %(audit_id)s, CASE WHEN rows = 0 THEN 'no-data' ELSE 'disclosed' END,
           %(interaction)s, %(client_id)s, %(account_id)s, %(delegate_id)s, %(practitioner)s, %(person_id)s,
           %(purpose)s, %(grant_id)s, %(consent_id)s, %(request_id)s, %(window_start)s, %(window_end)s, ids,
           versions, %(other_resources)s
    FROM extent
)
-- One row without an id is about the whole: the Patient when asked for, the counts, the references with their
-- versions. Then one row a dispensation.
SELECT NULL::text AS dispensation_id, NULL::date AS filled_on,
       CASE WHEN %(with_patient)s THEN (
           SELECT resource FROM pdmp.person
           WHERE jurisdiction = %(jurisdiction)s AND person_id = %(person_id)s
       ) END AS resource, NULL::bytea AS request_resource,
       CASE WHEN rows < %(count)s AND %(after_day)s::date IS NULL THEN rows
            ELSE (SELECT count(*) FROM admitted) END AS total,
       CASE WHEN rows < %(count)s THEN rows ELSE (SELECT count(*) FROM behind) END AS remaining,
       dispensers.ids AS dispenser_ids, dispensers.versions AS dispenser_versions,
       prescribers.ids AS prescriber_ids, prescribers.versions AS prescriber_versions,
       NULL AS prescriber_id, NULL AS dispenser_id, NULL AS sold_on, NULL AS package, NULL AS part,
       NULL AS ingredients, NULL AS restriction, NULL AS treatment_type, NULL AS sig
FROM extent
CROSS JOIN LATERAL (
    SELECT array_agg(dispenser_id) AS ids, array_agg(version) AS versions FROM pdmp.dispenser
    WHERE %(with_references)s AND dispenser_id IN (SELECT dispenser_id FROM page)
) AS dispensers
CROSS JOIN LATERAL (
    SELECT array_agg(prescriber_id) AS ids, array_agg(version) AS versions FROM pdmp.prescriber
    WHERE %(with_references)s AND prescriber_id IN (SELECT prescriber_id FROM page)
) AS prescribers
UNION ALL (
    SELECT dispensation_id::text, filled_on, dispense_resource,
           CASE WHEN %(with_requests)s THEN request_resource END,
           NULL, NULL, NULL, NULL, NULL, NULL,
           -- What arithmetic needs, where alerts or figures are made of the page. What was handed out is one text
           -- (fields apart by U+001F), for equal packages are computed once; a part says of what, and directions
           -- are read of single days' doses only.
           CASE WHEN %(with_columns)s THEN prescriber_id::text END,
           CASE WHEN %(with_columns)s THEN dispenser_id::text END,
           CASE WHEN %(with_columns)s THEN sold_on END,
           CASE WHEN %(with_columns)s
                THEN concat_ws(chr(31), product_qualifier, product_id, quantity, dosage_unit, days_supply) END,
           CASE WHEN %(with_columns)s AND partial_fill NOT IN ('00', '')
                THEN concat_ws(chr(31), rx_number, fill_number, partial_fill) END,
           CASE WHEN %(with_columns)s THEN ingredients END,
           CASE WHEN %(with_columns)s THEN restriction END,
           CASE WHEN %(with_columns)s THEN treatment_type END,
           CASE WHEN %(with_columns)s AND days_supply = 1 THEN sig END
    FROM behind
    ORDER BY behind.filled_on DESC, behind.dispensation_id DESC
    LIMIT %(count)s
);

-- name: person
-- The rendered Patient of the person a grant is for.
SELECT version, resource FROM pdmp.person
WHERE jurisdiction = %(jurisdiction)s AND person_id = %(person_id)s;

-- name: dispensation
-- One dispensation of the grant's person, voided ones too (entered-in-error): its current version, or the one
-- asked for. A version is judged by what it says itself.
SELECT version, dispense_resource, request_resource FROM pdmp.dispensation_version
WHERE jurisdiction = %(jurisdiction)s AND person_id = %(person_id)s AND dispensation_id = %(dispensation_id)s
  AND CASE WHEN %(version)s::integer IS NULL THEN superseded_at IS NULL ELSE version = %(version)s::integer END
  AND (%(restricted)s OR restriction IS NULL)
  AND (%(window_start)s::date IS NULL OR filled_on >= %(window_start)s::date)
  AND (%(window_end)s::date IS NULL OR filled_on <= %(window_end)s::date)
  AND (%(slices)s::jsonb IS NULL OR pdmp.in_a_slice(%(slices)s::jsonb, voided, fill_number, partial_fill,
                                                    product_qualifier, product_id, rxcui, filled_on));

-- name: refers_to
-- Whether a current dispensation that the grant admits names this pharmacy, or this prescriber.
SELECT EXISTS (
    SELECT FROM pdmp.dispensation_version
    WHERE jurisdiction = %(jurisdiction)s AND person_id = %(person_id)s AND superseded_at IS NULL
      AND (%(restricted)s OR restriction IS NULL)
      AND (%(window_start)s::date IS NULL OR filled_on >= %(window_start)s::date)
      AND (%(window_end)s::date IS NULL OR filled_on <= %(window_end)s::date)
      AND %(named_id)s::uuid IN (dispenser_id, prescriber_id)
);

-- name: encounter
-- The Encounter of a launch, encrypted: readable under a consent of that launch alone, for as long as it stands.
SELECT e.resource FROM pdmp.launch_encounter e
JOIN pdmp.consent k USING (jurisdiction, person_id, encounter_id)
WHERE k.consent_id = %(consent_id)s AND k.jurisdiction = %(jurisdiction)s AND k.person_id = %(person_id)s
  AND e.encounter_id = %(encounter_id)s AND k.revoked_at IS NULL AND k.expires_at > now();

-- name: dispensers
SELECT dispenser_id, version, resource FROM pdmp.dispenser WHERE dispenser_id = ANY(%(ids)s::uuid[]);

-- name: prescribers
SELECT prescriber_id, version, resource FROM pdmp.prescriber WHERE prescriber_id = ANY(%(ids)s::uuid[]);
