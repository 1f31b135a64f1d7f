-- Who is who, as a steward decides it. Every change runs in one transaction under the lock of ingest.

-- name: persons
-- Persons as they stand, those that were merged away too.
SELECT person_id, species, version, updated_at, merged_into
FROM pdmp.person
WHERE jurisdiction = %(jurisdiction)s AND person_id = ANY(%(person_ids)s::uuid[]);

-- name: replaced
-- Whom some persons stand for. Index: person_merged_into_idx.
SELECT merged_into, array_agg(person_id ORDER BY person_id)
FROM pdmp.person
WHERE jurisdiction = %(jurisdiction)s AND merged_into = ANY(%(person_ids)s::uuid[])
GROUP BY merged_into;

-- name: survivors
-- Of some ids, those that were merged away, with who stands for each.
SELECT person_id, merged_into FROM pdmp.person
WHERE jurisdiction = %(jurisdiction)s AND person_id = ANY(%(person_ids)s::uuid[]) AND merged_into IS NOT NULL;

-- name: merged_patient
-- The Patient of somebody who was merged into the person that a grant is for.
SELECT resource FROM pdmp.person
WHERE jurisdiction = %(jurisdiction)s AND person_id = %(merged_id)s AND merged_into = %(person_id)s;

-- name: description_ids
SELECT description_id FROM pdmp.description
WHERE jurisdiction = %(jurisdiction)s AND person_id = %(person_id)s
ORDER BY description_id;

-- name: versions_of
-- The versions that descriptions of a person carry, superseded ones too. Index: dispensation_version_pkey.
SELECT dispensation_id, version FROM pdmp.dispensation_version
WHERE jurisdiction = %(jurisdiction)s AND person_id = %(person_id)s
  AND description_id = ANY(%(description_ids)s::uuid[]);

-- name: move_record_keys
-- What a record is points to the person of its current version. Index: the head of record_key_pkey, so that
-- ingest need not keep another one for the rare move.
UPDATE pdmp.record_key k
SET person_id = %(to_person_id)s
FROM (
    SELECT dispenser_id, array_agg(dispensation_id) AS ids FROM pdmp.dispensation_version
    WHERE jurisdiction = %(jurisdiction)s AND person_id = %(person_id)s AND superseded_at IS NULL
      AND description_id = ANY(%(description_ids)s::uuid[])
    GROUP BY dispenser_id
) AS moved
WHERE k.jurisdiction = %(jurisdiction)s AND k.dispenser_id = moved.dispenser_id
  AND k.person_id = %(person_id)s AND k.dispensation_id = ANY(moved.ids);

-- name: move_versions
-- The mapping version stays: where it is an earlier one, what the tables say of the row is still to follow.
UPDATE pdmp.dispensation_version v
SET person_id = %(to_person_id)s, dispense_resource = made.dispense_resource,
    request_resource = made.request_resource
FROM unnest(%(person_ids)s::uuid[], %(dispensation_ids)s::uuid[], %(versions)s::integer[],
            %(dispense_resources)s::bytea[], %(request_resources)s::bytea[])
     AS made (person_id, dispensation_id, version, dispense_resource, request_resource)
WHERE v.jurisdiction = %(jurisdiction)s AND v.person_id = made.person_id
  AND v.dispensation_id = made.dispensation_id AND v.version = made.version;

-- name: move_descriptions
UPDATE pdmp.description SET person_id = %(to_person_id)s
WHERE jurisdiction = %(jurisdiction)s AND person_id = %(person_id)s
  AND description_id = ANY(%(description_ids)s::uuid[]);

-- name: move_identifiers
UPDATE pdmp.description_identifier SET person_id = %(to_person_id)s
WHERE jurisdiction = %(jurisdiction)s AND person_id = %(person_id)s
  AND description_id = ANY(%(description_ids)s::uuid[]);

-- name: move_fingerprints
-- The same description, reported again, is the other person's from now on.
-- Index: description_key_description_idx.
UPDATE pdmp.description_key SET person_id = %(to_person_id)s
WHERE jurisdiction = %(jurisdiction)s AND person_id = %(person_id)s
  AND description_id = ANY(%(description_ids)s::uuid[]);

