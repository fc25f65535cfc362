-- The newest events, and how far each has come. $1: how many; $2: only of this name, NULL for all.
SELECT e.id, e.event_name AS name, coalesce(e.user_id::text, e.event_properties ->> '$user_id') AS "user",
       CASE jsonb_typeof(e.event_properties) WHEN 'object' THEN e.event_properties - '$user_id' ELSE '{}' END::text AS properties, e.timestamp AS at,
       CASE WHEN d.event_id IS NOT NULL THEN 'delivered'
            WHEN w.event_id IS NULL THEN 'untracked'
            WHEN w.refused THEN 'refused' ELSE 'waiting' END AS state,
       coalesce(w.attempts, 0) AS attempts, d.at AS delivered_at, w.problem
  FROM (SELECT * FROM public.analytics_events
         WHERE $2::text IS NULL OR event_name = $2
         ORDER BY timestamp DESC, id DESC LIMIT $1) e
  LEFT JOIN devora_console.event_waiting w ON w.event_id = e.id
  LEFT JOIN devora_console.event_delivered d ON d.event_id = e.id
 ORDER BY e.timestamp DESC, e.id DESC
