"""What PostgreSQL's catalog says of a table."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from osc.engine import Sync
from osc.errors import NoTable, Precondition
from osc.model.alter import Alter
from osc.model.table import Column, Key, Table, TableName
from osc.postgres import kin
from osc.postgres.definition import EXPRESSION, describe, oid_of
from osc.postgres.session import Connection, Open, plain_names

NOT_NULL = """a.attnotnull AND NOT EXISTS (
    SELECT FROM pg_constraint k WHERE k.conrelid = a.attrelid AND k.contype = 'n'
    AND NOT k.convalidated AND a.attnum = ANY (k.conkey))"""
"""A NOT NULL that isn't validated (18) says nothing about the rows that are there."""

UPON = """
WITH RECURSIVE upon (oid, modifier) AS (
    SELECT y.oid, y.typtypmod
    UNION ALL SELECT x.typbasetype, x.typtypmod FROM upon JOIN pg_type x USING (oid)
              WHERE x.typtype = 'd')
"""
"""The type `y`, and those that it restricts where it is a domain."""
BASE = f"""{UPON}
SELECT format_type(oid, modifier) FROM upon JOIN pg_type USING (oid) WHERE typtype <> 'd'"""
NEVER_NULL = f"""y.typtype = 'd' AND y.typdefault IS NULL
    AND ({UPON} SELECT bool_or(typnotnull) FROM upon JOIN pg_type USING (oid))"""

COLUMNS = f"""
SELECT a.attname,
       format_type(a.atttypid, a.atttypmod)
           || CASE WHEN a.attcollation NOT IN (0, y.typcollation)
                   THEN ' COLLATE ' || a.attcollation::regcollation ELSE '' END,
       NOT ({NOT_NULL} OR {NEVER_NULL}), a.attgenerated <> '', {EXPRESSION},
       CASE WHEN y.typtype = 'd' AND y.typcollation = 0 THEN ({BASE}) ELSE '' END
FROM pg_attribute a JOIN pg_type y ON y.oid = a.atttypid
LEFT JOIN pg_attrdef d ON (d.adrelid, d.adnum) = (a.attrelid, a.attnum)
WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
"""

KEYS = f"""
SELECT i.relname, x.indisprimary,
       ARRAY(SELECT a.attname::text
             FROM unnest(x.indkey[:x.indnkeyatts - 1]) WITH ORDINALITY AS u (n, at)
             JOIN pg_attribute a ON (a.attrelid, a.attnum) = (x.indrelid, u.n) ORDER BY u.at)
FROM pg_index x
JOIN pg_class i ON i.oid = x.indexrelid
JOIN pg_class t ON t.oid = x.indrelid
WHERE x.indrelid = $1 AND x.indisunique AND x.indimmediate AND x.indisvalid AND x.indisready
AND x.indpred IS NULL AND x.indexprs IS NULL
AND CASE WHEN x.indisexclusion
         THEN EXISTS (SELECT FROM pg_constraint p
                      WHERE p.conindid = i.oid AND (to_jsonb(p) ->> 'conperiod')::bool)
         ELSE i.relam = (SELECT oid FROM pg_am WHERE amname = 'btree') END
AND NOT EXISTS (
    SELECT FROM unnest(x.indkey[:x.indnkeyatts - 1]) AS n
    JOIN pg_attribute a ON (a.attrelid, a.attnum) = (x.indrelid, n)
    WHERE NOT ({NOT_NULL}) OR a.attgenerated <> ''
    OR a.atttypid IN ('real'::regtype, 'double precision'::regtype))
AND ($2 OR CASE t.relreplident WHEN 'd' THEN x.indisprimary WHEN 'i' THEN x.indisreplident
                               WHEN 'f' THEN true ELSE false END)
ORDER BY x.indisreplident DESC, x.indisprimary DESC, x.indnkeyatts, i.relname
"""
"""Floating-point numbers are left out because their text may be rounded by extra_float_digits. Of
exclusion constraints, those of keys WITHOUT OVERLAPS alone (18) tell rows apart: two rows that are
equal there have equal ranges, which overlap, since none may be empty."""


FILES = f"""
{kin.DESCENDANTS}
SELECT string_agg(c.relfilenode::text, '+' ORDER BY level, c.oid)
FROM tree JOIN pg_class c USING (oid)
"""


