-- name: drug_table_version
SELECT table_version FROM pdmp.drug LIMIT 1;

-- name: empty_drugs
DELETE FROM pdmp.drug;

-- name: copy_drugs
COPY pdmp.drug (ndc11, name, ingredient, strength, strength_unit, dosage_form, rxcui, rxnorm_name, schedule,
                drug_class, mme_factor, table_version) FROM STDIN;
