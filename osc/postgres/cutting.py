"""An ALTER cut in pieces on a double, and each draft of a sequence proved on another one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from osc.errors import ServerError
from osc.model import alter as alters
from osc.model.alter import Alter
from osc.model.ladder import Clause, Cost, Lock, Step
from osc.model.table import Table
from osc.postgres.definition import oid_of
from osc.postgres.double import Double, doubled
from osc.postgres.likeness import described
from osc.postgres.observing import observed
from osc.postgres.others import resolved, retargeted
from osc.postgres.quoting import qualified
from osc.postgres.sequence import Draft, Piece, drafts
from osc.postgres.session import PASSING, Connection
from osc.postgres.shape import read

INHERITED_NOT_NULL = """
SELECT EXISTS (SELECT FROM pg_constraint JOIN pg_class t ON t.oid = conrelid
               WHERE t.oid = $1 AND NOT relispartition AND contype = 'n' AND NOT conislocal)
"""


@dataclass(frozen=True)
class Cutter:
    """Of one ALTER, in one session."""

    session: Connection
    table: Table
    alter: Alter
    has_named_not_null: bool

    def pieces(self, double: Double) -> list[Piece]:
        """Clause by clause, each on what those before it have left. The server sorts the clauses of
        one ALTER, new columns before new constraints: so do we, where it can't be as it is written.
        Nothing where that doesn't help."""
        in_order = self.alter.parts
        columns_first = sorted(in_order, key=lambda part: not _added(part))
        for parts in dict.fromkeys((in_order, tuple(columns_first))):
            with _refusals_are_no_matter(), self.session.undone():
                for part in parts:
                    self.session.run(on(self.session, self.alter, double, part))
                break
        else:
            return []
        return [*self._one_by_one(double, parts)]

    def _one_by_one(self, double: Double, parts: tuple[str, ...]) -> Iterator[Piece]:
        """Each in a transaction of its own, so that its locks are its own."""
        shape = read(self.session, double)
        for part in parts:
            statement = on(self.session, self.alter, double, part)
            with self.session.transaction():
                clause = observed(self.session, double, part, [statement])
            after = read(self.session, double)
            yield Piece(part, clause, shape, after)
            shape = after

    def sequence(self, pieces: list[Piece], after: tuple[str, ...]) -> tuple[Step, ...]:
        """The first draft that is light in each piece and gives the same table; or none."""
        for draft in drafts(pieces, has_named_not_null=self.has_named_not_null):
            if (
                any(piece.index and piece.index.primary for piece in draft)
                and self._inherits_not_null()
            ):
                continue
            with _refusals_are_no_matter():
                if steps := self._tried(draft, after):
                    return steps
        return ()

    def _inherits_not_null(self) -> bool:
        """A NOT NULL that it has from a parent becomes its own as well by PRIMARY KEY USING INDEX,
        and not by PRIMARY KEY (18); the double has no parents, and so can't tell."""
        oid = oid_of(self.session, self.table.name)
        return bool(self.session.value(INHERITED_NOT_NULL, oid))

    def _tried(self, drafts: tuple[Draft, ...], after: tuple[str, ...]) -> tuple[Step, ...]:
        others = resolved(self.session, self.alter.clauses)
        steps = []
        with doubled(self.session, self.table.name, others) as double:
            for draft in drafts:
                clause = self._observed(double, draft)
                if not (clause.online if draft.patient else clause.cost <= Cost.METADATA):
                    return ()
                steps.append(self._step(draft, clause))
            if described(self.session, double.oid) != after:
                return ()
        return tuple(steps)

    def _observed(self, double: Double, draft: Draft) -> Clause:
        statements = [
            retargeted(self.session, statement, double.of)
            for statement in draft.on(self.alter, double.name)
        ]
        if draft.index is None:
            with self.session.transaction():
                return observed(self.session, double, draft.does, statements)
        for statement in statements:
            self.session.run(statement)
        lock = Lock(str(self.table.name), "SHARE UPDATE EXCLUSIVE")
        return Clause(draft.does, Cost.SCAN, (lock,))

    def _step(self, draft: Draft, clause: Clause) -> Step:
        return Step(
            statements=draft.on(self.alter, self.table.name),
            does=draft.does,
            cost=clause.cost,
            locks=clause.locks,
            patient=draft.patient,
            alone=draft.index is not None,
            undo=draft.taken_back(self.alter, self.table.name),
            name=draft.index.name if draft.index else "",
        )


def on(session: Connection, alter: Alter, double: Double, clauses: str) -> str:
    """The clauses, for the double."""
    return alter.saying(retargeted(session, clauses, double.of), qualified(double.name))


def _added(part: str) -> tuple[str, ...]:
    return alters.from_clauses("t", part, mysql=False).added


@contextmanager
def _refusals_are_no_matter() -> Iterator[None]:
    """There is another order, another draft, or a copy."""
    try:
        yield
    except PASSING:
        raise
    except ServerError:
        return
