-- What was disclosed, to whom, why; refusals too. Append-only: the gateway's role may insert and read,
-- and a trigger refuses change even to the owner.

CREATE TABLE pdmp.audit (
    jurisdiction     text NOT NULL,
    audit_id         uuid NOT NULL,
    at               timestamptz NOT NULL DEFAULT clock_timestamp(),
    outcome          text NOT NULL CHECK (outcome IN ('disclosed', 'no-data', 'unresolved', 'refused', 'failed')),
    reason           text NOT NULL DEFAULT '',
    interaction      text NOT NULL,
    client_id        text,
    account_id       uuid,
    practitioner     text NOT NULL DEFAULT '',
    person_id        uuid,
    purpose          text NOT NULL DEFAULT '',
    grant_id         uuid,
    request_id       text NOT NULL DEFAULT '',
    window_start     date,
    window_end       date,
    dispensation_ids uuid[] NOT NULL DEFAULT '{}',
    dispensation_versions integer[] NOT NULL DEFAULT '{}',
    other_resources  text[] NOT NULL DEFAULT '{}',   -- Patient/…, Organization/… that were read by themselves
    PRIMARY KEY (jurisdiction, audit_id)
);
CREATE INDEX audit_person_idx ON pdmp.audit (jurisdiction, person_id, at);
CREATE INDEX audit_account_idx ON pdmp.audit (jurisdiction, account_id, at);
CREATE INDEX audit_client_idx ON pdmp.audit (jurisdiction, client_id, at);
CREATE INDEX audit_at_idx ON pdmp.audit (jurisdiction, at);
GRANT SELECT, INSERT ON pdmp.audit TO pdmp_gateway;

CREATE FUNCTION pdmp.audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit is append-only' USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON pdmp.audit
    FOR EACH ROW EXECUTE FUNCTION pdmp.audit_is_append_only();
CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON pdmp.audit
    FOR EACH STATEMENT EXECUTE FUNCTION pdmp.audit_is_append_only();
