-- Users' access: launches, browser sessions, pending requests, consents, codes, refresh tokens. Every secret is
-- kept as its SHA-256 only; what may be used once is used by one UPDATE that asks whether it still is unused.

-- For whom a delegate may act. One delegate may have several supervisors and acts under one at a time.
CREATE TABLE pdmp.delegation (
    delegate_id      uuid NOT NULL REFERENCES pdmp.account,
    supervisor_id    uuid NOT NULL REFERENCES pdmp.account,
    created_at       timestamptz NOT NULL DEFAULT now(),
    ended_at         timestamptz,
    PRIMARY KEY (delegate_id, supervisor_id),
    CHECK (delegate_id <> supervisor_id)
);
CREATE INDEX delegation_supervisor_idx ON pdmp.delegation (supervisor_id);
GRANT SELECT, INSERT, UPDATE ON pdmp.delegation TO pdmp_gateway;
INSERT INTO pdmp.delegation (delegate_id, supervisor_id)
SELECT account_id, supervisor_id FROM pdmp.account WHERE supervisor_id IS NOT NULL;

-- RFC 6238 section 5.2: a one-time password is accepted once; the last time step that was.
ALTER TABLE pdmp.account ADD COLUMN totp_last_step bigint;

-- A user's session in a browser, after signing in here.
CREATE TABLE pdmp.browser_session (
    session_hash     bytea PRIMARY KEY,
    account_id       uuid NOT NULL REFERENCES pdmp.account,
    methods          text[] NOT NULL,          -- RFC 8176 `amr`: pwd, otp, or what the upstream provider said
    created_at       timestamptz NOT NULL DEFAULT now(),   -- `auth_time`
    last_seen_at     timestamptz NOT NULL DEFAULT now(),
    expires_at       timestamptz NOT NULL,     -- absolute; the idle limit is the reader's
    ended_at         timestamptz
);
CREATE INDEX browser_session_account_idx ON pdmp.browser_session (account_id);
CREATE INDEX browser_session_expiry_idx ON pdmp.browser_session (expires_at);
GRANT SELECT, INSERT, UPDATE, DELETE ON pdmp.browser_session TO pdmp_gateway;

-- Failed sign-ins by keyed hash of account name, of source address, or of both: the delay grows with them.
CREATE TABLE pdmp.sign_in_failure (
    key_hash         bytea PRIMARY KEY,
    failures         integer NOT NULL,
    last_at          timestamptz NOT NULL
);
CREATE INDEX sign_in_failure_last_idx ON pdmp.sign_in_failure (last_at);
GRANT SELECT, INSERT, UPDATE, DELETE ON pdmp.sign_in_failure TO pdmp_gateway;

-- An EHR launch that a trusted EHR opened: used once, within five minutes, by this client for this user.
CREATE TABLE pdmp.launch (
    launch_hash      bytea PRIMARY KEY,
    launch_id        uuid NOT NULL UNIQUE,
    client_id        text NOT NULL REFERENCES pdmp.client ON DELETE CASCADE,   -- who is launched
    opened_by        text NOT NULL REFERENCES pdmp.client ON DELETE CASCADE,   -- the EHR
    account_id       uuid NOT NULL REFERENCES pdmp.account,
    jurisdiction     text NOT NULL,
    person_id        uuid NOT NULL,
    encounter_id     uuid,
    context          jsonb NOT NULL DEFAULT '{}',   -- intent, appContext: further members of the token response
    created_at       timestamptz NOT NULL DEFAULT now(),
    expires_at       timestamptz NOT NULL,
    used_at          timestamptz
);
CREATE INDEX launch_expiry_idx ON pdmp.launch (expires_at);
GRANT SELECT, INSERT, UPDATE, DELETE ON pdmp.launch TO pdmp_gateway;

-- The Encounter that came with a launch: readable with that launch's tokens while its consent stands.
CREATE TABLE pdmp.launch_encounter (
    jurisdiction     text NOT NULL,
    person_id        uuid NOT NULL,
    encounter_id     uuid NOT NULL,
    resource         bytea NOT NULL,           -- FHIR JSON, encrypted by the vault
    created_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (jurisdiction, person_id, encounter_id)
);
GRANT SELECT, INSERT, DELETE ON pdmp.launch_encounter TO pdmp_gateway;

