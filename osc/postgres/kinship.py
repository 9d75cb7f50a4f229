"""A child of other tables changes places with its shadow: what it is a part of, and how.

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

from dataclasses import dataclass

from osc.engine import Statement
from osc.model.table import TableName
from osc.postgres.kin import Member
from osc.postgres.quoting import identifier, qualified
from osc.postgres.session import Connection, plain_names

BOUND = "_osc_bound"
"""The CHECK's name; `definition.describe` leaves it out."""


@dataclass(frozen=True)
class Links:
    """`before` and `after` both tables have moved."""

    before: tuple[Statement, ...] = ()
    after: tuple[Statement, ...] = ()


def bind(session: Connection, source: int, shadow: TableName) -> None:
    """Makes the shadow refuse what the original has no place for."""
    with plain_names(session):
        bound = session.value("SELECT pg_get_partition_constraintdef($1)", source)
        if bound is not None:
            session.run(f"ALTER TABLE {qualified(shadow)} ADD CONSTRAINT {BOUND} CHECK ({bound})")


def steps(original: Member, shadow: TableName, archive: str) -> Links:
    if not original.parents:
        return Links()
    frames = [TableName(shadow.schema, parent.name) for parent in original.parents]
    old = TableName(archive, original.name.name)
    join = [original.join(original.name, parent) for parent in original.parents]
    if original.bound:
        return Links(
            before=(
                *(original.leave(original.name, parent) for parent in original.parents),
                *(original.leave(shadow, frame) for frame in frames),
            ),
            after=(*join, _unbind(original.name)),
        )
    return Links(
        after=(
            *(original.leave(old, parent) for parent in original.parents),
            *join,
            *(original.leave(original.name, frame) for frame in frames),
        )
    )


def _unbind(table: TableName) -> Statement:
    return Statement(
        f"ALTER TABLE {qualified(table)} DROP CONSTRAINT IF EXISTS {identifier(BOUND)}"
    )
