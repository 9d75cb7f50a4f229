"""One ALTER, looked at before anything is done: which way leads there without a copy."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace

from osc.errors import Conflict, LockTimeout, NotAllowed, Precondition, ServerError
from osc.model.alter import Alter
from osc.model.ladder import Clause, Cost, Outlook, Step, Way
from osc.model.table import Table, TableName
from osc.postgres import attaching, catalog, kin, linting, others, rehearsal, untried
from osc.postgres.cutting import Cutter, on
from osc.postgres.definition import oid_of
from osc.postgres.double import Double, doubled
from osc.postgres.filled import filled
from osc.postgres.likeness import described, is_there_already
from osc.postgres.observing import observed
from osc.postgres.quoting import qualified
from osc.postgres.relatives import changes_parents
from osc.postgres.sequence import Piece
from osc.postgres.session import PASSING, Connection
from osc.postgres.shape import read

OF_A_TYPE = "SELECT reloftype <> 0 FROM pg_class WHERE oid = $1"
UNCHANGED = "the table is as the ALTER wants it"


class RefusedError(Exception):
    """What the server says about the ALTER itself."""


@dataclass(frozen=True)
class Looking:
    """In one session, at one ALTER of one table. One of no more than `small_bytes` may be altered
    natively where it can't be copied."""

    session: Connection
    table: Table
    alter: Alter
    has_named_not_null: bool
    small_bytes: int

    def look(self) -> Outlook:
        """Raises RefusedError."""
        if known := untried.detached_concurrently(self.table, self.alter):
            return known
        kinds = untried.sort(self.alter)
        if untried.changes_persistence(self.session, self.table, kinds.persistence):
            return self._rewritten("every row is written anew")
        if kinds.rest is None:
            rest = Outlook((), Way.NOTHING, UNCHANGED)
        else:
            rest = replace(self, alter=kinds.rest)._tried()
        if not kinds.catalog_alone:
            return rest
        if rest.way is Way.NOTHING and self._is_there_already():
            return Outlook((Clause(self.alter.clauses, Cost.FREE),), Way.NOTHING, UNCHANGED)
        return untried.together(self.table, self.alter, kinds.catalog_alone, rest)

    def _tried(self) -> Outlook:
        named = others.resolved(self.session, self.alter.clauses)
        cutter = Cutter(self.session, self.table, self.alter, self.has_named_not_null)
        with doubled(self.session, self.table.name, named) as double:
            if self.alter.verbs[:1] and self.alter.verbs[0][:2] == ("ATTACH", "PARTITION"):
                return self._attached(double, named)
            try:
                whole, before, after, change = self._whole(double)
            except RefusedError as error:
                if self._is_allowed_below_parents():
                    raise Conflict(f"a double without its parents says: {error}") from error
                raise
            is_one = len(self.alter.parts) == 1
            is_light = whole.online or whole.cost is not Cost.SCAN
            pieces = [] if is_one and is_light else cutter.pieces(double)
        self._require_allowed_by_others()
        clauses = tuple(piece.clause for piece in pieces) or (whole,)
        if before == after and whole.cost <= Cost.METADATA and self._is_there_already():
            free = tuple(replace(clause, cost=Cost.FREE) for clause in clauses)
            return Outlook(free, Way.NOTHING, UNCHANGED)
        found = linting.findings(replace(change, clauses=clauses, fill=self._filled()))
        return replace(self._decided(whole, clauses, cutter, pieces, after), findings=found)

    def _is_there_already(self) -> bool:
        return is_there_already(self.session, self.table.name, self.alter)

    def _filled(self) -> dict[str, float]:
        try:
            return filled(self.session, self.table)
        except (Conflict, LockTimeout, NotAllowed):
            return {}  # It takes too long, or nobody may look: a hint is not worth waiting for.

    def _decided(
        self,
        whole: Clause,
        clauses: tuple[Clause, ...],
        cutter: Cutter,
        pieces: list[Piece],
        after: tuple[str, ...],
    ) -> Outlook:
        native = self._native(whole)
        if whole.cost <= Cost.METADATA:
            return Outlook(clauses, Way.NATIVE, "it touches the catalog alone", (native,))
        if whole.online:
            why = "applications read and write meanwhile"
            return Outlook(clauses, Way.NATIVE, why, (replace(native, patient=True),))
        if whole.cost is Cost.SCAN and (steps := cutter.sequence(pieces, after)):
            why = "the ALTER at once would keep applications waiting as long as it reads the table"
            return Outlook(clauses, Way.SEQUENCE, why, steps)
        why = whole.because or "the server would keep applications waiting all the while"
        return Outlook(clauses, Way.COPY, why, brief=self._brief(whole))

    def _whole(
        self, double: Double
    ) -> tuple[Clause, tuple[str, ...], tuple[str, ...], linting.Change]:
        """The ALTER at once, undone again: what it costs, and the table before and after."""
        before, old = described(self.session, double.oid), read(self.session, double)
        statement = on(self.session, self.alter, double, self.alter.clauses)
        with self.session.undone():
            try:
                whole = observed(self.session, double, self.alter.clauses, [statement])
            except PASSING:
                raise
            except ServerError as error:
                raise RefusedError(error.happened) from error
            table = catalog.read(self.session, double.name, double.oid, any_key=True)
            new = read(self.session, double)
            change = linting.Change(self.table, table, old, new, self.alter)
            return whole, before, described(self.session, double.oid), change

    def _require_allowed_by_others(self) -> None:
        """The double has neither parents nor a type that it is OF, and these may not let a table be
        altered so: a clone has that type, and frames as parents. It isn't asked about what speaks
        of other tables, which would be locked."""
        alone = untried.without(
            self.alter,
            [
                part
                for verbs, part in zip(self.alter.verbs, self.alter.parts, strict=True)
                if not changes_parents(verbs) and not [*others.mentions(part)]
            ],
        )
        if alone is None or not self._is_bound():
            return
        with suppress(Precondition, NotAllowed, Conflict, LockTimeout):  # There may be no clone.
            try:
                with rehearsal.rehearsed(self.session, self.table.name, alone):
                    return
            except rehearsal.RefusedByServer as error:
                raise RefusedError(error.said) from error

    def _is_allowed_below_parents(self) -> bool:
        """What a table has from a parent it may be given once more, which its double may not."""
        try:
            if self._is_bound():
                with rehearsal.rehearsed(self.session, self.table.name, self.alter):
                    return True
        except (Precondition, ServerError):
            return False
        return False

    def _is_bound(self) -> bool:
        oid = oid_of(self.session, self.table.name)
        assert oid is not None
        return bool(kin.parents(self.session, oid) or self.session.value(OF_A_TYPE, oid))

    def _attached(self, double: Double, named: tuple[TableName, ...]) -> Outlook:
        """It can't be copied, and is no matter of what it costs."""
        statement = on(self.session, self.alter, double, self.alter.clauses)
        if not named:
            raise RefusedError("there is no such table to attach")
        try:
            bound = attaching.bound(self.session, double, statement, named[0])
        except PASSING:
            raise
        except ServerError as error:
            raise RefusedError(error.happened) from error
        default = attaching.default_of(self.session, self.table)
        steps = attaching.steps(self.table, self.alter, named[0], default, bound)
        clause = Clause(self.alter.clauses, Cost.SCAN, steps[-1].locks, "every row is read")
        why = "the ALTER at once would keep the new partition and the default one locked"
        return Outlook((clause,), Way.SEQUENCE, why, steps)

    def _rewritten(self, why: str) -> Outlook:
        clause = Clause(self.alter.clauses, Cost.REWRITE, untried.exclusive(self.table), why)
        return Outlook((clause,), Way.COPY, why, brief=self._brief(clause))

    def _brief(self, whole: Clause) -> tuple[Step, ...]:
        return (self._native(whole),) if self._bytes(whole) <= self.small_bytes else ()

    def _native(self, whole: Clause) -> Step:
        statement = self.alter.on(qualified(self.table.name))
        return Step((statement,), "the ALTER as it is written", whole.cost, whole.locks)

    def _bytes(self, whole: Clause) -> int:
        """Of all that the ALTER would keep waiting."""
        names = {lock.on for lock in whole.locks if lock.blocks} | {str(self.table.name)}
        found = self.session.value(
            "SELECT sum(pg_total_relation_size(c.oid))::bigint FROM pg_class c"
            " JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname || '.' || c.relname = ANY ($1)",
            sorted(names),
        )
        return max(int(found or 0), self.table.bytes)
