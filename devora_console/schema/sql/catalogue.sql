-- answers: everything schemas public and devora_console consist of, as one jsonb: {kind: {object: {property: value}}}
-- serves: 14 on; cost: 50 ms; needs: nothing. Run with search_path = pg_catalog, so that every name is qualified.
-- Left out: what belongs to extensions, what follows from a parent (columns, indexes and keys of partitions),
-- storage parameters (tuning is the operator's), and every row.
WITH place AS (
    SELECT n.oid, n.nspname, n.nspowner, n.nspacl
      FROM pg_namespace n
     WHERE n.nspname IN ('public', 'devora_console')
), relation AS (
    SELECT c.*, format('%I.%I', p.nspname, c.relname) AS label
      FROM pg_class c
      JOIN place p ON p.oid = c.relnamespace
     WHERE NOT EXISTS (SELECT FROM pg_depend d
                        WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
), routine AS (
    SELECT f.*, format('%I.%I(%s)', p.nspname, f.proname, pg_get_function_identity_arguments(f.oid)) AS label
      FROM pg_proc f
      JOIN place p ON p.oid = f.pronamespace
     WHERE NOT EXISTS (SELECT FROM pg_depend d
                        WHERE d.classid = 'pg_proc'::regclass AND d.objid = f.oid AND d.deptype = 'e')
), granted (kind, label, owner, acl) AS (
    SELECT 'r', label, relowner, coalesce(relacl, acldefault('r', relowner))
      FROM relation WHERE relkind IN ('r', 'p', 'v', 'm', 'f')
    UNION ALL
    SELECT 'f', label, proowner, coalesce(proacl, acldefault('f', proowner)) FROM routine
    UNION ALL
    SELECT 'n', quote_ident(nspname), nspowner, coalesce(nspacl, acldefault('n', nspowner)) FROM place
), rights (kind, label, grants) AS (
    SELECT kind, label, jsonb_object_agg(grantee, rights)
      FROM (SELECT g.kind, g.label,
                   CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END AS grantee,
                   string_agg(a.privilege_type || CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END,
                              ', ' ORDER BY a.privilege_type) AS rights
              FROM granted g CROSS JOIN LATERAL aclexplode(g.acl) a
             WHERE a.grantee <> g.owner
             GROUP BY 1, 2, 3) one
     GROUP BY kind, label
)
SELECT jsonb_build_object(
    'schema', (
        SELECT jsonb_object_agg(quote_ident(p.nspname), jsonb_build_object(
                   'owner', pg_get_userbyid(p.nspowner), 'grants', coalesce(r.grants, '{}')))
          FROM place p LEFT JOIN rights r ON r.kind = 'n' AND r.label = quote_ident(p.nspname)),
    'table', (
        SELECT jsonb_object_agg(c.label, jsonb_strip_nulls(jsonb_build_object(
                   'owner', pg_get_userbyid(c.relowner), 'grants', coalesce(r.grants, '{}'),
                   'persistence', c.relpersistence, 'partitioned', pg_get_partkeydef(c.oid),
                   'partition', pg_get_expr(c.relpartbound, c.oid),
                   'row_security', c.relrowsecurity, 'row_security_forced', c.relforcerowsecurity)))
          FROM relation c LEFT JOIN rights r ON r.kind = 'r' AND r.label = c.label
         WHERE c.relkind IN ('r', 'p', 'f')),
    'column', (
        SELECT jsonb_object_agg(format('%s.%I', c.label, a.attname), jsonb_strip_nulls(jsonb_build_object(
                   'table', c.label, 'name', quote_ident(a.attname),
                   'type', format_type(a.atttypid, a.atttypmod), 'not_null', a.attnotnull,
                   'default', pg_get_expr(d.adbin, d.adrelid), 'identity', nullif(a.attidentity, ''),
                   'generated', nullif(a.attgenerated, ''), 'grants', a.attacl::text)))
          FROM relation c
          JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
          LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
         WHERE c.relkind IN ('r', 'p', 'f') AND NOT c.relispartition),
    'constraint', (
        SELECT jsonb_object_agg(format('%s.%I', c.label, k.conname), jsonb_build_object(
                   'table', c.label, 'name', quote_ident(k.conname),
                   'definition', pg_get_constraintdef(k.oid), 'validated', k.convalidated))
          FROM relation c JOIN pg_constraint k ON k.conrelid = c.oid
         WHERE k.contype <> 'n' AND k.contype <> 't' AND k.conparentid = 0 AND NOT c.relispartition),
    'index', (
        SELECT jsonb_object_agg(c.label, jsonb_build_object(
                   'table', on_table.label, 'definition', pg_get_indexdef(c.oid), 'valid', i.indisvalid,
                   'constraint', EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = c.oid AND k.contype <> 'f')))
          FROM relation c
          JOIN pg_index i ON i.indexrelid = c.oid
          JOIN relation on_table ON on_table.oid = i.indrelid
         WHERE NOT c.relispartition
           -- Made and dropped as embedding models come and go.
           AND NOT (on_table.label ~ '^(public[.]embeddings|devora_console[.]embeddings_p[0-9]+)$'
                    AND c.relname ~ '^idx_embeddings_ann_[0-9a-f]{8}_[0-9]+(_p[0-9]+)?$')),
    'trigger', (
        SELECT jsonb_object_agg(format('%s.%I', c.label, t.tgname), jsonb_build_object(
                   'table', c.label, 'name', quote_ident(t.tgname),
                   'definition', pg_get_triggerdef(t.oid), 'enabled', t.tgenabled))
          FROM relation c JOIN pg_trigger t ON t.tgrelid = c.oid
         WHERE NOT t.tgisinternal AND t.tgparentid = 0),
    'function', (
        SELECT jsonb_object_agg(f.label, jsonb_strip_nulls(jsonb_build_object(
                   'owner', pg_get_userbyid(f.proowner), 'grants', coalesce(r.grants, '{}'),
                   'returns', pg_get_function_result(f.oid), 'language', l.lanname, 'volatility', f.provolatile,
                   'parallel', f.proparallel, 'security_definer', f.prosecdef,
                   'settings', array_to_string(f.proconfig, '; '), 'body_md5', md5(f.prosrc),
                   'definition', pg_get_function_sqlbody(f.oid))))
          FROM routine f
          JOIN pg_language l ON l.oid = f.prolang
          LEFT JOIN rights r ON r.kind = 'f' AND r.label = f.label),
    'view', (
        SELECT jsonb_object_agg(c.label, jsonb_build_object(
                   'owner', pg_get_userbyid(c.relowner), 'grants', coalesce(r.grants, '{}'),
                   'definition', pg_get_viewdef(c.oid), 'options', coalesce(array_to_string(c.reloptions, ', '), '')))
          FROM relation c LEFT JOIN rights r ON r.kind = 'r' AND r.label = c.label
         WHERE c.relkind = 'v'),
    'materialized view', (
        SELECT jsonb_object_agg(c.label, jsonb_build_object(
                   'owner', pg_get_userbyid(c.relowner), 'grants', coalesce(r.grants, '{}'),
                   'definition', pg_get_viewdef(c.oid), 'populated', c.relispopulated))
          FROM relation c LEFT JOIN rights r ON r.kind = 'r' AND r.label = c.label
         WHERE c.relkind = 'm'),
    'policy', (
        SELECT jsonb_object_agg(format('%s.%I', c.label, p.polname), jsonb_strip_nulls(jsonb_build_object(
                   'table', c.label, 'name', quote_ident(p.polname),
                   'permissive', p.polpermissive,
                   'command', CASE p.polcmd WHEN '*' THEN 'ALL' WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT'
                                            WHEN 'w' THEN 'UPDATE' ELSE 'DELETE' END,
                   'roles', (SELECT string_agg(CASE o.oid WHEN 0 THEN 'PUBLIC'
                                                          ELSE quote_ident(pg_get_userbyid(o.oid)) END, ', '
                                               ORDER BY pg_get_userbyid(o.oid))
                               FROM unnest(p.polroles) AS o (oid)),
                   'using', pg_get_expr(p.polqual, p.polrelid),
                   'with_check', pg_get_expr(p.polwithcheck, p.polrelid))))
          FROM relation c JOIN pg_policy p ON p.polrelid = c.oid),
    'sequence', (
        SELECT jsonb_object_agg(c.label, jsonb_build_object('owner', pg_get_userbyid(c.relowner)))
          FROM relation c WHERE c.relkind = 'S'),
    'type', (
        SELECT jsonb_object_agg(format('%I.%I', p.nspname, t.typname), jsonb_build_object(
                   'owner', pg_get_userbyid(t.typowner), 'category', t.typtype))
          FROM pg_type t
          JOIN place p ON p.oid = t.typnamespace
          LEFT JOIN pg_class c ON c.oid = t.typrelid
         WHERE (t.typtype IN ('d', 'e', 'r') OR c.relkind = 'c')
           AND NOT EXISTS (SELECT FROM pg_depend d
                            WHERE d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e')),
    'text search configuration', (
        SELECT jsonb_object_agg(format('%I.%I', p.nspname, t.cfgname), jsonb_build_object(
                   'owner', pg_get_userbyid(t.cfgowner),
                   'mapping', (SELECT jsonb_object_agg(token.alias, m.dictionaries)
                                 FROM (SELECT maptokentype,
                                              string_agg(mapdict::regdictionary::text, ', ' ORDER BY mapseqno)
                                         FROM pg_ts_config_map WHERE mapcfg = t.oid
                                        GROUP BY maptokentype) AS m (tokid, dictionaries)
                                 JOIN ts_token_type(t.cfgparser) AS token ON token.tokid = m.tokid)))
          FROM pg_ts_config t
          JOIN place p ON p.oid = t.cfgnamespace
         WHERE NOT EXISTS (SELECT FROM pg_depend d
                            WHERE d.classid = 'pg_ts_config'::regclass AND d.objid = t.oid AND d.deptype = 'e')),
    'text search dictionary', (
        SELECT jsonb_object_agg(format('%I.%I', p.nspname, t.dictname), jsonb_build_object(
                   'owner', pg_get_userbyid(t.dictowner), 'options', coalesce(t.dictinitoption, '')))
          FROM pg_ts_dict t
          JOIN place p ON p.oid = t.dictnamespace
         WHERE NOT EXISTS (SELECT FROM pg_depend d
                            WHERE d.classid = 'pg_ts_dict'::regclass AND d.objid = t.oid AND d.deptype = 'e')),
    'role', (
        SELECT jsonb_object_agg(quote_ident(r.rolname), jsonb_build_object(
                   'superuser', r.rolsuper, 'bypasses_row_security', r.rolbypassrls))
          FROM pg_roles r WHERE r.rolname IN ('app_user', 'admin_role', 'metrics_role'))
)
