-- The schema that all migrations together make. Written by `make schema`; read it, do not edit it.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'pdmp_gateway') THEN
        CREATE ROLE pdmp_gateway NOLOGIN;
    END IF;
END
$$;


CREATE SCHEMA IF NOT EXISTS pdmp;

CREATE FUNCTION pdmp.audit_is_append_only() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION 'the audit is append-only' USING ERRCODE = 'insufficient_privilege';
END
$$;

CREATE FUNCTION pdmp.in_a_slice(slices jsonb, is_voided boolean, of_fill smallint, of_part text, of_qualifier text, of_product text, of_rxcui text, of_day date) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM jsonb_to_recordset(slices) AS slice (
            live boolean, voided boolean, kinds text[], ndcs text[], rxcuis text[],
            "first" date, "last" date, left_out datemultirange
        )
        WHERE CASE WHEN is_voided THEN slice.voided ELSE slice.live END
          AND (slice.kinds IS NULL OR pdmp.kind_of_fill(of_fill, of_part) = ANY(slice.kinds))
          AND (slice.ndcs IS NULL OR (of_qualifier = '01' AND of_product = ANY(slice.ndcs))
                  OR of_rxcui = ANY(slice.rxcuis))
          AND (slice."first" IS NULL OR of_day >= slice."first")
          AND (slice."last" IS NULL OR of_day <= slice."last")
          AND (slice.left_out IS NULL OR NOT of_day <@ slice.left_out)
    );
END
$$;

