-- Who may ask: clients, accounts, disclosure grants, tokens, keys. One statement each keeps them durable:
-- replay protection must not vanish with a cache.

CREATE TABLE pdmp.client (
    client_id        text PRIMARY KEY,
    metadata         jsonb NOT NULL,           -- RFC 7591 client metadata as registered
    auth_method      text NOT NULL,            -- token_endpoint_auth_method
    jwks             jsonb,
    jwks_uri         text,
    secret_hash      text,
    scope            text NOT NULL DEFAULT '',
    organizations    text[] NOT NULL DEFAULT '{}',   -- NPI or DEA numbers it may act for
    purposes         text[] NOT NULL DEFAULT '{TREAT}',
    trusted_ehr      boolean NOT NULL DEFAULT false,
    created_at       timestamptz NOT NULL DEFAULT now(),
    disabled_at      timestamptz
);
GRANT SELECT, INSERT, UPDATE ON pdmp.client TO pdmp_gateway;

CREATE TABLE pdmp.account (
    account_id       uuid PRIMARY KEY,
    username         text NOT NULL UNIQUE,
    role             text NOT NULL CHECK (role IN ('practitioner', 'pharmacist', 'delegate')),
    given_name       text NOT NULL,
    family_name      text NOT NULL,
    npi              text,
    dea              text,                     -- NUMBER or NUMBER-SUFFIX
    license          text,                     -- ST:NUMBER
    supervisor_id    uuid REFERENCES pdmp.account,
    organizations    text[] NOT NULL DEFAULT '{}',
    password_hash    text NOT NULL,
    totp_encrypted   bytea,
    created_at       timestamptz NOT NULL DEFAULT now(),
    disabled_at      timestamptz,
    CHECK (role = 'delegate' OR npi IS NOT NULL OR dea IS NOT NULL OR license IS NOT NULL)
);
CREATE UNIQUE INDEX account_npi_idx ON pdmp.account (npi) WHERE npi IS NOT NULL AND disabled_at IS NULL;
CREATE UNIQUE INDEX account_dea_idx ON pdmp.account (dea) WHERE dea IS NOT NULL AND disabled_at IS NULL;
CREATE UNIQUE INDEX account_license_idx ON pdmp.account (license)
    WHERE license IS NOT NULL AND disabled_at IS NULL;
GRANT SELECT, INSERT, UPDATE ON pdmp.account TO pdmp_gateway;

-- A $pdmp-history that was answered leaves one: for 15 minutes this client may read this person's rows
-- under that practitioner. The id is the value of the PDMP-Grant header.
CREATE TABLE pdmp.disclosure_grant (
    grant_id         uuid PRIMARY KEY,
    jurisdiction     text NOT NULL,
    person_id        uuid NOT NULL,
    client_id        text NOT NULL REFERENCES pdmp.client ON DELETE CASCADE,
    account_id       uuid NOT NULL REFERENCES pdmp.account,
    practitioner     text NOT NULL,
    purpose          text NOT NULL,
    created_at       timestamptz NOT NULL DEFAULT now(),
    expires_at       timestamptz NOT NULL,
    revoked_at       timestamptz
);
CREATE INDEX disclosure_grant_person_idx ON pdmp.disclosure_grant (jurisdiction, person_id, client_id, expires_at);
GRANT SELECT, INSERT, DELETE ON pdmp.disclosure_grant TO pdmp_gateway;
GRANT UPDATE (revoked_at) ON pdmp.disclosure_grant TO pdmp_gateway;

-- RFC 7523 section 3: a `jti` is accepted once, until the assertion expires.
CREATE TABLE pdmp.client_assertion (
    client_id        text NOT NULL,
    jti_hash         bytea NOT NULL,
    expires_at       timestamptz NOT NULL,
    PRIMARY KEY (client_id, jti_hash)
);
CREATE INDEX client_assertion_expiry_idx ON pdmp.client_assertion (expires_at);
GRANT SELECT, INSERT, DELETE ON pdmp.client_assertion TO pdmp_gateway;

-- Issued access tokens by `jti` (the token itself is not kept), so that each can be revoked.
CREATE TABLE pdmp.access_token (
    token_id         text PRIMARY KEY,
    client_id        text NOT NULL REFERENCES pdmp.client ON DELETE CASCADE,
    account_id       uuid REFERENCES pdmp.account,
    scope            text NOT NULL,
    issued_at        timestamptz NOT NULL DEFAULT now(),
    expires_at       timestamptz NOT NULL,
    revoked_at       timestamptz
);
CREATE INDEX access_token_client_idx ON pdmp.access_token (client_id);
CREATE INDEX access_token_expiry_idx ON pdmp.access_token (expires_at);
GRANT SELECT, INSERT, DELETE ON pdmp.access_token TO pdmp_gateway;
GRANT UPDATE (revoked_at) ON pdmp.access_token TO pdmp_gateway;
GRANT DELETE ON pdmp.client TO pdmp_gateway;

-- Our own signing keys; the private part is encrypted with the data key, which is outside the database.
CREATE TABLE pdmp.signing_key (
    kid              text PRIMARY KEY,
    algorithm        text NOT NULL,
    private_encrypted bytea NOT NULL,
    public_jwk       jsonb NOT NULL,
    created_at       timestamptz NOT NULL DEFAULT now(),
    retired_at       timestamptz
);
GRANT SELECT, INSERT ON pdmp.signing_key TO pdmp_gateway;
GRANT UPDATE (retired_at) ON pdmp.signing_key TO pdmp_gateway;
