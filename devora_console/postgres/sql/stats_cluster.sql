-- What: when the files of this server were made (part of its identifier), to tell "since ever" from "since a crash".
-- Serves: 14 and later. Cost: nothing. Grants: none.
SELECT to_timestamp(c.system_identifier >> 32) AS made FROM pg_catalog.pg_control_system() c
