-- name: lock
-- Files of one jurisdiction are merged one after another; the lock goes with the transaction.
SELECT set_config('lock_timeout', '0', true), set_config('statement_timeout', '0', true),
       pg_advisory_xact_lock(hashtextextended('pdmp-ingest:' || %(jurisdiction)s, 0));

-- name: refresh_statistics
-- Ask for fresh statistics when a table that look-ups by key go through has grown to twice what the planner was
-- told, also by rows of this very transaction.
SELECT pdmp.refresh_statistics()
FROM (
    SELECT bool_or(pg_relation_size(oid) > current_setting('block_size')::integer * (2 * relpages + 8)) AS outgrown
    FROM pg_class
    WHERE oid IN ('pdmp.description'::regclass, 'pdmp.description_key'::regclass, 'pdmp.record_key'::regclass)
) AS tables
WHERE outgrown;

-- name: holder
-- The submission that took this sender's control number.
SELECT submission_id, sha256 FROM pdmp.submission
WHERE jurisdiction = %(jurisdiction)s AND source_id = %(source_id)s AND control_number = %(control_number)s
  AND takes_number;

-- name: original
-- The submissions that a whole-file void may mean: every sender's with that control number.
SELECT submission_id, source_id FROM pdmp.submission
WHERE jurisdiction = %(jurisdiction)s AND control_number = %(control_number)s AND takes_number
  AND transaction_type <> '04'
LIMIT 2;

-- name: add_submission
INSERT INTO pdmp.submission (
    jurisdiction, submission_id, source_id, control_number, asap_version, transaction_type, file_type,
    status, takes_number, sha256, content, answer, received_at
) VALUES (
    %(jurisdiction)s, %(submission_id)s, %(source_id)s, %(control_number)s, %(asap_version)s,
    %(transaction_type)s, %(file_type)s, %(status)s, %(takes_number)s, %(sha256)s, %(content)s, %(answer)s,
    %(received_at)s
);

-- name: submission_versions
-- What a submission brought, by the parts that a record key is made of. Index: dispensation_submission_idx.
SELECT dispensation_id, version, dispenser_id, rx_number, written_on, filled_on, fill_number, partial_fill,
       product_id
FROM pdmp.dispensation_version
WHERE jurisdiction = %(jurisdiction)s AND submission_id = %(submission_id)s
ORDER BY ordinal, version;

-- name: record_states
-- What stands under each record key that a batch names. Index: record_key_pkey.
SELECT asked.place, k.person_id, k.dispensation_id, k.version, k.voided, k.content_hashes
FROM unnest(%(dispenser_ids)s::uuid[], %(rx_numbers)s::text[], %(filled_on)s::date[],
            %(fill_numbers)s::smallint[], %(partial_fills)s::text[])
     WITH ORDINALITY AS asked (dispenser_id, rx_number, filled_on, fill_number, partial_fill, place)
JOIN pdmp.record_key k
  ON k.jurisdiction = %(jurisdiction)s AND k.dispenser_id = asked.dispenser_id
 AND k.rx_number = asked.rx_number AND k.filled_on = asked.filled_on
 AND k.fill_number = asked.fill_number AND k.partial_fill = asked.partial_fill;

-- name: copy_record_keys
COPY pdmp.record_key (
    jurisdiction, dispenser_id, rx_number, filled_on, fill_number, partial_fill,
    person_id, dispensation_id, version, voided, content_hashes
) FROM STDIN (FORMAT BINARY);

-- name: change_record_keys
UPDATE pdmp.record_key k
SET person_id = changed.person_id, version = changed.version, voided = changed.voided,
    content_hashes = changed.content_hashes
FROM unnest(%(dispenser_ids)s::uuid[], %(rx_numbers)s::text[], %(filled_on)s::date[],
            %(fill_numbers)s::smallint[], %(partial_fills)s::text[],
            %(person_ids)s::uuid[], %(versions)s::integer[], %(voided)s::boolean[],
            %(content_hashes)s::bytea[])
     AS changed (dispenser_id, rx_number, filled_on, fill_number, partial_fill,
                 person_id, version, voided, content_hashes)
WHERE k.jurisdiction = %(jurisdiction)s AND k.dispenser_id = changed.dispenser_id
  AND k.rx_number = changed.rx_number AND k.filled_on = changed.filled_on
  AND k.fill_number = changed.fill_number AND k.partial_fill = changed.partial_fill;

