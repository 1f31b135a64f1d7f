-- name: has_schema
-- Whether the schema exists (its owner may lack the right to create one).
SELECT to_regnamespace('smart_app') IS NOT NULL;

-- name: create_schema
CREATE SCHEMA IF NOT EXISTS smart_app;

-- name: create_migrations
CREATE TABLE IF NOT EXISTS smart_app.migration (
    number      integer PRIMARY KEY,
    name        text NOT NULL,
    applied_at  timestamptz NOT NULL DEFAULT now()
);

-- name: lock_migrations
-- One process migrates; the others wait here until it commits.
SELECT pg_advisory_xact_lock(hashtext('smart_app.migration'));

-- name: applied
SELECT number FROM smart_app.migration;

-- name: record_migration
INSERT INTO smart_app.migration (number, name) VALUES (%(number)s, %(name)s);

-- name: put_ehr
INSERT INTO smart_app.ehr AS ehr (
    iss, client_id, client_secret, token_endpoint_auth_method, scope, frame_ancestors, gateway_client_id
)
VALUES (
    %(iss)s, %(client_id)s, %(client_secret)s, %(token_endpoint_auth_method)s, %(scope)s,
    %(frame_ancestors)s, %(gateway_client_id)s
)
ON CONFLICT (iss) DO UPDATE SET
    client_id = excluded.client_id,
    client_secret = excluded.client_secret,
    token_endpoint_auth_method = excluded.token_endpoint_auth_method,
    scope = excluded.scope,
    frame_ancestors = excluded.frame_ancestors,
    gateway_client_id = excluded.gateway_client_id,
    changed_at = now()
RETURNING (xmax = 0) AS added;

-- name: get_ehr
SELECT iss, client_id, client_secret, token_endpoint_auth_method, scope, frame_ancestors, gateway_client_id
FROM smart_app.ehr
WHERE iss = %(iss)s;

-- name: list_ehrs
SELECT iss, client_id, client_secret, token_endpoint_auth_method, scope, frame_ancestors, gateway_client_id
FROM smart_app.ehr
ORDER BY iss;

-- name: all_frame_ancestors
SELECT DISTINCT unnest(frame_ancestors) AS origin
FROM smart_app.ehr
ORDER BY origin;
