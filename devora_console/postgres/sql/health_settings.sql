-- What: the settings that are judged, the memory they speak of, and what decides whether they matter.
-- Serves: 14 and later. Cost: nothing. Grants: none for these settings.
SELECT s.name, s.setting, s.unit, s.source, s.pending_restart
  FROM pg_catalog.pg_settings s
 WHERE s.name IN ('fsync', 'full_page_writes', 'autovacuum', 'track_counts', 'track_io_timing', 'shared_buffers',
                  'work_mem', 'max_connections', 'synchronous_commit', 'zero_damaged_pages',
                  'ignore_checksum_failure', 'track_activities')
    OR s.pending_restart
