-- Clients, accounts, tokens, keys: who may call. No patient data.

-- name: client
-- One client by id, disabled ones too. Columns: gateway.store.clients.Client.
SELECT client_id, metadata, auth_method, jwks, jwks_uri, secret_hash, scope, organizations, purposes,
       trusted_ehr, created_at, disabled_at
  FROM client
 WHERE client_id = %(client_id)s;

-- name: clients
SELECT client_id, metadata, auth_method, jwks, jwks_uri, secret_hash, scope, organizations, purposes,
       trusted_ehr, created_at, disabled_at
  FROM client
 ORDER BY created_at, client_id;

-- name: add_client
-- No row: the id is taken.
INSERT INTO client (client_id, metadata, auth_method, jwks, jwks_uri, secret_hash, scope, organizations,
                    purposes, trusted_ehr)
VALUES (%(client_id)s, %(metadata)s, %(auth_method)s, %(jwks)s, %(jwks_uri)s, %(secret_hash)s, %(scope)s,
        %(organizations)s, %(purposes)s, %(trusted_ehr)s)
ON CONFLICT (client_id) DO NOTHING
RETURNING created_at;

-- name: replace_client
-- The registration of a client that exists, anew: it is active again.
UPDATE client
   SET metadata = %(metadata)s, auth_method = %(auth_method)s, jwks = %(jwks)s, jwks_uri = %(jwks_uri)s,
       secret_hash = %(secret_hash)s, scope = %(scope)s, organizations = %(organizations)s,
       purposes = %(purposes)s, trusted_ehr = %(trusted_ehr)s, disabled_at = NULL
 WHERE client_id = %(client_id)s
RETURNING created_at;

-- name: disable_client
UPDATE client SET disabled_at = coalesce(disabled_at, now()) WHERE client_id = %(client_id)s
RETURNING client_id;

-- name: remove_client
-- Its tokens and grants go with it; the audit keeps its id.
DELETE FROM client WHERE client_id = %(client_id)s RETURNING client_id;

-- name: revoke_tokens_of_client
UPDATE access_token SET revoked_at = now()
 WHERE client_id = %(client_id)s AND revoked_at IS NULL AND expires_at > now();

-- name: issue_token
-- Spend the assertion's jti and issue the token, both or neither. No row: the jti was spent before, or the
-- client has meanwhile been disabled or removed. Replay is settled by the primary key, so one of any
-- number of parallel requests wins.
WITH spent AS (
    INSERT INTO client_assertion (client_id, jti_hash, expires_at)
    SELECT c.client_id, %(jti_hash)s, %(assertion_expires_at)s
      FROM client c
     WHERE c.client_id = %(client_id)s AND c.disabled_at IS NULL
    ON CONFLICT (client_id, jti_hash) DO NOTHING
    RETURNING client_id
)
INSERT INTO access_token (token_id, client_id, scope, issued_at, expires_at)
SELECT %(token_id)s, spent.client_id, %(scope)s, %(issued_at)s, %(expires_at)s
  FROM spent
RETURNING token_id;

-- name: spend_assertion
-- As above, for an endpoint that issues nothing.
INSERT INTO client_assertion (client_id, jti_hash, expires_at)
VALUES (%(client_id)s, %(jti_hash)s, %(expires_at)s)
ON CONFLICT (client_id, jti_hash) DO NOTHING
RETURNING client_id;

-- name: revoke_token
-- A client revokes its own tokens only.
UPDATE access_token SET revoked_at = now()
 WHERE token_id = %(token_id)s AND client_id = %(client_id)s AND revoked_at IS NULL;

-- name: is_revoked
-- A token whose row is gone counts as revoked: removing a client removes its tokens.
SELECT NOT EXISTS (
    SELECT FROM access_token WHERE token_id = %(token_id)s AND revoked_at IS NULL
);

-- name: purge_assertions
DELETE FROM client_assertion WHERE expires_at < now();

-- name: purge_tokens
-- Kept a day beyond their end, for questions.
DELETE FROM access_token WHERE expires_at < now() - interval '1 day';

-- name: purge_grants
-- The audit names a grant by its id and needs no row here.
DELETE FROM disclosure_grant WHERE expires_at < now() - interval '1 day';

-- name: lock_signing_keys
-- Workers that start together make one key, not one each; the lock goes with the transaction.
SELECT pg_advisory_xact_lock(%(lock)s);

-- name: signing_keys
-- Newest first. One that signs no more (retired_at may lie ahead) verifies for a day, longer than any token
-- lives.
SELECT kid, algorithm, private_encrypted, public_jwk, created_at, retired_at
  FROM signing_key
 WHERE retired_at IS NULL OR retired_at > now() - interval '1 day'
 ORDER BY created_at DESC, kid;

-- name: add_signing_key
INSERT INTO signing_key (kid, algorithm, private_encrypted, public_jwk)
VALUES (%(kid)s, %(algorithm)s, %(private_encrypted)s, %(public_jwk)s)
ON CONFLICT (kid) DO NOTHING;

-- name: retire_signing_keys
-- All but the new one of its algorithm sign until `at`.
UPDATE signing_key SET retired_at = %(at)s
 WHERE algorithm = %(algorithm)s AND kid <> %(kid)s AND (retired_at IS NULL OR retired_at > %(at)s);

-- name: account
SELECT account_id, username, role, given_name, family_name, npi, dea, license, organizations,
       totp_encrypted IS NOT NULL, created_at, disabled_at
  FROM account
 WHERE username = %(username)s;

-- name: accounts
SELECT account_id, username, role, given_name, family_name, npi, dea, license, organizations,
       totp_encrypted IS NOT NULL, created_at, disabled_at
  FROM account
 ORDER BY username;

-- name: add_account
-- No row: the username is taken. An identifier that another active account has raises unique_violation.
INSERT INTO account (account_id, username, role, given_name, family_name, npi, dea, license,
                     organizations, password_hash, totp_encrypted)
VALUES (%(account_id)s, %(username)s, %(role)s, %(given_name)s, %(family_name)s, %(npi)s, %(dea)s,
        %(license)s, %(organizations)s, %(password_hash)s, %(totp_encrypted)s)
ON CONFLICT (username) DO NOTHING
RETURNING account_id;

-- name: replace_account
-- The account of a username that exists, anew: it is active again.
UPDATE account
   SET role = %(role)s, given_name = %(given_name)s, family_name = %(family_name)s, npi = %(npi)s,
       dea = %(dea)s, license = %(license)s,
       organizations = %(organizations)s, password_hash = %(password_hash)s,
       totp_encrypted = %(totp_encrypted)s, disabled_at = NULL
 WHERE username = %(username)s
RETURNING account_id;

-- name: disable_account
UPDATE account SET disabled_at = coalesce(disabled_at, now()) WHERE username = %(username)s
RETURNING account_id;

-- name: revoke_tokens_of_account
UPDATE access_token SET revoked_at = now()
 WHERE account_id = %(account_id)s AND revoked_at IS NULL AND expires_at > now();
