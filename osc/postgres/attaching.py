"""ATTACH PARTITION in pieces: what it would read under its locks is vouched for beforehand.

It reads all of the table that it attaches, whether its rows belong there, and all of the default
partition, whether any of its rows do; both are locked against everybody. A CHECK that says so
spares it that, and can be validated while applications read and write. It goes when it has served.

The parent itself goes on being read and written all the while. Where it has no default partition
the last step may take its time, for the indexes that the new partition is to get; where it has one,
that would be locked as long, so the step is over within the budget or undone.
"""

from __future__ import annotations

from collections.abc import Iterator

from osc.model.alter import Alter
from osc.model.ladder import Cost, Lock, Step
from osc.model.table import Table, TableName
from osc.postgres.definition import oid_of
from osc.postgres.double import Double
from osc.postgres.kinship import BOUND
from osc.postgres.quoting import identifier, qualified
from osc.postgres.session import Connection, plain_names

DEFAULT = """
SELECT n.nspname, c.relname FROM pg_partitioned_table p JOIN pg_class c ON c.oid = p.partdefid
JOIN pg_namespace n ON n.oid = c.relnamespace WHERE p.partrelid = to_regclass($1)
"""


def default_of(session: Connection, table: Table) -> TableName | None:
    found = session.rows(DEFAULT, qualified(table.name))
    return TableName(*found[0]) if found else None


def bound(session: Connection, double: Double, attach: str, part: TableName) -> str | None:
    """What the partition's rows would have to fulfil, told by the doubles; nothing of it stays.
    None for a DEFAULT one beside no other."""
    real = oid_of(session, double.original)
    with session.undone():
        session.run(attach)
        with plain_names(session):
            told = session.value(
                "SELECT pg_get_partition_constraintdef(to_regclass($1)::oid)",
                qualified(TableName(double.name.schema, part.name)),
            )
    if told is None:
        return None
    # That of a hash partition names its parent by a number.
    return str(told).replace(f"'{double.oid}'::oid", f"'{real}'::oid")


def steps(
    table: Table, alter: Alter, part: TableName, default: TableName | None, bound: str | None
) -> tuple[Step, ...]:
    parent = Lock(str(table.name), "SHARE UPDATE EXCLUSIVE")
    checked = {part: bound} if bound else {}
    if default and bound:
        checked[default] = f"NOT ({bound})"
    taken_back = tuple(_drop(name) for name in checked)
    attach = Step(
        statements=(alter.on(qualified(table.name)), *taken_back),
        does="attaches it, without looking at a row",
        cost=Cost.METADATA,
        locks=(parent, *map(_exclusive, checked or (part,))),
        patient=default is None,
    )
    return (*_vouched(checked), attach)


def _vouched(checked: dict[TableName, str]) -> Iterator[Step]:
    for name, condition in checked.items():
        on = f"ALTER TABLE {qualified(name)}"
        check = f"ADD CONSTRAINT {identifier(BOUND)} CHECK ({condition})"
        yield Step(
            statements=(f"{on} {check} NOT VALID",),
            does=f"lets no other rows into {name}",
            cost=Cost.METADATA,
            locks=(_exclusive(name),),
            undo=(_drop(name),),
        )
        yield Step(
            statements=(f"{on} VALIDATE CONSTRAINT {identifier(BOUND)}",),
            does=f"looks whether {name} has any",
            cost=Cost.SCAN,
            locks=(Lock(str(name), "SHARE UPDATE EXCLUSIVE"),),
            patient=True,
        )


def _exclusive(name: TableName) -> Lock:
    return Lock(str(name), "ACCESS EXCLUSIVE", "reads and writes")


def _drop(name: TableName) -> str:
    return f"ALTER TABLE {qualified(name)} DROP CONSTRAINT IF EXISTS {identifier(BOUND)}"
