-- What: events in the day, week and month up to $1, and how many of them are errors ($2: their names). The console's own
-- events ($3) are not the product's.
WITH at AS (
    SELECT ($1::timestamptz AT TIME ZONE 'UTC')::date AS today
), spans (span, days) AS (
    VALUES ('day', 1), ('week', 7), ('month', 30)
)
SELECT span,
       coalesce(sum(events), 0)::bigint AS events,
       coalesce(sum(events) FILTER (WHERE event_name = ANY ($2::text[])), 0)::bigint AS errors,
       (SELECT min(day) FROM devora_console.metrics_events WHERE event_name <> ALL ($3::text[])) AS since
  FROM at CROSS JOIN spans
  LEFT JOIN devora_console.metrics_events
    ON day > today - days AND day <= today AND event_name <> ALL ($3::text[])
 GROUP BY span
