-- The EHRs that may launch the app. `frame_ancestors` are the origins that may show it in a frame;
-- `gateway_client_id` is the client that this EHR's launches use at the PDMP gateway, and no other's.
CREATE TABLE smart_app.ehr (
    iss                         text PRIMARY KEY,
    client_id                   text NOT NULL,
    client_secret               bytea,
    token_endpoint_auth_method  text NOT NULL
        CHECK (token_endpoint_auth_method IN ('private_key_jwt', 'client_secret_basic', 'client_secret_post')),
    scope                       text NOT NULL,
    frame_ancestors             text[] NOT NULL,
    gateway_client_id           text NOT NULL,
    added_at                    timestamptz NOT NULL DEFAULT now(),
    changed_at                  timestamptz NOT NULL DEFAULT now(),
    CHECK ((client_secret IS NULL) = (token_endpoint_auth_method = 'private_key_jwt'))
);
