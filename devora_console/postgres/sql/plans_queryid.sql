-- What: the entries of pg_stat_statements with this queryid ($1), those of this database first, then those sent by a client.
-- Serves: extension 1.8 and later (toplevel is from 1.9 on); pgss_schema stands for the extension's schema.
-- Cost: milliseconds, no texts are read. Grants: pg_read_all_stats for other roles' statements.
SELECT s.userid::bigint AS userid, s.dbid::bigint AS dbid, d.datname::text AS database, r.rolname::text AS role,
       d.datname IS NOT DISTINCT FROM current_database() AS here,
       coalesce((to_jsonb(s) ->> 'toplevel')::boolean, true) AS toplevel
  FROM pgss_schema.pg_stat_statements(false) s
  LEFT JOIN pg_catalog.pg_database d ON d.oid = s.dbid
  LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.userid
 WHERE s.queryid = $1
 ORDER BY here DESC, toplevel DESC, s.calls DESC
