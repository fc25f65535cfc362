-- what: removes the materialised views and the functions that refresh them

DROP FUNCTION IF EXISTS public.refresh_all_stats();
DROP FUNCTION IF EXISTS public.refresh_project_stats();
DROP FUNCTION IF EXISTS public.refresh_user_engagement_stats();
DROP FUNCTION IF EXISTS public.refresh_monthly_revenue_stats();
DROP FUNCTION IF EXISTS public.refresh_daily_activity_stats();
DROP MATERIALIZED VIEW IF EXISTS public.mv_project_statistics;
DROP MATERIALIZED VIEW IF EXISTS public.mv_user_engagement;
DROP MATERIALIZED VIEW IF EXISTS public.mv_monthly_revenue;
DROP MATERIALIZED VIEW IF EXISTS public.mv_daily_user_activity;
