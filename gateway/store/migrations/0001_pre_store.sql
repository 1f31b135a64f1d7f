-- The store of what pharmacies report: persons and animals with their descriptions, dispensers, prescribers,
-- drugs, dispensations with every version, submissions. Nothing reported is ever overwritten.
--
-- PHI tables lead their keys with (jurisdiction, person_id), so that one person is one shard.
-- What a record *is* (record_key, description_key) does not depend on the person and points to it.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'pdmp_gateway') THEN
        CREATE ROLE pdmp_gateway NOLOGIN;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;  -- roles belong to the cluster: another database of it may have made this one
END
$$;

CREATE SCHEMA IF NOT EXISTS pdmp;
GRANT USAGE ON SCHEMA pdmp TO pdmp_gateway;

-- One row: what is fixed at the first migration.
CREATE TABLE pdmp.installation (
    only_row         boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    identifier_base  text NOT NULL,
    created_at       timestamptz NOT NULL DEFAULT now()
);
GRANT SELECT ON pdmp.installation TO pdmp_gateway;

CREATE TABLE pdmp.person (
    jurisdiction     text NOT NULL,
    person_id        uuid NOT NULL,
    species          text NOT NULL CHECK (species IN ('human', 'animal')),
    version          integer NOT NULL,
    resource         bytea NOT NULL,          -- Patient, rendered
    mapping_version  text NOT NULL,
    updated_at       timestamptz NOT NULL,
    PRIMARY KEY (jurisdiction, person_id)
);
GRANT SELECT, INSERT, UPDATE ON pdmp.person TO pdmp_gateway;

-- A description as reported (ASAP PAT). Names and dates are as sent; `name_key` is normalised for matching.
CREATE TABLE pdmp.description (
    jurisdiction     text NOT NULL,
    person_id        uuid NOT NULL,
    description_id   uuid NOT NULL,
    species          text NOT NULL CHECK (species IN ('human', 'animal')),
    name_key         text NOT NULL,           -- normalised family|given (and |animal name)
    last_name        text NOT NULL,
    first_name       text NOT NULL,
    middle_name      text NOT NULL DEFAULT '',
    prefix           text NOT NULL DEFAULT '',
    suffix           text NOT NULL DEFAULT '',
    suffix_key       text NOT NULL DEFAULT '',
    birth_date       date,
    gender           text NOT NULL DEFAULT '',
    animal_name      text NOT NULL DEFAULT '',
    line1            text NOT NULL DEFAULT '',
    line2            text NOT NULL DEFAULT '',
    city             text NOT NULL DEFAULT '',
    state            text NOT NULL DEFAULT '',
    postal_code      text NOT NULL DEFAULT '',
    country          text NOT NULL DEFAULT '',
    address_key      text NOT NULL DEFAULT '',
    phone            text NOT NULL DEFAULT '',
    phone_key        text NOT NULL DEFAULT '',  -- empty when it is the dispenser's own number
    location_code    text NOT NULL DEFAULT '',
    first_reported_at timestamptz NOT NULL,
    last_reported_at  timestamptz NOT NULL,
    PRIMARY KEY (jurisdiction, person_id, description_id)
);
-- Candidates of a look-up or of a new description: same name and birth date.
CREATE INDEX description_name_birth_idx ON pdmp.description (jurisdiction, name_key, birth_date);
GRANT SELECT, INSERT ON pdmp.description TO pdmp_gateway;
GRANT UPDATE (last_reported_at) ON pdmp.description TO pdmp_gateway;

-- The very same description, sent again, is recognised by its keyed fingerprint.
CREATE TABLE pdmp.description_key (
    jurisdiction     text NOT NULL,
    fingerprint      bytea NOT NULL,
    person_id        uuid NOT NULL,
    description_id   uuid NOT NULL,
    PRIMARY KEY (jurisdiction, fingerprint)
);
GRANT SELECT, INSERT ON pdmp.description_key TO pdmp_gateway;
GRANT UPDATE (person_id) ON pdmp.description_key TO pdmp_gateway;

-- Reported identifiers (SSN, licence, passport ...): encrypted, with a keyed hash for matching only.
CREATE TABLE pdmp.description_identifier (
    jurisdiction     text NOT NULL,
    person_id        uuid NOT NULL,
    description_id   uuid NOT NULL,
    ordinal          smallint NOT NULL,
    qualifier        text NOT NULL,           -- ASAP PAT02: 07 SSN, 06 driver's licence ...
    issuer           text NOT NULL DEFAULT '',
    value_encrypted  bytea NOT NULL,
    value_hash       bytea NOT NULL,
    filler           boolean NOT NULL,        -- 000000000 and the like: no evidence at all
    PRIMARY KEY (jurisdiction, person_id, description_id, ordinal)
);
GRANT SELECT, INSERT ON pdmp.description_identifier TO pdmp_gateway;

