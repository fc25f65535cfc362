-- what: the view slow_queries
-- requires: extension pg_stat_statements loaded
-- transaction: yes
--
-- Waits until the library is in shared_preload_libraries: until then reading the view would be an error.

CREATE EXTENSION IF NOT EXISTS pg_stat_statements WITH SCHEMA public;

DO $body$
DECLARE
    place text;
BEGIN
    SELECT quote_ident(n.nspname) INTO STRICT place
      FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
     WHERE e.extname = 'pg_stat_statements';
    EXECUTE format(
        'CREATE VIEW public.slow_queries AS
         SELECT s.query, s.calls, s.total_exec_time, s.mean_exec_time, s.max_exec_time, s.rows
           FROM %s.pg_stat_statements s
          WHERE s.mean_exec_time > 100
          ORDER BY s.mean_exec_time DESC
          LIMIT 50', place);
END
$body$;
COMMENT ON VIEW public.slow_queries IS 'Statements of the whole server that take more than 100 ms on average';
GRANT SELECT ON public.slow_queries TO admin_role, metrics_role;
