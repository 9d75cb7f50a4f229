"""An ALTER in pieces, none of which keeps applications waiting: equal to the whole in the end.

    ADD CHECK, FOREIGN KEY    ADD … NOT VALID; VALIDATE CONSTRAINT
    SET NOT NULL              ADD NOT NULL … NOT VALID; VALIDATE (18 and later); before that by a
                              CHECK of ours, which spares SET NOT NULL the look at the rows
    ADD UNIQUE, PRIMARY KEY   CREATE UNIQUE INDEX CONCURRENTLY; ADD CONSTRAINT … USING INDEX
    ADD COLUMN … CHECK (…)    the column; then its constraints as above

What is added is read from the catalog, before and after each clause, and not from the words. What
can fail because of the rows comes first, and can be taken back; what can't be taken back (a column
that is dropped) comes in the last transaction, together with all that only touches the catalog.

A draft proves nothing: the ladder runs it on a double, looks what each piece costs and compares the
result, line by line, with what the whole ALTER makes of another double.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from osc.model.alter import Alter
from osc.model.ladder import Clause, Cost
from osc.model.table import TableName
from osc.postgres.indexes import Index
from osc.postgres.quoting import identifier, qualified
from osc.postgres.shape import Constraint, Shape, added

MOST_CHARACTERS = 60
"""Of a name that is ours for a while; the server cuts it at 63 bytes."""


@dataclass(frozen=True)
class Piece:
    """One clause of the ALTER: what it costs, and the table before it and after it."""

    text: str
    clause: Clause
    before: Shape
    after: Shape

    @property
    def is_light(self) -> bool:
        return self.clause.cost <= Cost.METADATA

    def new(self) -> list[Constraint]:
        return [
            constraint
            for name, constraint in self.after.constraints.items()
            if name not in self.before.constraints
        ]


@dataclass(frozen=True)
class Draft:
    """A step: clauses for one ALTER TABLE each, or an index to build."""

    does: str
    clauses: tuple[str, ...] = ()
    undo: tuple[str, ...] = ()
    index: Index | None = None
    patient: bool = False

    def on(self, alter: Alter, table: TableName) -> tuple[str, ...]:
        if self.index is None:
            return tuple(alter.saying(clause, qualified(table)) for clause in self.clauses)
        name, place = identifier(self.index.name), self.index.tablespace
        return (
            f"CREATE UNIQUE INDEX CONCURRENTLY {name} ON {qualified(table)}"
            f" USING {self.index.using}" + (f" TABLESPACE {identifier(place)}" if place else ""),
        )

    def taken_back(self, alter: Alter, table: TableName) -> tuple[str, ...]:
        if self.index is not None:
            own = qualified(TableName(table.schema, self.index.name))
            return (f"DROP INDEX CONCURRENTLY IF EXISTS {own}",)
        return tuple(alter.saying(clause, qualified(table)) for clause in self.undo)


@dataclass
class _Parts:
    """What becomes of the clauses, in the order in which it will be run."""

    opening: list[str] = field(default_factory=list)
    undo: list[str] = field(default_factory=list)
    to_validate: list[str] = field(default_factory=list)
    indexes: list[Index] = field(default_factory=list)
    closing: list[str] = field(default_factory=list)
    helpers: list[str] = field(default_factory=list)
    renames: list[str] = field(default_factory=list)

    def add(self, constraint: Constraint, name: str) -> None:
        """Under another name as long as its own is that of one which the ALTER drops."""
        self.opening.append(added(replace(constraint, name=name)))
        self.undo.append(f"DROP CONSTRAINT IF EXISTS {identifier(name)}")
        if constraint.valid:
            self.to_validate.append(name)
        if name != constraint.name:
            own = identifier(constraint.name)
            self.renames.append(f"RENAME CONSTRAINT {identifier(name)} TO {own}")


def drafts(pieces: Sequence[Piece], *, has_named_not_null: bool) -> Iterator[tuple[Draft, ...]]:
    """Ways to cut the ALTER, the simplest first; none where a piece can't be cut at all.

    The second is for constraints on a column that the same ALTER adds: the columns come first.
    """
    seen: list[tuple[Draft, ...]] = []
    taken = {*pieces[0].before.constraints, *pieces[0].before.indexes} if pieces else set()
    for columns_first in (False, True):
        parts = _Parts()
        for piece in pieces:
            if piece.is_light:
                _keep(parts, piece, columns_first)
            elif not _cut(parts, piece, taken, has_named_not_null):
                return
        draft = tuple(_in_order(parts))
        if draft not in seen:
            seen.append(draft)
            yield draft


def _keep(parts: _Parts, piece: Piece, columns_first: bool) -> None:
    """A light clause stays as it is."""
    new = [name for name in piece.after.columns if name not in piece.before.columns]
    if columns_first and new:
        parts.opening.append(piece.text)
        parts.undo += [f"DROP COLUMN IF EXISTS {identifier(name)}" for name in new]
    else:
        parts.closing.append(piece.text)


def _cut(parts: _Parts, piece: Piece, taken: set[str], has_named_not_null: bool) -> bool:
    """Whether a heavy clause can be made of light ones; adds them."""
    new = piece.new()
    if any(constraint.kind not in "cfnpu" for constraint in new):
        return False
    if any(constraint.kind == "f" and ", PERIOD " in constraint.definition for constraint in new):
        return False  # VALIDATE lets rows pass that the key itself would not (`orphans.py`).
    _columns(parts, piece)
    for constraint in new:
        is_of_new_column = constraint.columns and constraint.columns[0] not in piece.before.columns
        if constraint.kind in "pu":
            if not _key(parts, piece, constraint, taken):
                return False
        elif not (constraint.kind == "n" and is_of_new_column):
            parts.add(constraint, _for_now(constraint.name, taken))
    if not has_named_not_null:
        _not_null(parts, piece)
    for name, before in piece.before.constraints.items():
        after = piece.after.constraints.get(name)
        if after is not None and after.valid and not before.valid:
            parts.to_validate.append(name)
    return True


def _columns(parts: _Parts, piece: Piece) -> None:
    """New columns, without their constraints; NOT NULL can stay, for it needs a default."""
    for name, column in piece.after.columns.items():
        if name in piece.before.columns:
            continue
        not_null = " NOT NULL" if column.not_null else ""
        for constraint in piece.new():
            if constraint.kind == "n" and constraint.columns == (name,):
                not_null = f" CONSTRAINT {identifier(constraint.name)} NOT NULL"
        parts.opening.append(f"ADD COLUMN {column.words}{not_null}")
        parts.undo.append(f"DROP COLUMN IF EXISTS {identifier(name)}")


def _for_now(name: str, taken: set[str]) -> str:
    """The name, or one of ours where it is still that of something which the ALTER drops."""
    return f"_osc_{name}"[:MOST_CHARACTERS] if name in taken else name


def _key(parts: _Parts, piece: Piece, constraint: Constraint, taken: set[str]) -> bool:
    """A unique or primary key: its index is built first, unless the clause brings one along."""
    index = piece.after.indexes.get(constraint.name)
    if index is None or index.exclusion:
        return False
    if len(piece.after.indexes) == len(piece.before.indexes):
        parts.closing.append(piece.text)
        return True
    kind = "PRIMARY KEY" if index.primary else "UNIQUE"
    deferrable = " DEFERRABLE" * index.deferrable + " INITIALLY DEFERRED" * index.deferred
    built = replace(index, name=_for_now(index.name, taken))
    parts.indexes.append(built)
    parts.closing.append(  # The index takes the constraint's name.
        f"ADD CONSTRAINT {identifier(index.name)} {kind}"
        f" USING INDEX {identifier(built.name)}{deferrable}"
    )
    return True


def _not_null(parts: _Parts, piece: Piece) -> None:
    """SET NOT NULL believes a CHECK that is valid, which is needed no longer than that."""
    for name, before in piece.before.columns.items():
        after = piece.after.columns.get(name)
        if after is None or before.not_null or not after.not_null:
            continue
        check = f"CHECK ({identifier(name)} IS NOT NULL)"
        helper = Constraint(f"_osc_{name}_not_null"[:MOST_CHARACTERS], "c", check, True, (name,))
        parts.add(helper, helper.name)
        parts.closing.append(f"ALTER COLUMN {identifier(name)} SET NOT NULL")
        parts.helpers.append(f"DROP CONSTRAINT {identifier(helper.name)}")


def _in_order(parts: _Parts) -> Iterator[Draft]:
    if parts.opening:
        does = "adds what is new, valid for new rows only" if parts.to_validate else "adds columns"
        yield Draft(does, (", ".join(parts.opening),), _backwards(parts.undo))
    for index in parts.indexes:
        yield Draft(f"builds {index.name}", index=index, patient=True)
    for name in parts.to_validate:
        does = f"looks whether {name} holds for the rows that are there"
        yield Draft(does, (f"VALIDATE CONSTRAINT {identifier(name)}",), patient=True)
    closing = [", ".join(clauses) for clauses in (parts.closing, parts.helpers) if clauses]
    closing += parts.renames
    if closing:
        # In two statements: the server drops first, and then SET NOT NULL had nothing to believe.
        yield Draft("does the rest, in the catalog alone", tuple(closing))


def _backwards(undo: list[str]) -> tuple[str, ...]:
    return (", ".join(reversed(undo)),) if undo else ()
