-- What embedding needs, in the order in which it is made.
SELECT to_regclass('public.search_documents') IS NOT NULL
       AND to_regclass('devora_console.embedding_run') IS NOT NULL AS tables,
       EXISTS (SELECT FROM pg_extension WHERE extname = 'vector') AS extension,
       EXISTS (SELECT FROM pg_available_extensions WHERE name = 'vector') AS available,
       (SELECT a.atttypmod FROM pg_attribute a
         WHERE a.attrelid = to_regclass('public.embeddings') AND a.attname = 'embedding_vector'
           AND NOT a.attisdropped) AS typmod