CREATE FUNCTION pdmp.kind_of_fill(fill_number smallint, partial_fill text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT CASE WHEN fill_number = 0 THEN 'original' ELSE 'refill' END
        || CASE WHEN partial_fill IN ('00', '') THEN '-whole' ELSE '-partial' END
$$;

CREATE FUNCTION pdmp.refresh_statistics() RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$ANALYZE pdmp.person, pdmp.description, pdmp.description_key, pdmp.description_identifier, pdmp.record_key$$;

CREATE TABLE pdmp.access_token (
    token_id text NOT NULL,
    client_id text NOT NULL,
    account_id uuid,
    scope text NOT NULL,
    issued_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    revoked_at timestamp with time zone,
    consent_id uuid
);

CREATE TABLE pdmp.account (
    account_id uuid NOT NULL,
    username text NOT NULL,
    role text NOT NULL,
    given_name text NOT NULL,
    family_name text NOT NULL,
    npi text,
    dea text,
    license text,
    supervisor_id uuid,
    organizations text[] DEFAULT '{}'::text[] NOT NULL,
    password_hash text NOT NULL,
    totp_encrypted bytea,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    disabled_at timestamp with time zone,
    totp_last_step bigint,
    CONSTRAINT account_check CHECK (((role = ANY (ARRAY['delegate'::text, 'steward'::text])) OR (npi IS NOT NULL) OR (dea IS NOT NULL) OR (license IS NOT NULL))),
    CONSTRAINT account_role_check CHECK ((role = ANY (ARRAY['practitioner'::text, 'pharmacist'::text, 'delegate'::text, 'steward'::text])))
);

CREATE TABLE pdmp.audit (
    jurisdiction text NOT NULL,
    audit_id uuid NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    outcome text NOT NULL,
    reason text DEFAULT ''::text NOT NULL,
    interaction text NOT NULL,
    client_id text,
    account_id uuid,
    practitioner text DEFAULT ''::text NOT NULL,
    person_id uuid,
    purpose text DEFAULT ''::text NOT NULL,
    grant_id uuid,
    request_id text DEFAULT ''::text NOT NULL,
    window_start date,
    window_end date,
    dispensation_ids uuid[] DEFAULT '{}'::uuid[] NOT NULL,
    dispensation_versions integer[] DEFAULT '{}'::integer[] NOT NULL,
    other_resources text[] DEFAULT '{}'::text[] NOT NULL,
    delegate_id uuid,
    consent_id uuid,
    CONSTRAINT audit_outcome_check CHECK ((outcome = ANY (ARRAY['disclosed'::text, 'no-data'::text, 'unresolved'::text, 'refused'::text, 'failed'::text, 'changed'::text])))
);

CREATE TABLE pdmp.authorization_code (
    code_hash bytea NOT NULL,
    consent_id uuid NOT NULL,
    redirect_uri text NOT NULL,
    code_challenge text NOT NULL,
    nonce text,
    expires_at timestamp with time zone NOT NULL,
    used_at timestamp with time zone
);

CREATE TABLE pdmp.browser_session (
    session_hash bytea NOT NULL,
    account_id uuid NOT NULL,
    methods text[] NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    last_seen_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone
);

CREATE TABLE pdmp.cds_feedback (
    client_id text NOT NULL,
    card_id uuid NOT NULL,
    service text NOT NULL,
    outcome text NOT NULL,
    reason text DEFAULT ''::text NOT NULL,
    outcome_at timestamp with time zone NOT NULL,
    received_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT cds_feedback_outcome_check CHECK ((outcome = ANY (ARRAY['accepted'::text, 'overridden'::text])))
);

CREATE TABLE pdmp.client (
    client_id text NOT NULL,
    metadata jsonb NOT NULL,
    auth_method text NOT NULL,
    jwks jsonb,
    jwks_uri text,
    secret_hash text,
    scope text DEFAULT ''::text NOT NULL,
    organizations text[] DEFAULT '{}'::text[] NOT NULL,
    purposes text[] DEFAULT '{TREAT}'::text[] NOT NULL,
    trusted_ehr boolean DEFAULT false NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    disabled_at timestamp with time zone
);

CREATE TABLE pdmp.client_assertion (
    client_id text NOT NULL,
    jti_hash bytea NOT NULL,
    expires_at timestamp with time zone NOT NULL
);

CREATE TABLE pdmp.consent (
    consent_id uuid NOT NULL,
    client_id text NOT NULL,
    account_id uuid NOT NULL,
    supervisor_id uuid,
    jurisdiction text NOT NULL,
    person_id uuid,
    encounter_id uuid,
    launch_id uuid,
    scope text NOT NULL,
    context jsonb DEFAULT '{}'::jsonb NOT NULL,
    session_hash bytea,
    session_bound boolean DEFAULT false NOT NULL,
    auth_time timestamp with time zone NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    revoked_at timestamp with time zone,
    revoked_because text DEFAULT ''::text NOT NULL
);

CREATE TABLE pdmp.delegation (
    delegate_id uuid NOT NULL,
    supervisor_id uuid NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    ended_at timestamp with time zone,
    CONSTRAINT delegation_check CHECK ((delegate_id <> supervisor_id))
);

CREATE TABLE pdmp.description (
    jurisdiction text NOT NULL,
    person_id uuid NOT NULL,
    description_id uuid NOT NULL,
    species text NOT NULL,
    name_key text NOT NULL,
    last_name text NOT NULL,
    first_name text NOT NULL,
    middle_name text DEFAULT ''::text NOT NULL,
    prefix text DEFAULT ''::text NOT NULL,
    suffix text DEFAULT ''::text NOT NULL,
    suffix_key text DEFAULT ''::text NOT NULL,
    birth_date date,
    gender text DEFAULT ''::text NOT NULL,
    animal_name text DEFAULT ''::text NOT NULL,
    line1 text DEFAULT ''::text NOT NULL,
    line2 text DEFAULT ''::text NOT NULL,
    city text DEFAULT ''::text NOT NULL,
    state text DEFAULT ''::text NOT NULL,
    postal_code text DEFAULT ''::text NOT NULL,
    country text DEFAULT ''::text NOT NULL,
    address_key text DEFAULT ''::text NOT NULL,
    phone text DEFAULT ''::text NOT NULL,
    phone_key text DEFAULT ''::text NOT NULL,
    location_code text DEFAULT ''::text NOT NULL,
    first_reported_at timestamp with time zone NOT NULL,
    last_reported_at timestamp with time zone NOT NULL,
    CONSTRAINT description_species_check CHECK ((species = ANY (ARRAY['human'::text, 'animal'::text])))
);

CREATE TABLE pdmp.description_identifier (
    jurisdiction text NOT NULL,
    person_id uuid NOT NULL,
    description_id uuid NOT NULL,
    ordinal smallint NOT NULL,
    qualifier text NOT NULL,
    issuer text DEFAULT ''::text NOT NULL,
    value_encrypted bytea NOT NULL,
    value_hash bytea NOT NULL,
    filler boolean NOT NULL
);

CREATE TABLE pdmp.description_key (
    jurisdiction text NOT NULL,
    fingerprint bytea NOT NULL,
    person_id uuid NOT NULL,
    description_id uuid NOT NULL
);

CREATE TABLE pdmp.disclosure_grant (
    grant_id uuid NOT NULL,
    jurisdiction text NOT NULL,
    person_id uuid NOT NULL,
    client_id text NOT NULL,
    account_id uuid NOT NULL,
    practitioner text NOT NULL,
    purpose text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    revoked_at timestamp with time zone
);

CREATE TABLE pdmp.dispensation_version (
    jurisdiction text NOT NULL,
    person_id uuid NOT NULL,
    dispensation_id uuid NOT NULL,
    version integer NOT NULL,
    superseded_at timestamp with time zone,
    voided boolean NOT NULL,
    restriction text,
    recorded_at timestamp with time zone NOT NULL,
    submission_id uuid NOT NULL,
    ordinal integer NOT NULL,
    reported_status text NOT NULL,
    description_id uuid NOT NULL,
    dispenser_id uuid NOT NULL,
    prescriber_id uuid NOT NULL,
    rx_number text NOT NULL,
    written_on date NOT NULL,
    filled_on date NOT NULL,
    sold_on date,
    fill_number smallint NOT NULL,
    refills_authorized smallint,
    partial_fill text NOT NULL,
    product_qualifier text NOT NULL,
    product_id text NOT NULL,
    quantity numeric NOT NULL,
    quantity_text text NOT NULL,
    days_supply integer NOT NULL,
    dosage_unit text DEFAULT ''::text NOT NULL,
    origin_code text DEFAULT ''::text NOT NULL,
    payment_code text DEFAULT ''::text NOT NULL,
    pharmacist_npi text DEFAULT ''::text NOT NULL,
    pharmacist_license text DEFAULT ''::text NOT NULL,
    rxnorm_qualifier text DEFAULT ''::text NOT NULL,
    rxnorm_code text DEFAULT ''::text NOT NULL,
    rxcui text DEFAULT ''::text NOT NULL,
    erx_reference text DEFAULT ''::text NOT NULL,
    erx_order text DEFAULT ''::text NOT NULL,
    quantity_prescribed numeric,
    sig text DEFAULT ''::text NOT NULL,
    treatment_type text DEFAULT ''::text NOT NULL,
    diagnosis text DEFAULT ''::text NOT NULL,
    ingredients jsonb,
    pickup_encrypted bytea,
    content_hash bytea NOT NULL,
    mme_per_day numeric,
    mme_table text,
    drug_classes text[] DEFAULT '{}'::text[] NOT NULL,
    dispense_resource bytea NOT NULL,
    request_resource bytea NOT NULL,
    mapping_version text NOT NULL,
    CONSTRAINT dispensation_version_restriction_check CHECK ((restriction = 'part2'::text))
)
WITH (toast_tuple_target='8160');

CREATE TABLE pdmp.dispenser (
    dispenser_id uuid NOT NULL,
    version integer NOT NULL,
    name text DEFAULT ''::text NOT NULL,
    npi text DEFAULT ''::text NOT NULL,
    ncpdp text DEFAULT ''::text NOT NULL,
    dea text DEFAULT ''::text NOT NULL,
    permit text DEFAULT ''::text NOT NULL,
    phone text DEFAULT ''::text NOT NULL,
    line1 text DEFAULT ''::text NOT NULL,
    line2 text DEFAULT ''::text NOT NULL,
    city text DEFAULT ''::text NOT NULL,
    state text DEFAULT ''::text NOT NULL,
    postal_code text DEFAULT ''::text NOT NULL,
    restriction text,
    resource bytea NOT NULL,
    mapping_version text NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT dispenser_restriction_check CHECK ((restriction = 'part2'::text))
);

CREATE TABLE pdmp.dispenser_identifier (
    kind text NOT NULL,
    value text NOT NULL,
    dispenser_id uuid NOT NULL,
    CONSTRAINT dispenser_identifier_kind_check CHECK ((kind = ANY (ARRAY['npi'::text, 'ncpdp'::text, 'dea'::text])))
);

CREATE TABLE pdmp.drug (
    ndc11 text NOT NULL,
    name text NOT NULL,
    ingredient text DEFAULT ''::text NOT NULL,
    strength text DEFAULT ''::text NOT NULL,
    strength_unit text DEFAULT ''::text NOT NULL,
    dosage_form text DEFAULT ''::text NOT NULL,
    rxcui text DEFAULT ''::text NOT NULL,
    rxnorm_name text DEFAULT ''::text NOT NULL,
    schedule text DEFAULT ''::text NOT NULL,
    drug_class text DEFAULT ''::text NOT NULL,
    mme_factor numeric,
    table_version text NOT NULL
);

CREATE TABLE pdmp.installation (
    only_row boolean DEFAULT true NOT NULL,
    identifier_base text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT installation_only_row_check CHECK (only_row)
);

CREATE TABLE pdmp.launch (
    launch_hash bytea NOT NULL,
    launch_id uuid NOT NULL,
    client_id text NOT NULL,
    opened_by text NOT NULL,
    account_id uuid NOT NULL,
    jurisdiction text NOT NULL,
    person_id uuid NOT NULL,
    encounter_id uuid,
    context jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    used_at timestamp with time zone
);

CREATE TABLE pdmp.launch_encounter (
    jurisdiction text NOT NULL,
    person_id uuid NOT NULL,
    encounter_id uuid NOT NULL,
    resource bytea NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE pdmp.link_review (
    jurisdiction text NOT NULL,
    review_id uuid NOT NULL,
    person_id uuid NOT NULL,
    other_person_id uuid NOT NULL,
    description_id uuid,
    probability double precision,
    agreeing text[] DEFAULT '{}'::text[] NOT NULL,
    disagreeing text[] DEFAULT '{}'::text[] NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    resolved_at timestamp with time zone,
    resolution text,
    resolved_by text,
    CONSTRAINT link_review_check CHECK ((person_id <> other_person_id)),
    CONSTRAINT link_review_check1 CHECK (((resolved_at IS NULL) = (resolution IS NULL))),
    CONSTRAINT link_review_resolution_check CHECK ((resolution = ANY (ARRAY['merged'::text, 'rejected'::text])))
);

CREATE TABLE pdmp.migration (
    number integer NOT NULL,
    name text NOT NULL,
    phase text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE pdmp.never_link (
    jurisdiction text NOT NULL,
    person_id uuid NOT NULL,
    other_person_id uuid NOT NULL,
    action_id uuid NOT NULL,
    ended_at timestamp with time zone,
    CONSTRAINT never_link_check CHECK ((person_id < other_person_id))
);

CREATE TABLE pdmp.pending_authorization (
    pending_hash bytea NOT NULL,
    client_id text NOT NULL,
    parameters jsonb NOT NULL,
    launch_hash bytea,
    session_hash bytea,
    jurisdiction text,
    person_id uuid,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    answered_at timestamp with time zone
);

CREATE TABLE pdmp.person (
    jurisdiction text NOT NULL,
    person_id uuid NOT NULL,
    species text NOT NULL,
    version integer NOT NULL,
    resource bytea NOT NULL,
    mapping_version text NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    merged_into uuid,
    CONSTRAINT person_merged_into_check CHECK ((merged_into <> person_id)),
    CONSTRAINT person_species_check CHECK ((species = ANY (ARRAY['human'::text, 'animal'::text])))
);

CREATE TABLE pdmp.person_before (
    jurisdiction text NOT NULL,
    person_id uuid NOT NULL,
    action_id uuid NOT NULL,
    species text NOT NULL,
    version integer NOT NULL,
    resource bytea NOT NULL,
    mapping_version text NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    merged_into uuid
);

CREATE TABLE pdmp.prescriber (
    prescriber_id uuid NOT NULL,
    version integer NOT NULL,
    last_name text DEFAULT ''::text NOT NULL,
    first_name text DEFAULT ''::text NOT NULL,
    middle_name text DEFAULT ''::text NOT NULL,
    phone text DEFAULT ''::text NOT NULL,
    resource bytea NOT NULL,
    mapping_version text NOT NULL,
    updated_at timestamp with time zone NOT NULL
);

CREATE TABLE pdmp.prescriber_identifier (
    kind text NOT NULL,
    value text NOT NULL,
    prescriber_id uuid NOT NULL,
    shared boolean DEFAULT false NOT NULL,
    CONSTRAINT prescriber_identifier_kind_check CHECK ((kind = ANY (ARRAY['npi'::text, 'dea'::text, 'license'::text])))
);

CREATE TABLE pdmp.record_key (
    jurisdiction text NOT NULL,
    dispenser_id uuid NOT NULL,
    rx_number text NOT NULL,
    filled_on date NOT NULL,
    fill_number smallint NOT NULL,
    partial_fill text NOT NULL,
    person_id uuid NOT NULL,
    dispensation_id uuid NOT NULL,
    version integer NOT NULL,
    voided boolean NOT NULL,
    content_hashes bytea NOT NULL
);

CREATE TABLE pdmp.refresh_token (
    token_hash bytea NOT NULL,
    consent_id uuid NOT NULL,
    scope text NOT NULL,
    issued_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    used_at timestamp with time zone
);

CREATE TABLE pdmp.sign_in_failure (
    key_hash bytea NOT NULL,
    failures integer NOT NULL,
    last_at timestamp with time zone NOT NULL
);

CREATE TABLE pdmp.signing_key (
    kid text NOT NULL,
    algorithm text NOT NULL,
    private_encrypted bytea NOT NULL,
    public_jwk jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    retired_at timestamp with time zone
);

CREATE TABLE pdmp.steward_action (
    jurisdiction text NOT NULL,
    action_id uuid NOT NULL,
    kind text NOT NULL,
    person_id uuid NOT NULL,
    other_person_id uuid NOT NULL,
    account_id uuid NOT NULL,
    username text NOT NULL,
    reason text NOT NULL,
    at timestamp with time zone NOT NULL,
    review_ids uuid[] DEFAULT '{}'::uuid[] NOT NULL,
    ended_never uuid[] DEFAULT '{}'::uuid[] NOT NULL,
    undoes uuid,
    undone_by uuid,
    CONSTRAINT steward_action_check CHECK (((kind = 'undo'::text) = (undoes IS NOT NULL))),
    CONSTRAINT steward_action_kind_check CHECK ((kind = ANY (ARRAY['merge'::text, 'split'::text, 'never-link'::text, 'undo'::text]))),
    CONSTRAINT steward_action_reason_check CHECK ((reason <> ''::text))
);

CREATE TABLE pdmp.steward_move (
    jurisdiction text NOT NULL,
    person_id uuid NOT NULL,
    action_id uuid NOT NULL,
    description_id uuid NOT NULL,
    to_person_id uuid NOT NULL
);

CREATE TABLE pdmp.submission (
    jurisdiction text NOT NULL,
    submission_id uuid NOT NULL,
    source_id text DEFAULT ''::text NOT NULL,
    control_number text DEFAULT ''::text NOT NULL,
    asap_version text DEFAULT ''::text NOT NULL,
    transaction_type text DEFAULT ''::text NOT NULL,
    file_type text DEFAULT ''::text NOT NULL,
    status text NOT NULL,
    takes_number boolean NOT NULL,
    sha256 bytea NOT NULL,
    content bytea NOT NULL,
    answer jsonb NOT NULL,
    received_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT submission_status_check CHECK ((status = ANY (ARRAY['accepted'::text, 'partly'::text, 'refused'::text])))
);

CREATE TABLE pdmp.zero_report (
    jurisdiction text NOT NULL,
    dispenser_id uuid NOT NULL,
    first_day date NOT NULL,
    last_day date NOT NULL,
    submission_id uuid NOT NULL
);

ALTER TABLE ONLY pdmp.access_token
    ADD CONSTRAINT access_token_pkey PRIMARY KEY (token_id);

ALTER TABLE ONLY pdmp.account
    ADD CONSTRAINT account_pkey PRIMARY KEY (account_id);

ALTER TABLE ONLY pdmp.account
    ADD CONSTRAINT account_username_key UNIQUE (username);

ALTER TABLE ONLY pdmp.audit
    ADD CONSTRAINT audit_pkey PRIMARY KEY (jurisdiction, audit_id);

ALTER TABLE ONLY pdmp.authorization_code
    ADD CONSTRAINT authorization_code_pkey PRIMARY KEY (code_hash);

ALTER TABLE ONLY pdmp.browser_session
    ADD CONSTRAINT browser_session_pkey PRIMARY KEY (session_hash);

ALTER TABLE ONLY pdmp.cds_feedback
    ADD CONSTRAINT cds_feedback_pkey PRIMARY KEY (client_id, card_id);

ALTER TABLE ONLY pdmp.client_assertion
    ADD CONSTRAINT client_assertion_pkey PRIMARY KEY (client_id, jti_hash);

ALTER TABLE ONLY pdmp.client
    ADD CONSTRAINT client_pkey PRIMARY KEY (client_id);

ALTER TABLE ONLY pdmp.consent
    ADD CONSTRAINT consent_pkey PRIMARY KEY (consent_id);

ALTER TABLE ONLY pdmp.delegation
    ADD CONSTRAINT delegation_pkey PRIMARY KEY (delegate_id, supervisor_id);

ALTER TABLE ONLY pdmp.description_identifier
    ADD CONSTRAINT description_identifier_pkey PRIMARY KEY (jurisdiction, person_id, description_id, ordinal);

ALTER TABLE ONLY pdmp.description_key
    ADD CONSTRAINT description_key_pkey PRIMARY KEY (jurisdiction, fingerprint);

ALTER TABLE ONLY pdmp.description
    ADD CONSTRAINT description_pkey PRIMARY KEY (jurisdiction, person_id, description_id);

ALTER TABLE ONLY pdmp.disclosure_grant
    ADD CONSTRAINT disclosure_grant_pkey PRIMARY KEY (grant_id);

ALTER TABLE ONLY pdmp.dispensation_version
    ADD CONSTRAINT dispensation_version_pkey PRIMARY KEY (jurisdiction, person_id, dispensation_id, version);

ALTER TABLE ONLY pdmp.dispenser_identifier
    ADD CONSTRAINT dispenser_identifier_pkey PRIMARY KEY (kind, value);

ALTER TABLE ONLY pdmp.dispenser
    ADD CONSTRAINT dispenser_pkey PRIMARY KEY (dispenser_id);

ALTER TABLE ONLY pdmp.drug
    ADD CONSTRAINT drug_pkey PRIMARY KEY (ndc11);

ALTER TABLE ONLY pdmp.installation
    ADD CONSTRAINT installation_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY pdmp.launch_encounter
    ADD CONSTRAINT launch_encounter_pkey PRIMARY KEY (jurisdiction, person_id, encounter_id);

ALTER TABLE ONLY pdmp.launch
    ADD CONSTRAINT launch_launch_id_key UNIQUE (launch_id);

ALTER TABLE ONLY pdmp.launch
    ADD CONSTRAINT launch_pkey PRIMARY KEY (launch_hash);

ALTER TABLE ONLY pdmp.link_review
    ADD CONSTRAINT link_review_pkey PRIMARY KEY (jurisdiction, person_id, review_id);

ALTER TABLE ONLY pdmp.migration
    ADD CONSTRAINT migration_pkey PRIMARY KEY (number);

ALTER TABLE ONLY pdmp.never_link
    ADD CONSTRAINT never_link_pkey PRIMARY KEY (jurisdiction, person_id, other_person_id, action_id);

ALTER TABLE ONLY pdmp.pending_authorization
    ADD CONSTRAINT pending_authorization_pkey PRIMARY KEY (pending_hash);

ALTER TABLE ONLY pdmp.person_before
    ADD CONSTRAINT person_before_pkey PRIMARY KEY (jurisdiction, person_id, action_id);

ALTER TABLE ONLY pdmp.person
    ADD CONSTRAINT person_pkey PRIMARY KEY (jurisdiction, person_id);

ALTER TABLE ONLY pdmp.prescriber_identifier
    ADD CONSTRAINT prescriber_identifier_pkey PRIMARY KEY (kind, value);

ALTER TABLE ONLY pdmp.prescriber
    ADD CONSTRAINT prescriber_pkey PRIMARY KEY (prescriber_id);

ALTER TABLE ONLY pdmp.record_key
    ADD CONSTRAINT record_key_pkey PRIMARY KEY (jurisdiction, dispenser_id, rx_number, filled_on, fill_number, partial_fill);

ALTER TABLE ONLY pdmp.refresh_token
    ADD CONSTRAINT refresh_token_pkey PRIMARY KEY (token_hash);

ALTER TABLE ONLY pdmp.sign_in_failure
    ADD CONSTRAINT sign_in_failure_pkey PRIMARY KEY (key_hash);

ALTER TABLE ONLY pdmp.signing_key
    ADD CONSTRAINT signing_key_pkey PRIMARY KEY (kid);

ALTER TABLE ONLY pdmp.steward_action
    ADD CONSTRAINT steward_action_pkey PRIMARY KEY (jurisdiction, action_id);

ALTER TABLE ONLY pdmp.steward_move
    ADD CONSTRAINT steward_move_pkey PRIMARY KEY (jurisdiction, person_id, action_id, description_id);

ALTER TABLE ONLY pdmp.submission
    ADD CONSTRAINT submission_pkey PRIMARY KEY (jurisdiction, submission_id);

ALTER TABLE ONLY pdmp.zero_report
    ADD CONSTRAINT zero_report_pkey PRIMARY KEY (jurisdiction, dispenser_id, first_day, last_day, submission_id);

CREATE INDEX access_token_client_idx ON pdmp.access_token USING btree (client_id);

CREATE INDEX access_token_consent_idx ON pdmp.access_token USING btree (consent_id);

CREATE INDEX access_token_expiry_idx ON pdmp.access_token USING btree (expires_at);

CREATE INDEX account_any_dea_idx ON pdmp.account USING btree (dea) WHERE (dea IS NOT NULL);

CREATE INDEX account_any_license_idx ON pdmp.account USING btree (license) WHERE (license IS NOT NULL);

CREATE INDEX account_any_npi_idx ON pdmp.account USING btree (npi) WHERE (npi IS NOT NULL);

CREATE UNIQUE INDEX account_dea_idx ON pdmp.account USING btree (dea) WHERE ((dea IS NOT NULL) AND (disabled_at IS NULL));

CREATE UNIQUE INDEX account_license_idx ON pdmp.account USING btree (license) WHERE ((license IS NOT NULL) AND (disabled_at IS NULL));

CREATE UNIQUE INDEX account_npi_idx ON pdmp.account USING btree (npi) WHERE ((npi IS NOT NULL) AND (disabled_at IS NULL));

CREATE INDEX audit_account_idx ON pdmp.audit USING btree (jurisdiction, account_id, at);

CREATE INDEX audit_at_idx ON pdmp.audit USING btree (jurisdiction, at);

CREATE INDEX audit_client_idx ON pdmp.audit USING btree (jurisdiction, client_id, at);

CREATE INDEX audit_person_idx ON pdmp.audit USING btree (jurisdiction, person_id, at);

CREATE INDEX authorization_code_consent_idx ON pdmp.authorization_code USING btree (consent_id);

CREATE INDEX browser_session_account_idx ON pdmp.browser_session USING btree (account_id);

CREATE INDEX browser_session_expiry_idx ON pdmp.browser_session USING btree (expires_at);

CREATE INDEX client_assertion_expiry_idx ON pdmp.client_assertion USING btree (expires_at);

CREATE UNIQUE INDEX client_cds_idx ON pdmp.client USING btree ((((metadata -> 'cds'::text) ->> 'iss'::text)), COALESCE(((metadata -> 'cds'::text) ->> 'tenant'::text), ''::text)) WHERE ((metadata ? 'cds'::text) AND (disabled_at IS NULL));

CREATE INDEX consent_account_idx ON pdmp.consent USING btree (account_id);

CREATE INDEX consent_client_idx ON pdmp.consent USING btree (client_id);

CREATE INDEX consent_expiry_idx ON pdmp.consent USING btree (expires_at);

CREATE INDEX consent_person_idx ON pdmp.consent USING btree (jurisdiction, person_id);

CREATE INDEX consent_session_idx ON pdmp.consent USING btree (session_hash);

CREATE INDEX delegation_supervisor_idx ON pdmp.delegation USING btree (supervisor_id);

CREATE INDEX description_key_description_idx ON pdmp.description_key USING btree (jurisdiction, description_id);

CREATE INDEX description_name_birth_idx ON pdmp.description USING btree (jurisdiction, name_key, birth_date);

CREATE INDEX disclosure_grant_client_idx ON pdmp.disclosure_grant USING btree (client_id, expires_at);

CREATE INDEX disclosure_grant_person_idx ON pdmp.disclosure_grant USING btree (jurisdiction, person_id, client_id, expires_at);

CREATE INDEX dispensation_history_idx ON pdmp.dispensation_version USING btree (jurisdiction, person_id, filled_on DESC, dispensation_id DESC) WHERE (superseded_at IS NULL);

CREATE INDEX dispensation_submission_idx ON pdmp.dispensation_version USING btree (jurisdiction, submission_id);

CREATE INDEX dispenser_identifier_dispenser_idx ON pdmp.dispenser_identifier USING btree (dispenser_id);

CREATE INDEX launch_expiry_idx ON pdmp.launch USING btree (expires_at);

CREATE INDEX link_review_open_idx ON pdmp.link_review USING btree (jurisdiction, created_at) WHERE (resolved_at IS NULL);

CREATE INDEX link_review_other_idx ON pdmp.link_review USING btree (jurisdiction, other_person_id);

CREATE INDEX never_link_other_idx ON pdmp.never_link USING btree (jurisdiction, other_person_id);

CREATE INDEX pending_authorization_expiry_idx ON pdmp.pending_authorization USING btree (expires_at);

CREATE INDEX person_before_action_idx ON pdmp.person_before USING btree (jurisdiction, action_id);

CREATE INDEX person_merged_into_idx ON pdmp.person USING btree (jurisdiction, merged_into) WHERE (merged_into IS NOT NULL);

CREATE INDEX prescriber_identifier_prescriber_idx ON pdmp.prescriber_identifier USING btree (prescriber_id);

CREATE INDEX refresh_token_consent_idx ON pdmp.refresh_token USING btree (consent_id);

CREATE INDEX sign_in_failure_last_idx ON pdmp.sign_in_failure USING btree (last_at);

CREATE INDEX steward_action_other_idx ON pdmp.steward_action USING btree (jurisdiction, other_person_id);

CREATE INDEX steward_action_person_idx ON pdmp.steward_action USING btree (jurisdiction, person_id);

CREATE INDEX steward_move_action_idx ON pdmp.steward_move USING btree (jurisdiction, action_id);

CREATE INDEX submission_control_number_idx ON pdmp.submission USING btree (jurisdiction, control_number) WHERE takes_number;

CREATE UNIQUE INDEX submission_number_idx ON pdmp.submission USING btree (jurisdiction, source_id, control_number) WHERE takes_number;

CREATE TRIGGER audit_append_only BEFORE DELETE OR UPDATE ON pdmp.audit FOR EACH ROW EXECUTE FUNCTION pdmp.audit_is_append_only();

CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON pdmp.audit FOR EACH STATEMENT EXECUTE FUNCTION pdmp.audit_is_append_only();

ALTER TABLE ONLY pdmp.access_token
    ADD CONSTRAINT access_token_account_id_fkey FOREIGN KEY (account_id) REFERENCES pdmp.account(account_id);

ALTER TABLE ONLY pdmp.access_token
    ADD CONSTRAINT access_token_client_id_fkey FOREIGN KEY (client_id) REFERENCES pdmp.client(client_id) ON DELETE CASCADE;

ALTER TABLE ONLY pdmp.access_token
    ADD CONSTRAINT access_token_consent_id_fkey FOREIGN KEY (consent_id) REFERENCES pdmp.consent(consent_id) ON DELETE CASCADE;

ALTER TABLE ONLY pdmp.account
    ADD CONSTRAINT account_supervisor_id_fkey FOREIGN KEY (supervisor_id) REFERENCES pdmp.account(account_id);

ALTER TABLE ONLY pdmp.authorization_code
    ADD CONSTRAINT authorization_code_consent_id_fkey FOREIGN KEY (consent_id) REFERENCES pdmp.consent(consent_id) ON DELETE CASCADE;

ALTER TABLE ONLY pdmp.browser_session
    ADD CONSTRAINT browser_session_account_id_fkey FOREIGN KEY (account_id) REFERENCES pdmp.account(account_id);

ALTER TABLE ONLY pdmp.cds_feedback
    ADD CONSTRAINT cds_feedback_client_id_fkey FOREIGN KEY (client_id) REFERENCES pdmp.client(client_id) ON DELETE CASCADE;

ALTER TABLE ONLY pdmp.consent
    ADD CONSTRAINT consent_account_id_fkey FOREIGN KEY (account_id) REFERENCES pdmp.account(account_id);

ALTER TABLE ONLY pdmp.consent
    ADD CONSTRAINT consent_client_id_fkey FOREIGN KEY (client_id) REFERENCES pdmp.client(client_id) ON DELETE CASCADE;

ALTER TABLE ONLY pdmp.consent
    ADD CONSTRAINT consent_session_hash_fkey FOREIGN KEY (session_hash) REFERENCES pdmp.browser_session(session_hash) ON DELETE SET NULL;

ALTER TABLE ONLY pdmp.consent
    ADD CONSTRAINT consent_supervisor_id_fkey FOREIGN KEY (supervisor_id) REFERENCES pdmp.account(account_id);

ALTER TABLE ONLY pdmp.delegation
    ADD CONSTRAINT delegation_delegate_id_fkey FOREIGN KEY (delegate_id) REFERENCES pdmp.account(account_id);

ALTER TABLE ONLY pdmp.delegation
    ADD CONSTRAINT delegation_supervisor_id_fkey FOREIGN KEY (supervisor_id) REFERENCES pdmp.account(account_id);

ALTER TABLE ONLY pdmp.disclosure_grant
    ADD CONSTRAINT disclosure_grant_account_id_fkey FOREIGN KEY (account_id) REFERENCES pdmp.account(account_id);

ALTER TABLE ONLY pdmp.disclosure_grant
    ADD CONSTRAINT disclosure_grant_client_id_fkey FOREIGN KEY (client_id) REFERENCES pdmp.client(client_id) ON DELETE CASCADE;

ALTER TABLE ONLY pdmp.dispenser_identifier
    ADD CONSTRAINT dispenser_identifier_dispenser_id_fkey FOREIGN KEY (dispenser_id) REFERENCES pdmp.dispenser(dispenser_id);

ALTER TABLE ONLY pdmp.launch
    ADD CONSTRAINT launch_account_id_fkey FOREIGN KEY (account_id) REFERENCES pdmp.account(account_id);

ALTER TABLE ONLY pdmp.launch
    ADD CONSTRAINT launch_client_id_fkey FOREIGN KEY (client_id) REFERENCES pdmp.client(client_id) ON DELETE CASCADE;

ALTER TABLE ONLY pdmp.launch
    ADD CONSTRAINT launch_opened_by_fkey FOREIGN KEY (opened_by) REFERENCES pdmp.client(client_id) ON DELETE CASCADE;

ALTER TABLE ONLY pdmp.pending_authorization
    ADD CONSTRAINT pending_authorization_client_id_fkey FOREIGN KEY (client_id) REFERENCES pdmp.client(client_id) ON DELETE CASCADE;

ALTER TABLE ONLY pdmp.pending_authorization
    ADD CONSTRAINT pending_authorization_launch_hash_fkey FOREIGN KEY (launch_hash) REFERENCES pdmp.launch(launch_hash) ON DELETE CASCADE;

ALTER TABLE ONLY pdmp.pending_authorization
    ADD CONSTRAINT pending_authorization_session_hash_fkey FOREIGN KEY (session_hash) REFERENCES pdmp.browser_session(session_hash) ON DELETE CASCADE;

ALTER TABLE ONLY pdmp.prescriber_identifier
    ADD CONSTRAINT prescriber_identifier_prescriber_id_fkey FOREIGN KEY (prescriber_id) REFERENCES pdmp.prescriber(prescriber_id);

ALTER TABLE ONLY pdmp.refresh_token
    ADD CONSTRAINT refresh_token_consent_id_fkey FOREIGN KEY (consent_id) REFERENCES pdmp.consent(consent_id) ON DELETE CASCADE;

ALTER TABLE ONLY pdmp.steward_action
    ADD CONSTRAINT steward_action_account_id_fkey FOREIGN KEY (account_id) REFERENCES pdmp.account(account_id);

ALTER TABLE ONLY pdmp.zero_report
    ADD CONSTRAINT zero_report_dispenser_id_fkey FOREIGN KEY (dispenser_id) REFERENCES pdmp.dispenser(dispenser_id);

GRANT USAGE ON SCHEMA pdmp TO pdmp_gateway;

REVOKE ALL ON FUNCTION pdmp.refresh_statistics() FROM PUBLIC;
GRANT ALL ON FUNCTION pdmp.refresh_statistics() TO pdmp_gateway;

GRANT SELECT,INSERT,DELETE ON TABLE pdmp.access_token TO pdmp_gateway;

GRANT UPDATE(revoked_at) ON TABLE pdmp.access_token TO pdmp_gateway;

GRANT SELECT,INSERT,UPDATE ON TABLE pdmp.account TO pdmp_gateway;

GRANT SELECT,INSERT ON TABLE pdmp.audit TO pdmp_gateway;

GRANT SELECT,INSERT,UPDATE ON TABLE pdmp.authorization_code TO pdmp_gateway;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE pdmp.browser_session TO pdmp_gateway;

GRANT SELECT,INSERT,UPDATE ON TABLE pdmp.cds_feedback TO pdmp_gateway;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE pdmp.client TO pdmp_gateway;

GRANT SELECT,INSERT,DELETE ON TABLE pdmp.client_assertion TO pdmp_gateway;

GRANT SELECT,INSERT,DELETE ON TABLE pdmp.consent TO pdmp_gateway;

GRANT UPDATE(person_id) ON TABLE pdmp.consent TO pdmp_gateway;

GRANT UPDATE(revoked_at) ON TABLE pdmp.consent TO pdmp_gateway;

GRANT UPDATE(revoked_because) ON TABLE pdmp.consent TO pdmp_gateway;

GRANT SELECT,INSERT,UPDATE ON TABLE pdmp.delegation TO pdmp_gateway;

GRANT SELECT,INSERT ON TABLE pdmp.description TO pdmp_gateway;

GRANT UPDATE(person_id) ON TABLE pdmp.description TO pdmp_gateway;

GRANT UPDATE(last_reported_at) ON TABLE pdmp.description TO pdmp_gateway;

GRANT SELECT,INSERT ON TABLE pdmp.description_identifier TO pdmp_gateway;

GRANT UPDATE(person_id) ON TABLE pdmp.description_identifier TO pdmp_gateway;

GRANT SELECT,INSERT ON TABLE pdmp.description_key TO pdmp_gateway;

GRANT UPDATE(person_id) ON TABLE pdmp.description_key TO pdmp_gateway;

GRANT SELECT,INSERT,DELETE ON TABLE pdmp.disclosure_grant TO pdmp_gateway;

GRANT UPDATE(revoked_at) ON TABLE pdmp.disclosure_grant TO pdmp_gateway;

GRANT SELECT,INSERT ON TABLE pdmp.dispensation_version TO pdmp_gateway;

GRANT UPDATE(person_id) ON TABLE pdmp.dispensation_version TO pdmp_gateway;

GRANT UPDATE(superseded_at) ON TABLE pdmp.dispensation_version TO pdmp_gateway;

GRANT UPDATE(restriction) ON TABLE pdmp.dispensation_version TO pdmp_gateway;

GRANT UPDATE(dispense_resource) ON TABLE pdmp.dispensation_version TO pdmp_gateway;

GRANT UPDATE(request_resource) ON TABLE pdmp.dispensation_version TO pdmp_gateway;

GRANT UPDATE(mapping_version) ON TABLE pdmp.dispensation_version TO pdmp_gateway;

GRANT SELECT,INSERT,UPDATE ON TABLE pdmp.dispenser TO pdmp_gateway;

GRANT SELECT,INSERT,UPDATE ON TABLE pdmp.dispenser_identifier TO pdmp_gateway;

GRANT SELECT ON TABLE pdmp.drug TO pdmp_gateway;

GRANT SELECT ON TABLE pdmp.installation TO pdmp_gateway;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE pdmp.launch TO pdmp_gateway;

GRANT SELECT,INSERT,DELETE ON TABLE pdmp.launch_encounter TO pdmp_gateway;

GRANT SELECT,INSERT ON TABLE pdmp.link_review TO pdmp_gateway;

GRANT UPDATE(resolved_at) ON TABLE pdmp.link_review TO pdmp_gateway;

GRANT UPDATE(resolution) ON TABLE pdmp.link_review TO pdmp_gateway;

GRANT UPDATE(resolved_by) ON TABLE pdmp.link_review TO pdmp_gateway;

GRANT SELECT ON TABLE pdmp.migration TO PUBLIC;

GRANT SELECT,INSERT ON TABLE pdmp.never_link TO pdmp_gateway;

GRANT UPDATE(ended_at) ON TABLE pdmp.never_link TO pdmp_gateway;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE pdmp.pending_authorization TO pdmp_gateway;

GRANT SELECT,INSERT,UPDATE ON TABLE pdmp.person TO pdmp_gateway;

GRANT SELECT,INSERT ON TABLE pdmp.person_before TO pdmp_gateway;

GRANT SELECT,INSERT,UPDATE ON TABLE pdmp.prescriber TO pdmp_gateway;

GRANT SELECT,INSERT,UPDATE ON TABLE pdmp.prescriber_identifier TO pdmp_gateway;

GRANT SELECT,INSERT ON TABLE pdmp.record_key TO pdmp_gateway;

GRANT UPDATE(person_id) ON TABLE pdmp.record_key TO pdmp_gateway;

GRANT UPDATE(version) ON TABLE pdmp.record_key TO pdmp_gateway;

GRANT UPDATE(voided) ON TABLE pdmp.record_key TO pdmp_gateway;

GRANT UPDATE(content_hashes) ON TABLE pdmp.record_key TO pdmp_gateway;

GRANT SELECT,INSERT,UPDATE ON TABLE pdmp.refresh_token TO pdmp_gateway;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE pdmp.sign_in_failure TO pdmp_gateway;

GRANT SELECT,INSERT ON TABLE pdmp.signing_key TO pdmp_gateway;

GRANT UPDATE(retired_at) ON TABLE pdmp.signing_key TO pdmp_gateway;

GRANT SELECT,INSERT ON TABLE pdmp.steward_action TO pdmp_gateway;

GRANT UPDATE(undone_by) ON TABLE pdmp.steward_action TO pdmp_gateway;

GRANT SELECT,INSERT ON TABLE pdmp.steward_move TO pdmp_gateway;

GRANT SELECT,INSERT ON TABLE pdmp.submission TO pdmp_gateway;

GRANT SELECT,INSERT ON TABLE pdmp.zero_report TO pdmp_gateway;
