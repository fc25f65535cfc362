-- The partitions of the vectors, in their order.
SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS place, n.nspname AS folder,
       row_number() OVER (ORDER BY c.relname) - 1 AS number
  FROM pg_inherits i
  JOIN pg_class c ON c.oid = i.inhrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE i.inhparent = 'public.embeddings'::regclass
 ORDER BY c.relname