-- name: keep_before
-- Persons as they are, before an action changes them.
INSERT INTO pdmp.person_before (
    jurisdiction, person_id, action_id, species, version, resource, mapping_version, updated_at, merged_into
)
SELECT jurisdiction, person_id, %(action_id)s, species, version, resource, mapping_version, updated_at, merged_into
FROM pdmp.person
WHERE jurisdiction = %(jurisdiction)s AND person_id = ANY(%(person_ids)s::uuid[]);

-- name: before
-- Whom an action changed, and into whom each was merged before it. Index: person_before_action_idx.
SELECT person_id, merged_into FROM pdmp.person_before
WHERE jurisdiction = %(jurisdiction)s AND action_id = %(action_id)s
ORDER BY person_id;

-- name: add_person
-- Nobody sees it like this: its first version is written in the same transaction, when its descriptions are there.
INSERT INTO pdmp.person (jurisdiction, person_id, species, version, resource, mapping_version, updated_at)
VALUES (%(jurisdiction)s, %(person_id)s, %(species)s, 0, '', %(mapping_version)s, %(updated_at)s);

-- name: change_person
UPDATE pdmp.person
SET version = %(version)s, resource = %(resource)s, mapping_version = %(mapping_version)s,
    updated_at = %(updated_at)s, merged_into = %(merged_into)s
WHERE jurisdiction = %(jurisdiction)s AND person_id = %(person_id)s;

-- name: add_action
-- The time is the database's: under the lock of ingest it tells which action came first.
INSERT INTO pdmp.steward_action (
    jurisdiction, action_id, kind, person_id, other_person_id, account_id, username, reason, at, review_ids,
    ended_never, undoes
) VALUES (
    %(jurisdiction)s, %(action_id)s, %(kind)s, %(person_id)s, %(other_person_id)s, %(account_id)s, %(username)s,
    %(reason)s, clock_timestamp(), %(review_ids)s::uuid[], %(ended_never)s::uuid[], %(undoes)s
);

-- name: action
SELECT action_id, kind, person_id, other_person_id, username, reason, at, review_ids, ended_never, undoes,
       undone_by
FROM pdmp.steward_action
WHERE jurisdiction = %(jurisdiction)s AND action_id = %(action_id)s;

-- name: actions_of
-- What was done about some persons, oldest first.
SELECT action_id, kind, person_id, other_person_id, username, reason, at, review_ids, ended_never, undoes,
       undone_by
FROM pdmp.steward_action
WHERE jurisdiction = %(jurisdiction)s
  AND (person_id = ANY(%(person_ids)s::uuid[]) OR other_person_id = ANY(%(person_ids)s::uuid[]))
ORDER BY at, action_id;

-- name: later_action
-- The newest action that stands upon another one: about the same persons, later, and not taken back.
SELECT later.action_id FROM pdmp.steward_action first
JOIN pdmp.steward_action later
  ON later.jurisdiction = first.jurisdiction AND later.at > first.at AND later.kind <> 'undo'
 AND later.undone_by IS NULL
 AND (later.person_id = ANY(%(person_ids)s::uuid[]) OR later.other_person_id = ANY(%(person_ids)s::uuid[]))
WHERE first.jurisdiction = %(jurisdiction)s AND first.action_id = %(action_id)s
ORDER BY later.at DESC
LIMIT 1;

-- name: mark_undone
UPDATE pdmp.steward_action SET undone_by = %(undone_by)s
WHERE jurisdiction = %(jurisdiction)s AND action_id = %(action_id)s AND undone_by IS NULL;

-- name: add_moves
INSERT INTO pdmp.steward_move (jurisdiction, person_id, action_id, description_id, to_person_id)
SELECT %(jurisdiction)s, %(person_id)s, %(action_id)s, description_id, %(to_person_id)s
FROM unnest(%(description_ids)s::uuid[]) AS moved (description_id);

-- name: moves
SELECT description_id FROM pdmp.steward_move
WHERE jurisdiction = %(jurisdiction)s AND action_id = %(action_id)s
ORDER BY description_id;

-- name: descriptions_since
-- Descriptions of a person that came after an action.
SELECT d.description_id FROM pdmp.description d
JOIN pdmp.steward_action a ON a.jurisdiction = d.jurisdiction AND a.action_id = %(action_id)s
WHERE d.jurisdiction = %(jurisdiction)s AND d.person_id = %(person_id)s AND d.description_id > a.action_id
  AND NOT EXISTS (
      SELECT FROM pdmp.steward_move m
      WHERE m.jurisdiction = d.jurisdiction AND m.description_id = d.description_id
        AND m.action_id = a.action_id
  )
