-- What: the settings under which a statement is about to be planned.
-- Serves: 14 and later. Cost: nothing. Grants: none.
SELECT pg_catalog.current_setting('search_path') AS search_path,
       pg_catalog.current_setting('work_mem') AS work_mem,
       pg_catalog.current_setting('jit_above_cost')::pg_catalog.float8 AS jit_above_cost
