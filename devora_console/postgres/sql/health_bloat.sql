-- What: what the bloat estimate needs: the columns of the largest tables with what ANALYZE saw of them.
-- $1: pages from which a table is worth an estimate. $2: how many tables at most.
-- Serves: 14 and later. Cost: catalogue and pg_stats. Grants: SELECT on the tables, else pg_stats hides its rows.
WITH large AS MATERIALIZED (
    SELECT c.oid, c.relname, n.nspname, c.relpages, c.reltuples, c.reloptions, c.reltoastrelid, c.relkind
      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'm') AND c.relpages >= $1::integer AND c.relpersistence <> 't'
       AND n.nspname NOT IN ('pg_catalog', 'information_schema')
       AND EXISTS (SELECT FROM pg_catalog.pg_am a WHERE a.oid = c.relam AND a.amname = 'heap')
     ORDER BY c.relpages DESC, c.oid LIMIT $2::integer
)
SELECT l.oid::bigint AS oid, l.nspname::text AS schema, l.relname::text AS name,
       l.relpages AS pages, l.reltuples::float8 AS rows, l.reloptions AS options,
       coalesce((SELECT t.relpages FROM pg_catalog.pg_class t WHERE t.oid = l.reltoastrelid), 0) AS toast_pages,
       pg_catalog.pg_stat_get_live_tuples(l.oid) AS live, pg_catalog.pg_stat_get_dead_tuples(l.oid) AS dead,
       pg_catalog.pg_stat_get_mod_since_analyze(l.oid) AS changed,
       greatest(pg_catalog.pg_stat_get_last_vacuum_time(l.oid), pg_catalog.pg_stat_get_last_autovacuum_time(l.oid))
           AS vacuumed,
       greatest(pg_catalog.pg_stat_get_last_analyze_time(l.oid), pg_catalog.pg_stat_get_last_autoanalyze_time(l.oid))
           AS analysed,
       pg_catalog.row_security_active(l.oid) AS row_security,
       a.dropped, a.names, a.unseen, a.readable, a.lengths, a.aligns, a.widths, a.nulls
  FROM large l
 CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE x.attisdropped)::integer AS dropped,
           count(*) FILTER (WHERE x.atttypid = 'pg_catalog.name'::regtype)::integer AS names,
           bool_and(x.attisdropped OR pg_catalog.has_column_privilege(l.oid, x.attnum, 'SELECT')) AS readable,
           count(*) FILTER (WHERE NOT x.attisdropped AND s.attname IS NULL)::integer AS unseen,
           array_agg(x.attlen::integer ORDER BY x.attnum) FILTER (WHERE NOT x.attisdropped) AS lengths,
           array_agg(x.attalign::text ORDER BY x.attnum) FILTER (WHERE NOT x.attisdropped) AS aligns,
           array_agg(s.avg_width ORDER BY x.attnum) FILTER (WHERE NOT x.attisdropped) AS widths,
           array_agg(s.null_frac::float8 ORDER BY x.attnum) FILTER (WHERE NOT x.attisdropped) AS nulls
      FROM pg_catalog.pg_attribute x
      LEFT JOIN pg_catalog.pg_stats s
        ON s.schemaname = l.nspname AND s.tablename = l.relname AND s.attname = x.attname AND NOT s.inherited
     WHERE x.attrelid = l.oid AND x.attnum > 0
 ) a
 ORDER BY l.relpages DESC, l.oid