ORDER BY d.description_id;

-- name: add_never
INSERT INTO pdmp.never_link (jurisdiction, person_id, other_person_id, action_id)
VALUES (%(jurisdiction)s, least(%(person_id)s::uuid, %(other_person_id)s::uuid),
        greatest(%(person_id)s::uuid, %(other_person_id)s::uuid), %(action_id)s);

-- name: end_never
UPDATE pdmp.never_link SET ended_at = now()
WHERE jurisdiction = %(jurisdiction)s AND action_id = ANY(%(action_ids)s::uuid[]) AND ended_at IS NULL;

-- name: reopen_never
UPDATE pdmp.never_link SET ended_at = NULL
WHERE jurisdiction = %(jurisdiction)s AND action_id = ANY(%(action_ids)s::uuid[]);

-- name: forbidden
-- Pairs of persons that are never to be joined, both among those asked for; whoever was merged away counts as
-- the one that stands for it. The table holds what stewards decided: it is small, and read as a whole.
SELECT DISTINCT n.action_id, coalesce(a.merged_into, a.person_id), coalesce(b.merged_into, b.person_id)
FROM pdmp.never_link n
JOIN pdmp.person a ON a.jurisdiction = n.jurisdiction AND a.person_id = n.person_id
JOIN pdmp.person b ON b.jurisdiction = n.jurisdiction AND b.person_id = n.other_person_id
WHERE n.jurisdiction = %(jurisdiction)s AND n.ended_at IS NULL
  AND coalesce(a.merged_into, a.person_id) = ANY(%(person_ids)s::uuid[])
  AND coalesce(b.merged_into, b.person_id) = ANY(%(person_ids)s::uuid[]);

-- name: forbidden_with
-- All that some persons may never be joined with.
SELECT DISTINCT coalesce(a.merged_into, a.person_id), coalesce(b.merged_into, b.person_id)
FROM pdmp.never_link n
JOIN pdmp.person a ON a.jurisdiction = n.jurisdiction AND a.person_id = n.person_id
JOIN pdmp.person b ON b.jurisdiction = n.jurisdiction AND b.person_id = n.other_person_id
WHERE n.jurisdiction = %(jurisdiction)s AND n.ended_at IS NULL
  AND (coalesce(a.merged_into, a.person_id) = ANY(%(person_ids)s::uuid[])
       OR coalesce(b.merged_into, b.person_id) = ANY(%(person_ids)s::uuid[]));

-- name: reviews
-- Links in doubt, oldest first, with who stands for each side today. Open ones, or one by its id.
SELECT r.review_id, r.person_id, r.other_person_id, coalesce(a.merged_into, a.person_id),
       coalesce(b.merged_into, b.person_id), r.description_id, r.probability, r.agreeing, r.disagreeing,
       r.created_at, r.resolution
FROM pdmp.link_review r
JOIN pdmp.person a ON a.jurisdiction = r.jurisdiction AND a.person_id = r.person_id
JOIN pdmp.person b ON b.jurisdiction = r.jurisdiction AND b.person_id = r.other_person_id
WHERE r.jurisdiction = %(jurisdiction)s
  AND CASE WHEN %(review_id)s::uuid IS NULL THEN r.resolved_at IS NULL ELSE r.review_id = %(review_id)s::uuid END
ORDER BY r.created_at, r.review_id
LIMIT %(count)s;

-- name: doubts_between
-- The open reviews about two persons, by who stands for each side.
SELECT r.review_id FROM pdmp.link_review r
JOIN pdmp.person a ON a.jurisdiction = r.jurisdiction AND a.person_id = r.person_id
JOIN pdmp.person b ON b.jurisdiction = r.jurisdiction AND b.person_id = r.other_person_id
WHERE r.jurisdiction = %(jurisdiction)s AND r.resolved_at IS NULL
  AND coalesce(a.merged_into, a.person_id) = ANY(%(person_ids)s::uuid[])
  AND coalesce(b.merged_into, b.person_id) = ANY(%(person_ids)s::uuid[])
ORDER BY r.review_id;

