"""A table described object by object, so that two tables can be compared line by line.

This is the heart of "never a wrong table": a clone whose description differs from the original's
would lose what the missing line says, whatever it is. So nothing that hangs on a table may be left
out here, and what is new in a future release shows as a difference wherever `pg_get_…def` prints
it. A table's own schema is left out of every line, and nothing else is: a prefix that we know word
for word is cut off. Only rules and policies may name their own table in an expression, and there
its whole name is replaced; who has that name in a text, too, has a difference that is none.

Foreign keys, publications and all that hangs on the table from outside are not the clone's:
`surroundings.py` describes them.
"""

from __future__ import annotations

from collections.abc import Sequence

from osc.model.table import TableName
from osc.postgres import kin
from osc.postgres.session import Connection, plain_names

COLUMN_OPTIONS = """ARRAY(
    SELECT o FROM unnest(attoptions) AS o WHERE NOT starts_with(o, 'pg_attver='))"""
"""Without the version of the column's type that the server keeps there for itself, since the minor
releases of November 2026: it grows with each change, pg_dump leaves it out, SET ignores it."""

EXPRESSION = "pg_get_expr(d.adbin, CASE attgenerated WHEN '' THEN 0::oid ELSE d.adrelid END)"
"""Of a default, which names no columns, or of a generated column. To print a name the server learns
all columns of the table: for each of 1,000 defaults that took 7.4 s altogether, and so 1 ms."""

SORTED = "coalesce((SELECT string_agg(o, ' ' ORDER BY o) FROM unnest({}) AS o), '-')"

TABLE = f"""
SELECT unnest(ARRAY[
    concat('table: kind ', c.relkind, ', persistence ', c.relpersistence),
    'table: access method ' || coalesce(am.amname, '-'),
    'table: tablespace ' || coalesce(space.spcname, '-'),
    'table: options ' || {SORTED.format("c.reloptions")},
    'table: toast options ' || {SORTED.format("toast.reloptions")},
    'table: owner ' || pg_get_userbyid(c.relowner),
    concat('table: replica identity ', c.relreplident),
    concat('table: row security ', c.relrowsecurity, ', forced ', c.relforcerowsecurity),
    concat('table: of type ', c.reloftype::regtype),
    'table: partitioned by ' || coalesce(pg_get_partkeydef(c.oid), '-'),
    'table: partition ' || coalesce(pg_get_expr(c.relpartbound, c.oid), '-'),
    'table: comment ' || coalesce(obj_description(c.oid, 'pg_class'), '-')])
FROM t c
LEFT JOIN pg_am am ON am.oid = c.relam
LEFT JOIN pg_tablespace space ON space.oid = c.reltablespace
LEFT JOIN pg_class toast ON toast.oid = c.reltoastrelid
"""

GRANTS = """
SELECT format('grant: %s to %s by %s, grantable %s', privilege_type,
              CASE grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(grantee) END,
              pg_get_userbyid(grantor), is_grantable)
FROM t, aclexplode(coalesce(t.relacl, acldefault('r', t.relowner)))
UNION ALL
SELECT format('grant on column %I: %s to %s by %s, grantable %s', attname, privilege_type,
              CASE grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(grantee) END,
              pg_get_userbyid(grantor), is_grantable)
FROM live, aclexplode(attacl)
"""

COLUMNS = f"""
SELECT format('column %s: %I %s', lpad(position::text, 4, '0'), attname,
              concat_ws(', ',
                  format_type(atttypid, atttypmod),
                  'collation ' || nullif(attcollation, 0)::regcollation::text,
                  CASE WHEN attnotnull THEN 'not null' END,
                  'identity ' || nullif(attidentity::text, ''),
                  'generated ' || nullif(attgenerated::text, ''),
                  'default ' || {EXPRESSION},
                  'storage ' || attstorage::text,
                  'compression ' || nullif(row ->> 'attcompression', ''),
                  'statistics ' || nullif(coalesce(row ->> 'attstattarget', '-1'), '-1'),
                  'options ' || nullif({SORTED.format(COLUMN_OPTIONS)}, '-'),
                  'inherited ' || nullif(attinhcount, 0),
                  CASE WHEN attinhcount > 0 AND attislocal THEN 'local too' END,
                  'comment ' || col_description(attrelid, attnum)))
FROM live LEFT JOIN pg_attrdef d ON (d.adrelid, d.adnum) = (attrelid, attnum)
"""

