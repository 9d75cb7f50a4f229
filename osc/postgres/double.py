"""An empty double of a table and of what is around it, on which an ALTER is tried out.

The double is a temporary table: nobody else sees it, it leaves nothing behind however we end, and
it may be committed. The last is the point: a table that was made in the same transaction is locked
by its maker, and the locks of the ALTER could not be told from that. The tables that foreign keys
lead to and come from have doubles, too, so that trying takes no lock on anything of the user's
that he would notice.

It need not be the table's equal in everything (that is `clone.py`): what a double lacks makes the
forecast less exact, and the real statement still runs against the clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from osc.engine import Statement
from osc.errors import BadStatement, NotAllowed
from osc.model.table import TableName
from osc.postgres import decoys, indexes
from osc.postgres.definition import oid_of
from osc.postgres.quoting import identifier, qualified
from osc.postgres.session import Connection, plain_names

MOST_PARTITIONS = 8
"""So many of a partitioned table have doubles, those with indexes of their own first: the others
are like them."""


@dataclass(frozen=True)
class Double:
    """`doubles` maps OIDs to the real tables' names."""

    original: TableName
    name: TableName
    oid: int
    doubles: dict[int, TableName] = field(default_factory=dict)

    def of(self, real: TableName) -> TableName | None:
        """The double of a table, if it has one."""
        found = [oid for oid, name in self.doubles.items() if name == real]
        return TableName(self.name.schema, real.name) if found else None


@contextmanager
def doubled(
    session: Connection, original: TableName, others: tuple[TableName, ...] = ()
) -> Iterator[Double]:
    """The double, there and committed for the length of the block. `others` are tables that the
    ALTER names besides. The caller is in no transaction."""
    schema = _temporary_schema(session)
    try:
        with session.transaction():
            found = _Maker(session, schema).make(original, others)
        yield found
    finally:
        if not session.raw.broken and not session.raw.closed:
            session.run("DISCARD TEMP")


def _temporary_schema(session: Connection) -> str:
    session.run("CREATE TEMPORARY TABLE _osc_try ()")
    session.run("DROP TABLE pg_temp._osc_try")
    return str(session.value("SELECT nspname FROM pg_namespace WHERE oid = pg_my_temp_schema()"))


TABLE = """
SELECT c.oid::bigint, c.relkind::text, pg_get_partkeydef(c.oid), am.amname,
       array_to_string(coalesce(c.reloptions, '{}')
           || ARRAY(SELECT 'toast.' || o FROM unnest(toast.reloptions) o), ', '),
       c.relreplident::text, c.relrowsecurity, c.relforcerowsecurity,
       CASE WHEN space.oid = d.dattablespace OR has_tablespace_privilege(space.oid, 'CREATE')
            THEN space.spcname END
FROM pg_class c LEFT JOIN pg_am am ON am.oid = c.relam
JOIN pg_database d ON d.datname = current_database()
JOIN pg_tablespace space ON space.oid = coalesce(nullif(c.reltablespace, 0), d.dattablespace)
LEFT JOIN pg_class toast ON toast.oid = c.reltoastrelid
WHERE c.oid = to_regclass($1)
"""

CONSTRAINTS = """
SELECT o.conname, pg_get_constraintdef(o.oid), o.contype::text, o.convalidated, m.oid IS NOT NULL
FROM pg_constraint o
LEFT JOIN pg_constraint m ON m.conrelid = $2 AND m.conname = o.conname
WHERE o.conrelid = $1 AND o.contype IN ('c', 'n') ORDER BY o.conname
"""

FOREIGN_KEYS = """
SELECT k.conname, pg_get_constraintdef(k.oid), n.nspname, t.relname, m.nspname, r.relname,
       format(' REFERENCES %I.%I(', m.nspname, r.relname)
FROM pg_constraint k
JOIN pg_class t ON t.oid = k.conrelid JOIN pg_namespace n ON n.oid = t.relnamespace
JOIN pg_class r ON r.oid = k.confrelid JOIN pg_namespace m ON m.oid = r.relnamespace
WHERE k.contype = 'f' AND $1 IN (k.conrelid, k.confrelid) AND k.conparentid = 0
ORDER BY k.conname
"""

