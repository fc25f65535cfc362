-- what: four materialised views for metrics, and the functions that refresh them
-- requires: nothing
-- transaction: yes
--
-- Days and months are those of UTC, whatever the session's time zone. Each view has a unique index without NULLs,
-- so that REFRESH ... CONCURRENTLY works and readers never wait. They hold no address, name or text of a user.

CREATE MATERIALIZED VIEW public.mv_daily_user_activity AS
SELECT (e.timestamp AT TIME ZONE 'UTC')::date AS activity_date,
       e.user_id,
       count(*) AS event_count,
       count(DISTINCT e.session_id) AS session_count,
       max(e.timestamp) AS last_activity
  FROM public.analytics_events e
 WHERE e.user_id IS NOT NULL
 GROUP BY (e.timestamp AT TIME ZONE 'UTC')::date, e.user_id;
CREATE UNIQUE INDEX idx_mv_daily_activity ON public.mv_daily_user_activity (activity_date, user_id);

CREATE MATERIALIZED VIEW public.mv_monthly_revenue AS
SELECT date_trunc('month', i.created_at AT TIME ZONE 'UTC')::date AS month,
       upper(i.currency::text) AS currency,
       count(*) AS invoice_count,
       sum(i.amount) AS total_revenue,
       coalesce(sum(i.amount) FILTER (WHERE i.status::text = 'paid'), 0) AS paid_revenue,
       count(DISTINCT i.user_id) FILTER (WHERE i.status::text = 'paid') AS paying_customers
  FROM public.invoices i
 GROUP BY date_trunc('month', i.created_at AT TIME ZONE 'UTC')::date, upper(i.currency::text);
CREATE UNIQUE INDEX idx_mv_monthly_revenue ON public.mv_monthly_revenue (month, currency);

CREATE MATERIALIZED VIEW public.mv_user_engagement AS
SELECT u.id AS user_id,
       u.subscription_status::text AS subscription_status,
       u.is_active,
       u.created_at AS registered_at,
       u.last_login_at,
       coalesce(p.total_projects, 0) AS total_projects,
       coalesce(c.total_conversations, 0) AS total_conversations,
       coalesce(m.total_messages, 0) AS total_messages,
       greatest(u.last_login_at, p.last_project_update, c.last_message_at, m.last_user_message_at) AS last_activity
  FROM public.users u
  LEFT JOIN (SELECT user_id, count(*) AS total_projects, max(updated_at) AS last_project_update
               FROM public.projects WHERE deleted_at IS NULL GROUP BY user_id) p ON p.user_id = u.id
  LEFT JOIN (SELECT user_id, count(*) AS total_conversations, max(last_message_at) AS last_message_at
               FROM public.conversations WHERE deleted_at IS NULL GROUP BY user_id) c ON c.user_id = u.id
  LEFT JOIN (SELECT conversation.user_id, count(*) AS total_messages, max(message.timestamp) AS last_user_message_at
               FROM public.messages message
               JOIN public.conversations conversation ON conversation.id = message.conversation_id
              WHERE message.role::text = 'user' AND conversation.deleted_at IS NULL
              GROUP BY conversation.user_id) m ON m.user_id = u.id
 WHERE u.deleted_at IS NULL;
CREATE UNIQUE INDEX idx_mv_user_engagement ON public.mv_user_engagement (user_id);
COMMENT ON COLUMN public.mv_user_engagement.total_messages IS 'Messages the user wrote, without the answers';

CREATE MATERIALIZED VIEW public.mv_project_statistics AS
SELECT p.id AS project_id,
       p.user_id,
       p.project_type::text AS project_type,
       p.created_at,
       p.updated_at,
       coalesce(f.file_count, 0) AS file_count,
       coalesce(f.total_size_bytes, 0) AS total_size_bytes,
       coalesce(m.message_count, 0) AS message_count
  FROM public.projects p
  LEFT JOIN (SELECT project_id, count(*) AS file_count, sum(file_size_bytes) AS total_size_bytes
               FROM public.project_files WHERE is_current GROUP BY project_id) f ON f.project_id = p.id
  LEFT JOIN (SELECT conversation_id, count(*) AS message_count
               FROM public.messages GROUP BY conversation_id) m ON m.conversation_id = p.conversation_id
 WHERE p.deleted_at IS NULL;
CREATE UNIQUE INDEX idx_mv_project_statistics ON public.mv_project_statistics (project_id);

-- Only an owner may refresh, so these run as theirs; version 8 says who may call them.
CREATE FUNCTION public.refresh_daily_activity_stats() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
    REFRESH MATERIALIZED VIEW CONCURRENTLY public.mv_daily_user_activity;
END
$body$;
CREATE FUNCTION public.refresh_monthly_revenue_stats() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
    REFRESH MATERIALIZED VIEW CONCURRENTLY public.mv_monthly_revenue;
END
$body$;
CREATE FUNCTION public.refresh_user_engagement_stats() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
    REFRESH MATERIALIZED VIEW CONCURRENTLY public.mv_user_engagement;
END
$body$;
CREATE FUNCTION public.refresh_project_stats() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
    REFRESH MATERIALIZED VIEW CONCURRENTLY public.mv_project_statistics;
END
$body$;
CREATE FUNCTION public.refresh_all_stats() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
    PERFORM public.refresh_daily_activity_stats();
    PERFORM public.refresh_monthly_revenue_stats();
    PERFORM public.refresh_user_engagement_stats();
    PERFORM public.refresh_project_stats();
END
$body$;
REVOKE ALL ON FUNCTION
    public.refresh_daily_activity_stats(), public.refresh_monthly_revenue_stats(),
    public.refresh_user_engagement_stats(), public.refresh_project_stats(), public.refresh_all_stats()
    FROM PUBLIC;
