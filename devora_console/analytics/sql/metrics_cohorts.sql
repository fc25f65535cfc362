-- What: accounts by the month they registered in (the $2 months up to that of $1, deleted accounts too), and how many of
-- each were active in each month since.
WITH at AS (
    SELECT date_trunc('month', $1::timestamptz AT TIME ZONE 'UTC')::date AS this_month,
           ($1::timestamptz AT TIME ZONE 'UTC')::date AS today
), members AS (
    SELECT user_id, date_trunc('month', registered_on)::date AS month
      FROM devora_console.metrics_accounts, at
     WHERE registered_on <= today
       AND registered_on >= (this_month - make_interval(months => $2::integer - 1))::date
), seen AS (
    SELECT members.month, date_trunc('month', activity_date)::date AS active_in, count(DISTINCT user_id) AS users
      FROM members JOIN public.mv_daily_user_activity USING (user_id), at
     WHERE activity_date <= today
     GROUP BY 1, 2
)
SELECT size.month, size.users, seen.active_in, seen.users AS active
  FROM (SELECT month, count(*) AS users FROM members GROUP BY month) size
  LEFT JOIN seen ON seen.month = size.month AND seen.active_in >= size.month
 ORDER BY size.month, seen.active_in
