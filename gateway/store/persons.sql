-- name: known_descriptions
-- Descriptions that were sent before, word for word. Index: description_key_pkey.
SELECT k.fingerprint, k.person_id, k.description_id, d.last_reported_at
FROM pdmp.description_key k
JOIN pdmp.description d USING (jurisdiction, person_id, description_id)
WHERE k.jurisdiction = %(jurisdiction)s AND k.fingerprint = ANY(%(fingerprints)s::bytea[]);

-- name: candidates
-- All that can be compared about every person who has one of these names with its birth date.
-- Index: description_name_birth_idx, then the primary keys.
WITH named AS MATERIALIZED (
    SELECT DISTINCT d.person_id
    FROM unnest(%(name_keys)s::text[], %(birth_dates)s::date[]) AS asked (name_key, birth_date)
    JOIN pdmp.description d
      ON d.jurisdiction = %(jurisdiction)s AND d.name_key = asked.name_key
     AND d.birth_date = asked.birth_date
)
SELECT d.person_id, d.description_id, d.species, d.name_key, d.birth_date, d.suffix_key, d.address_key,
       d.phone_key, i.qualifier, i.issuer, i.value_hash
FROM named
JOIN pdmp.description d ON d.jurisdiction = %(jurisdiction)s AND d.person_id = named.person_id
LEFT JOIN pdmp.description_identifier i
  ON i.jurisdiction = d.jurisdiction AND i.person_id = d.person_id AND i.description_id = d.description_id
 AND i.qualifier IN ('06', '07') AND NOT i.filler
ORDER BY d.person_id, d.description_id;

-- name: of_postal_code
-- Who was ever reported by this name, with this birth date, in this ZIP area. Index: description_name_birth_idx.
SELECT DISTINCT person_id FROM pdmp.description
WHERE jurisdiction = %(jurisdiction)s AND name_key = %(name_key)s AND birth_date = %(birth_date)s
  AND species = 'human' AND left(postal_code, 5) = %(postal_code)s
LIMIT 2;

-- name: descriptions
-- Every description of some persons, as shown.
SELECT d.person_id, d.description_id, d.last_reported_at, d.species, d.last_name, d.first_name,
       d.middle_name, d.prefix, d.suffix, d.birth_date, d.gender, d.animal_name, d.line1, d.line2, d.city,
       d.state, d.postal_code, d.country, d.phone, d.location_code, p.version
FROM pdmp.description d
JOIN pdmp.person p USING (jurisdiction, person_id)
WHERE d.jurisdiction = %(jurisdiction)s AND d.person_id = ANY(%(person_ids)s::uuid[]);

-- name: copy_descriptions
COPY pdmp.description (
    jurisdiction, person_id, description_id, species, name_key, last_name, first_name, middle_name, prefix,
    suffix, suffix_key, birth_date, gender, animal_name, line1, line2, city, state, postal_code, country,
    address_key, phone, phone_key, location_code, first_reported_at, last_reported_at
) FROM STDIN (FORMAT BINARY);

-- name: copy_description_keys
COPY pdmp.description_key (jurisdiction, fingerprint, person_id, description_id) FROM STDIN (FORMAT BINARY);

-- name: copy_description_identifiers
COPY pdmp.description_identifier (
    jurisdiction, person_id, description_id, ordinal, qualifier, issuer, value_encrypted, value_hash, filler
) FROM STDIN (FORMAT BINARY);

-- name: report_again
UPDATE pdmp.description d
SET last_reported_at = again.reported_at
FROM unnest(%(person_ids)s::uuid[], %(description_ids)s::uuid[], %(reported_at)s::timestamptz[])
     AS again (person_id, description_id, reported_at)
WHERE d.jurisdiction = %(jurisdiction)s AND d.person_id = again.person_id
  AND d.description_id = again.description_id AND d.last_reported_at < again.reported_at;

-- name: copy_persons
COPY pdmp.person (jurisdiction, person_id, species, version, resource, mapping_version, updated_at) FROM STDIN (FORMAT BINARY);

-- name: change_persons
UPDATE pdmp.person p
SET version = changed.version, resource = changed.resource, mapping_version = %(mapping_version)s,
    updated_at = %(updated_at)s
FROM unnest(%(person_ids)s::uuid[], %(versions)s::integer[], %(resources)s::bytea[])
     AS changed (person_id, version, resource)
WHERE p.jurisdiction = %(jurisdiction)s AND p.person_id = changed.person_id;
