-- Why documents could not be embedded with model $1, the most frequent reason first. $2: what is no failure.
SELECT f.reason, count(*) AS documents, max(f.at) AS latest
  FROM devora_console.embedding_failure f
  JOIN public.search_documents d
    ON d.user_id = f.user_id AND d.entity_type = f.entity_type AND d.entity_id = f.entity_id
   AND d.content_hash = f.content_hash
 WHERE f.model_name = $1 AND f.reason <> $2
 GROUP BY 1
 ORDER BY 2 DESC, 1
 LIMIT 10
