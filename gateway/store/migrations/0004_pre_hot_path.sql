-- The hot path, as measured by `make bench`.

-- A row with its two resources is four to five kilobytes. Above two, PostgreSQL compresses the resources and
-- moves them out of the row: reading a history then costs an index probe, another page and a decompression for
-- each of its rows. Up to a page, rows stay whole; see adr/0006.
ALTER TABLE pdmp.dispensation_version SET (toast_tuple_target = 8160);

-- An authorised practitioner is looked for by any of three identifiers, among disabled accounts too: the
-- unique indexes are of active ones only.
CREATE INDEX account_any_npi_idx ON pdmp.account (npi) WHERE npi IS NOT NULL;
CREATE INDEX account_any_dea_idx ON pdmp.account (dea) WHERE dea IS NOT NULL;
CREATE INDEX account_any_license_idx ON pdmp.account (license) WHERE license IS NOT NULL;

-- The live grants of a client, when a read names neither a grant nor a person.
CREATE INDEX disclosure_grant_client_idx ON pdmp.disclosure_grant (client_id, expires_at);
