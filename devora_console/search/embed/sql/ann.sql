-- The index for nearest neighbours of this name ($1): of all vectors, and of each partition.
SELECT c.relname AS name, x.indisvalid AS valid, c.relkind = 'I' AS whole, pg_relation_size(c.oid) AS bytes,
       EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = c.oid) AS attached
  FROM pg_class c
  JOIN pg_index x ON x.indexrelid = c.oid
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname IN ('public', 'devora_console')
   AND (c.relname = $1 OR c.relname ~ ('^' || $1 || '_p[0-9]+$'))
 ORDER BY c.relname
