-- Documents whose title or name is like the words ($1), from a word similarity ($6) on, and a mean of it over the words
-- ($8) that counts.
SELECT entity_type, entity_id, score
  FROM public.devora_search_trigram(
       $1::text, $2::text[], $3::timestamptz, $4::timestamptz, $5::text, $6::real, $7::integer, $8::real)
 ORDER BY score DESC, entity_type, entity_id