-- name: resolve_reviews
UPDATE pdmp.link_review SET resolved_at = now(), resolution = %(resolution)s, resolved_by = %(username)s
WHERE jurisdiction = %(jurisdiction)s AND review_id = ANY(%(review_ids)s::uuid[]) AND resolved_at IS NULL;

-- name: reopen_reviews
UPDATE pdmp.link_review SET resolved_at = NULL, resolution = NULL, resolved_by = NULL
WHERE jurisdiction = %(jurisdiction)s AND review_id = ANY(%(review_ids)s::uuid[]);

-- name: add_reviews
INSERT INTO pdmp.link_review (jurisdiction, review_id, person_id, other_person_id, description_id)
SELECT %(jurisdiction)s, review_id, %(person_id)s, %(other_person_id)s, description_id
FROM unnest(%(review_ids)s::uuid[], %(description_ids)s::uuid[]) AS doubt (review_id, description_id);

-- name: revoke_grants
UPDATE pdmp.disclosure_grant SET revoked_at = now()
WHERE jurisdiction = %(jurisdiction)s AND person_id = ANY(%(person_ids)s::uuid[]) AND revoked_at IS NULL;

-- name: revoke_consents
-- What users agreed to was about another record than the one that is there now: they start anew.
WITH ended AS (
    UPDATE pdmp.consent SET revoked_at = now(), revoked_because = 'persons merged or split'
    WHERE jurisdiction = %(jurisdiction)s AND person_id = ANY(%(person_ids)s::uuid[]) AND revoked_at IS NULL
    RETURNING consent_id
), launches AS (
    UPDATE pdmp.launch SET expires_at = least(expires_at, now())
    WHERE jurisdiction = %(jurisdiction)s AND person_id = ANY(%(person_ids)s::uuid[]) AND used_at IS NULL
), pending AS (
    UPDATE pdmp.pending_authorization SET expires_at = least(expires_at, now())
    WHERE jurisdiction = %(jurisdiction)s AND person_id = ANY(%(person_ids)s::uuid[]) AND answered_at IS NULL
)
UPDATE pdmp.access_token SET revoked_at = now()
WHERE consent_id IN (SELECT consent_id FROM ended) AND revoked_at IS NULL;

-- name: shown
-- The descriptions of a person as a steward sees them, oldest first, each with whom to ask about it.
SELECT d.description_id, d.last_name, d.first_name, d.middle_name, d.suffix, d.birth_date, d.gender,
       d.animal_name, d.line1, d.line2, d.city, d.state, d.postal_code, d.phone, d.first_reported_at,
       d.last_reported_at, coalesce(counted.live, 0), coalesce(counted.dispensers, '{}')
FROM pdmp.description d
LEFT JOIN (
    SELECT v.description_id, count(*) AS live,
           array_agg(DISTINCT concat_ws(', ', nullif(x.name, ''), nullif(x.phone, ''))) AS dispensers
    FROM pdmp.dispensation_version v
    JOIN pdmp.dispenser x USING (dispenser_id)
    WHERE v.jurisdiction = %(jurisdiction)s AND v.person_id = %(person_id)s AND v.superseded_at IS NULL
      AND NOT v.voided
    GROUP BY v.description_id
) AS counted USING (description_id)
WHERE d.jurisdiction = %(jurisdiction)s AND d.person_id = %(person_id)s
ORDER BY d.description_id;

-- name: shown_identifiers
SELECT description_id, qualifier, issuer, value_encrypted, filler FROM pdmp.description_identifier
WHERE jurisdiction = %(jurisdiction)s AND person_id = %(person_id)s
ORDER BY description_id, ordinal;

-- name: steward_secrets
SELECT account_id, role, password_hash, totp_encrypted, disabled_at IS NULL FROM pdmp.account
WHERE username = %(username)s;

-- name: failures
SELECT failures FROM pdmp.sign_in_failure
WHERE key_hash = %(key_hash)s AND last_at > now() - interval '15 minutes';

-- name: add_failure
INSERT INTO pdmp.sign_in_failure AS known (key_hash, failures, last_at) VALUES (%(key_hash)s, 1, now())
ON CONFLICT (key_hash) DO UPDATE
SET failures = CASE WHEN known.last_at > now() - interval '15 minutes' THEN known.failures + 1 ELSE 1 END,
    last_at = now();

-- name: forget_failures
DELETE FROM pdmp.sign_in_failure WHERE key_hash = %(key_hash)s;
