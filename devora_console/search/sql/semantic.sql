-- The documents nearest to $1 among the vectors of the model $2, none below a cosine of $3. exactly ($9) compares all
-- of them; else the function does so up to $11 vectors of the user, and walks the index beyond.
SELECT entity_type, entity_id, score, chunk
  FROM public.devora_search_semantic(
       query => $1::{type}, model => $2::text, kinds => $4::text[], since => $5::timestamptz,
       until => $6::timestamptz, language => $7::text, most => $8::integer, exactly => $9::boolean,
       ef_search => $10::integer, exact_rows => $11::integer)
 WHERE score >= $3::double precision
 ORDER BY score DESC, entity_type, entity_id
