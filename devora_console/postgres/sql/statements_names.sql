-- What: the names of roles ($1) and databases ($2), as bytes: shared catalogues hold names in any encoding.
-- Serves: 14 and later. Cost: nothing. Grants: none.
SELECT 'role' AS kind, r.oid,
       CASE current_setting('server_encoding') WHEN 'UTF8' THEN textsend(r.rolname::text)
            ELSE replace(r.rolname::text, '\', '\\')::bytea END AS name,
       NULL AS encoding
  FROM pg_catalog.pg_roles r
 WHERE r.oid = ANY ($1::oid[])
 UNION ALL
SELECT 'database', d.oid,
       CASE current_setting('server_encoding') WHEN 'UTF8' THEN textsend(d.datname::text)
            ELSE replace(d.datname::text, '\', '\\')::bytea END,
       pg_encoding_to_char(d.encoding)::text
  FROM pg_catalog.pg_database d
 WHERE d.oid = ANY ($2::oid[])
