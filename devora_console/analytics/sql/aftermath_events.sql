-- Events of the product from $1 to $2, errors among them ($3), and their users; those named in $4 are not the product's.
-- Versions: all. Cost: the events of the window, by idx_analytics_timestamp. Grants: SELECT, past row security.
SELECT count(*) AS events,
       count(*) FILTER (WHERE e.event_name = ANY ($3::text[])) AS errors,
       count(DISTINCT e.user_id) AS users
  FROM public.analytics_events e
 WHERE e."timestamp" > $1 AND e."timestamp" <= $2 AND e.event_name <> ALL ($4::text[])