CREATE TABLE pdmp.dispenser (
    dispenser_id     uuid PRIMARY KEY,
    version          integer NOT NULL,
    name             text NOT NULL DEFAULT '',
    npi              text NOT NULL DEFAULT '',
    ncpdp            text NOT NULL DEFAULT '',
    dea              text NOT NULL DEFAULT '',
    permit           text NOT NULL DEFAULT '',
    phone            text NOT NULL DEFAULT '',
    line1            text NOT NULL DEFAULT '',
    line2            text NOT NULL DEFAULT '',
    city             text NOT NULL DEFAULT '',
    state            text NOT NULL DEFAULT '',
    postal_code      text NOT NULL DEFAULT '',
    restriction      text CHECK (restriction IN ('part2')),
    resource         bytea NOT NULL,          -- Organization, rendered
    mapping_version  text NOT NULL,
    updated_at       timestamptz NOT NULL
);
CREATE TABLE pdmp.dispenser_identifier (
    kind             text NOT NULL CHECK (kind IN ('npi', 'ncpdp', 'dea')),
    value            text NOT NULL,
    dispenser_id     uuid NOT NULL REFERENCES pdmp.dispenser,
    PRIMARY KEY (kind, value)
);
CREATE INDEX dispenser_identifier_dispenser_idx ON pdmp.dispenser_identifier (dispenser_id);
GRANT SELECT, INSERT, UPDATE ON pdmp.dispenser, pdmp.dispenser_identifier TO pdmp_gateway;

