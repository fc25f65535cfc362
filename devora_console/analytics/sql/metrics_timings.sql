-- What: how long searches and the retrieval for RAG took in the day, week and month up to $1, in milliseconds. A
-- percentile is the smallest value that so many percent do not exceed.
WITH at AS (
    SELECT ($1::timestamptz AT TIME ZONE 'UTC')::date AS today
), spans (span, days) AS (
    VALUES ('day', 1), ('week', 7), ('month', 30)
), timed AS (
    SELECT kind, span, ms, sum(measured) AS times
      FROM devora_console.metrics_timings, spans, at
     WHERE day > today - days AND day <= today
     GROUP BY kind, span, ms
), reached AS (
    SELECT *, sum(times) OVER (PARTITION BY kind, span ORDER BY ms) AS upto,
              sum(times) OVER (PARTITION BY kind, span) AS measured
      FROM timed
)
SELECT kind, span, measured::bigint AS measured,
       (sum(ms * times) / measured)::double precision AS average,
       min(ms) FILTER (WHERE upto >= 0.50 * measured)::double precision AS p50,
       min(ms) FILTER (WHERE upto >= 0.95 * measured)::double precision AS p95,
       min(ms) FILTER (WHERE upto >= 0.99 * measured)::double precision AS p99
  FROM reached
 GROUP BY kind, span, measured
