-- what: removes the plain views and the functions of the application

DROP FUNCTION IF EXISTS public.find_login(text);
DROP FUNCTION IF EXISTS public.get_monthly_active_users(date);
DROP FUNCTION IF EXISTS public.soft_delete_project(uuid);
DROP FUNCTION IF EXISTS public.get_user_project_count(uuid);
DROP VIEW IF EXISTS public.admin_revenue_stats;
DROP VIEW IF EXISTS public.project_with_stats;
DROP VIEW IF EXISTS public.user_with_subscription_details;