CREATE TABLE pdmp.prescriber (
    prescriber_id    uuid PRIMARY KEY,
    version          integer NOT NULL,
    last_name        text NOT NULL DEFAULT '',
    first_name       text NOT NULL DEFAULT '',
    middle_name      text NOT NULL DEFAULT '',
    phone            text NOT NULL DEFAULT '',
    resource         bytea NOT NULL,          -- Practitioner, rendered
    mapping_version  text NOT NULL,
    updated_at       timestamptz NOT NULL
);
-- `value` of a DEA number is NUMBER or NUMBER-SUFFIX; of a licence ST:NUMBER. `shared`: several NPIs have
-- used it (a hospital's number), so by itself it names nobody.
CREATE TABLE pdmp.prescriber_identifier (
    kind             text NOT NULL CHECK (kind IN ('npi', 'dea', 'license')),
    value            text NOT NULL,
    prescriber_id    uuid NOT NULL REFERENCES pdmp.prescriber,
    shared           boolean NOT NULL DEFAULT false,
    PRIMARY KEY (kind, value)
);
CREATE INDEX prescriber_identifier_prescriber_idx ON pdmp.prescriber_identifier (prescriber_id);
GRANT SELECT, INSERT, UPDATE ON pdmp.prescriber, pdmp.prescriber_identifier TO pdmp_gateway;

-- Drugs by 11-digit NDC, from mappings/drugs; loaded by `pdmp migrate` when the table's version changes.
CREATE TABLE pdmp.drug (
    ndc11            text PRIMARY KEY,
    name             text NOT NULL,
    ingredient       text NOT NULL DEFAULT '',
    strength         text NOT NULL DEFAULT '',
    strength_unit    text NOT NULL DEFAULT '',
    dosage_form      text NOT NULL DEFAULT '',
    rxcui            text NOT NULL DEFAULT '',
    rxnorm_name      text NOT NULL DEFAULT '',
    schedule         text NOT NULL DEFAULT '',   -- of the jurisdiction
    drug_class       text NOT NULL DEFAULT '',
    mme_factor       numeric,
    table_version    text NOT NULL
);
GRANT SELECT ON pdmp.drug TO pdmp_gateway;

-- Every submission, refused ones too, with its bytes (encrypted).
CREATE TABLE pdmp.submission (
    jurisdiction     text NOT NULL,
    submission_id    uuid NOT NULL,
    source_id        text NOT NULL DEFAULT '',  -- IS01
    control_number   text NOT NULL DEFAULT '',  -- TH02
    asap_version     text NOT NULL DEFAULT '',
    transaction_type text NOT NULL DEFAULT '',
    file_type        text NOT NULL DEFAULT '',
    status           text NOT NULL CHECK (status IN ('accepted', 'partly', 'refused')),
    takes_number     boolean NOT NULL,
    sha256           bytea NOT NULL,
    content          bytea NOT NULL,
    answer           jsonb NOT NULL,
    received_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (jurisdiction, submission_id)
);
CREATE UNIQUE INDEX submission_number_idx ON pdmp.submission (jurisdiction, source_id, control_number)
    WHERE takes_number;
CREATE INDEX submission_control_number_idx ON pdmp.submission (jurisdiction, control_number)
    WHERE takes_number;
GRANT SELECT, INSERT ON pdmp.submission TO pdmp_gateway;

CREATE TABLE pdmp.zero_report (
    jurisdiction     text NOT NULL,
    dispenser_id     uuid NOT NULL REFERENCES pdmp.dispenser,
    first_day        date NOT NULL,
    last_day         date NOT NULL,
    submission_id    uuid NOT NULL,
    PRIMARY KEY (jurisdiction, dispenser_id, first_day, last_day, submission_id)
);
GRANT SELECT, INSERT ON pdmp.zero_report TO pdmp_gateway;

-- What a record is: unique whoever the person is matched to.
CREATE TABLE pdmp.record_key (
    jurisdiction     text NOT NULL,
    dispenser_id     uuid NOT NULL,
    rx_number        text NOT NULL,
    filled_on        date NOT NULL,
    fill_number      smallint NOT NULL,
    partial_fill     text NOT NULL,
    person_id        uuid NOT NULL,
    dispensation_id  uuid NOT NULL,
    version          integer NOT NULL,
    voided           boolean NOT NULL,
    content_hashes   bytea NOT NULL,          -- 32 bytes a distinct content, the current one last
    PRIMARY KEY (jurisdiction, dispenser_id, rx_number, filled_on, fill_number, partial_fill)
);
GRANT SELECT, INSERT ON pdmp.record_key TO pdmp_gateway;
GRANT UPDATE (person_id, version, voided, content_hashes) ON pdmp.record_key TO pdmp_gateway;

-- Every version of every dispensation, with the resources rendered from it.
-- `superseded_at` is null for the current version only.
CREATE TABLE pdmp.dispensation_version (
    jurisdiction        text NOT NULL,
    person_id           uuid NOT NULL,
    dispensation_id     uuid NOT NULL,
    version             integer NOT NULL,
    superseded_at       timestamptz,
    voided              boolean NOT NULL,
    restriction         text CHECK (restriction IN ('part2')),
    recorded_at         timestamptz NOT NULL,
    submission_id       uuid NOT NULL,
    ordinal             integer NOT NULL,      -- the DSP segment's number in the file, from 1
    reported_status     text NOT NULL,         -- DSP01
    description_id      uuid NOT NULL,
    dispenser_id        uuid NOT NULL,
    prescriber_id       uuid NOT NULL,
    rx_number           text NOT NULL,
    written_on          date NOT NULL,
    filled_on           date NOT NULL,
    sold_on             date,
    fill_number         smallint NOT NULL,
    refills_authorized  smallint,
    partial_fill        text NOT NULL,
    product_qualifier   text NOT NULL,
    product_id          text NOT NULL,
    quantity            numeric NOT NULL,
    quantity_text       text NOT NULL,
    days_supply         integer NOT NULL,
    dosage_unit         text NOT NULL DEFAULT '',
    origin_code         text NOT NULL DEFAULT '',
    payment_code        text NOT NULL DEFAULT '',
    pharmacist_npi      text NOT NULL DEFAULT '',
    pharmacist_license  text NOT NULL DEFAULT '',
    rxnorm_qualifier    text NOT NULL DEFAULT '',
    rxnorm_code         text NOT NULL DEFAULT '',   -- as reported
    rxcui               text NOT NULL DEFAULT '',   -- of the drug table, for `code`
    erx_reference       text NOT NULL DEFAULT '',
    erx_order           text NOT NULL DEFAULT '',
    quantity_prescribed numeric,
    sig                 text NOT NULL DEFAULT '',
    treatment_type      text NOT NULL DEFAULT '',
    diagnosis           text NOT NULL DEFAULT '',
    ingredients         jsonb,
    pickup_encrypted    bytea,                 -- AIR, as sent
    content_hash        bytea NOT NULL,        -- keyed: equal content, equal hash
    mme_per_day         numeric,               -- null: not an opioid, or not computable
    mme_table           text,
    drug_classes        text[] NOT NULL DEFAULT '{}',
    dispense_resource   bytea NOT NULL,        -- MedicationDispense, rendered
    request_resource    bytea NOT NULL,        -- MedicationRequest, rendered
    mapping_version     text NOT NULL,
    PRIMARY KEY (jurisdiction, person_id, dispensation_id, version)
);
-- The history of one person, newest first: the hot path.
CREATE INDEX dispensation_history_idx ON pdmp.dispensation_version
    (jurisdiction, person_id, filled_on DESC, dispensation_id DESC) WHERE superseded_at IS NULL;
-- A whole-file void finds the records of one submission.
CREATE INDEX dispensation_submission_idx ON pdmp.dispensation_version (jurisdiction, submission_id);
GRANT SELECT, INSERT ON pdmp.dispensation_version TO pdmp_gateway;
GRANT UPDATE (superseded_at, restriction, dispense_resource, request_resource, mapping_version)
    ON pdmp.dispensation_version TO pdmp_gateway;
