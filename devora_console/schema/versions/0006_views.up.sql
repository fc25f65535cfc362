-- what: plain views and the functions of the application
-- requires: nothing
-- transaction: yes

CREATE VIEW public.user_with_subscription_details AS
SELECT u.id, u.email, u.full_name, u.is_active, u.is_admin, u.subscription_status, u.current_period_end,
       u.created_at, p.total_projects, c.total_conversations, p.last_project_update
  FROM public.users u
 CROSS JOIN LATERAL (
        SELECT count(*) AS total_projects, max(project.updated_at) AS last_project_update
          FROM public.projects project
         WHERE project.user_id = u.id AND project.deleted_at IS NULL) p
 CROSS JOIN LATERAL (
        SELECT count(*) AS total_conversations
          FROM public.conversations conversation
         WHERE conversation.user_id = u.id AND conversation.deleted_at IS NULL) c;

CREATE VIEW public.project_with_stats AS
SELECT p.id, p.user_id, p.name, p.description, p.project_type, p.created_at, p.updated_at,
       f.file_count, f.total_size_bytes,
       c.id AS conversation_id, c.title AS conversation_title, m.message_count
  FROM public.projects p
  LEFT JOIN public.conversations c ON c.id = p.conversation_id
 CROSS JOIN LATERAL (
        SELECT count(*) AS file_count, sum(file.file_size_bytes) AS total_size_bytes
          FROM public.project_files file
         WHERE file.project_id = p.id AND file.is_current) f
 CROSS JOIN LATERAL (
        SELECT count(*) AS message_count
          FROM public.messages message
         WHERE message.conversation_id = c.id) m
 WHERE p.deleted_at IS NULL;

-- One row per month and currency: amounts of different currencies are not added. Months are those of UTC.
CREATE VIEW public.admin_revenue_stats AS
SELECT date_trunc('month', i.created_at AT TIME ZONE 'UTC') AS month,
       count(*) AS invoice_count,
       sum(i.amount) AS total_revenue,
       coalesce(sum(i.amount) FILTER (WHERE i.status::text = 'paid'), 0) AS paid_revenue,
       count(DISTINCT i.user_id) AS unique_customers,
       upper(i.currency::text) AS currency
  FROM public.invoices i
 GROUP BY date_trunc('month', i.created_at AT TIME ZONE 'UTC'), upper(i.currency::text)
 ORDER BY date_trunc('month', i.created_at AT TIME ZONE 'UTC') DESC, upper(i.currency::text);

-- A view reads with its owner's eyes, past row security, unless it is told otherwise (PostgreSQL 15 on).
DO $body$
BEGIN
    IF current_setting('server_version_num')::integer >= 150000 THEN
        ALTER VIEW public.user_with_subscription_details SET (security_invoker = true);
        ALTER VIEW public.project_with_stats SET (security_invoker = true);
        ALTER VIEW public.admin_revenue_stats SET (security_invoker = true);
    END IF;
END
$body$;

CREATE FUNCTION public.get_user_project_count(p_user_id uuid) RETURNS integer
    LANGUAGE sql STABLE
AS $body$
    SELECT count(*)::integer FROM public.projects p WHERE p.user_id = p_user_id AND p.deleted_at IS NULL
$body$;

CREATE FUNCTION public.soft_delete_project(p_project_id uuid) RETURNS void
    LANGUAGE sql
AS $body$
    UPDATE public.projects SET deleted_at = now() WHERE id = p_project_id AND deleted_at IS NULL
$body$;

-- Distinct users with an event in the month (of UTC) that p_month falls in.
CREATE FUNCTION public.get_monthly_active_users(p_month date DEFAULT CURRENT_DATE) RETURNS integer
    LANGUAGE sql STABLE
AS $body$
    SELECT count(DISTINCT e.user_id)::integer
      FROM public.analytics_events e
     WHERE e.timestamp >= date_trunc('month', p_month::timestamp) AT TIME ZONE 'UTC'
       AND e.timestamp < (date_trunc('month', p_month::timestamp) + interval '1 month') AT TIME ZONE 'UTC'
$body$;

-- Signing in comes before there is a user to set app.user_id to, and row security hides every account then.
CREATE FUNCTION public.find_login(p_email text)
    RETURNS TABLE (id uuid, email varchar, hashed_password varchar, is_active boolean, is_admin boolean)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $body$
    SELECT u.id, u.email, u.hashed_password, u.is_active, u.is_admin
      FROM public.users u
     WHERE lower(u.email::text) = lower(p_email) AND u.deleted_at IS NULL
$body$;
REVOKE ALL ON FUNCTION public.find_login(text) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.get_monthly_active_users(date) FROM PUBLIC;