-- name: supersede
UPDATE pdmp.dispensation_version v
SET superseded_at = %(now)s
FROM unnest(%(person_ids)s::uuid[], %(dispensation_ids)s::uuid[], %(versions)s::integer[])
     AS old (person_id, dispensation_id, version)
WHERE v.jurisdiction = %(jurisdiction)s AND v.person_id = old.person_id
  AND v.dispensation_id = old.dispensation_id AND v.version = old.version AND v.superseded_at IS NULL;

-- name: copy_versions
COPY pdmp.dispensation_version (
    jurisdiction, person_id, dispensation_id, version, superseded_at, voided, restriction, recorded_at,
    submission_id, ordinal, reported_status, description_id, dispenser_id, prescriber_id, rx_number,
    written_on, filled_on, sold_on, fill_number, refills_authorized, partial_fill, product_qualifier,
    product_id, quantity, quantity_text, days_supply, dosage_unit, origin_code, payment_code,
    pharmacist_npi, pharmacist_license, rxnorm_qualifier, rxnorm_code, rxcui, erx_reference, erx_order,
    quantity_prescribed, sig, treatment_type, diagnosis, ingredients, pickup_encrypted, content_hash,
    mme_per_day, mme_table, drug_classes, dispense_resource, request_resource, mapping_version
) FROM STDIN (FORMAT BINARY);

-- name: versions
-- Versions as stored, with the names that are shown beside references: what a void is a copy of.
SELECT v.person_id, v.dispensation_id, v.version, v.superseded_at, v.voided, v.restriction, v.recorded_at,
       v.submission_id, v.ordinal, v.reported_status, v.description_id, v.dispenser_id, v.prescriber_id,
       v.rx_number, v.written_on, v.filled_on, v.sold_on, v.fill_number, v.refills_authorized, v.partial_fill,
       v.product_qualifier, v.product_id, v.quantity, v.quantity_text, v.days_supply, v.dosage_unit,
       v.origin_code, v.payment_code, v.pharmacist_npi, v.pharmacist_license, v.rxnorm_qualifier,
       v.rxnorm_code, v.erx_reference, v.erx_order, v.quantity_prescribed, v.sig, v.treatment_type,
       v.diagnosis, v.ingredients, v.pickup_encrypted, v.content_hash,
       d.first_name, d.last_name, d.suffix, d.species, d.animal_name,
       x.name, x.npi, x.ncpdp, x.dea, p.first_name, p.last_name
FROM unnest(%(person_ids)s::uuid[], %(dispensation_ids)s::uuid[], %(versions)s::integer[])
     AS asked (person_id, dispensation_id, version)
JOIN pdmp.dispensation_version v
  ON v.jurisdiction = %(jurisdiction)s AND v.person_id = asked.person_id
 AND v.dispensation_id = asked.dispensation_id AND v.version = asked.version
JOIN pdmp.description d
  ON d.jurisdiction = v.jurisdiction AND d.person_id = v.person_id AND d.description_id = v.description_id
JOIN pdmp.dispenser x ON x.dispenser_id = v.dispenser_id
JOIN pdmp.prescriber p ON p.prescriber_id = v.prescriber_id;

-- name: unrestricted_versions
-- What must be marked when a dispenser turns out to be a programme under 42 CFR Part 2: rare, so it scans.
SELECT person_id, dispensation_id, version FROM pdmp.dispensation_version
WHERE jurisdiction = %(jurisdiction)s AND dispenser_id = %(dispenser_id)s AND restriction IS NULL;

-- name: restrict_versions
-- The mapping version stays: where it is an earlier one, what the tables say of the row is still to follow.
UPDATE pdmp.dispensation_version v
SET restriction = 'part2', dispense_resource = marked.dispense_resource,
    request_resource = marked.request_resource
FROM unnest(%(person_ids)s::uuid[], %(dispensation_ids)s::uuid[], %(versions)s::integer[],
            %(dispense_resources)s::bytea[], %(request_resources)s::bytea[])
     AS marked (person_id, dispensation_id, version, dispense_resource, request_resource)
WHERE v.jurisdiction = %(jurisdiction)s AND v.person_id = marked.person_id
  AND v.dispensation_id = marked.dispensation_id AND v.version = marked.version;

-- name: add_zero_report
INSERT INTO pdmp.zero_report (jurisdiction, dispenser_id, first_day, last_day, submission_id)
VALUES (%(jurisdiction)s, %(dispenser_id)s, %(first_day)s, %(last_day)s, %(submission_id)s)
ON CONFLICT DO NOTHING;
