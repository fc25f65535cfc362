-- What PostgreSQL makes of a typed text ($1) and of each of its words ($2): the queries as text, and whether the
-- parser sees a word in it at all (tokens of white space and signs, 12, and of tags, 13, are none).
SELECT 0 AS place, public.devora_query($1::text)::text AS query, true AS seen
UNION ALL
SELECT typed.place::integer, public.devora_query(typed.word)::text,
       EXISTS (SELECT FROM pg_catalog.ts_parse('default', typed.word) AS token WHERE token.tokid NOT IN (12, 13))
  FROM unnest($2::text[]) WITH ORDINALITY AS typed(word, place)
 ORDER BY place
