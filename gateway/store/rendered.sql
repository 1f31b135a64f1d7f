-- name: stale_versions
-- Versions whose resources another mapping version made, after the cursor. Index: dispensation_version_pkey.
SELECT person_id, dispensation_id, version FROM pdmp.dispensation_version
WHERE jurisdiction = %(jurisdiction)s AND mapping_version <> %(mapping_version)s
  AND (person_id, dispensation_id, version) > (%(person_id)s, %(dispensation_id)s, %(version)s)
ORDER BY person_id, dispensation_id, version
LIMIT %(count)s;

-- name: stale_persons
SELECT person_id, updated_at FROM pdmp.person
WHERE jurisdiction = %(jurisdiction)s AND mapping_version <> %(mapping_version)s AND person_id > %(after)s
ORDER BY person_id
LIMIT %(count)s;

-- name: stale_dispensers
SELECT dispenser_id FROM pdmp.dispenser
WHERE mapping_version <> %(mapping_version)s AND dispenser_id > %(after)s
ORDER BY dispenser_id
LIMIT %(count)s;

-- name: stale_prescribers
SELECT prescriber_id FROM pdmp.prescriber
WHERE mapping_version <> %(mapping_version)s AND prescriber_id > %(after)s
ORDER BY prescriber_id
LIMIT %(count)s;

-- name: put_versions
-- What the tables say of a version; what was reported, and when, stays.
UPDATE pdmp.dispensation_version v
SET rxcui = made.rxcui, mme_per_day = made.mme_per_day, mme_table = made.mme_table,
    drug_classes = string_to_array(made.drug_classes, ' '), dispense_resource = made.dispense_resource,
    request_resource = made.request_resource, mapping_version = %(mapping_version)s
FROM unnest(%(person_ids)s::uuid[], %(dispensation_ids)s::uuid[], %(versions)s::integer[],
            %(rxcuis)s::text[], %(doses)s::numeric[], %(tables)s::text[], %(drug_classes)s::text[],
            %(dispense_resources)s::bytea[], %(request_resources)s::bytea[])
     AS made (person_id, dispensation_id, version, rxcui, mme_per_day, mme_table, drug_classes,
              dispense_resource, request_resource)
WHERE v.jurisdiction = %(jurisdiction)s AND v.person_id = made.person_id
  AND v.dispensation_id = made.dispensation_id AND v.version = made.version;

-- name: put_persons
UPDATE pdmp.person p
SET resource = made.resource, mapping_version = %(mapping_version)s
FROM unnest(%(ids)s::uuid[], %(resources)s::bytea[]) AS made (person_id, resource)
WHERE p.jurisdiction = %(jurisdiction)s AND p.person_id = made.person_id;

-- name: put_dispensers
UPDATE pdmp.dispenser x
SET resource = made.resource, mapping_version = %(mapping_version)s
FROM unnest(%(ids)s::uuid[], %(resources)s::bytea[]) AS made (dispenser_id, resource)
WHERE x.dispenser_id = made.dispenser_id;

-- name: put_prescribers
UPDATE pdmp.prescriber x
SET resource = made.resource, mapping_version = %(mapping_version)s
FROM unnest(%(ids)s::uuid[], %(resources)s::bytea[]) AS made (prescriber_id, resource)
WHERE x.prescriber_id = made.prescriber_id;
