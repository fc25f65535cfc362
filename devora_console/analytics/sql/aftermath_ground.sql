-- What of the analytics tables is here, and whether this role sees everybody's rows of them.
-- Versions: all. Cost: catalogue only. Grants: none.
SELECT now() AS now,
       to_regclass('public.analytics_events') IS NOT NULL AS events,
       to_regclass('public.search_queries') IS NOT NULL AS searches,
       (SELECT r.rolsuper OR r.rolbypassrls FROM pg_roles r WHERE r.rolname = current_user)
       OR coalesce((SELECT pg_has_role(c.relowner, 'USAGE') FROM pg_class c
                     WHERE c.oid = to_regclass('public.analytics_events')), true)
       OR coalesce((SELECT pg_has_role(r.oid, 'USAGE') FROM pg_roles r WHERE r.rolname = 'admin_role'), false)
       AS reads_all
