-- The code flow: requests that wait for their user, consents, codes, refresh tokens. What may be used once is
-- used by one UPDATE that asks whether it is unused; the rest of its conditions stand in the same statement.

-- name: add_pending
INSERT INTO pending_authorization (pending_hash, client_id, parameters, launch_hash, created_at, expires_at)
VALUES (%(pending_hash)s, %(client_id)s, %(parameters)s, %(launch_hash)s, %(created_at)s, %(expires_at)s);

-- name: pending
-- A request that still waits. Columns: gateway.store.consents.Pending.
SELECT p.pending_hash, p.client_id, p.parameters, p.launch_hash, p.session_hash, p.jurisdiction, p.person_id,
       p.created_at
  FROM pending_authorization p
  JOIN client c ON c.client_id = p.client_id AND c.disabled_at IS NULL
 WHERE p.pending_hash = %(pending_hash)s AND p.answered_at IS NULL AND p.expires_at > %(now)s;

-- name: bind_pending
-- The request becomes a session's. One of the same account may take it over: who signs in again goes on.
UPDATE pending_authorization p SET session_hash = %(session_hash)s
 WHERE p.pending_hash = %(pending_hash)s AND p.answered_at IS NULL AND p.expires_at > %(now)s
   AND (p.session_hash IS NULL OR p.session_hash = %(session_hash)s
        OR EXISTS (SELECT FROM browser_session b
                    WHERE b.session_hash = p.session_hash AND b.account_id = %(account_id)s))
RETURNING p.pending_hash;

-- name: choose_person
UPDATE pending_authorization SET jurisdiction = %(jurisdiction)s, person_id = %(person_id)s
 WHERE pending_hash = %(pending_hash)s AND session_hash = %(session_hash)s
   AND answered_at IS NULL AND expires_at > %(now)s
RETURNING pending_hash;

-- name: answer_pending
-- Of any number of answers to one request, one gets the row.
UPDATE pending_authorization SET answered_at = %(now)s
 WHERE pending_hash = %(pending_hash)s AND answered_at IS NULL AND expires_at > %(now)s
   AND (session_hash = %(session_hash)s OR %(session_hash)s::bytea IS NULL)
RETURNING pending_hash;

-- name: add_consent
INSERT INTO consent (consent_id, client_id, account_id, supervisor_id, jurisdiction, person_id, encounter_id,
                     launch_id, scope, context, session_hash, session_bound, auth_time, created_at, expires_at)
VALUES (%(consent_id)s, %(client_id)s, %(account_id)s, %(supervisor_id)s, %(jurisdiction)s, %(person_id)s,
        %(encounter_id)s, %(launch_id)s, %(scope)s, %(context)s, %(session_hash)s, %(session_bound)s,
        %(auth_time)s, %(created_at)s, %(expires_at)s);

-- name: covering_consent
-- A consent that stands in which this user granted this client all of these scopes for the same patient (or for
-- none), the latest first: what may be granted again without a page.
SELECT k.supervisor_id
  FROM consent k
 WHERE k.client_id = %(client_id)s AND k.account_id = %(account_id)s
   AND k.person_id IS NOT DISTINCT FROM %(person_id)s::uuid
   AND string_to_array(k.scope, ' ') @> %(scopes)s::text[]
   AND k.revoked_at IS NULL AND k.expires_at > %(now)s
 ORDER BY k.created_at DESC
 LIMIT 1;

-- name: add_code
INSERT INTO authorization_code (code_hash, consent_id, redirect_uri, code_challenge, nonce, expires_at)
VALUES (%(code_hash)s, %(consent_id)s, %(redirect_uri)s, %(code_challenge)s, %(nonce)s, %(expires_at)s);

-- name: redeem_code
-- Everything that the code is bound to stands here, so that a wrong attempt uses nothing up.
UPDATE authorization_code a SET used_at = %(now)s
  FROM consent k
 WHERE a.code_hash = %(code_hash)s AND a.used_at IS NULL AND a.expires_at > %(now)s
   AND a.redirect_uri = %(redirect_uri)s AND a.code_challenge = %(code_challenge)s
   AND k.consent_id = a.consent_id AND k.client_id = %(client_id)s
