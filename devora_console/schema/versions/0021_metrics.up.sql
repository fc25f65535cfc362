-- what: six materialised views that the business metrics are told from, and when each view was refreshed
-- requires: nothing
-- transaction: yes
--
-- As those of version 7: days are those of UTC, unique indexes without NULLs, no address, name or text of a user.
-- They lie beside the console's own tables, so that the schema public holds the four views of the guide and no more.

-- One row for each account, deleted ones too: what was paid last, and for how many months that is. The tables keep no
-- billing interval: a paid period that ends about a year after the payment was paid for a year, any other for a month.
CREATE MATERIALIZED VIEW devora_console.metrics_accounts AS
SELECT u.id AS user_id,
       (u.created_at AT TIME ZONE 'UTC')::date AS registered_on,
       u.deleted_at IS NOT NULL AS deleted,
       u.subscription_status::text AS subscription_status,
       u.current_period_end,
       u.last_login_at,
       i.currency,
       i.amount,
       i.paid_at,
       CASE WHEN u.current_period_end - i.paid_at BETWEEN interval '350 days' AND interval '380 days'
            THEN 12 ELSE 1 END AS months
  FROM public.users u
  LEFT JOIN (SELECT DISTINCT ON (user_id) user_id, upper(currency::text) AS currency, amount,
                    coalesce(paid_at, created_at) AS paid_at
               FROM public.invoices WHERE status::text = 'paid'
              ORDER BY user_id, coalesce(paid_at, created_at) DESC, created_at DESC, id DESC) i ON i.user_id = u.id;
CREATE UNIQUE INDEX idx_metrics_accounts ON devora_console.metrics_accounts (user_id);

-- What was made on each day; "kept" is what of it is there today, in an account that is not deleted.
CREATE MATERIALIZED VIEW devora_console.metrics_growth AS
SELECT day,
       sum(projects)::bigint AS projects, sum(projects_kept)::bigint AS projects_kept,
       sum(conversations)::bigint AS conversations, sum(conversations_kept)::bigint AS conversations_kept,
       sum(messages)::bigint AS messages, sum(messages_kept)::bigint AS messages_kept,
       sum(searches)::bigint AS searches, sum(invoices)::bigint AS invoices
  FROM (SELECT (p.created_at AT TIME ZONE 'UTC')::date AS day, count(*) AS projects,
               count(*) FILTER (WHERE p.deleted_at IS NULL AND u.deleted_at IS NULL) AS projects_kept,
               0 AS conversations, 0 AS conversations_kept, 0 AS messages, 0 AS messages_kept, 0 AS searches,
               0 AS invoices
          FROM public.projects p JOIN public.users u ON u.id = p.user_id GROUP BY 1
        UNION ALL
        SELECT (c.created_at AT TIME ZONE 'UTC')::date, 0, 0, count(*),
               count(*) FILTER (WHERE c.deleted_at IS NULL AND u.deleted_at IS NULL), 0, 0, 0, 0
          FROM public.conversations c JOIN public.users u ON u.id = c.user_id GROUP BY 1
        UNION ALL
        SELECT (m.timestamp AT TIME ZONE 'UTC')::date, 0, 0, 0, 0, count(*),
               count(*) FILTER (WHERE c.deleted_at IS NULL AND u.deleted_at IS NULL), 0, 0
          FROM public.messages m
          JOIN public.conversations c ON c.id = m.conversation_id
          JOIN public.users u ON u.id = c.user_id GROUP BY 1
        UNION ALL
        SELECT (s.timestamp AT TIME ZONE 'UTC')::date, 0, 0, 0, 0, 0, 0, count(*), 0
          FROM public.search_queries s WHERE s.search_type <> 'rag' GROUP BY 1
        UNION ALL  -- paid or not: without any, that nothing was paid says nothing
        SELECT (i.created_at AT TIME ZONE 'UTC')::date, 0, 0, 0, 0, 0, 0, 0, count(*)
          FROM public.invoices i GROUP BY 1) made
 GROUP BY day;
CREATE UNIQUE INDEX idx_metrics_growth ON devora_console.metrics_growth (day);

-- What each user paid on each day, by currency. An invoice without paid_at counts when it was written.
CREATE MATERIALIZED VIEW devora_console.metrics_payments AS
SELECT (coalesce(i.paid_at, i.created_at) AT TIME ZONE 'UTC')::date AS day,
       i.user_id,
       upper(i.currency::text) AS currency,
       count(*) AS invoices,
       sum(i.amount) AS amount
  FROM public.invoices i
 WHERE i.status::text = 'paid'
 GROUP BY 1, 2, 3;
CREATE UNIQUE INDEX idx_metrics_payments ON devora_console.metrics_payments (day, user_id, currency);

-- Events by day and name, those of nobody too.
CREATE MATERIALIZED VIEW devora_console.metrics_events AS
SELECT (e.timestamp AT TIME ZONE 'UTC')::date AS day, e.event_name::text AS event_name, count(*) AS events
  FROM public.analytics_events e
 GROUP BY 1, 2;
CREATE UNIQUE INDEX idx_metrics_events ON devora_console.metrics_events (day, event_name);

