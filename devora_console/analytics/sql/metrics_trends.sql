-- What: each of the $2 days of UTC up to $1: registrations, active users, events, errors ($3: their names; $4: events
-- that are not the product's), what was made, and how long searches and the retrieval for RAG took.
WITH days AS (
    SELECT at.today - back AS day
      FROM (SELECT ($1::timestamptz AT TIME ZONE 'UTC')::date AS today) at, generate_series(0, $2::integer - 1) AS back
), span AS (
    SELECT min(day) AS first, max(day) AS last FROM days
), registered AS (
    SELECT registered_on AS day, count(*) AS new_users
      FROM devora_console.metrics_accounts, span WHERE registered_on BETWEEN first AND last GROUP BY 1
), active AS (
    SELECT activity_date AS day, count(*) AS active_users
      FROM public.mv_daily_user_activity, span WHERE activity_date BETWEEN first AND last GROUP BY 1
), happened AS (
    SELECT day, sum(events)::bigint AS events,
           coalesce(sum(events) FILTER (WHERE event_name = ANY ($3::text[])), 0)::bigint AS errors
      FROM devora_console.metrics_events, span
     WHERE day BETWEEN first AND last AND event_name <> ALL ($4::text[]) GROUP BY day
), reached AS (
    SELECT day, kind, ms, measured,
           sum(measured) OVER (PARTITION BY day, kind ORDER BY ms) AS upto,
           sum(measured) OVER (PARTITION BY day, kind) AS times
      FROM devora_console.metrics_timings, span WHERE day BETWEEN first AND last
), took AS (
    SELECT day, kind, (sum(ms * measured) / times)::double precision AS average,
           min(ms) FILTER (WHERE upto >= 0.95 * times)::double precision AS p95
      FROM reached GROUP BY day, kind, times
)
SELECT days.day, coalesce(new_users, 0) AS new_users, coalesce(active_users, 0) AS active_users,
       coalesce(events, 0) AS events, coalesce(errors, 0) AS errors,
       coalesce(projects, 0) AS projects, coalesce(conversations, 0) AS conversations,
       coalesce(messages, 0) AS messages, coalesce(searches, 0) AS searches,
       search.average AS search_ms, search.p95 AS search_p95_ms, rag.average AS rag_ms, rag.p95 AS rag_p95_ms
  FROM days
  LEFT JOIN registered USING (day)
  LEFT JOIN active USING (day)
  LEFT JOIN happened USING (day)
  LEFT JOIN devora_console.metrics_growth USING (day)
  LEFT JOIN took search ON search.day = days.day AND search.kind = 'search'
  LEFT JOIN took rag ON rag.day = days.day AND rag.kind = 'rag'
 ORDER BY days.day
