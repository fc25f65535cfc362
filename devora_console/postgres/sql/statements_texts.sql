-- What: the texts of some statements, and which statements are our own (the tag $5 begins or ends them).
-- Serves: extension 1.8. Cost: reads every text the server holds, 0.3 s for 90 MB: ask rarely.
-- Grants: pg_read_all_stats for statements of others.
-- Fails as a whole (22021) when one text is no text in this database's encoding; in SQL_ASCII every text is taken as it
-- is, but textsend would check it. {schema} is the extension's, quoted.
SELECT t.userid, t.dbid, t.queryid, t.toplevel, t.ours, CASE WHEN t.ours THEN NULL ELSE t.text END AS text
  FROM (SELECT r.*,
               substring(r.text FROM 1 FOR octet_length($5::bytea)) = $5::bytea
               OR substring(r.text FROM octet_length(r.text) - octet_length($5::bytea) + 1) = $5::bytea AS ours
          FROM (SELECT s.userid, s.dbid, s.queryid, NULL::boolean AS toplevel,
                       CASE current_setting('server_encoding') WHEN 'SQL_ASCII' THEN convert_to(s.query, 'SQL_ASCII')
                            ELSE textsend(s.query) END AS text
                  FROM {schema}.pg_stat_statements(true) s
                 WHERE s.queryid IS NOT NULL
                OFFSET 0) r
        OFFSET 0) t
 WHERE t.ours
    OR (t.userid, t.dbid, t.queryid, true) IN
       (SELECT k.userid, k.dbid, k.queryid, coalesce(k.toplevel, true)
          FROM unnest($1::oid[], $2::oid[], $3::bigint[], $4::boolean[]) AS k (userid, dbid, queryid, toplevel))
