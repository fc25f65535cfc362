-- What: projects, conversations, messages and searches as of $1. Totals are what is there, in accounts that are not
-- deleted; what was made in a span of days counts whether or not it has been deleted since.
WITH at AS (
    SELECT ($1::timestamptz AT TIME ZONE 'UTC')::date AS today
)
SELECT coalesce(sum(projects_kept), 0)::bigint AS total_projects,
       coalesce(sum(projects) FILTER (WHERE day = today), 0)::bigint AS projects_created_day,
       coalesce(sum(projects) FILTER (WHERE day > today - 7 AND day <= today), 0)::bigint AS projects_created_week,
       coalesce(sum(projects) FILTER (WHERE day > today - 30 AND day <= today), 0)::bigint AS projects_created_month,
       coalesce(sum(conversations_kept), 0)::bigint AS total_conversations,
       coalesce(sum(conversations) FILTER (WHERE day = today), 0)::bigint AS conversations_started_day,
       coalesce(sum(conversations) FILTER (WHERE day > today - 7 AND day <= today), 0)::bigint AS conversations_started_week,
       coalesce(sum(conversations) FILTER (WHERE day > today - 30 AND day <= today), 0)::bigint AS conversations_started_month,
       coalesce(sum(messages_kept), 0)::bigint AS total_messages,
       coalesce(sum(messages) FILTER (WHERE day = today), 0)::bigint AS messages_day,
       coalesce(sum(messages) FILTER (WHERE day > today - 7 AND day <= today), 0)::bigint AS messages_week,
       coalesce(sum(messages) FILTER (WHERE day > today - 30 AND day <= today), 0)::bigint AS messages_month,
       coalesce(sum(searches), 0)::bigint AS searches,
       coalesce(sum(searches) FILTER (WHERE day = today), 0)::bigint AS searches_day,
       coalesce(sum(searches) FILTER (WHERE day > today - 7 AND day <= today), 0)::bigint AS searches_week,
       coalesce(sum(searches) FILTER (WHERE day > today - 30 AND day <= today), 0)::bigint AS searches_month
  FROM at LEFT JOIN devora_console.metrics_growth ON true
