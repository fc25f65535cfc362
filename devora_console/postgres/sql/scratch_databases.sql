-- Databases whose name begins with $1: what is said of each, and whether anybody is connected.
SELECT d.datname AS name,
       shobj_description(d.oid, 'pg_database') AS comment,
       EXISTS (SELECT FROM pg_stat_activity a WHERE a.datid = d.oid) AS busy
  FROM pg_database d
 WHERE starts_with(d.datname, $1) AND NOT d.datistemplate
 ORDER BY d.datname