VIEWS = """
SELECT v.relname, array_agg(DISTINCT a.attname::text)
FROM pg_depend d
JOIN pg_rewrite w ON d.classid = 'pg_rewrite'::regclass AND w.oid = d.objid
JOIN pg_class v ON v.oid = w.ev_class
JOIN pg_attribute a ON (a.attrelid, a.attnum) = (d.refobjid, d.refobjsubid)
WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = $1 AND v.oid <> $1
AND v.relkind IN ('v', 'm')
GROUP BY v.oid, v.relname
"""

TRIGGERS = """
SELECT pg_get_triggerdef(g.oid), format(' ON %I.%I ', n.nspname, t.relname), g.tgname,
       g.tgenabled::text
FROM pg_trigger g JOIN pg_class t ON t.oid = g.tgrelid
JOIN pg_namespace n ON n.oid = t.relnamespace
WHERE g.tgrelid = $1 AND NOT g.tgisinternal
AND NOT (g.tgname ~ '^_osc_[0-9]+_(insert|update|delete|truncate)$')
"""

RULES = """
SELECT pg_get_ruledef(w.oid), format(' TO %I.%I', n.nspname, t.relname), w.rulename,
       w.ev_enabled::text
FROM pg_rewrite w JOIN pg_class t ON t.oid = w.ev_class
JOIN pg_namespace n ON n.oid = t.relnamespace WHERE w.ev_class = $1
"""

POLICIES = """
SELECT polname, pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid), polcmd::text
FROM pg_policy WHERE polrelid = $1
"""

PARTITIONS = """
SELECT c.oid::bigint, n.nspname, c.relname, pg_get_expr(c.relpartbound, c.oid),
       pg_get_partkeydef(c.oid)
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
JOIN pg_namespace n ON n.oid = c.relnamespace WHERE i.inhparent = $1 AND c.relispartition
ORDER BY EXISTS (SELECT FROM pg_index x WHERE x.indrelid = c.oid AND NOT EXISTS (
                     SELECT FROM pg_inherits WHERE inhrelid = x.indexrelid)) DESC,
         c.relname LIMIT $2
"""

REQUIRED = """
SELECT attname FROM pg_attribute own WHERE attrelid = $1 AND attnum > 0 AND attnotnull
AND NOT EXISTS (SELECT FROM pg_inherits JOIN pg_attribute p ON p.attrelid = inhparent
                WHERE inhrelid = own.attrelid AND p.attname = own.attname AND p.attnotnull)
"""
"""What a partition requires by itself."""

OWN_CHECKS = """
SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE conrelid = $1 AND contype = 'c' AND coninhcount = 0 ORDER BY conname
"""

STATISTICS = """
SELECT s.stxname, pg_get_statisticsobjdef_columns(s.oid) FROM pg_statistic_ext s
WHERE s.stxrelid = $1
"""

CHILDREN = """
SELECT c.oid::bigint, n.nspname, c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
JOIN pg_namespace n ON n.oid = c.relnamespace WHERE i.inhparent = $1 AND NOT c.relispartition
AND c.relkind = 'r' ORDER BY c.oid
"""

COMMANDS = {"*": "ALL", "r": "SELECT", "a": "INSERT", "w": "UPDATE", "d": "DELETE"}
ENABLED = {"D": "DISABLE", "R": "ENABLE REPLICA", "A": "ENABLE ALWAYS"}


