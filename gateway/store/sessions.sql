-- Who is signed in with a browser, who failed to, and for whom delegates act. No patient data.

-- name: start_session
INSERT INTO browser_session (session_hash, account_id, methods, created_at, last_seen_at, expires_at)
VALUES (%(session_hash)s, %(account_id)s, %(methods)s, %(now)s, %(now)s, %(expires_at)s);

-- name: session
-- A session that goes on, of an account that is active. Columns: gateway.store.sessions.StoredSession.
SELECT s.session_hash, s.account_id, a.username, a.given_name || ' ' || a.family_name, a.role, s.methods,
       s.created_at, s.last_seen_at
  FROM browser_session s
  JOIN account a ON a.account_id = s.account_id AND a.disabled_at IS NULL
 WHERE s.session_hash = %(session_hash)s AND s.ended_at IS NULL AND s.expires_at > %(now)s
   AND s.last_seen_at > %(idle_since)s;

-- name: see_session
UPDATE browser_session SET last_seen_at = %(now)s
 WHERE session_hash = %(session_hash)s AND last_seen_at < %(now)s;

-- name: end_session
UPDATE browser_session SET ended_at = now() WHERE session_hash = %(session_hash)s AND ended_at IS NULL;

-- name: end_sessions_of_account
UPDATE browser_session SET ended_at = now() WHERE account_id = %(account_id)s AND ended_at IS NULL;

-- name: purge_sessions
-- Kept a day beyond their end. Consents keep standing without: the reference is set to null.
DELETE FROM browser_session WHERE expires_at < now() - interval '1 day';

-- name: credentials
-- What a sign-in is checked against; only active accounts can sign in.
SELECT account_id, password_hash, totp_encrypted
  FROM account WHERE username = %(username)s AND disabled_at IS NULL;

-- name: account_by_npi
SELECT account_id FROM account WHERE npi = %(value)s AND disabled_at IS NULL;

-- name: account_by_username
SELECT account_id FROM account WHERE username = %(value)s AND disabled_at IS NULL;

-- name: spend_totp_step
-- RFC 6238 section 5.2: of any number of uses of one password, one gets the row.
UPDATE account SET totp_last_step = %(step)s
 WHERE account_id = %(account_id)s AND (totp_last_step IS NULL OR totp_last_step < %(step)s)
RETURNING account_id;

-- name: renew_password_hash
-- The same password under today's parameters; not if it was changed meanwhile.
UPDATE account SET password_hash = %(new)s WHERE account_id = %(account_id)s AND password_hash = %(old)s;

-- name: set_password
UPDATE account SET password_hash = %(password_hash)s WHERE account_id = %(account_id)s
RETURNING account_id;

-- name: set_totp
UPDATE account SET totp_encrypted = %(totp_encrypted)s, totp_last_step = NULL
 WHERE account_id = %(account_id)s
RETURNING account_id;

-- name: lock_sign_in
-- Attempts at one account from one address stand in line until each has counted.
SELECT pg_advisory_xact_lock(hashtextextended(encode(%(key)s, 'hex'), 7));

-- name: sign_in_failures
SELECT key_hash, failures, last_at FROM sign_in_failure WHERE key_hash = ANY(%(keys)s::bytea[]);

-- name: count_sign_in_failure
-- Older failures than `forgotten` no longer count.
INSERT INTO sign_in_failure AS f (key_hash, failures, last_at)
SELECT key, 1, %(now)s FROM unnest(%(keys)s::bytea[]) AS key
ON CONFLICT (key_hash) DO UPDATE
SET failures = CASE WHEN f.last_at < %(forgotten)s THEN 1 ELSE least(f.failures + 1, 1000) END,
    last_at = %(now)s;

-- name: forget_sign_in_failures
DELETE FROM sign_in_failure WHERE key_hash = %(key)s;

-- name: take_back_failure
UPDATE sign_in_failure SET failures = greatest(failures - 1, 0) WHERE key_hash = %(key)s;

-- name: purge_sign_in_failures
DELETE FROM sign_in_failure WHERE last_at < now() - interval '1 day';

-- name: active_supervisors
SELECT a.account_id, a.given_name || ' ' || a.family_name || coalesce(' (NPI ' || a.npi || ')', '')
  FROM delegation d
  JOIN account a ON a.account_id = d.supervisor_id AND a.disabled_at IS NULL
                AND a.role IN ('practitioner', 'pharmacist')
 WHERE d.delegate_id = %(delegate_id)s AND d.ended_at IS NULL
 ORDER BY a.family_name, a.given_name, a.account_id;

-- name: add_delegation
INSERT INTO delegation (delegate_id, supervisor_id) VALUES (%(delegate_id)s, %(supervisor_id)s)
ON CONFLICT (delegate_id, supervisor_id) DO UPDATE SET ended_at = NULL;

-- name: end_delegation
UPDATE delegation SET ended_at = now()
 WHERE delegate_id = %(delegate_id)s AND supervisor_id = %(supervisor_id)s AND ended_at IS NULL
RETURNING delegate_id;

-- name: end_delegations
UPDATE delegation SET ended_at = now() WHERE delegate_id = %(delegate_id)s AND ended_at IS NULL;

-- name: supervisor_names
SELECT d.delegate_id, a.username
  FROM delegation d JOIN account a ON a.account_id = d.supervisor_id
 WHERE d.ended_at IS NULL
 ORDER BY a.username;
