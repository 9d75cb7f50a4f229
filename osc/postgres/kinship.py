"""What a table is a part of, and what is a part of it, in the swap.

A partitioned table moves with all its partitions, each to the schema in which its like has been.

The shadow of a partition is a partition of a frame, and that of a table which inherits from others
inherits from frames, in the same way; so each column and constraint of it already is as inherited
as the original's. In the swap

    a partition      DETACH the original, DETACH the shadow from its frame, move both, ATTACH it
    an heir          move both, INHERIT from the parents, then NO INHERIT from the frames; in this
                     order, since a column that loses its last parent becomes the table's own

ATTACH would read all rows to see whether they belong there. A CHECK that says so is on the shadow
from the beginning, when it costs nothing, and goes when it has served.
"""

from __future__ import annotations

from osc.engine import Statement
from osc.model.table import TableName
from osc.postgres import kin, locking
from osc.postgres.carried import ABOVE, BELOW, Carried, Exchange, Lock, together
from osc.postgres.kin import Member
from osc.postgres.quoting import identifier, qualified
from osc.postgres.session import Connection, plain_names

BOUND = "_osc_bound"
"""The CHECK's name; `definition.describe` leaves it out."""


def bind(session: Connection, source: int, shadow: TableName) -> None:
    """Makes the shadow refuse what the original has no place for."""
    with plain_names(session):
        bound = session.value("SELECT pg_get_partition_constraintdef($1)", source)
        if bound is not None:
            session.run(f"ALTER TABLE {qualified(shadow)} ADD CONSTRAINT {BOUND} CHECK ({bound})")


def carried(session: Connection, exchange: Exchange) -> Carried:
    own, *parts = kin.family(session, exchange.source)
    locks = (
        *(_lock(ABOVE, member) for member in locking.above(session, exchange.source)),
        *(_lock(BELOW, member) for member in parts),
    )
    own_again = tuple(kin.own_not_nulls(session, exchange.made, exchange.original))
    linked = _linked(own, exchange, own_again if own.bound else ())
    return together((Carried(locks=locks), linked))


def pairs(session: Connection, exchange: Exchange) -> list[tuple[Member, Member]]:
    """Each partition and its twin."""
    twins = {twin.name.name: twin for twin in kin.family(session, exchange.made)}
    parts = kin.family(session, exchange.source)[1:]
    return [(part, twins[part.name.name]) for part in parts]


def move(table: TableName, schema: str) -> Statement:
    return Statement(f"ALTER TABLE {qualified(table)} SET SCHEMA {identifier(schema)}")


def _lock(rank: int, member: Member) -> Lock:
    table = qualified(member.name)
    return Lock(rank, member.oid, f"LOCK TABLE ONLY {table} IN ACCESS EXCLUSIVE MODE")


def _linked(original: Member, exchange: Exchange, attached: tuple[Statement, ...]) -> Carried:
    if not original.parents:
        return Carried()
    shadow, name = exchange.shadow, exchange.original
    frames = [TableName(shadow.schema, parent.name) for parent in original.parents]
    join = [original.join(name, parent) for parent in original.parents]
    if original.bound:
        return Carried(
            before=(
                *(original.leave(name, parent) for parent in original.parents),
                *(original.leave(shadow, frame) for frame in frames),
            ),
            after=(*join, *attached, _unbind(name)),
        )
    return Carried(
        after=(
            *(original.leave(exchange.archive, parent) for parent in original.parents),
            *join,
            *(original.leave(name, frame) for frame in frames),
        )
    )


def _unbind(table: TableName) -> Statement:
    return Statement(
        f"ALTER TABLE {qualified(table)} DROP CONSTRAINT IF EXISTS {identifier(BOUND)}"
    )
