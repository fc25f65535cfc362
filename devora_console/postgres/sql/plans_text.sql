-- What: the text of one entry of pg_stat_statements: its queryid, user, database, toplevel.
-- Serves: extension 1.8 and later (toplevel is from 1.9 on); pgss_schema stands for the extension's schema.
-- Cost: reads all texts, up to half a second. Grants: pg_read_all_stats for other roles' statements.
SELECT s.query
  FROM pgss_schema.pg_stat_statements(true) s
 WHERE s.queryid = $1 AND s.userid = $2::bigint::oid AND s.dbid = $3::bigint::oid
   AND coalesce((to_jsonb(s) ->> 'toplevel')::boolean, true) = $4
 LIMIT 1
