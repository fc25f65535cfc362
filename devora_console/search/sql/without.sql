-- A leg's answer without the documents that hold what is excluded ({kept} must hold of a document; its vector has
-- title, context and body). Where they leave fewer than {most}, twenty times as many are looked at. A leg does not tell
-- whose a document is: where no user is set, its entity does.
WITH first AS MATERIALIZED (
{leg}
), kept AS MATERIALIZED (
SELECT f.* FROM first f CROSS JOIN LATERAL ({whose}) o
  JOIN public.search_documents d
    ON d.user_id = o.user_id AND d.entity_type = f.entity_type AND d.entity_id = f.entity_id
 WHERE d.search_vector @@ {kept}
), more AS MATERIALIZED (
SELECT * FROM (
{deeper}
) AS m WHERE (SELECT count(*) FROM kept) < {most} AND (SELECT count(*) FROM first) >= {most}
)
SELECT * FROM (
SELECT * FROM kept WHERE NOT EXISTS (SELECT FROM more)
UNION ALL
SELECT f.* FROM more f CROSS JOIN LATERAL ({whose}) o
  JOIN public.search_documents d
    ON d.user_id = o.user_id AND d.entity_type = f.entity_type AND d.entity_id = f.entity_id
 WHERE d.search_vector @@ {kept}
) AS found
 ORDER BY score DESC, entity_type, entity_id
 LIMIT {most}
