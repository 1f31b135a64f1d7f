-- CDS Hooks: the caller of a hook, and feedback about cards. No patient data.

-- name: cds_client
-- The active client by what its token claims. Columns: gateway.store.hooks.CdsClient.
SELECT client_id, metadata -> 'cds', coalesce(metadata -> 'allowed_origins', '[]'::jsonb)
  FROM client
 WHERE metadata ? 'cds' AND disabled_at IS NULL
   AND metadata -> 'cds' ->> 'iss' = %(iss)s
   AND coalesce(metadata -> 'cds' ->> 'tenant', '') = %(tenant)s;

-- name: cds_clients
SELECT client_id, metadata -> 'cds', coalesce(metadata -> 'allowed_origins', '[]'::jsonb)
  FROM client
 WHERE metadata ? 'cds' AND disabled_at IS NULL;

-- name: spend_hook_token
-- The client still active and the jti not used before, or no row. Parallel replays: one of them wins.
INSERT INTO client_assertion (client_id, jti_hash, expires_at)
SELECT c.client_id, %(jti_hash)s, %(expires_at)s
  FROM client c
 WHERE c.client_id = %(client_id)s AND c.disabled_at IS NULL
ON CONFLICT (client_id, jti_hash) DO NOTHING
RETURNING client_id;

-- name: save_feedback
-- Feedback may be repeated and arrive late: the newest outcome stays.
INSERT INTO cds_feedback (client_id, card_id, service, outcome, reason, outcome_at)
VALUES (%(client_id)s, %(card_id)s, %(service)s, %(outcome)s, %(reason)s, %(outcome_at)s)
ON CONFLICT (client_id, card_id) DO UPDATE
   SET service = excluded.service, outcome = excluded.outcome, reason = excluded.reason,
       outcome_at = excluded.outcome_at, received_at = now()
 WHERE cds_feedback.outcome_at <= excluded.outcome_at;
