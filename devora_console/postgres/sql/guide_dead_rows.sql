-- What: the migration guide's dead-row query, mended: relname, no size of a table that another session has locked.
-- Serves: 14 and later. Cost: a look at the files of 20 tables. Grants: none.
SELECT t.schemaname, t.relname, t.n_live_tup, t.n_dead_tup, t.last_vacuum, t.last_autovacuum,
       CASE WHEN NOT EXISTS (SELECT FROM pg_catalog.pg_locks l WHERE l.relation = t.relid
                                AND l.mode = 'AccessExclusiveLock')
            THEN pg_size_pretty(pg_total_relation_size(t.relid)) END AS size
  FROM (SELECT * FROM pg_catalog.pg_stat_user_tables ORDER BY n_dead_tup DESC, relid LIMIT 20) t
 ORDER BY t.n_dead_tup DESC, t.relid
