"""Indexes and the constraints that stand on them: read from one table, built on another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from osc.engine import Statement
from osc.errors import Bug
from osc.model.table import TableName
from osc.postgres import kin
from osc.postgres.quoting import identifier, literal, qualified
from osc.postgres.session import Connection, plain_names


@dataclass(frozen=True)
class Index:
    """`using` is what follows USING in the definition; `constraint` the definition of the
    constraint that it backs, `options` its storage parameters. `targets` are statistics targets of
    its columns, by number. `declared` is a primary key that can't be made USING INDEX, for that
    makes a NOT NULL which is inherited the table's own as well. `parent` is the index of the
    partitioned table that this one is a part of; the index of a partitioned table itself holds
    nothing and is put together of its `parts`, unless it is `recursive`: then the server makes its
    parts."""

    name: str
    using: str
    unique: bool
    constraint: str = ""
    primary: bool = False
    exclusion: bool = False
    deferrable: bool = False
    deferred: bool = False
    tablespace: str = ""
    clustered: bool = False
    identity: bool = False
    comment: str | None = None
    constraint_comment: str | None = None
    targets: tuple[tuple[int, int], ...] = ()
    options: str = ""
    declared: bool = False
    partitioned: bool = False
    parent: str = ""
    parts: tuple[str, ...] = ()
    recursive: bool = False

    def build(self, table: TableName) -> tuple[Statement, ...]:
        """Builds it, with no more than a SHARE lock on the table; nothing for a constraint whose
        index can't be built before it."""
        if self._comes_with_its_constraint:
            return ()
        unique = "UNIQUE " if self.unique else ""
        name, on = identifier(self.name), self._only + qualified(table)
        return (
            self._in_tablespace(),
            Statement(f"CREATE {unique}INDEX {name} ON {on} USING {self.using}"),
        )

    def attach(self, table: TableName, there: Index | None = None) -> tuple[Statement, ...]:
        """What is left to say once the index is built, where `there` is what an earlier process
        may have made of it."""
        on, index = qualified(table), qualified(TableName(table.schema, self.name))
        is_there = bool(there and there.constraint)
        return tuple(
            sql if isinstance(sql, Statement) else Statement(sql)
            for sql in (
                *([] if is_there else self._add_constraint(on, index)),
                *(f"ALTER INDEX {index} ATTACH PARTITION {part}" for part in self._parts(table)),
                *self._comments(on, index),
                *(f"ALTER INDEX {index} ALTER COLUMN {n} SET STATISTICS {target}"
                  for n, target in self.targets),
                *([f"ALTER TABLE {on} CLUSTER ON {identifier(self.name)}"] * self.clustered),
                *([f"ALTER TABLE {on} REPLICA IDENTITY USING INDEX {identifier(self.name)}"]
                  * self.identity),
            )
        )  # fmt: skip

    def drop(self, table: TableName) -> Statement:
        if self.constraint:
            return Statement(
                f"ALTER TABLE {qualified(table)} DROP CONSTRAINT {identifier(self.name)}"
            )
        return Statement(f"DROP INDEX {qualified(TableName(table.schema, self.name))}")

    @property
    def _only(self) -> str:
        return "ONLY " if self.partitioned and not self.recursive else ""

    @property
    def _comes_with_its_constraint(self) -> bool:
        return self.exclusion or self.declared or (self.partitioned and bool(self.constraint))

    def _parts(self, table: TableName) -> list[str]:
        return [qualified(TableName(table.schema, part)) for part in self.parts]

    def _in_tablespace(self) -> Statement:
        # Not a clause: that would stand before WHERE, in the midst of the definition.
        return Statement("SELECT set_config('default_tablespace', $1, false)", (self.tablespace,))

    def _add_constraint(self, on: str, index: str) -> list[str | Statement]:
        if not self.constraint:
            return []
        add = f"ALTER TABLE {self._only}{on} ADD CONSTRAINT {identifier(self.name)}"
        deferrable = " DEFERRABLE" * self.deferrable + " INITIALLY DEFERRED" * self.deferred
        if not self._comes_with_its_constraint:
            kind = "PRIMARY KEY" if self.primary else "UNIQUE"
            return [f"{add} {kind} USING INDEX {identifier(self.name)}{deferrable}"]
        if not self.options:
            return [self._in_tablespace(), f"{add} {self.constraint}"]
        if self.constraint.startswith("EXCLUDE"):
            later = f"ALTER INDEX {index} SET ({self.options})"
            return [self._in_tablespace(), f"{add} {self.constraint}", later]
        key = self.constraint.removesuffix(deferrable)
        return [self._in_tablespace(), f"{add} {key} WITH ({self.options}){deferrable}"]

    def _comments(self, on: str, index: str) -> list[str]:
        found = []
        if self.comment is not None:
            found.append(f"COMMENT ON INDEX {index} IS {literal(self.comment)}")
        if self.constraint_comment is not None:
            name = identifier(self.name)
            said = literal(self.constraint_comment)
            found.append(f"COMMENT ON CONSTRAINT {name} ON {on} IS {said}")
        return found


