-- What: what shared buffers hold, by relation of this database; other databases, shared catalogues and unused summed.
--       pg_buffercache stands for the view in the schema of its extension.
-- Serves: 14 and later. Cost: a look at every buffer. Grants: pg_monitor.
WITH here AS (
    SELECT d.oid, d.dattablespace FROM pg_catalog.pg_database d WHERE d.datname = current_database()
), held AS MATERIALIZED (
    SELECT b.reldatabase, b.reltablespace, b.relfilenode, count(*) AS buffers, count(*) FILTER (WHERE b.isdirty) AS dirty
      FROM pg_catalog.pg_buffercache b
     GROUP BY 1, 2, 3
), files AS (
    SELECT c.relname, n.nspname, pg_catalog.pg_relation_filenode(c.oid) AS node,
           CASE WHEN c.reltablespace = 0 THEN (SELECT h.dattablespace FROM here h) ELSE c.reltablespace END AS space
      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE NOT c.relisshared AND c.relkind IN ('r', 'm', 't', 'i', 'S')
), named AS (
    SELECT CASE WHEN h.relfilenode IS NULL THEN 'unused'
                WHEN h.reldatabase = 0 THEN 'shared catalogues'
                WHEN h.reldatabase <> (SELECT here.oid FROM here) THEN 'other databases'
                WHEN f.node IS NULL THEN 'files without a relation'
                ELSE 'here' END AS of,
           f.nspname, f.relname, h.buffers, h.dirty
      FROM held h
      LEFT JOIN files f ON f.node = h.relfilenode AND f.space = h.reltablespace
                       AND h.reldatabase = (SELECT here.oid FROM here)
)
SELECT n.of, n.nspname::text AS schema, n.relname::text AS name, sum(n.buffers)::bigint AS buffers,
       sum(n.dirty)::bigint AS dirty
  FROM named n
 GROUP BY 1, 2, 3
 ORDER BY n.of = 'here', 4 DESC, 2, 3
 LIMIT 60
