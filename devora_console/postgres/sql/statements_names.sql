-- What: the names of roles ($1) and databases ($2), as bytes: shared catalogues hold names in any encoding.
-- Serves: 14 and later. Cost: nothing. Grants: none.
SELECT 'role' AS kind, r.oid,
       CASE current_setting('server_encoding') WHEN 'SQL_ASCII' THEN convert_to(r.rolname::text, 'SQL_ASCII')
            ELSE textsend(r.rolname::text) END AS name,
       NULL AS encoding
  FROM pg_catalog.pg_roles r
 WHERE r.oid = ANY ($1::oid[])
 UNION ALL
SELECT 'database', d.oid,
       CASE current_setting('server_encoding') WHEN 'SQL_ASCII' THEN convert_to(d.datname::text, 'SQL_ASCII')
            ELSE textsend(d.datname::text) END,
       pg_encoding_to_char(d.encoding)::text
  FROM pg_catalog.pg_database d
 WHERE d.oid = ANY ($2::oid[])
