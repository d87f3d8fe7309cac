-- A schema as text, for a server that is newer than every pg_dump at hand.
-- `:'skip'` lists schemas to leave out, with commas.
\set QUIET on
\pset format unaligned
\pset tuples_only on
SET search_path = pg_catalog;
CREATE TEMP VIEW mine AS SELECT n.oid, n.nspname FROM pg_namespace n
  WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND n.nspname <> ALL (string_to_array(:'skip', ','));
CREATE TEMP VIEW rels AS SELECT c.*, format('%I.%I', m.nspname, c.relname) AS named
  FROM pg_class c JOIN mine m ON m.oid = c.relnamespace;

SELECT format('SCHEMA %I OWNER %s ACL %s COMMENT %s', m.nspname, pg_get_userbyid(n.nspowner), n.nspacl, obj_description(n.oid, 'pg_namespace'))
  FROM mine m JOIN pg_namespace n USING (oid) ORDER BY 1;

SELECT concat_ws(E'\n',
    format('CREATE %s %s KIND %s OWNER %s (', CASE WHEN r.relkind IN ('v', 'm') THEN 'VIEW' ELSE 'TABLE' END, r.named, r.relkind, pg_get_userbyid(r.relowner)),
    (SELECT string_agg(format('  %I %s%s%s%s%s COLLATION %s STORAGE %s STATISTICS %s OPTIONS %s ACL %s COMMENT %s', a.attname,
            format_type(a.atttypid, a.atttypmod),
            CASE WHEN a.attnotnull THEN ' NOT NULL' END,
            (SELECT ' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid) FROM pg_attrdef d WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum),
            ' IDENTITY ' || nullif(a.attidentity::text, ''), ' GENERATED ' || nullif(a.attgenerated::text, ''),
            a.attcollation, a.attstorage, coalesce(a.attstattarget, -1), a.attoptions, a.attacl, col_description(r.oid, a.attnum)), E'\n' ORDER BY a.attnum)
       FROM pg_attribute a WHERE a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped),
    format(') OPTIONS %s IDENTITY %s PERSISTENCE %s RLS %s %s ACL %s COMMENT %s PARTITION %s %s VIEW %s', r.reloptions, r.relreplident, r.relpersistence,
      r.relrowsecurity, r.relforcerowsecurity, r.relacl, obj_description(r.oid, 'pg_class'), pg_get_partkeydef(r.oid),
      pg_get_expr(r.relpartbound, r.oid), CASE WHEN r.relkind IN ('v', 'm') THEN pg_get_viewdef(r.oid) END))
  FROM rels r WHERE r.relkind IN ('r', 'p', 'v', 'm', 'f') ORDER BY r.named;

SELECT format('CONSTRAINT %I ON %s: %s VALID %s COMMENT %s', c.conname, r.named, pg_get_constraintdef(c.oid), c.convalidated, obj_description(c.oid, 'pg_constraint'))
  FROM pg_constraint c JOIN rels r ON r.oid = c.conrelid ORDER BY 1;
SELECT format('INDEX %s VALID %s IDENTITY %s CLUSTERED %s COMMENT %s', pg_get_indexdef(i.indexrelid), i.indisvalid, i.indisreplident, i.indisclustered, obj_description(i.indexrelid, 'pg_class'))
  FROM pg_index i JOIN rels r ON r.oid = i.indrelid ORDER BY 1;
SELECT format('TRIGGER %s ENABLED %s', pg_get_triggerdef(t.oid), t.tgenabled)
  FROM pg_trigger t JOIN rels r ON r.oid = t.tgrelid WHERE NOT t.tgisinternal ORDER BY 1;
SELECT format('SEQUENCE %s TYPE %s START %s BY %s MIN %s MAX %s CACHE %s CYCLE %s OWNER %s ACL %s OF %s', r.named, format_type(s.seqtypid, NULL), s.seqstart,
    s.seqincrement, s.seqmin, s.seqmax, s.seqcache, s.seqcycle, pg_get_userbyid(r.relowner), r.relacl,
    (SELECT d.refobjid::regclass || '.' || a.attname FROM pg_depend d JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
       WHERE d.classid = 'pg_class'::regclass AND d.objid = r.oid AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0))
  FROM pg_sequence s JOIN rels r ON r.oid = s.seqrelid ORDER BY 1;
SELECT format('FUNCTION %s OWNER %s ACL %s', pg_get_functiondef(p.oid), pg_get_userbyid(p.proowner), p.proacl)
  FROM pg_proc p JOIN mine m ON m.oid = p.pronamespace WHERE p.prokind IN ('f', 'p') ORDER BY 1;
SELECT format('TYPE %I.%I %s LABELS %s', m.nspname, t.typname, t.typtype, (SELECT array_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid))
  FROM pg_type t JOIN mine m ON m.oid = t.typnamespace WHERE t.typtype IN ('e', 'd') ORDER BY 1;
SELECT format('POLICY %I ON %s: %s %s %s %s', p.polname, r.named, p.polcmd, p.polroles::regrole[], pg_get_expr(p.polqual, r.oid), pg_get_expr(p.polwithcheck, r.oid))
  FROM pg_policy p JOIN rels r ON r.oid = p.polrelid ORDER BY 1;