IDENTITIES = """
SELECT format('identity sequence of %I: %I', attname, s.relname)
    || format(', %s start %s by %s from %s to %s cache %s cycle %s, comment %s, grants %s%s',
              q.seqtypid::regtype, q.seqstart, q.seqincrement, q.seqmin, q.seqmax, q.seqcache,
              q.seqcycle, coalesce(obj_description(s.oid, 'pg_class'), '-'),
              ARRAY(SELECT acl FROM unnest(coalesce(s.relacl, acldefault('s', s.relowner))) AS acl
                    ORDER BY acl::text),
              (SELECT ', labels ' || string_agg(concat(l.provider, ' ', l.label), ', ' ORDER BY 1)
               FROM pg_seclabel l WHERE (l.classoid, l.objoid) = ('pg_class'::regclass, s.oid)))
FROM identity_sequence s JOIN live ON attnum = s.column
JOIN pg_sequence q ON q.seqrelid = s.oid
"""

CONSTRAINTS = """
SELECT format('constraint %I: %s%s', conname, pg_get_constraintdef(k.oid),
              concat(
                  CASE WHEN NOT convalidated AND contype IN ('c', 'n')
                       THEN ', not validated' END,
                  ', inherited ' || nullif(coninhcount, 0),
                  CASE WHEN coninhcount > 0 AND conislocal THEN ', local too' END,
                  ', comment ' || obj_description(k.oid, 'pg_constraint')))
FROM pg_constraint k JOIN t ON k.conrelid = t.oid WHERE contype NOT IN ('f', 't')
AND conname <> '_osc_bound'
"""

INDEXES = """
SELECT format('index %I: %s', i.relname,
              concat_ws(', ',
                  CASE WHEN starts_with(definition, prefix)
                       THEN 'using ' || substr(definition, length(prefix) + 1)
                       ELSE definition END,
                  CASE WHEN x.indisunique THEN 'unique' END,
                  CASE WHEN x.indisprimary THEN 'primary' END,
                  CASE WHEN NOT x.indimmediate THEN 'deferrable' END,
                  CASE WHEN NOT (x.indisvalid AND x.indisready) THEN 'INVALID' END,
                  CASE WHEN x.indisclustered THEN 'clustered' END,
                  CASE WHEN x.indisreplident THEN 'replica identity' END,
                  'tablespace ' || space.spcname,
                  'statistics ' || stats.targets,
                  'part of ' || (SELECT p.relname FROM pg_inherits JOIN pg_class p
                                 ON p.oid = inhparent WHERE inhrelid = i.oid),
                  'comment ' || obj_description(i.oid, 'pg_class')))
FROM t JOIN pg_index x ON x.indrelid = t.oid JOIN pg_class i ON i.oid = x.indexrelid
LEFT JOIN pg_tablespace space ON space.oid = i.reltablespace
CROSS JOIN LATERAL (SELECT
    pg_get_indexdef(i.oid) AS definition,
    format('CREATE %sINDEX %I ON %s%I.%I USING ',
           CASE WHEN x.indisunique THEN 'UNIQUE ' END, i.relname,
           CASE WHEN t.relkind = 'p' THEN 'ONLY ' END, t.nspname, t.relname) AS prefix
) AS text
CROSS JOIN LATERAL (
    SELECT string_agg(format('%s=%s', a.attnum, to_jsonb(a) ->> 'attstattarget'), ' '
                      ORDER BY a.attnum) AS targets
    FROM pg_attribute a WHERE a.attrelid = i.oid
     AND coalesce(to_jsonb(a) ->> 'attstattarget', '-1') <> '-1'
) AS stats
"""

