-- What: rows dead, inserted and changed since the last vacuum and analyze, of tables where anything happened or that
--       have options of their own; with the locks that keep autovacuum away. $1: rows at most.
-- Serves: 18 and later (relallfrozen). Cost: the counters of every table. Grants: none.
WITH held AS (
    SELECT l.relation, min(l.pid) AS pid, min(l.mode) AS mode
      FROM pg_catalog.pg_locks l
     WHERE l.locktype = 'relation' AND l.granted
       AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = current_database())
       AND l.mode IN ('ShareUpdateExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock',
                      'AccessExclusiveLock')
     GROUP BY l.relation
), counted AS (
    SELECT c.oid, c.relname, c.relnamespace, c.relkind, c.relpages, c.reltuples, c.reloptions, c.relallfrozen AS all_frozen,
           pg_catalog.pg_stat_get_live_tuples(c.oid) AS live, pg_catalog.pg_stat_get_dead_tuples(c.oid) AS dead,
           pg_catalog.pg_stat_get_mod_since_analyze(c.oid) AS changed,
           pg_catalog.pg_stat_get_ins_since_vacuum(c.oid) AS inserted
      FROM pg_catalog.pg_class c
     WHERE c.relkind IN ('r', 'm', 't') AND c.relpersistence <> 't'
)
SELECT c.oid::bigint AS oid, n.nspname::text AS schema, c.relname::text AS name, c.relkind::text AS kind,
       m.oid::regclass::text AS toast_of, c.relpages AS pages, c.all_frozen, c.reltuples::float8 AS rows,
       CASE WHEN c.relkind = 't' AND c.reloptions IS NULL THEN m.reloptions ELSE c.reloptions END AS options,
       c.live, c.dead, c.changed, c.inserted,
       pg_catalog.pg_stat_get_last_vacuum_time(c.oid) AS last_vacuum,
       pg_catalog.pg_stat_get_last_autovacuum_time(c.oid) AS last_autovacuum,
       pg_catalog.pg_stat_get_last_analyze_time(c.oid) AS last_analyze,
       pg_catalog.pg_stat_get_last_autoanalyze_time(c.oid) AS last_autoanalyze,
       h.pid AS locked_by, h.mode AS lock_mode,
       count(*) OVER ()::integer AS total
  FROM counted c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_catalog.pg_class m ON c.relkind = 't' AND m.reltoastrelid = c.oid
  LEFT JOIN held h ON h.relation = c.oid
 WHERE c.dead > 0 OR c.changed > 0 OR c.inserted > 0 OR c.reloptions IS NOT NULL
 ORDER BY c.dead DESC, c.inserted DESC, c.changed DESC, c.oid
 LIMIT $1::integer
