-- What: accounts by the month they registered in (the last $2 such months up to that of $1, deleted accounts too), and
-- how many of each were active in each month since.
WITH at AS (
    SELECT ($1::timestamptz AT TIME ZONE 'UTC')::date AS today
), sizes AS (
    SELECT date_trunc('month', registered_on)::date AS month, count(*) AS users
      FROM devora_console.metrics_accounts, at
     WHERE registered_on <= today
     GROUP BY 1 ORDER BY 1 DESC LIMIT $2::integer
), seen AS (
    SELECT date_trunc('month', a.registered_on)::date AS month, date_trunc('month', d.activity_date)::date AS active_in,
           count(DISTINCT d.user_id) AS users
      FROM devora_console.metrics_accounts a JOIN public.mv_daily_user_activity d USING (user_id), at
     WHERE d.activity_date <= today
     GROUP BY 1, 2
)
SELECT sizes.month, sizes.users, seen.active_in, seen.users AS active
  FROM sizes
  LEFT JOIN seen ON seen.month = sizes.month AND seen.active_in >= sizes.month
 ORDER BY sizes.month, seen.active_in
