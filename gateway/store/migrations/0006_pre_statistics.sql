-- A new store has no statistics until autovacuum comes by, and the planner then guesses that every table holds
-- a row or two: look-ups by key turn into walks through all there is, for each row of a batch. The gateway's role
-- owns no table, so it asks for fresh statistics by this function, and for nothing else.
CREATE FUNCTION pdmp.refresh_statistics() RETURNS void
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'ANALYZE pdmp.person, pdmp.description, pdmp.description_key, pdmp.description_identifier, pdmp.record_key';
REVOKE ALL ON FUNCTION pdmp.refresh_statistics() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION pdmp.refresh_statistics() TO pdmp_gateway;
