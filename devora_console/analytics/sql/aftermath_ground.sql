-- What of the analytics tables is here, and whether this role sees everybody's rows of them.
-- Versions: all. Cost: catalogue only. Grants: none.
SELECT now() AS now,
       to_regclass('public.analytics_events') IS NOT NULL AS events,
       to_regclass('public.search_queries') IS NOT NULL AS searches,
       coalesce(NOT row_security_active(to_regclass('public.analytics_events')::oid), true)
       AND coalesce(NOT row_security_active(to_regclass('public.search_queries')::oid), true)
       OR coalesce((SELECT pg_has_role(r.oid, 'USAGE') FROM pg_roles r WHERE r.rolname = 'admin_role'), false)
       AS reads_all