class _Maker:
    """Makes doubles in one temporary schema, where a name can be had but once."""

    def __init__(self, session: Connection, schema: str) -> None:
        self.session, self.schema = session, schema
        self.made: dict[TableName, int] = {}

    def make(self, original: TableName, others: tuple[TableName, ...]) -> Double:
        source = self._whole(original)
        for other in others:
            self._neighbour(other, constrained=True)
        self._foreign_keys(source)
        decoys.set_up(self.session, source, original, self.schema)
        name = TableName(self.schema, original.name)
        doubles = {oid: real for real, oid in self.made.items()}
        return Double(original, name, self.made[original], doubles)

    def _whole(self, original: TableName) -> int:
        """The table with what decides on the cost of an ALTER; returns the original's OID."""
        source, kind, key, method, options, identity, secured, forced, space = self.session.rows(
            TABLE, qualified(original)
        )[0]
        on = qualified(TableName(self.schema, original.name))
        with plain_names(self.session):
            self.session.run(
                f"CREATE TABLE {on} (LIKE {qualified(original)} INCLUDING ALL"
                " EXCLUDING INDEXES EXCLUDING CONSTRAINTS EXCLUDING STATISTICS)"
                + (f" PARTITION BY {key}" if kind == "p" else "")
                + (f" USING {identifier(method)}" if method and kind != "p" else "")
                + (f" WITH ({options})" if options and kind != "p" else "")
                + (f" TABLESPACE {identifier(space)}" if space and kind != "p" else "")
            )
        self.made[original] = self._oid(original)
        self._partitions(source, on)
        self._constraints(source, on, self.made[original])
        self._indexes(source, original)
        for statement in self._hangers_on(source, on):
            self._if_it_can_be(statement)
        if identity in ("f", "n"):
            self.session.run(
                f"ALTER TABLE {on} REPLICA IDENTITY {'FULL' if identity == 'f' else 'NOTHING'}"
            )
        if secured:
            self.session.run(f"ALTER TABLE {on} ENABLE ROW LEVEL SECURITY")
        if forced:
            self.session.run(f"ALTER TABLE {on} FORCE ROW LEVEL SECURITY")
        self._children(source, on)
        return int(source)

    def _constraints(self, source: int, on: str, made: int) -> None:
        with plain_names(self.session):
            found = self.session.rows(CONSTRAINTS, source, made)
            for name, definition, kind, valid, there in found:
                if kind == "n" and there and not valid:
                    self.session.run(f"ALTER TABLE {on} DROP CONSTRAINT {identifier(name)}")
                if kind == "c" or not there or not valid:
                    self.session.run(
                        f"ALTER TABLE {on} ADD CONSTRAINT {identifier(name)} {definition}"
                    )

    def _indexes(self, source: int, original: TableName) -> None:
        table = TableName(self.schema, original.name)
        for index in indexes.read(self.session, source):
            index = replace(index, recursive=True)
            for step in (*index.build(table), *index.attach(table)):
                self.session.execute(step)

    def _partitions(self, source: int, on: str) -> None:
        for oid, schema, name, bound, key in self.session.rows(PARTITIONS, source, MOST_PARTITIONS):
            real = TableName(schema, name)
            if bound is None or oid_of(self.session, TableName(self.schema, name)) is not None:
                continue
            self.session.run(
                f"CREATE TABLE {qualified(TableName(self.schema, name))} PARTITION OF {on} {bound}"
                + (f" PARTITION BY {key}" if key else "")
            )
            self.made[real] = self._oid(real)
            self._of_its_own(oid, TableName(self.schema, name))

    def _of_its_own(self, partition: int, double: TableName) -> None:
        """What a partition has beside what is its parent's, and may make an ALTER look at rows."""
        alter = f"ALTER TABLE {qualified(double)}"
        for (column,) in self.session.rows(REQUIRED, partition):
            self._if_it_can_be(f"{alter} ALTER COLUMN {identifier(column)} SET NOT NULL")
        with plain_names(self.session):
            checks = self.session.rows(OWN_CHECKS, partition)
            for name, definition in checks:
                self._if_it_can_be(f"{alter} ADD CONSTRAINT {identifier(name)} {definition}")
        for index in indexes.read(self.session, partition):
            if not index.parent:
                self._if_it_can_be(*index.build(double), *index.attach(double))

    def _children(self, source: int, on: str) -> None:
        """With constraints of their own, which may be in an ALTER's way, and their own children."""
        for oid, schema, name in self.session.rows(CHILDREN, source):
            real, double = TableName(schema, name), TableName(self.schema, name)
            child = qualified(double)
            if oid_of(self.session, double) is None:
                self._if_it_can_be(
                    f"CREATE TABLE {child} (LIKE {qualified(real)} INCLUDING CONSTRAINTS"
                    " INCLUDING GENERATED)"
                )
                self._if_it_can_be(f"ALTER TABLE {child} INHERIT {on}")
                self.made[real] = self._oid(real)
                self._children(oid, child)

    def _hangers_on(self, source: int, on: str) -> Iterator[str]:
        """What makes the server refuse to change or drop a column, and what can be switched."""
        for name, columns in self.session.rows(VIEWS, source):
            listed = ", ".join(map(identifier, columns))
            yield f"CREATE TEMPORARY VIEW {identifier(name)} AS SELECT {listed} FROM {on}"
        with plain_names(self.session):
            triggers = self.session.rows(TRIGGERS, source)
            rules = self.session.rows(RULES, source)
            policies = self.session.rows(POLICIES, source)
            statistics = self.session.rows(STATISTICS, source)
        for definition, place, name, enabled in triggers:
            yield definition.replace(place, f" ON {on} ", 1)
            if enabled in ENABLED:
                yield f"ALTER TABLE {on} {ENABLED[enabled]} TRIGGER {identifier(name)}"
        for definition, place, name, enabled in rules:
            yield definition.replace(place, f" TO {on}", 1)
            if enabled in ENABLED:
                yield f"ALTER TABLE {on} {ENABLED[enabled]} RULE {identifier(name)}"
        for name, using, check, command in policies:
            yield (
                f"CREATE POLICY {identifier(name)} ON {on} FOR {COMMANDS[command]}"
                + (f" USING ({using})" if using is not None else "")
                + (f" WITH CHECK ({check})" if check is not None else "")
            )
        for name, columns in statistics:
            own = qualified(TableName(self.schema, name))
            yield f"CREATE STATISTICS {own} ON {columns} FROM {on}"

    def _if_it_can_be(self, *statements: str | Statement) -> None:
        """A double may lack it: then the server says on the real table what it would say here."""
        try:
            with self.session.transaction():
                for said in statements:
                    self.session.execute(Statement(said) if isinstance(said, str) else said)
        except (BadStatement, NotAllowed):
            return

    def _neighbour(self, real: TableName, *, constrained: bool = False) -> int | None:
        """A table around it, with the unique indexes that foreign keys need; None where its name
        is taken by the double of another one."""
        if real in self.made:
            return self.made[real]
        source = oid_of(self.session, real)
        double = TableName(self.schema, real.name)
        if source is None or oid_of(self.session, double) is not None:
            return None
        with plain_names(self.session):
            self.session.run(
                f"CREATE TABLE {qualified(double)} (LIKE {qualified(real)} INCLUDING GENERATED)"
            )
        if constrained:
            self._constraints(source, qualified(double), self._oid(real))
        for index in indexes.read(self.session, source):
            if index.unique:
                for step in (*index.build(double), *index.attach(double)):
                    self.session.execute(step)
        self.made[real] = self._oid(real)
        return self.made[real]

    def _foreign_keys(self, source: int) -> None:
        with plain_names(self.session):
            found = self.session.rows(FOREIGN_KEYS, source)
        for name, definition, schema, table, to_schema, to_table, place in found:
            ends = TableName(schema, table), TableName(to_schema, to_table)
            if any(self._neighbour(end) is None for end in ends):
                continue
            on, to = (qualified(TableName(self.schema, end.name)) for end in ends)
            key = definition.replace(place, f" REFERENCES {to}(", 1)
            self._if_it_can_be(f"ALTER TABLE {on} ADD CONSTRAINT {identifier(name)} {key}")

    def _oid(self, real: TableName) -> int:
        found = oid_of(self.session, TableName(self.schema, real.name))
        assert found is not None
        return found