-- How often something took so many milliseconds: percentiles of any number of days come out exactly. Retrievals for RAG
-- prompts are recorded beside the searches; on days without any, events with retrieval_time_ms tell of them.
CREATE MATERIALIZED VIEW devora_console.metrics_timings AS
SELECT day, kind, ms, count(*) AS measured
  FROM (SELECT (s.timestamp AT TIME ZONE 'UTC')::date AS day,
               CASE WHEN s.search_type = 'rag' THEN 'rag' ELSE 'search' END AS kind, s.execution_time_ms AS ms
          FROM public.search_queries s
         WHERE s.execution_time_ms >= 0
        UNION ALL
        SELECT (e.timestamp AT TIME ZONE 'UTC')::date, 'rag'::text,
               CASE WHEN jsonb_typeof(e.event_properties -> 'retrieval_time_ms') = 'number'
                    THEN round(greatest(least((e.event_properties ->> 'retrieval_time_ms')::numeric, 2147483647.0), -1.0)
                         )::integer END
          FROM public.analytics_events e
         WHERE e.event_properties ? 'retrieval_time_ms'
           AND (e.timestamp AT TIME ZONE 'UTC')::date NOT IN (
               SELECT (r.timestamp AT TIME ZONE 'UTC')::date FROM public.search_queries r
                WHERE r.search_type = 'rag' AND r.execution_time_ms >= 0)) timed
 WHERE ms >= 0
 GROUP BY 1, 2, 3;
CREATE UNIQUE INDEX idx_metrics_timings ON devora_console.metrics_timings (day, kind, ms);

-- Who searched on which day; what a RAG prompt is made from is no search of a person.
CREATE MATERIALIZED VIEW devora_console.metrics_searches AS
SELECT (s.timestamp AT TIME ZONE 'UTC')::date AS day, s.user_id, count(*) AS searches
  FROM public.search_queries s
 WHERE s.user_id IS NOT NULL AND s.search_type <> 'rag'
 GROUP BY 1, 2;
CREATE UNIQUE INDEX idx_metrics_searches ON devora_console.metrics_searches (day, user_id);

CREATE TABLE devora_console.stats_refresh (
    view_name    text             NOT NULL,
    refreshed_at timestamptz      NOT NULL,
    took_ms      double precision NOT NULL,
    CONSTRAINT stats_refresh_pkey PRIMARY KEY (view_name)
);
COMMENT ON TABLE devora_console.stats_refresh IS 'When the refresh of each materialised view last began that ended well';

-- Refreshes one of our views, without readers waiting, and takes note of it. Not for anybody to call but the functions
-- below, which run as the owner.
CREATE FUNCTION devora_console.refresh_view(p_schema text, p_view text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
    began timestamptz := clock_timestamp();
BEGIN
    EXECUTE format('REFRESH MATERIALIZED VIEW CONCURRENTLY %I.%I', p_schema, p_view);
    INSERT INTO devora_console.stats_refresh (view_name, refreshed_at, took_ms)
    VALUES (p_view, began, extract(epoch FROM clock_timestamp() - began) * 1000)
    ON CONFLICT (view_name) DO UPDATE SET refreshed_at = excluded.refreshed_at, took_ms = excluded.took_ms;
END
$body$;
CREATE FUNCTION public.refresh_metrics_stats() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
    PERFORM devora_console.refresh_view('devora_console', 'metrics_accounts');
    PERFORM devora_console.refresh_view('devora_console', 'metrics_growth');
    PERFORM devora_console.refresh_view('devora_console', 'metrics_payments');
    PERFORM devora_console.refresh_view('devora_console', 'metrics_events');
    PERFORM devora_console.refresh_view('devora_console', 'metrics_timings');
    PERFORM devora_console.refresh_view('devora_console', 'metrics_searches');
END
$body$;
REVOKE ALL ON FUNCTION devora_console.refresh_view(text, text), public.refresh_metrics_stats() FROM PUBLIC;

-- Those of version 7, which take note from here on.
CREATE OR REPLACE FUNCTION public.refresh_daily_activity_stats() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
    PERFORM devora_console.refresh_view('public', 'mv_daily_user_activity');
END
$body$;
CREATE OR REPLACE FUNCTION public.refresh_monthly_revenue_stats() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
    PERFORM devora_console.refresh_view('public', 'mv_monthly_revenue');
END
$body$;
CREATE OR REPLACE FUNCTION public.refresh_user_engagement_stats() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
    PERFORM devora_console.refresh_view('public', 'mv_user_engagement');
END
$body$;
CREATE OR REPLACE FUNCTION public.refresh_project_stats() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
    PERFORM devora_console.refresh_view('public', 'mv_project_statistics');
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
    PERFORM public.refresh_metrics_stats();
END
$body$;

GRANT USAGE ON SCHEMA devora_console TO admin_role, metrics_role;
GRANT SELECT ON
    devora_console.metrics_accounts, devora_console.metrics_growth, devora_console.metrics_payments,
    devora_console.metrics_events, devora_console.metrics_timings, devora_console.metrics_searches,
    devora_console.stats_refresh
    TO admin_role, metrics_role;
GRANT EXECUTE ON FUNCTION public.refresh_metrics_stats() TO admin_role, metrics_role;

-- The four of version 7 may be older than this; with these they are all of one moment.
SELECT public.refresh_all_stats();
