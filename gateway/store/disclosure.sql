-- name: request_facts
-- The calling client, whether its token still stands, and every account that an identifier of the
-- authorised practitioner names. One row an account; one row without an account when there is none.
SELECT c.disabled_at IS NULL, c.organizations, c.purposes,
       t.token_id IS NOT NULL AND t.revoked_at IS NULL,
       a.account_id, a.role, a.disabled_at IS NULL, a.npi, a.dea, a.license, a.organizations
FROM pdmp.client c
LEFT JOIN pdmp.access_token t ON t.token_id = %(token_id)s AND t.client_id = c.client_id
LEFT JOIN pdmp.account a ON a.npi = %(npi)s OR a.dea = %(dea)s OR a.license = %(license)s
WHERE c.client_id = %(client_id)s;

-- name: context_facts
-- The calling client, its token, and its live grants, at most three: the one named by its id, else those for a
-- person, else any. Each branch has its index: disclosure_grant_pkey, _person_idx, _client_idx.
SELECT c.disabled_at IS NULL, c.organizations, c.purposes,
       t.token_id IS NOT NULL AND t.revoked_at IS NULL,
       g.grant_id, g.person_id, g.practitioner, g.purpose,
       a.account_id, a.role, a.disabled_at IS NULL, a.npi, a.dea, a.license, a.organizations
FROM pdmp.client c
LEFT JOIN pdmp.access_token t ON t.token_id = %(token_id)s AND t.client_id = c.client_id
LEFT JOIN LATERAL (
    SELECT live.* FROM (
        SELECT * FROM pdmp.disclosure_grant
        WHERE grant_id = %(grant_id)s::uuid
          AND (%(person_id)s::uuid IS NULL OR person_id = %(person_id)s::uuid)
        UNION ALL
        SELECT * FROM pdmp.disclosure_grant
        WHERE %(grant_id)s::uuid IS NULL
          AND jurisdiction = %(jurisdiction)s AND person_id = %(person_id)s::uuid AND client_id = c.client_id
          AND expires_at > now()
        UNION ALL
        SELECT * FROM pdmp.disclosure_grant
        WHERE %(grant_id)s::uuid IS NULL AND %(person_id)s::uuid IS NULL
          AND client_id = c.client_id AND expires_at > now()
    ) live
    WHERE live.client_id = c.client_id AND live.jurisdiction = %(jurisdiction)s
      AND live.expires_at > now() AND live.revoked_at IS NULL
    LIMIT 3
) g ON true
LEFT JOIN pdmp.account a ON a.account_id = g.account_id
WHERE c.client_id = %(client_id)s;

-- name: dispensation_context
-- As context_facts, for the person whose dispensation it is: only grants whose person has that row.
SELECT c.disabled_at IS NULL, c.organizations, c.purposes,
       t.token_id IS NOT NULL AND t.revoked_at IS NULL,
       g.grant_id, g.person_id, g.practitioner, g.purpose,
       a.account_id, a.role, a.disabled_at IS NULL, a.npi, a.dea, a.license, a.organizations
FROM pdmp.client c
LEFT JOIN pdmp.access_token t ON t.token_id = %(token_id)s AND t.client_id = c.client_id
LEFT JOIN LATERAL (
    SELECT grant_id, person_id, practitioner, purpose, account_id
    FROM pdmp.disclosure_grant live
    WHERE client_id = c.client_id AND jurisdiction = %(jurisdiction)s
      AND expires_at > now() AND revoked_at IS NULL
      AND (%(grant_id)s::uuid IS NULL OR grant_id = %(grant_id)s::uuid)
      AND EXISTS (
          SELECT 1 FROM pdmp.dispensation_version d
          WHERE d.jurisdiction = live.jurisdiction AND d.person_id = live.person_id
            AND d.dispensation_id = ANY(%(dispensation_ids)s::uuid[]) AND d.superseded_at IS NULL
      )
    LIMIT 3
) g ON true
LEFT JOIN pdmp.account a ON a.account_id = g.account_id
WHERE c.client_id = %(client_id)s;
