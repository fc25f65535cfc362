-- What the searches stand on: whether this login may take the application's role ($1), whether it reads past row
-- security, what is installed and what is missing.
SELECT current_user::text AS login,
       EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.rolname = $1::text) AS role_exists,
       coalesce((SELECT pg_catalog.pg_has_role(r.oid,
                   CASE WHEN current_setting('server_version_num')::integer >= 160000 THEN 'SET' ELSE 'MEMBER' END)
                   FROM pg_catalog.pg_roles r WHERE r.rolname = $1::text), false) AS may_be_role,
       coalesce((SELECT pg_catalog.pg_has_role(c.relowner, 'USAGE') FROM pg_catalog.pg_class c
                  WHERE c.oid = pg_catalog.to_regclass('public.search_documents')), false)
       OR EXISTS (SELECT FROM pg_catalog.pg_roles r
                   WHERE r.rolname = current_user AND (r.rolsuper OR r.rolbypassrls)) AS reads_all,
       pg_catalog.to_regclass('public.search_documents') IS NOT NULL AS documents,
       pg_catalog.to_regprocedure(
           'public.devora_search_trigram(text,text[],timestamptz,timestamptz,text,real,integer,real)') IS NOT NULL AS trigram,
       pg_catalog.to_regprocedure('public.devora_search_words(text[],real)') IS NOT NULL AS words,
       (SELECT n.nspname::text FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
         WHERE e.extname = 'pg_trgm') AS trigram_schema,
       EXISTS (SELECT FROM pg_catalog.pg_attribute a
                WHERE a.attrelid = pg_catalog.to_regclass('public.embeddings')
                  AND a.attname = 'embedding_vector' AND NOT a.attisdropped) AS vectors,
       (SELECT n.nspname::text FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
         WHERE e.extname = 'vector') AS vector_schema,
       (SELECT e.extversion FROM pg_catalog.pg_extension e WHERE e.extname = 'vector') AS vector_version
