-- CDS Hooks: which EHR signs with which issuer, and what became of our cards. No patient data.

-- One active client by issuer and tenant: it is found by what its token claims.
CREATE UNIQUE INDEX client_cds_idx ON pdmp.client
    ((metadata -> 'cds' ->> 'iss'), (coalesce(metadata -> 'cds' ->> 'tenant', '')))
    WHERE metadata ? 'cds' AND disabled_at IS NULL;

-- The newest word about each card, by the client that said it. A card names nobody; it is not kept itself.
CREATE TABLE pdmp.cds_feedback (
    client_id        text NOT NULL REFERENCES pdmp.client ON DELETE CASCADE,
    card_id          uuid NOT NULL,
    service          text NOT NULL,
    outcome          text NOT NULL CHECK (outcome IN ('accepted', 'overridden')),
    reason           text NOT NULL DEFAULT '',       -- one of our own override reasons, or `other`
    outcome_at       timestamptz NOT NULL,
    received_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (client_id, card_id)
);
GRANT SELECT, INSERT, UPDATE ON pdmp.cds_feedback TO pdmp_gateway;
