-- What clients do at the authorization server beside getting tokens: launches that an EHR opens, looking at
-- and giving back tokens, origins of scripts, our own keys' rotation.

-- name: user_by_npi
-- The active account of this NPI. Columns: gateway.store.launches.User.
SELECT account_id, role
  FROM account
 WHERE npi = %(name)s AND disabled_at IS NULL;

-- name: user_by_username
SELECT account_id, role
  FROM account
 WHERE username = %(name)s AND disabled_at IS NULL;

-- name: open_launch
INSERT INTO launch (launch_hash, launch_id, client_id, opened_by, account_id, jurisdiction, person_id,
                    encounter_id, context, created_at, expires_at)
VALUES (%(launch_hash)s, %(launch_id)s, %(client_id)s, %(opened_by)s, %(account_id)s, %(jurisdiction)s,
        %(person_id)s, %(encounter_id)s, %(context)s, %(created_at)s, %(expires_at)s);

-- name: keep_launch_encounter
INSERT INTO launch_encounter (jurisdiction, person_id, encounter_id, resource, created_at)
VALUES (%(jurisdiction)s, %(person_id)s, %(encounter_id)s, %(resource)s, %(created_at)s);

-- name: find_launch
-- A launch that this client may still use. Columns: gateway.store.launches.Launch.
SELECT launch_id, client_id, account_id, jurisdiction, person_id, encounter_id, context
  FROM launch
 WHERE launch_hash = %(launch_hash)s AND client_id = %(client_id)s
   AND used_at IS NULL AND expires_at > %(now)s;

-- name: take_launch
-- Use it: of any number of parallel requests one gets the row. Another user leaves it unused.
UPDATE launch SET used_at = %(now)s
 WHERE launch_hash = %(launch_hash)s AND client_id = %(client_id)s AND account_id = %(account_id)s
   AND used_at IS NULL AND expires_at > %(now)s
RETURNING launch_id, client_id, account_id, jurisdiction, person_id, encounter_id, context;

-- name: purge_launches
-- Kept a day beyond their end, for questions.
DELETE FROM launch WHERE expires_at < now() - interval '1 day';

-- name: purge_launch_encounters
-- No launch can still bring it to a consent, and no consent that stands has it.
DELETE FROM launch_encounter e
 WHERE e.created_at < now() - interval '1 hour'
   AND NOT EXISTS (
       SELECT FROM consent c
        WHERE c.jurisdiction = e.jurisdiction AND c.person_id = e.person_id
          AND c.encounter_id = e.encounter_id AND c.revoked_at IS NULL AND c.expires_at > now()
   );

-- name: is_origin
-- Whether scripts of this origin belong to an active client: to this one, or to any without a client_id.
SELECT EXISTS (
    SELECT FROM client
     WHERE disabled_at IS NULL AND metadata -> 'allowed_origins' ? %(origin)s
       AND (%(client_id)s::text IS NULL OR client_id = %(client_id)s)
);