RETURNING a.consent_id, a.nonce;

-- name: code_used
-- Whose code this was, when it has been used.
SELECT consent_id FROM authorization_code WHERE code_hash = %(code_hash)s AND used_at IS NOT NULL;

-- name: standing_consent
-- A consent of this client that stands at this moment, with all that it stands on: not revoked nor ended, the
-- account active, the delegation whole, and the session where it ends with one. The row is locked, so that
-- nothing is issued beside its revocation. Columns: gateway.store.consents.Consent.
SELECT k.consent_id, k.client_id, k.account_id, k.jurisdiction, k.person_id, k.encounter_id, k.scope, k.context,
       k.auth_time, k.expires_at,
       coalesce((SELECT b.methods FROM browser_session b WHERE b.session_hash = k.session_hash), '{}')
  FROM consent k
  JOIN client c ON c.client_id = k.client_id
  JOIN account a ON a.account_id = k.account_id
 WHERE k.consent_id = %(consent_id)s AND k.client_id = %(client_id)s
   AND k.revoked_at IS NULL AND k.expires_at > %(now)s
   AND c.disabled_at IS NULL AND a.disabled_at IS NULL
   AND (k.supervisor_id IS NULL OR EXISTS (
           SELECT FROM delegation d
             JOIN account s ON s.account_id = d.supervisor_id
            WHERE d.delegate_id = k.account_id AND d.supervisor_id = k.supervisor_id
              AND d.ended_at IS NULL AND s.disabled_at IS NULL))
   AND (NOT k.session_bound OR EXISTS (
           SELECT FROM browser_session b
            WHERE b.session_hash = k.session_hash AND b.ended_at IS NULL AND b.expires_at > %(now)s))
   FOR UPDATE OF k;

-- name: add_user_token
INSERT INTO access_token (token_id, client_id, account_id, scope, issued_at, expires_at, consent_id)
VALUES (%(token_id)s, %(client_id)s, %(account_id)s, %(scope)s, %(issued_at)s, %(expires_at)s, %(consent_id)s);

-- name: add_refresh_token
INSERT INTO refresh_token (token_hash, consent_id, scope, issued_at, expires_at)
VALUES (%(token_hash)s, %(consent_id)s, %(scope)s, %(issued_at)s, %(expires_at)s);

-- name: refresh_token
-- Any that was ever issued; whether it may be used is for `use_refresh_token` to say.
SELECT r.consent_id, r.scope, r.used_at IS NOT NULL, k.client_id
  FROM refresh_token r
  JOIN consent k USING (consent_id)
 WHERE r.token_hash = %(token_hash)s;

-- name: use_refresh_token
UPDATE refresh_token SET used_at = %(now)s
 WHERE token_hash = %(token_hash)s AND used_at IS NULL AND expires_at > %(now)s
RETURNING consent_id;

-- name: revoke_consent
UPDATE consent SET revoked_at = now(), revoked_because = %(because)s
 WHERE consent_id = %(consent_id)s AND revoked_at IS NULL
RETURNING consent_id;

-- name: revoke_tokens_of_family
UPDATE access_token SET revoked_at = now()
 WHERE consent_id = %(consent_id)s AND revoked_at IS NULL;

-- name: purge_pending
DELETE FROM pending_authorization WHERE expires_at < now();

-- name: purge_consents
-- Kept a day beyond their end, so that a late replay is still known for one; codes and tokens go with them.
DELETE FROM consent WHERE expires_at < now() - interval '1 day';

-- name: session_end
-- The absolute end of a session that has not been ended.
SELECT expires_at FROM browser_session WHERE session_hash = %(session_hash)s AND ended_at IS NULL;

-- name: npi_of_account
SELECT npi FROM account WHERE account_id = %(account_id)s;
