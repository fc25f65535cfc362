-- answers: which versions were applied here
-- serves: 14 on; cost: nothing; needs: SELECT on devora_console.schema_version
SELECT version, name, checksum, applied_at, applied_by, server_version_num, catalog IS NOT NULL AS described
  FROM devora_console.schema_version
 ORDER BY version
