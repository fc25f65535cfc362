-- What: updates and how many were HOT, of tables with enough of them. $1: updates at least.
-- Serves: 16 and later (updates that went to another page). Cost: the counters of every table. Grants: none.
SELECT t.relid::bigint AS oid, t.schemaname::text AS schema, t.relname::text AS name,
       t.n_tup_upd AS updates, t.n_tup_hot_upd AS hot, t.n_tup_newpage_upd AS new_page,
       c.reloptions AS options
  FROM pg_catalog.pg_stat_user_tables t JOIN pg_catalog.pg_class c ON c.oid = t.relid
 WHERE t.n_tup_upd >= $1::float8 AND t.n_tup_upd > 0
 ORDER BY t.n_tup_upd - t.n_tup_hot_upd DESC, t.relid LIMIT 50
