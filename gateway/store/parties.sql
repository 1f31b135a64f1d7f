-- name: dispensers_named
-- Who has any of these identifiers.
SELECT i.kind, i.value, i.dispenser_id
FROM unnest(%(kinds)s::text[], %(values)s::text[]) AS asked (kind, value)
JOIN pdmp.dispenser_identifier i USING (kind, value);

-- name: dispensers
SELECT dispenser_id, version, updated_at, name, npi, ncpdp, dea, permit, phone, line1, line2, city, state,
       postal_code, restriction
FROM pdmp.dispenser WHERE dispenser_id = ANY(%(ids)s::uuid[]);

-- name: dispenser_identifiers
SELECT dispenser_id, kind, value FROM pdmp.dispenser_identifier WHERE dispenser_id = ANY(%(ids)s::uuid[]);

-- name: put_dispenser
INSERT INTO pdmp.dispenser (
    dispenser_id, version, name, npi, ncpdp, dea, permit, phone, line1, line2, city, state, postal_code,
    restriction, resource, mapping_version, updated_at
) VALUES (
    %(dispenser_id)s, %(version)s, %(name)s, %(npi)s, %(ncpdp)s, %(dea)s, %(permit)s, %(phone)s, %(line1)s,
    %(line2)s, %(city)s, %(state)s, %(postal_code)s, %(restriction)s, %(resource)s, %(mapping_version)s,
    %(updated_at)s
)
ON CONFLICT (dispenser_id) DO UPDATE SET
    version = EXCLUDED.version, name = EXCLUDED.name, npi = EXCLUDED.npi, ncpdp = EXCLUDED.ncpdp,
    dea = EXCLUDED.dea, permit = EXCLUDED.permit, phone = EXCLUDED.phone, line1 = EXCLUDED.line1,
    line2 = EXCLUDED.line2, city = EXCLUDED.city, state = EXCLUDED.state, postal_code = EXCLUDED.postal_code,
    restriction = EXCLUDED.restriction, resource = EXCLUDED.resource,
    mapping_version = EXCLUDED.mapping_version, updated_at = EXCLUDED.updated_at;

-- name: put_dispenser_identifiers
INSERT INTO pdmp.dispenser_identifier (kind, value, dispenser_id)
SELECT * FROM unnest(%(kinds)s::text[], %(values)s::text[], %(ids)s::uuid[])
ON CONFLICT (kind, value) DO NOTHING;

-- name: prescribers_named
SELECT i.kind, i.value, i.prescriber_id, i.shared
FROM unnest(%(kinds)s::text[], %(values)s::text[]) AS asked (kind, value)
JOIN pdmp.prescriber_identifier i USING (kind, value);

-- name: prescribers
SELECT prescriber_id, version, updated_at, last_name, first_name, middle_name, phone
FROM pdmp.prescriber WHERE prescriber_id = ANY(%(ids)s::uuid[]);

-- name: prescriber_identifiers
SELECT prescriber_id, kind, value, shared FROM pdmp.prescriber_identifier
WHERE prescriber_id = ANY(%(ids)s::uuid[])
ORDER BY kind, value;

-- name: put_prescribers
INSERT INTO pdmp.prescriber (
    prescriber_id, version, last_name, first_name, middle_name, phone, resource, mapping_version, updated_at
)
SELECT prescriber_id, version, last_name, first_name, middle_name, phone, resource, %(mapping_version)s,
       %(updated_at)s
FROM unnest(%(ids)s::uuid[], %(versions)s::integer[], %(last_names)s::text[], %(first_names)s::text[],
            %(middle_names)s::text[], %(phones)s::text[], %(resources)s::bytea[])
     AS put (prescriber_id, version, last_name, first_name, middle_name, phone, resource)
ON CONFLICT (prescriber_id) DO UPDATE SET
    version = EXCLUDED.version, last_name = EXCLUDED.last_name, first_name = EXCLUDED.first_name,
    middle_name = EXCLUDED.middle_name, phone = EXCLUDED.phone, resource = EXCLUDED.resource,
    mapping_version = EXCLUDED.mapping_version, updated_at = EXCLUDED.updated_at;

-- name: put_prescriber_identifiers
INSERT INTO pdmp.prescriber_identifier (kind, value, prescriber_id, shared)
SELECT * FROM unnest(%(kinds)s::text[], %(values)s::text[], %(ids)s::uuid[], %(shared)s::boolean[])
ON CONFLICT (kind, value) DO UPDATE SET prescriber_id = EXCLUDED.prescriber_id, shared = EXCLUDED.shared;
