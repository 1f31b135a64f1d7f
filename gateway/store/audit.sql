-- name: insert_audit
INSERT INTO pdmp.audit (
    jurisdiction, audit_id, outcome, reason, interaction, client_id, account_id, delegate_id, practitioner,
    person_id, purpose, grant_id, consent_id, request_id, window_start, window_end, other_resources
) VALUES (
    %(jurisdiction)s, %(audit_id)s, %(outcome)s, %(reason)s, %(interaction)s, %(client_id)s, %(account_id)s,
    %(delegate_id)s, %(practitioner)s, %(person_id)s, %(purpose)s, %(grant_id)s, %(consent_id)s,
    %(request_id)s, %(window_start)s, %(window_end)s, %(other_resources)s
);

-- name: list_audit
-- For `pdmp audit list`: oldest first, narrowed by whatever is given.
SELECT at, outcome, reason, interaction, client_id, account.username, delegate.username, practitioner, person_id,
       purpose, grant_id, consent_id, request_id, dispensation_ids, dispensation_versions, other_resources
FROM pdmp.audit
LEFT JOIN pdmp.account account USING (account_id)
LEFT JOIN pdmp.account delegate ON delegate.account_id = audit.delegate_id
WHERE jurisdiction = %(jurisdiction)s
  AND (%(person)s::uuid IS NULL OR person_id = %(person)s::uuid)
  AND (%(account)s::text IS NULL OR %(account)s::text IN (account.username, delegate.username))
  AND (%(client)s::text IS NULL OR client_id = %(client)s::text)
  AND (%(since)s::timestamptz IS NULL OR at >= %(since)s::timestamptz)
ORDER BY at, audit_id;
