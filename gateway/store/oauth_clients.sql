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

-- name: known_person
-- Whom an id of ours stands for: the person itself, or the one that it was merged into.
SELECT coalesce(merged_into, person_id)
  FROM person
 WHERE jurisdiction = %(jurisdiction)s AND person_id = %(person_id)s;

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

-- name: standing_token
-- An access token by its jti or a refresh token by its hash, if it would be honoured now: what the door asks of
-- a user's token, asked of both kinds. Columns: gateway.store.standing.Standing.
WITH asked AS (
    SELECT false AS refresh, client_id, scope, issued_at, expires_at, consent_id
      FROM access_token
     WHERE token_id = %(token_id)s AND revoked_at IS NULL AND expires_at > %(now)s
    UNION ALL
    SELECT true, k.client_id, r.scope, r.issued_at, r.expires_at, r.consent_id
      FROM refresh_token r
      JOIN consent k ON k.consent_id = r.consent_id
     WHERE r.token_hash = %(token_hash)s AND r.used_at IS NULL AND r.expires_at > %(now)s
)
SELECT asked.refresh, asked.client_id, asked.scope, asked.issued_at, asked.expires_at, asked.consent_id,
       k.account_id, a.username, k.person_id, k.encounter_id, k.context
  FROM asked
  JOIN client c ON c.client_id = asked.client_id AND c.disabled_at IS NULL
  LEFT JOIN consent k ON k.consent_id = asked.consent_id
  LEFT JOIN account a ON a.account_id = k.account_id
  LEFT JOIN browser_session b ON b.session_hash = k.session_hash
  LEFT JOIN account s ON s.account_id = k.supervisor_id
  LEFT JOIN delegation d ON d.delegate_id = k.account_id AND d.supervisor_id = k.supervisor_id
                        AND d.ended_at IS NULL
 WHERE asked.consent_id IS NULL
    OR (k.revoked_at IS NULL AND k.expires_at > %(now)s AND a.disabled_at IS NULL
        AND (NOT k.session_bound OR (b.ended_at IS NULL AND b.expires_at > %(now)s))
        AND (k.supervisor_id IS NULL OR (s.disabled_at IS NULL AND d.delegate_id IS NOT NULL)));

-- name: consent_of_refresh_token
-- Used ones too: who gives one back wants the whole of it to end. A client's own only.
SELECT k.consent_id
  FROM refresh_token r
  JOIN consent k ON k.consent_id = r.consent_id
 WHERE r.token_hash = %(token_hash)s AND k.client_id = %(client_id)s;
