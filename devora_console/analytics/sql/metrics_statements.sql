-- What: the mean execution time of this database's queries and changes, in milliseconds, as far as the statistics go
-- back. Utility statements are left out, and so is what the console asks, where the text may be read.
-- Needs: pg_stat_statements, in the schema that stands for {schema}; pg_read_all_stats to read texts.
SELECT sum(s.calls)::bigint AS calls,
       (sum(s.total_exec_time) / nullif(sum(s.calls), 0))::double precision AS average,
       (SELECT stats_reset FROM {schema}.pg_stat_statements_info) AS since
  FROM {schema}.pg_stat_statements s
 WHERE s.dbid = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = current_database())
   AND s.toplevel
   AND (s.query IS NULL OR s.query = '<insufficient privilege>'
        OR (s.query ~* '^\s*(/\*.*\*/\s*)*(select|insert|update|delete|merge|with|table|values)\M'
            AND s.query NOT LIKE '%/* devora-console */%'))