STATISTICS = """
SELECT format('statistics %I: %s on %s, target %s, owner %s, comment %s', s.stxname, s.stxkind,
              pg_get_statisticsobjdef_columns(s.oid),
              coalesce(to_jsonb(s) ->> 'stxstattarget', '-1'), pg_get_userbyid(s.stxowner),
              coalesce(obj_description(s.oid, 'pg_statistic_ext'), '-'))
FROM t JOIN pg_statistic_ext s ON s.stxrelid = t.oid
"""
"""Not in which schema: nothing else of ours depends on it, and only the swap knows where to."""

ATTACHED = """
SELECT format('policy %I: %s for %s to %s using %s check %s, comment %s', polname,
              CASE WHEN polpermissive THEN 'permissive' ELSE 'restrictive' END, polcmd,
              ARRAY(SELECT CASE r WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(r) END
                    FROM unnest(polroles) r ORDER BY 1)::text,
              replace(pg_get_expr(polqual, polrelid), own, relname),
              replace(pg_get_expr(polwithcheck, polrelid), own, relname),
              coalesce(obj_description(p.oid, 'pg_policy'), '-'))
FROM t JOIN pg_policy p ON p.polrelid = t.oid
UNION ALL
SELECT format('trigger %I: %s, enabled %s, comment %s', tgname,
              overlay(def PLACING ' ON ' || relname FROM strpos(def, format(' ON %s ', own))
                      FOR length(own) + 4),
              tgenabled, coalesce(obj_description(g.oid, 'pg_trigger'), '-'))
FROM t JOIN pg_trigger g ON g.tgrelid = t.oid CROSS JOIN LATERAL pg_get_triggerdef(g.oid) AS def
WHERE NOT tgisinternal
AND NOT EXISTS (SELECT FROM pg_trigger whole WHERE whole.oid = g.tgparentid
                AND whole.tgenabled = g.tgenabled AND obj_description(g.oid, 'pg_trigger') IS NULL)
AND NOT (tgname ~ '^_osc_[0-9]+_(insert|update|delete|truncate)$'
         AND EXISTS (SELECT FROM pg_proc p WHERE p.oid = g.tgfoid
                     AND p.pronamespace = to_regnamespace('osc')))
UNION ALL
SELECT format('rule %I: %s, enabled %s, comment %s', rulename,
              replace(pg_get_ruledef(w.oid), own, relname), ev_enabled,
              coalesce(obj_description(w.oid, 'pg_rewrite'), '-'))
FROM t JOIN pg_rewrite w ON w.ev_class = t.oid
UNION ALL
SELECT format('%s depends on extension %I', coalesce('index ' || quote_ident(i.relname),
              'trigger ' || quote_ident(g.tgname)), e.extname)
FROM t JOIN pg_depend d ON d.deptype = 'x' JOIN pg_extension e ON e.oid = d.refobjid
LEFT JOIN pg_index x ON d.classid = 'pg_class'::regclass AND x.indexrelid = d.objid
     AND x.indrelid = t.oid
LEFT JOIN pg_class i ON i.oid = x.indexrelid
LEFT JOIN pg_trigger g ON d.classid = 'pg_trigger'::regclass AND g.oid = d.objid
     AND g.tgrelid = t.oid
WHERE i.oid IS NOT NULL OR g.oid IS NOT NULL
UNION ALL
SELECT format('security label of %s: %s for %s', l.objsubid, l.label, l.provider)
FROM t JOIN pg_seclabel l ON (l.classoid, l.objoid) = ('pg_class'::regclass, t.oid)
UNION ALL
SELECT format('row type: comment %s, grants %s, labels %s',
              coalesce(obj_description(y.oid, 'pg_type'), '-'),
              coalesce((SELECT string_agg(acl::text, ' ' ORDER BY acl::text)
                        FROM unnest(y.typacl) AS acl), '-'),
              coalesce((SELECT string_agg(concat(provider, ' ', label), ', ' ORDER BY provider)
                        FROM pg_seclabel WHERE (classoid, objoid) = ('pg_type'::regclass, y.oid)),
                       '-'))
FROM t JOIN pg_type y ON y.oid = t.reltype
WHERE y.typacl IS NOT NULL OR obj_description(y.oid, 'pg_type') IS NOT NULL
OR EXISTS (SELECT FROM pg_seclabel WHERE (classoid, objoid) = ('pg_type'::regclass, y.oid))
UNION ALL
SELECT format('%s %s: %I', CASE WHEN t.relispartition THEN 'part of' ELSE 'inherits from' END,
              row_number() OVER (ORDER BY inhseqno), p.relname)
FROM t JOIN pg_inherits ON inhrelid = t.oid JOIN pg_class p ON p.oid = inhparent
UNION ALL
SELECT format('inherited by %s', inhrelid::regclass) FROM t JOIN pg_inherits ON inhparent = t.oid
WHERE t.relkind <> 'p'
UNION ALL
SELECT format('member of extension %I', e.extname)
FROM t JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = t.oid AND d.deptype = 'e'
JOIN pg_extension e ON e.oid = d.refobjid
"""

