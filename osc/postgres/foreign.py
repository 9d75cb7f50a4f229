"""Foreign keys of the table and of others that refer to it.

None of them is on the shadow while it is filled: a key there would make a parent's DELETE fail for
rows that the backlog is about to delete. They are added in the swap, NOT VALID, so that no orphan
is accepted from its first moment on; the rows that were there are checked by the aftercare.

What the ALTER makes of a key is found by doing it: for the length of a rehearsal, empty stand-ins
of the other tables refer to the clone, and it to them, by the keys that the ALTER adds, too. So
nobody else's table is locked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from osc.engine import Statement
from osc.errors import NotAllowed
from osc.model.table import TableName
from osc.postgres import kin
from osc.postgres.definition import oid_of
from osc.postgres.quoting import identifier, literal, qualified
from osc.postgres.session import Connection, plain_names

PARENTS, CHILDREN = "_osc_parent_", "_osc_child_"


@dataclass(frozen=True)
class ForeignKey:
    """`head` and `tail` are the definition before and after the name of the referenced table;
    names are qualified and quoted. `period` says that the last columns are ranges, which need only
    be covered (18); `collations` are COLLATE clauses by which the others meet, or empty."""

    oid: int
    name: str
    table: str
    table_oid: int
    parent: str
    parent_oid: int
    head: str
    tail: str
    valid: bool
    comment: str | None = None
    partitioned: bool = False
    parent_partitioned: bool = False
    columns: tuple[str, ...] = ()
    parent_columns: tuple[str, ...] = ()
    full: bool = False
    period: bool = False
    collations: tuple[str, ...] = ()

    @property
    def on_itself(self) -> bool:
        return self.table_oid == self.parent_oid

    @property
    def definition(self) -> str:
        return f"{self.head}{self.parent}{self.tail}"

    def add(self, *, unvalidated: bool = False) -> Iterator[Statement]:
        on, name = f"ALTER TABLE {self.table}", identifier(self.name)
        later = " NOT VALID" if unvalidated and self.valid else ""
        yield Statement(f"{on} ADD CONSTRAINT {name} {self.definition}{later}")
        if self.comment is not None:
            said = f"COMMENT ON CONSTRAINT {name} ON {self.table} IS {literal(self.comment)}"
            yield Statement(said)

    def drop(self) -> Statement:
        return Statement(f"ALTER TABLE {self.table} DROP CONSTRAINT {identifier(self.name)}")


KEYS = """
SELECT k.oid, k.conname, k.conrelid::regclass::text, k.conrelid, k.confrelid::regclass::text,
       k.confrelid, pg_get_constraintdef(k.oid), k.convalidated,
       obj_description(k.oid, 'pg_constraint'), c.relkind = 'p', p.relkind = 'p',
       ARRAY(SELECT attname::text FROM unnest(k.conkey) WITH ORDINALITY AS u (n, at)
             JOIN pg_attribute ON (attrelid, attnum) = (k.conrelid, u.n) ORDER BY u.at),
       ARRAY(SELECT attname::text FROM unnest(k.confkey) WITH ORDINALITY AS u (n, at)
             JOIN pg_attribute ON (attrelid, attnum) = (k.confrelid, u.n) ORDER BY u.at),
       k.confmatchtype = 'f', coalesce((to_jsonb(k) ->> 'conperiod')::bool, false),
       ARRAY(SELECT coalesce(' COLLATE ' || nullif(attcollation, 0)::regcollation, '')
             FROM unnest(k.confkey) WITH ORDINALITY AS u (n, at)
             JOIN pg_attribute ON (attrelid, attnum) = (k.confrelid, u.n) ORDER BY u.at)
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_class p ON p.oid = k.confrelid
WHERE k.contype = 'f'
"""
OF_FAMILY = f"""
{kin.DESCENDANTS} {KEYS} AND k.conparentid = 0
AND (k.conrelid IN (SELECT oid FROM tree) OR k.confrelid IN (SELECT oid FROM tree)) ORDER BY k.oid
"""
OF_ONE = f"{KEYS} AND $1 IN (k.conrelid, k.confrelid) ORDER BY k.oid"


def read(session: Connection, table: int) -> tuple[ForeignKey, ...]:
    """The keys of the table and of its partitions and those that refer to one of them, whether they
    are valid or not; what a partition has from its parent is told once, with the parent."""
    with plain_names(session):
        return tuple(_key(*row) for row in session.rows(OF_FAMILY, table))


def of_one(session: Connection, table: int) -> tuple[ForeignKey, ...]:
    """Those of this table alone, and what it has from its parents."""
    with plain_names(session):
        return tuple(_key(*row) for row in session.rows(OF_ONE, table))


def _key(
    oid: int, name: str, table: str, table_oid: int, parent: str, parent_oid: int,
    definition: str, valid: bool, comment: str | None, partitioned: bool, parent_partitioned: bool,
    columns: list[str], parent_columns: list[str], full: bool, period: bool,
    collations: list[str],
) -> ForeignKey:  # fmt: skip
    head, _, tail = definition.partition(f") REFERENCES {parent}(")
    return ForeignKey(
        oid, name, table, table_oid, parent, parent_oid, f"{head}) REFERENCES ", f"({tail}",
        valid, comment, partitioned, parent_partitioned, tuple(columns),
        tuple(parent_columns), full, period, tuple(collations),
    )  # fmt: skip


# In a rehearsal.


def stand_in(session: Connection, source: int, clone: TableName) -> dict[str, str]:
    """The clone gets the original's keys and is referred to as the original is. Returns each
    stand-in's name with that of the table which it stands for."""
    made: dict[str, str] = {}
    twins = {m.oid: qualified(m.within(clone.schema)) for m in kin.family(session, source)}
    twins[source] = qualified(clone)
    for key in read(session, source):
        table, parent = twins.get(key.table_oid, ""), twins.get(key.parent_oid, "")
        if not parent:
            parent = qualified(_parent(session, clone.schema, key.parent_oid, key.parent, made))
        if not table:
            name = f"{CHILDREN}{key.oid}"
            table = qualified(TableName(clone.schema, name))
            like = f"(LIKE {key.table})"
            session.run(f"CREATE {_unlogged(session, key.table_oid)}TABLE {table} {like}")
            made[name] = key.table
        for statement in replace(key, table=table, parent=parent).add():
            session.execute(statement)
    return made


