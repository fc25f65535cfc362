-- What: the planner's settings that a role brings to this database ($1: its OID), the one that counts first; search_path too.
-- Serves: 14 and later. Cost: nothing. Grants: none.
SELECT found.name, found.value
  FROM (SELECT DISTINCT ON (split_part(c.setting, '=', 1))
               split_part(c.setting, '=', 1) AS name,
               substr(c.setting, strpos(c.setting, '=') + 1) AS value
          FROM pg_catalog.pg_db_role_setting s, unnest(s.setconfig) AS c(setting)
         WHERE s.setdatabase IN (0, (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = current_database()))
           AND s.setrole IN (0, $1::oid)
         ORDER BY split_part(c.setting, '=', 1), (s.setrole <> 0 AND s.setdatabase <> 0) DESC, s.setrole <> 0 DESC) found
  JOIN pg_catalog.pg_settings p ON p.name = found.name
 WHERE p.context = 'user'
   AND (p.category LIKE 'Query Tuning%' OR p.name IN ('search_path', 'work_mem', 'hash_mem_multiplier'))