QUERY = r"""
SELECT i.relname,
       CASE WHEN n.oid = pg_my_temp_schema()
            THEN regexp_replace(pg_get_indexdef(i.oid), ' ON (ONLY )?pg_temp[.]',
                                format(E' ON \\1%I.', n.nspname))
            ELSE pg_get_indexdef(i.oid) END,
       format('CREATE %sINDEX %I ON %s%I.%I USING ',
              CASE WHEN x.indisunique THEN 'UNIQUE ' END, i.relname,
              CASE WHEN t.relkind = 'p' THEN 'ONLY ' END, n.nspname, t.relname),
       x.indisunique, coalesce(pg_get_constraintdef(k.oid), ''), x.indisprimary,
       x.indisexclusion OR coalesce((to_jsonb(k) ->> 'conperiod')::bool, false),
       coalesce(k.condeferrable, false), coalesce(k.condeferred, false),
       coalesce(space.spcname, ''), x.indisclustered, x.indisreplident,
       obj_description(i.oid, 'pg_class'), obj_description(k.oid, 'pg_constraint'),
       ARRAY(SELECT ARRAY[a.attnum::int, (to_jsonb(a) ->> 'attstattarget')::int]
             FROM pg_attribute a WHERE a.attrelid = i.oid
             AND coalesce(to_jsonb(a) ->> 'attstattarget', '-1') <> '-1' ORDER BY a.attnum),
       array_to_string(coalesce(i.reloptions, '{}'), ', '),
       x.indisprimary AND EXISTS (
           SELECT FROM pg_constraint n WHERE n.conrelid = t.oid AND n.contype = 'n'
           AND NOT n.conislocal AND n.conkey[1] = ANY (x.indkey[:x.indnkeyatts - 1])),
       t.relkind = 'p',
       coalesce((SELECT p.relname FROM pg_inherits JOIN pg_class p ON p.oid = inhparent
                 WHERE inhrelid = i.oid), '')
FROM pg_index x
JOIN pg_class i ON i.oid = x.indexrelid
JOIN pg_class t ON t.oid = x.indrelid
JOIN pg_namespace n ON n.oid = t.relnamespace
LEFT JOIN pg_constraint k ON k.conindid = i.oid AND k.conrelid = t.oid
                          AND k.contype IN ('p', 'u', 'x')
LEFT JOIN pg_tablespace space ON space.oid = i.reltablespace
WHERE x.indrelid = $1
ORDER BY x.indisexclusion, i.relname
"""


def read(session: Connection, oid: int) -> tuple[Index, ...]:
    """Every index of a table, exclusion constraints last."""
    with plain_names(session):
        return tuple(_index(*row) for row in session.rows(QUERY, oid))


def of_family(
    session: Connection, members: Sequence[kin.Member]
) -> list[tuple[kin.Member, tuple[Index, ...]]]:
    """The indexes of each, those of parents with their parts among them."""
    found = [(member, read(session, member.oid)) for member in members]
    parts: dict[str, list[str]] = {}
    for _, indexes in found:
        for index in indexes:
            parts.setdefault(index.parent, []).append(index.name)
    return [
        (
            member,
            tuple(
                replace(index, parts=tuple(parts.get(index.name, ())))
                if index.partitioned
                else index
                for index in indexes
            ),
        )
        for member, indexes in found
    ]


def _index(name: str, definition: str, prefix: str, *rest: Any) -> Index:
    if not definition.startswith(prefix):
        raise Bug(f"the index definition {definition!r} does not begin with {prefix!r}")
    *plain, targets, options, declared, partitioned, parent = rest
    fields = (
        name,
        definition.removeprefix(prefix),
        *plain,
        tuple((n, target) for n, target in targets),
        options,
        declared,
        partitioned,
        parent,
    )
    return Index(*fields)
