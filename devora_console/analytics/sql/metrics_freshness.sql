-- What: when the last refresh of each view began, and how long it took. Needs: admin_role, metrics_role or the owner.
SELECT view_name, refreshed_at, took_ms FROM devora_console.stats_refresh ORDER BY view_name
