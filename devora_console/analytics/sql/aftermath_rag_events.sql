-- How long retrievals took from $1 to $2 as events tell it: for a backend that does not record them as searches.
-- Versions: all. Cost: the events of the window, by idx_analytics_timestamp. Grants: SELECT, past row security.
SELECT count(t.ms) AS measured,
       percentile_disc(0.50) WITHIN GROUP (ORDER BY t.ms) AS p50,
       percentile_disc(0.95) WITHIN GROUP (ORDER BY t.ms) AS p95
  FROM (SELECT CASE WHEN jsonb_typeof(e.event_properties -> 'retrieval_time_ms') = 'number'
                    THEN least((e.event_properties ->> 'retrieval_time_ms')::numeric, 2147483647.0)::double precision
                    END AS ms
          FROM public.analytics_events e
         WHERE e."timestamp" > $1 AND e."timestamp" <= $2 AND e.event_properties ? 'retrieval_time_ms') t
 WHERE t.ms >= 0