-- An authorization request that was found good, while its user signs in, picks the patient and consents.
CREATE TABLE pdmp.pending_authorization (
    pending_hash     bytea PRIMARY KEY,
    client_id        text NOT NULL REFERENCES pdmp.client ON DELETE CASCADE,
    parameters       jsonb NOT NULL,           -- redirect_uri, scope, state, nonce, code_challenge, prompt, max_age
    launch_hash      bytea REFERENCES pdmp.launch ON DELETE CASCADE,
    session_hash     bytea REFERENCES pdmp.browser_session ON DELETE CASCADE,  -- whose it is, once signed in
    jurisdiction     text,
    person_id        uuid,                     -- chosen or launched
    created_at       timestamptz NOT NULL DEFAULT now(),
    expires_at       timestamptz NOT NULL,
    answered_at      timestamptz
);
CREATE INDEX pending_authorization_expiry_idx ON pdmp.pending_authorization (expires_at);
GRANT SELECT, INSERT, UPDATE, DELETE ON pdmp.pending_authorization TO pdmp_gateway;

-- What a user granted a client: the family of every code, refresh token and access token that follows from it.
CREATE TABLE pdmp.consent (
    consent_id       uuid PRIMARY KEY,
    client_id        text NOT NULL REFERENCES pdmp.client ON DELETE CASCADE,
    account_id       uuid NOT NULL REFERENCES pdmp.account,      -- who signed in
    supervisor_id    uuid REFERENCES pdmp.account,               -- for whom, when a delegate did
    jurisdiction     text NOT NULL,
    person_id        uuid,                     -- the patient in context
    encounter_id     uuid,
    launch_id        uuid,
    scope            text NOT NULL,            -- as granted, in the client's spelling
    context          jsonb NOT NULL DEFAULT '{}',   -- further members of the token response
    session_hash     bytea REFERENCES pdmp.browser_session ON DELETE SET NULL,
    session_bound    boolean NOT NULL DEFAULT false,   -- online_access: ends with the session
    auth_time        timestamptz NOT NULL,
    created_at       timestamptz NOT NULL DEFAULT now(),
    expires_at       timestamptz NOT NULL,     -- nothing of the family lives longer
    revoked_at       timestamptz,
    revoked_because  text NOT NULL DEFAULT ''
);
CREATE INDEX consent_client_idx ON pdmp.consent (client_id);
CREATE INDEX consent_account_idx ON pdmp.consent (account_id);
CREATE INDEX consent_person_idx ON pdmp.consent (jurisdiction, person_id);
CREATE INDEX consent_expiry_idx ON pdmp.consent (expires_at);
CREATE INDEX consent_session_idx ON pdmp.consent (session_hash);
GRANT SELECT, INSERT, DELETE ON pdmp.consent TO pdmp_gateway;
-- person_id moves when persons are merged or split.
GRANT UPDATE (revoked_at, revoked_because, person_id) ON pdmp.consent TO pdmp_gateway;

CREATE TABLE pdmp.authorization_code (
    code_hash        bytea PRIMARY KEY,
    consent_id       uuid NOT NULL REFERENCES pdmp.consent ON DELETE CASCADE,
    redirect_uri     text NOT NULL,
    code_challenge   text NOT NULL,            -- S256
    nonce            text,
    expires_at       timestamptz NOT NULL,
    used_at          timestamptz
);
CREATE INDEX authorization_code_consent_idx ON pdmp.authorization_code (consent_id);
GRANT SELECT, INSERT, UPDATE ON pdmp.authorization_code TO pdmp_gateway;

-- Rotated at each use; one that is used again ends the whole consent.
CREATE TABLE pdmp.refresh_token (
    token_hash       bytea PRIMARY KEY,
    consent_id       uuid NOT NULL REFERENCES pdmp.consent ON DELETE CASCADE,
    scope            text NOT NULL,
    issued_at        timestamptz NOT NULL DEFAULT now(),
    expires_at       timestamptz NOT NULL,
    used_at          timestamptz
);
CREATE INDEX refresh_token_consent_idx ON pdmp.refresh_token (consent_id);
GRANT SELECT, INSERT, UPDATE ON pdmp.refresh_token TO pdmp_gateway;

ALTER TABLE pdmp.access_token ADD COLUMN consent_id uuid REFERENCES pdmp.consent ON DELETE CASCADE;
CREATE INDEX access_token_consent_idx ON pdmp.access_token (consent_id);

-- Who acted for the account whose rights were used, and under which consent.
ALTER TABLE pdmp.audit ADD COLUMN delegate_id uuid;
ALTER TABLE pdmp.audit ADD COLUMN consent_id uuid;
