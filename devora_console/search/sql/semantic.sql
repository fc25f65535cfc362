-- The nearest vectors of one model to $1, a document counted once by its nearest part; $2 vectors are looked at, $3
-- documents returned, none below a cosine of $4. Vectors of what is deleted have no document any more.
WITH near AS MATERIALIZED (
    SELECT e.user_id, e.entity_type, e.entity_id, e.content_hash,
           e.embedding_vector::{type} {nearer} $1::{type} AS distance
      FROM public.embeddings e
     WHERE {conditions}
     ORDER BY (e.embedding_vector::{type} {nearer} $1::{type}){order}
     LIMIT $2::integer
)
SELECT near.entity_type::text AS entity_type, near.entity_id, (1 - min(near.distance))::real AS score,
       bool_or(near.content_hash IS DISTINCT FROM d.content_hash) AS stale
  FROM near
  JOIN public.search_documents d
    ON d.user_id = near.user_id AND d.entity_type = near.entity_type AND d.entity_id = near.entity_id
 WHERE 1 - near.distance >= $4::double precision
 GROUP BY near.entity_type, near.entity_id
 ORDER BY score DESC, near.entity_type::text, near.entity_id
 LIMIT $3::integer
