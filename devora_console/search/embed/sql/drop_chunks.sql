-- Documents that have become shorter: the vectors of chunks that they no longer have. Row by row, by the index.
DELETE FROM {embeddings} e
 USING (
       SELECT x.ctid AS place
         FROM embed_batch b
        CROSS JOIN LATERAL (
              SELECT o.ctid FROM {embeddings} o
               WHERE o.user_id = b.user_id AND o.entity_type = b.entity_type AND o.entity_id = b.entity_id
                 AND o.model_name = $1 AND o.chunk >= b.chunks AND o.content_hash IS DISTINCT FROM b.content_hash
              OFFSET 0) x
        WHERE b.chunk = 0) gone
 WHERE e.ctid = gone.place
