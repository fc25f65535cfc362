-- What: what was paid on each of the $2 days of UTC up to $1, by currency; days without a payment are left out.
SELECT currency, day, sum(amount) AS amount
  FROM devora_console.metrics_payments, (SELECT ($1::timestamptz AT TIME ZONE 'UTC')::date AS today) at
 WHERE day > today - $2::integer AND day <= today
 GROUP BY currency, day
 ORDER BY currency, day
