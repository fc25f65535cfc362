-- The oldest events that PostHog does not have. $1: how many; $2: only of this name, NULL for all.
SELECT e.id, e.event_name AS name, coalesce(e.user_id::text, e.event_properties ->> '$user_id') AS "user",
       CASE jsonb_typeof(e.event_properties) WHEN 'object' THEN e.event_properties - '$user_id' ELSE '{}' END::text AS properties, e.timestamp AS at,
       CASE WHEN w.refused THEN 'refused' ELSE 'waiting' END AS state,
       w.attempts, NULL::timestamptz AS delivered_at, w.problem
  FROM devora_console.event_waiting w
  JOIN public.analytics_events e ON e.id = w.event_id
 WHERE $2::text IS NULL OR e.event_name = $2
 ORDER BY e.timestamp, e.id LIMIT $1
