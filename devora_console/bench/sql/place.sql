-- What stands here: version, size, and the settings that bear on speed. All versions; tier 1; no grants needed.
SELECT current_setting('server_version') AS version,
       current_database() AS database,
       pg_is_in_recovery() AS in_recovery,
       pg_database_size(current_database()) AS bytes,
       ARRAY(SELECT s.name || '=' || current_setting(s.name)
               FROM pg_settings s
              WHERE s.name IN ('shared_buffers', 'effective_cache_size', 'work_mem', 'random_page_cost', 'jit',
                               'max_connections', 'max_parallel_workers_per_gather', 'synchronous_commit', 'fsync')
              ORDER BY s.name) AS settings,
       ARRAY(SELECT e.extname || ' ' || e.extversion FROM pg_extension e
              WHERE e.extname <> 'plpgsql' ORDER BY e.extname) AS extensions
