-- What: accounts, registrations, activity, retention and churn as of $1. Days are whole days of UTC; the day of $1
-- counts as far as it has gone. "since" is the first day with an event of a known user.
WITH at AS (
    SELECT ($1::timestamptz AT TIME ZONE 'UTC')::date AS today
), accounts AS (
    SELECT count(*) AS everyone,
           count(*) FILTER (WHERE NOT deleted) AS total_users,
           count(*) FILTER (WHERE registered_on = today) AS new_users_day,
           count(*) FILTER (WHERE registered_on > today - 7 AND registered_on <= today) AS new_users_week,
           count(*) FILTER (WHERE registered_on > today - 30 AND registered_on <= today) AS new_users_month,
           count(last_login_at) AS sign_ins,
           count(*) FILTER (WHERE NOT deleted AND (last_login_at AT TIME ZONE 'UTC')::date = today) AS signed_in_users_day,
           count(*) FILTER (WHERE NOT deleted AND (last_login_at AT TIME ZONE 'UTC')::date > today - 7
                              AND (last_login_at AT TIME ZONE 'UTC')::date <= today) AS signed_in_users_week,
           count(*) FILTER (WHERE NOT deleted AND (last_login_at AT TIME ZONE 'UTC')::date > today - 30
                              AND (last_login_at AT TIME ZONE 'UTC')::date <= today) AS signed_in_users_month
      FROM devora_console.metrics_accounts, at
), activity AS (
    SELECT user_id,
           bool_or(activity_date = today) AS day,
           bool_or(activity_date > today - 7) AS week,
           bool_or(activity_date > today - 30) AS month,
           bool_or(activity_date > today - 14 AND activity_date <= today - 7) AS week_before,
           bool_or(activity_date > today - 60 AND activity_date <= today - 30) AS month_before
      FROM public.mv_daily_user_activity, at
     WHERE activity_date > today - 60 AND activity_date <= today
     GROUP BY user_id
), active AS (
    SELECT count(*) FILTER (WHERE day) AS active_users_day,
           count(*) FILTER (WHERE week) AS active_users_week,
           count(*) FILTER (WHERE month) AS active_users_month,
           count(*) FILTER (WHERE week_before) AS active_week_before,
           count(*) FILTER (WHERE week_before AND week) AS stayed_week,
           count(*) FILTER (WHERE month_before) AS active_month_before,
           count(*) FILTER (WHERE month_before AND month) AS stayed_month
      FROM activity
), searching AS (
    SELECT count(DISTINCT user_id) FILTER (WHERE day = today) AS searching_users_day,
           count(DISTINCT user_id) FILTER (WHERE day > today - 7 AND day <= today) AS searching_users_week,
           count(DISTINCT user_id) FILTER (WHERE day > today - 30 AND day <= today) AS searching_users_month,
           count(*) AS searches
      FROM devora_console.metrics_searches, at
), paid AS (
    SELECT DISTINCT user_id
      FROM devora_console.metrics_payments, at
     WHERE amount > 0 AND day > today - 60 AND day <= today - 30
), churn AS (
    SELECT count(*) AS paid_before,
           count(*) FILTER (WHERE a.deleted OR a.subscription_status IN ('canceled', 'inactive')) AS lost
      FROM paid JOIN devora_console.metrics_accounts a USING (user_id)
)
SELECT at.today, accounts.*, active.*, searching.*, churn.*,
       (SELECT min(activity_date) FROM public.mv_daily_user_activity) AS since
  FROM at, accounts, active, searching, churn
