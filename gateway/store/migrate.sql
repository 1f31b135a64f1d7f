-- name: set_timeouts
-- A migration that cannot get its lock gives up before readers queue behind it.
SELECT set_config('lock_timeout', '4s', false), set_config('statement_timeout', '60s', false);

-- name: lock
-- Two migrators never run at once; the lock goes with the session.
SELECT pg_advisory_lock(%(lock)s);

-- name: create_ledger
DO $$
BEGIN
    IF to_regclass('pdmp.migration') IS NULL THEN
        CREATE SCHEMA IF NOT EXISTS pdmp;
        CREATE TABLE pdmp.migration (
            number      integer PRIMARY KEY,
            name        text NOT NULL,
            phase       text NOT NULL,
            checksum    text NOT NULL,
            applied_at  timestamptz NOT NULL DEFAULT now()
        );
        GRANT SELECT ON pdmp.migration TO PUBLIC;
    END IF;
END
$$;

-- name: become_gateway
SET ROLE pdmp_gateway;

-- name: join_gateway
-- Who made the role may grant it, to itself too; a superuser needs no grant.
GRANT pdmp_gateway TO CURRENT_USER;

-- name: applied
SELECT number, checksum FROM pdmp.migration ORDER BY number;

-- name: record
INSERT INTO pdmp.migration (number, name, phase, checksum)
VALUES (%(number)s, %(name)s, %(phase)s, %(checksum)s);

-- name: fix_identifier_base
-- Only the first migration writes it.
INSERT INTO pdmp.installation (identifier_base) VALUES (%(identifier_base)s)
ON CONFLICT (only_row) DO NOTHING;

-- name: identifier_base
SELECT identifier_base FROM pdmp.installation;
