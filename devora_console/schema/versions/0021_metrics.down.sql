-- what: removes the views of the business metrics; the functions of version 7 are what they were

CREATE OR REPLACE FUNCTION public.refresh_daily_activity_stats() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
    REFRESH MATERIALIZED VIEW CONCURRENTLY public.mv_daily_user_activity;
END
$body$;
CREATE OR REPLACE FUNCTION public.refresh_monthly_revenue_stats() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
    REFRESH MATERIALIZED VIEW CONCURRENTLY public.mv_monthly_revenue;
END
$body$;
CREATE OR REPLACE FUNCTION public.refresh_user_engagement_stats() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
    REFRESH MATERIALIZED VIEW CONCURRENTLY public.mv_user_engagement;
END
$body$;
CREATE OR REPLACE FUNCTION public.refresh_project_stats() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
    REFRESH MATERIALIZED VIEW CONCURRENTLY public.mv_project_statistics;
END
$body$;
CREATE OR REPLACE FUNCTION public.refresh_all_stats() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
    PERFORM public.refresh_daily_activity_stats();
    PERFORM public.refresh_monthly_revenue_stats();
    PERFORM public.refresh_user_engagement_stats();
    PERFORM public.refresh_project_stats();
END
$body$;
DROP FUNCTION IF EXISTS public.refresh_metrics_stats();
DROP FUNCTION IF EXISTS devora_console.refresh_view(text, text);
DROP TABLE IF EXISTS devora_console.stats_refresh;
DROP MATERIALIZED VIEW IF EXISTS devora_console.metrics_searches;
DROP MATERIALIZED VIEW IF EXISTS devora_console.metrics_timings;
DROP MATERIALIZED VIEW IF EXISTS devora_console.metrics_events;
DROP MATERIALIZED VIEW IF EXISTS devora_console.metrics_payments;
DROP MATERIALIZED VIEW IF EXISTS devora_console.metrics_growth;
DROP MATERIALIZED VIEW IF EXISTS devora_console.metrics_accounts;
DO $body$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['admin_role', 'metrics_role'] LOOP
        IF to_regnamespace('devora_console') IS NOT NULL AND to_regrole(wanted) IS NOT NULL THEN
            EXECUTE format('REVOKE USAGE ON SCHEMA devora_console FROM %I', wanted);
        END IF;
    END LOOP;
END
$body$;
