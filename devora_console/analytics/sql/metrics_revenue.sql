-- What: money by currency as of $1: paid invoices, and what active subscriptions bring in a year (ARR; the twelfth part
-- is MRR). An invoice counts on the day of UTC it was paid, or written when that is not known. Void, open and
-- uncollectible invoices are no revenue; a refund has no place in the tables.
WITH at AS (
    SELECT ($1::timestamptz AT TIME ZONE 'UTC')::date AS today
), paid AS (
    SELECT currency,
           sum(amount) AS total_revenue,
           coalesce(sum(amount) FILTER (WHERE day = today), 0) AS revenue_day,
           coalesce(sum(amount) FILTER (WHERE day > today - 7 AND day <= today), 0) AS revenue_week,
           coalesce(sum(amount) FILTER (WHERE day > today - 30 AND day <= today), 0) AS revenue_month
      FROM devora_console.metrics_payments, at
     GROUP BY currency
), recurring AS (
    SELECT currency,
           coalesce(sum(amount * 12 / months) FILTER (WHERE subscription_status = 'active'), 0) AS arr,
           coalesce(sum(amount * 12 / months) FILTER (WHERE subscription_status = 'past_due'), 0) AS arr_past_due,
           count(*) FILTER (WHERE subscription_status = 'active' AND amount > 0) AS paying_users
      FROM devora_console.metrics_accounts
     WHERE NOT deleted AND currency IS NOT NULL
     GROUP BY currency
)
SELECT paid.currency, total_revenue, revenue_day, revenue_week, revenue_month,
       coalesce(arr, 0) AS arr, coalesce(arr_past_due, 0) AS arr_past_due, coalesce(paying_users, 0) AS paying_users
  FROM paid LEFT JOIN recurring USING (currency)
 ORDER BY currency
