-- What the demonstration asks of the store, as its owner. None of it serves a request.

-- name: submissions_exist
SELECT EXISTS (SELECT FROM pdmp.submission WHERE jurisdiction = %(jurisdiction)s);

-- name: loaded_files
-- Which of these files (by SHA-256) have been answered before.
SELECT sha256 FROM pdmp.submission WHERE jurisdiction = %(jurisdiction)s AND sha256 = ANY(%(sums)s);

-- name: persons
-- The newest description of each person, as reported.
SELECT DISTINCT ON (d.person_id)
       d.person_id, d.first_name, d.middle_name, d.last_name, d.suffix, d.birth_date, d.gender,
       d.line1, d.line2, d.city, d.state, d.postal_code, d.phone
  FROM pdmp.description d
  JOIN pdmp.person p USING (jurisdiction, person_id)
 WHERE d.jurisdiction = %(jurisdiction)s AND p.species = 'human' AND d.birth_date IS NOT NULL
   AND d.first_name <> '' AND d.last_name <> ''
 ORDER BY d.person_id, d.last_reported_at DESC, d.description_id DESC
 LIMIT %(limit)s;

-- name: prescribers
-- Those with an NPI and a name, by how many people they prescribe to.
SELECT npi.value, p.first_name, p.last_name,
       (SELECT min(value) FROM pdmp.prescriber_identifier
         WHERE prescriber_id = p.prescriber_id AND kind = 'dea' AND NOT shared),
       count(DISTINCT v.person_id) AS people
  FROM pdmp.prescriber p
  JOIN pdmp.prescriber_identifier npi ON npi.prescriber_id = p.prescriber_id AND npi.kind = 'npi'
  JOIN pdmp.dispensation_version v ON v.prescriber_id = p.prescriber_id
   AND v.jurisdiction = %(jurisdiction)s AND v.superseded_at IS NULL
 WHERE p.first_name <> '' AND p.last_name <> ''
 GROUP BY npi.value, p.prescriber_id, p.first_name, p.last_name
 ORDER BY people DESC, npi.value
 LIMIT %(limit)s;
