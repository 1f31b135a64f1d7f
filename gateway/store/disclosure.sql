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

-- name: user_facts
-- A user's token, if it is this client's and of this consent: the client; whether the token, its consent and, where
-- the consent ends with it, the user's session still stand; patient and Encounter of the consent; who signed in, for
-- whom, and whether that delegation holds. Everything by primary key.
SELECT c.disabled_at IS NULL, c.organizations, c.purposes,
       t.revoked_at IS NULL AND k.revoked_at IS NULL AND k.expires_at > now()
           AND (NOT k.session_bound
                OR (b.session_hash IS NOT NULL AND b.ended_at IS NULL AND b.expires_at > now())),
       k.consent_id, k.person_id, d.delegate_id IS NOT NULL,
       a.account_id, a.role, a.disabled_at IS NULL, a.npi, a.dea, a.license, a.organizations,
       s.account_id, s.role, s.disabled_at IS NULL, s.npi, s.dea, s.license, s.organizations
FROM pdmp.access_token t
JOIN pdmp.consent k ON k.consent_id = t.consent_id AND k.client_id = t.client_id
JOIN pdmp.client c ON c.client_id = k.client_id
JOIN pdmp.account a ON a.account_id = k.account_id
LEFT JOIN pdmp.browser_session b ON b.session_hash = k.session_hash
LEFT JOIN pdmp.account s ON s.account_id = k.supervisor_id
LEFT JOIN pdmp.delegation d ON d.delegate_id = k.account_id AND d.supervisor_id = k.supervisor_id
                           AND d.ended_at IS NULL
WHERE t.token_id = %(token_id)s AND t.client_id = %(client_id)s AND t.consent_id = %(consent_id)s
  AND k.account_id = %(account_id)s AND k.jurisdiction = %(jurisdiction)s;

-- name: choice_facts
-- As user_facts, of somebody who signed in and has not consented yet: no token, no consent. A delegate who has not
-- said for whom acts for the first supervisor that there is.
SELECT c.disabled_at IS NULL, c.organizations, c.purposes, true,
       NULL::uuid, NULL::uuid, s.account_id IS NOT NULL,
       a.account_id, a.role, a.disabled_at IS NULL, a.npi, a.dea, a.license, a.organizations,
       s.account_id, s.role, s.disabled_at IS NULL, s.npi, s.dea, s.license, s.organizations
FROM pdmp.client c
JOIN pdmp.account a ON a.account_id = %(account_id)s
LEFT JOIN LATERAL (
    SELECT acting.* FROM pdmp.delegation d
    JOIN pdmp.account acting ON acting.account_id = d.supervisor_id
    WHERE d.delegate_id = a.account_id AND d.ended_at IS NULL
      AND CASE WHEN %(supervisor_id)s::uuid IS NULL THEN acting.disabled_at IS NULL
               ELSE d.supervisor_id = %(supervisor_id)s::uuid END
    ORDER BY d.created_at, d.supervisor_id
    LIMIT 1
) s ON a.role = 'delegate'
WHERE c.client_id = %(client_id)s;

-- name: launch_facts
-- As user_facts, for an EHR with its own token that opens a launch for a user.
SELECT c.disabled_at IS NULL, c.organizations, c.purposes,
       t.token_id IS NOT NULL AND t.revoked_at IS NULL,
       NULL::uuid, NULL::uuid, false,
       a.account_id, a.role, a.disabled_at IS NULL, a.npi, a.dea, a.license, a.organizations,
       NULL::uuid, NULL, NULL, NULL, NULL, NULL, NULL
FROM pdmp.client c
JOIN pdmp.account a ON a.account_id = %(account_id)s
LEFT JOIN pdmp.access_token t ON t.token_id = %(token_id)s AND t.client_id = c.client_id
WHERE c.client_id = %(client_id)s;

-- name: account_holder
-- Who the account of a user is, for its Practitioner.
SELECT account_id, created_at, given_name, family_name, npi, dea, license FROM pdmp.account
WHERE account_id = %(account_id)s;