def stand_in_for(
    session: Connection,
    source: int,
    clone: TableName,
    others: Iterable[TableName],
    made: dict[str, str],
) -> dict[TableName, TableName]:
    """What the ALTER is to name instead of other tables: a key on them would lock them for as long
    as the rehearsal lasts, and one that goes again locks out their readers. Adds to `made`."""
    found = {m.name: m.within(clone.schema) for m in kin.family(session, source)[1:]}
    for other in others:
        oid = oid_of(session, other)
        if oid is not None and oid != source and other not in found:
            _require_reference(session, oid, other)
            found[other] = _parent(session, clone.schema, oid, qualified(other), made)
    return found


def _parent(
    session: Connection, schema: str, oid: int, real: str, made: dict[str, str]
) -> TableName:
    name = TableName(schema, f"{PARENTS}{oid}")
    if name.name not in made:
        like = f"(LIKE {real} INCLUDING INDEXES)"
        session.run(f"CREATE {_unlogged(session, oid)}TABLE {qualified(name)} {like}")
    made[name.name] = real
    return name


def _require_reference(session: Connection, oid: int, name: TableName) -> None:
    """A stand-in is ours: so the server asks for nothing there."""
    allowed, role = session.rows(
        "SELECT has_table_privilege($1, 'REFERENCES')"
        " OR has_any_column_privilege($1, 'REFERENCES'), current_user",
        oid,
    )[0]
    if not allowed:
        raise NotAllowed(
            f"{role} may not refer to {name}",
            still_true="nothing was touched",
            todo=f"GRANT REFERENCES ON {qualified(name)} TO {identifier(role)}",
        )


def _unlogged(session: Connection, oid: int) -> str:
    """A table that is logged can't refer to one that isn't."""
    persistence = session.value("SELECT relpersistence::text FROM pg_class WHERE oid = $1", oid)
    return "UNLOGGED " if persistence == "u" else ""


def dismiss(session: Connection, schema: str) -> None:
    """The stand-ins go; nothing refers to them any more."""
    for (name,) in session.rows(
        "SELECT c.oid::regclass::text FROM pg_class c WHERE c.relnamespace = to_regnamespace($1)"
        " AND relkind = 'r' AND relname ~ $2",
        identifier(schema),
        f"^({PARENTS}|{CHILDREN})[0-9]+$",
    ):
        session.run(f"DROP TABLE {name}")


def part(session: Connection, clone: int) -> None:
    """The clone refers to nothing and nothing to it any more."""
    for key in read(session, clone):
        session.execute(key.drop())


@dataclass(frozen=True)
class Keys:
    """What the ALTER makes of the foreign keys: the table's own ones, and those of others by the
    OID that they have on the original. `known` are all that the original had."""

    own: tuple[ForeignKey, ...]
    incoming: Mapping[int, ForeignKey]
    known: frozenset[int]


def of_clone(session: Connection, original: TableName, source: int, clone: int) -> Keys:
    """Read from an altered clone, and told in the names that the swap will find."""
    real = _originals(session, source, clone)
    before = {key.oid: key for key in read(session, source) if key.table_oid not in real}
    own, incoming = list[ForeignKey](), dict[int, ForeignKey]()
    for key in read(session, clone):
        if key.table_oid in real:
            own.append(replace(_pointed(session, key, real), table=real[key.table_oid]))
        else:
            number = int(key.table.rpartition(CHILDREN)[2].rstrip('"'))
            incoming[number] = replace(
                before[number],
                name=key.name,
                head=key.head,
                tail=key.tail,
                parent=real[key.parent_oid],
                parent_columns=key.parent_columns,
                collations=key.collations,
                valid=key.valid,
            )
    return Keys(tuple(own), incoming, frozenset(before))


def _originals(session: Connection, source: int, clone: int) -> dict[int, str]:
    """The name of the original of each table of a clone's family, by the OID of its twin."""
    names = {
        member.name.name: qualified_by_server(session, member.oid)
        for member in kin.family(session, source)
    }
    return {twin.oid: names[twin.name.name] for twin in kin.family(session, clone)}


def _pointed(session: Connection, key: ForeignKey, real: Mapping[int, str]) -> ForeignKey:
    """At the table that a stand-in stands for."""
    if key.parent_oid in real:
        return replace(key, parent=real[key.parent_oid])
    stand_in = key.parent.rpartition(PARENTS)[2].rstrip('"')
    if PARENTS in key.parent and stand_in.isdigit():
        oid, name = int(stand_in), qualified_by_server(session, int(stand_in))
        kind = session.value("SELECT relkind::text FROM pg_class WHERE oid = $1", oid)
        partitioned = kind == kin.PARTITIONED
        return replace(key, parent=name, parent_oid=oid, parent_partitioned=partitioned)
    return key


def qualified_by_server(session: Connection, oid: int) -> str:
    with plain_names(session):
        return str(session.value("SELECT $1::oid::regclass::text", oid))
