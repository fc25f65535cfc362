-- Documents that hold every word ($1); only where there are none, those that hold any of them ($2).
WITH every AS MATERIALIZED (
    SELECT * FROM public.devora_search_fulltext(
        $1::tsquery, $3::text[], $4::timestamptz, $5::timestamptz, $6::text, $7::integer)
)
SELECT entity_type, entity_id, score, false AS loose FROM every
UNION ALL
SELECT entity_type, entity_id, score, true
  FROM public.devora_search_fulltext($2::tsquery, $3::text[], $4::timestamptz, $5::timestamptz, $6::text, $7::integer)
 WHERE NOT EXISTS (SELECT FROM every)
 ORDER BY loose, score DESC, entity_type, entity_id
