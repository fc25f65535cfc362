-- What: the first days with an event of a known user, with an event of the product (all but $1), and with a search.
SELECT (SELECT min(activity_date) FROM public.mv_daily_user_activity) AS users,
       (SELECT min(day) FROM devora_console.metrics_events WHERE event_name <> ALL ($1::text[])) AS events,
       (SELECT min(day) FROM devora_console.metrics_growth WHERE searches > 0) AS searches