EVERYTHING = (
    TABLE, GRANTS, COLUMNS, IDENTITIES, CONSTRAINTS, INDEXES, STATISTICS, ATTACHED,
)  # fmt: skip

QUERY = """
WITH t AS (SELECT c.*, n.nspname, format('%I.%I', n.nspname, c.relname) AS own
           FROM pg_class c
           CROSS JOIN LATERAL (SELECT CASE WHEN c.relnamespace = pg_my_temp_schema()
                                                AND current_setting('server_version_num')::int
                                                    >= 150000
                                           THEN 'pg_temp' ELSE s.nspname END AS nspname
                               FROM pg_namespace s WHERE s.oid = c.relnamespace) AS n
           WHERE c.oid = $1),
     live AS (SELECT a.*, to_jsonb(a) - 'attmissingval' AS row,
                     row_number() OVER (ORDER BY a.attnum) AS position
              FROM t JOIN pg_attribute a ON a.attrelid = t.oid
              WHERE a.attnum > 0 AND NOT a.attisdropped),
     identity_sequence AS (
              SELECT s.oid, s.relname, s.relacl, s.relowner, d.refobjsubid AS column
              FROM t JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass
                   AND d.refobjid = t.oid AND d.classid = 'pg_class'::regclass AND d.deptype = 'i'
              JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S')
SELECT line FROM ({}) AS lines (line) ORDER BY line COLLATE "C"
"""


DESCRIBE = QUERY.format("\nUNION ALL\n".join(EVERYTHING))


def oid_of(session: Connection, name: TableName) -> int | None:
    """The relation's OID; None where there is none of that name."""
    found = session.value(
        "SELECT c.oid::bigint FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = $1 AND c.relname = $2",
        name.schema,
        name.name,
    )
    return None if found is None else int(found)


def describe(session: Connection, oid: int) -> tuple[str, ...]:
    """One line for each object and property of the table and of its partitions; empty where there
    is no table. A trigger that a partition has from its parent is told once, with the parent."""
    with plain_names(session):
        own, *parts = kin.family(session, oid) or (kin.Member(oid, TableName("", ""), ""),)
        lines = [str(line) for (line,) in session.rows_of(own.oid, DESCRIBE)]
        for part in parts:
            told = session.rows_of(part.oid, DESCRIBE)
            lines += [f"partition {part.name.name}: {line}" for (line,) in told]
    return tuple(lines)


def differences(have: Sequence[str], want: Sequence[str]) -> tuple[str, ...]:
    """Lines of one side only: `- ` is missing from `have`, `+ ` is too much in it."""
    missing = [f"- {line}" for line in want if line not in have]
    surplus = [f"+ {line}" for line in have if line not in want]
    return tuple(missing + surplus)
