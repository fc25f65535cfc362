-- Documents that hold every word ($1); where those are fewer than $8, then those that hold two of them ($2), then any
-- of them ($3), each document once.
WITH every AS MATERIALIZED (
    SELECT * FROM public.devora_search_fulltext(
        $1::tsquery, $4::text[], $5::timestamptz, $6::timestamptz, $7::text, $9::integer)
), two AS MATERIALIZED (
    SELECT * FROM public.devora_search_fulltext(
        $2::tsquery, $4::text[], $5::timestamptz, $6::timestamptz, $7::text, $9::integer)
     WHERE $2::tsquery <> ''::tsquery AND (SELECT count(*) FROM every) < $8::integer
), one AS MATERIALIZED (
    SELECT * FROM public.devora_search_fulltext(
        $3::tsquery, $4::text[], $5::timestamptz, $6::timestamptz, $7::text, $9::integer)
     WHERE (SELECT count(*) FROM every) < $8::integer AND (SELECT count(*) FROM two) < $8::integer
)
SELECT entity_type, entity_id, (array_agg(score ORDER BY tier))[1] AS score, min(tier) AS tier
  FROM (SELECT *, 0 AS tier FROM every
        UNION ALL SELECT *, 1 FROM two
        UNION ALL SELECT *, 2 FROM one) AS found
 GROUP BY entity_type, entity_id
 ORDER BY tier, score DESC, entity_type, entity_id
 LIMIT $9::integer
