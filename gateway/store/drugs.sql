-- name: drug_table_version
SELECT table_version FROM pdmp.drug LIMIT 1;

-- name: empty_drugs
DELETE FROM pdmp.drug;

-- name: copy_drugs
COPY pdmp.drug (ndc11, name, ingredient, strength, strength_unit, dosage_form, rxcui, rxnorm_name, schedule,
                drug_class, mme_factor, table_version) FROM STDIN;

-- name: reported_products
-- How often each NDC stands in a current dispensation, by itself or in a compound. Counts only: no person's.
SELECT product_id, count(*), min(filled_on), max(filled_on)
  FROM (SELECT product_id, filled_on
          FROM pdmp.dispensation_version
         WHERE jurisdiction = %(jurisdiction)s AND superseded_at IS NULL AND NOT voided
           AND product_qualifier = '01'
        UNION ALL
        SELECT ingredient ->> 'product_id', filled_on
          FROM pdmp.dispensation_version CROSS JOIN LATERAL jsonb_array_elements(ingredients) AS ingredient
         WHERE jurisdiction = %(jurisdiction)s AND superseded_at IS NULL AND NOT voided
           AND product_qualifier = '06' AND ingredient ->> 'qualifier' = '01') AS reported
 GROUP BY product_id
 ORDER BY count(*) DESC, product_id;
