-- The partitions of the documents, each with the partition of the vectors that has the same users (or all vectors).
SELECT quote_ident(dn.nspname) || '.' || quote_ident(d.relname) AS documents,
       coalesce(quote_ident(en.nspname) || '.' || quote_ident(e.relname), 'public.embeddings') AS embeddings
  FROM pg_inherits di
  JOIN pg_class d ON d.oid = di.inhrelid
  JOIN pg_namespace dn ON dn.oid = d.relnamespace
  LEFT JOIN (pg_inherits ei JOIN pg_class e ON e.oid = ei.inhrelid JOIN pg_namespace en ON en.oid = e.relnamespace)
    ON ei.inhparent = 'public.embeddings'::regclass
   AND pg_get_expr(e.relpartbound, e.oid) = pg_get_expr(d.relpartbound, d.oid)
 WHERE di.inhparent = 'public.search_documents'::regclass
 ORDER BY 1
