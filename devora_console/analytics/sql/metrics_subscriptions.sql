-- What: subscriptions as of $1, of accounts that are not deleted: active ones, those that nothing was ever paid for, and
-- those whose paid period ended more than a week ago although they count as active; and whether any invoice is kept.
SELECT count(*) FILTER (WHERE subscription_status = 'active') AS active,
       count(*) FILTER (WHERE subscription_status = 'past_due') AS past_due,
       count(*) FILTER (WHERE subscription_status = 'trialing') AS trialing,
       count(*) FILTER (WHERE subscription_status = 'active' AND amount IS NULL) AS without_invoice,
       count(*) FILTER (WHERE subscription_status = 'active'
                          AND current_period_end < $1::timestamptz - interval '7 days') AS lapsed,
       (SELECT coalesce(sum(invoices), 0) FROM devora_console.metrics_growth)::bigint AS invoices
  FROM devora_console.metrics_accounts
 WHERE NOT deleted