@dataclass(frozen=True)
class PostgresCatalog:
    """Each call opens a session of its own, so that any thread may ask."""

    opened: Open

    def find(self, alter: Alter, sync: Sync = Sync.LOG) -> Table:
        """The table that the ALTER names; where it names no schema, by the role's search_path. The
        log tells the key of the replica identity alone."""
        with self.opened("catalog") as session:
            name = resolve(session, alter)
            oid = oid_of(session, name)
            assert oid is not None
            kind = session.value("SELECT relkind::text FROM pg_class WHERE oid = $1", oid)
            if kind not in ("r", "p"):
                raise Precondition(
                    f"{name} is {KINDS.get(kind, 'no table')}, not a plain table",
                    still_true=UNTOUCHED,
                )
            return read(session, name, oid, any_key=sync is Sync.TRIGGERS)

    def identity(self, name: TableName) -> str | None:
        with self.opened("catalog") as session:
            oid = oid_of(session, name)
            return None if oid is None else identity(session, oid)


KINDS = {
    "v": "a view",
    "m": "a materialised view",
    "f": "a foreign table",
    "i": "an index",
    "I": "an index",
    "S": "a sequence",
    "c": "a composite type",
}


SERVERS_OWN = ("pg_catalog", "pg_toast", "information_schema")
UNTOUCHED = "nothing was touched"


def resolve(session: Connection, alter: Alter) -> TableName:
    found = session.rows(
        "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.oid = to_regclass(concat(quote_ident($1) || '.', quote_ident($2)))",
        alter.schema,
        alter.table,
    )
    if not found:
        wanted = f"{alter.schema}.{alter.table}" if alter.schema else alter.table
        raise NoTable(
            f"there is no table {wanted} in this database",
            still_true=UNTOUCHED,
            todo="" if alter.schema else "name its schema, or set search_path for this role",
        )
    name = TableName(*found[0])
    if name.schema in SERVERS_OWN:
        raise Precondition(f"{name} is a table of the server itself", still_true=UNTOUCHED)
    return name


def read(session: Connection, name: TableName, oid: int, *, any_key: bool = False) -> Table:
    """A table with the keys whose values the change stream tells, or with all its keys."""
    with plain_names(session):
        columns = session.rows_of(oid, COLUMNS)
        keys = session.rows(KEYS, oid, any_key)
        leaves = [part for part in kin.family(session, oid) if not part.is_partitioned]
        rows, size, blocks = session.rows(
            "SELECT coalesce(sum(greatest(reltuples, 0)), 0)::bigint,"
            " coalesce(sum(pg_table_size(oid)), 0)::bigint,"
            " coalesce(sum(pg_relation_size(oid)), 0)::bigint / current_setting('block_size')::int"
            " FROM pg_class WHERE oid = ANY ($1)",
            [leaf.oid for leaf in leaves],
        )[0]
        partitioned = session.value("SELECT relkind = 'p' FROM pg_class WHERE oid = $1", oid)
    return Table(
        name=name,
        columns=tuple(
            Column(column, type, nullable, generated, default=default, ordinal=ordinal, base=base)
            for ordinal, (column, type, nullable, generated, default, base) in enumerate(columns, 1)
        ),
        keys=tuple(Key(key, tuple(of), primary) for key, primary, of in keys),
        identity=identity(session, oid) or "",
        rows=rows,
        bytes=size,
        blocks=blocks,
        leaves=tuple(leaf.name for leaf in leaves) if partitioned else (),
    )


def identity(session: Connection, oid: int) -> str | None:
    """Changes with the files that hold the rows (TRUNCATE, VACUUM FULL, CLUSTER, a rewriting ALTER)
    and with every line of the description: whoever grants something on the original while it is
    copied grants nothing on the shadow. None where the table is gone."""
    ((files,),) = session.rows_of(oid, FILES)
    if files is None:
        return None
    lines = "\n".join(describe(session, oid))
    return f"{oid}/{files}/{hashlib.sha1(lines.encode()).hexdigest()}{lifetime(session, oid)}"


LIFETIME = f"""
{kin.DESCENDANTS}
SELECT '/' || extract(epoch FROM stats_reset) FROM pg_stat_bgwriter
WHERE EXISTS (SELECT FROM tree JOIN pg_class USING (oid) WHERE relpersistence = 'u')
"""


def lifetime(session: Connection, oid: int) -> str:
    """In which life of the server an unlogged table has its rows; empty where it is logged. A crash
    empties it, and the catalog says nothing of that: but the statistics begin anew, too."""
    found = session.rows_of(oid, LIFETIME)
    return str(found[0][0] or "") if found else ""
