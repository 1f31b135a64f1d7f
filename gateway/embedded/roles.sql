-- What the gateway needs of a PostgreSQL cluster; the README shows the same for external servers.
--
--   pdmp_owner    login: owns the database `pdmp` and its schema; runs migrations
--   pdmp_gateway  no login: the rights of the gateway, granted by migrations
--   pdmp_serve    login: what the gateway's processes connect as, a member of pdmp_gateway
--   smart_app     login of the app: owns the schema `smart_app`, can read nothing else

-- name: create_roles
DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['pdmp_owner', 'pdmp_gateway', 'pdmp_serve'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
            EXECUTE 'CREATE ROLE ' || wanted;
        END IF;
    END LOOP;
END
$$;

-- name: give_passwords
ALTER ROLE pdmp_owner LOGIN PASSWORD %(owner)s;
ALTER ROLE pdmp_serve LOGIN PASSWORD %(serve)s;
GRANT pdmp_gateway TO pdmp_serve;

-- name: database_exists
SELECT EXISTS (SELECT FROM pg_database WHERE datname = 'pdmp');

-- name: create_database
CREATE DATABASE pdmp OWNER pdmp_owner;

-- name: close_databases
-- PUBLIC may connect to every database by default.
REVOKE ALL ON DATABASE pdmp FROM PUBLIC;
REVOKE ALL ON DATABASE postgres FROM PUBLIC;
REVOKE ALL ON DATABASE template1 FROM PUBLIC;
GRANT CONNECT ON DATABASE pdmp TO pdmp_serve;

-- name: create_schema
-- Inside the database `pdmp`.
CREATE SCHEMA IF NOT EXISTS pdmp AUTHORIZATION pdmp_owner;

-- name: create_app
-- Inside the database `pdmp`, by a login that may create roles.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'smart_app') THEN
        CREATE ROLE smart_app;
    END IF;
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO smart_app', current_database());
END
$$;

-- name: give_app_password
ALTER ROLE smart_app LOGIN PASSWORD %(app)s;
ALTER ROLE smart_app SET search_path = smart_app;

-- name: create_app_schema
-- Making another role's schema asks a login that is no superuser to be a member for that moment.
DO $$
BEGIN
    IF to_regnamespace('smart_app') IS NULL THEN
        GRANT smart_app TO CURRENT_USER;
        CREATE SCHEMA smart_app AUTHORIZATION smart_app;
        REVOKE smart_app FROM CURRENT_USER;
    END IF;
END
$$;
