"""What PostgreSQL can do by itself: asked on a double, then done step by step on the table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from osc.engine import Climb
from osc.errors import (
    BadStatement,
    BadValue,
    Conflict,
    ConnectionLost,
    LockTimeout,
    NotAllowed,
    Precondition,
    ServerError,
)
from osc.model import alter as alters
from osc.model.alter import Alter
from osc.model.blocker import Blocker
from osc.model.ladder import Clause, Cost, Forecast, Lock, Outlook, Step, Taken, Way
from osc.model.table import Table, TableName
from osc.postgres import attaching, catalog, forecast, foreign, kin, linting, locking, rehearsal
from osc.postgres.climb import Climber
from osc.postgres.definition import describe, oid_of
from osc.postgres.double import Double, doubled
from osc.postgres.filled import filled
from osc.postgres.foreign import ForeignKey
from osc.postgres.ledger import PostgresLedger
from osc.postgres.observing import observed
from osc.postgres.others import resolved, retargeted
from osc.postgres.quoting import identifier, qualified
from osc.postgres.sequence import Draft, Piece, drafts
from osc.postgres.session import Connection, Open
from osc.postgres.shape import read

ALTERABLE = ("r", "p")
UNTRIED = ("SET SCHEMA", "OWNER TO", "NO INHERIT", "NOT OF")
"""A double is in a schema that new owners have no rights in; it has neither parents nor a type."""
PASSING = (ConnectionLost, LockTimeout, Conflict, NotAllowed)
"""What says nothing of the ALTER itself; all other errors do."""


@dataclass(frozen=True)
class PostgresLadder:
    """Each call opens a session of its own."""

    opened: Open
    ledger: PostgresLedger
    has_named_not_null: bool

    def find(self, alter: Alter) -> Table:
        with self.opened("catalog") as session:
            name = catalog.resolve(session, alter)
            oid = oid_of(session, name)
            assert oid is not None
            kind = session.value("SELECT relkind::text FROM pg_class WHERE oid = $1", oid)
            if kind not in ALTERABLE:
                raise Precondition(
                    f"{name} is {catalog.KINDS.get(kind, 'no table')}, not a table",
                    still_true="nothing was touched",
                )
            table = catalog.read(session, name, oid, any_key=True)
            if kind == "p":
                size, rows = forecast.sizes(session, oid)
                table = replace(table, bytes=size, rows=rows)
            return table

    def look(self, table: Table, alter: Alter, *, small_bytes: int) -> Outlook:
        with self.opened("plan") as session:
            _require_allowed(session, table)
            try:
                return _Looking(session, table, alter, self.has_named_not_null).look(small_bytes)
            except _RefusedError as error:
                # A copy may do what the server itself refuses, for a view's sake for instance.
                refused = f"the server itself refuses this ALTER: {error}"
                return Outlook((), Way.COPY, refused, refused=refused)
            except (BadStatement, NotAllowed, Conflict) as error:
                return Outlook((), Way.COPY, f"it could not be tried out: {error.happened}")

    def forecast(self, table: Table, outlook: Outlook) -> Forecast:
        with self.opened("probe") as session:
            oid = oid_of(session, table.name)
            assert oid is not None
            try:
                return forecast.forecast(session, table, oid, outlook)
            except (Conflict, NotAllowed):
                return Forecast(table.rows, table.bytes)

    def probe(self, table: Table, outlook: Outlook) -> None:
        """The steps that look at the rows come first, and leave nothing behind."""

    def take(self, climb: Climb, number: int, check: Callable[[], None]) -> Taken:
        return Climber(self.opened, self.ledger, climb).take(number, check)

    def taken(self, climb: Climb) -> int:
        return Climber(self.opened, self.ledger, climb).taken()

    def undo(self, climb: Climb) -> list[str]:
        return Climber(self.opened, self.ledger, climb).undo()

    def blockers(self, table: TableName) -> list[Blocker]:
        return locking.blockers(self.opened, table)


def _require_allowed(session: Connection, table: Table) -> None:
    if session.value("SELECT pg_is_in_recovery()"):
        raise Precondition(
            "this server is a standby: it takes no writes",
            still_true="nothing was touched",
            todo="connect to the primary",
        )
    owner, owns, role = session.rows(
        "SELECT pg_get_userbyid(relowner), pg_has_role(relowner, 'USAGE'), current_user"
        " FROM pg_class WHERE oid = to_regclass($1)",
        qualified(table.name),
    )[0]
    if not owns:
        raise NotAllowed(
            f"{table.name} belongs to {owner}",
            still_true="nothing was touched",
            todo=f"connect as {owner}, or GRANT {identifier(owner)} TO {identifier(role)}",
        )


def _added(part: str) -> tuple[str, ...]:
    return alters.from_clauses("t", part, mysql=False).added


SILENCED = """
SELECT k.conname, tgtype, tgenabled, count(*)
FROM pg_trigger JOIN pg_constraint k ON k.oid = tgconstraint
WHERE tgrelid = $1 AND tgisinternal GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""


def _described(session: Connection, oid: int) -> tuple[str, ...]:
    """With foreign keys, as valid as they are, and their triggers: an ALTER may be about nothing
    else."""
    triggers = (f"triggers of constraint {row}" for row in session.rows(SILENCED, oid))
    return (*describe(session, oid), *_told(foreign.read(session, oid)), *triggers)


def _told(keys: Iterable[ForeignKey]) -> list[str]:
    """Without OIDs: doubles of two rehearsals have others."""
    nameless = (replace(key, oid=0, table_oid=0, parent_oid=0) for key in keys)
    return sorted(f"foreign key {key.name}: {key}" for key in nameless)


class _RefusedError(Exception):
    """What the server says about the ALTER itself."""


@dataclass(frozen=True)
class _Looking:
    """One ALTER, looked at in one session."""

    session: Connection
    table: Table
    alter: Alter
    has_named_not_null: bool

    def look(self, small_bytes: int) -> Outlook:
        if known := self._untried(small_bytes):
            return known
        others = resolved(self.session, self.alter.clauses)
        with doubled(self.session, self.table.name, others) as double:
            if self.alter.verbs[:1] and self.alter.verbs[0][:2] == ("ATTACH", "PARTITION"):
                return self._attached(double, others)
            whole, before, after, change = self._whole(double)
            is_one = len(self.alter.parts) == 1
            is_light = whole.online or whole.cost is not Cost.SCAN
            pieces = [] if is_one and is_light else self._pieces(double)
        clauses = tuple(piece.clause for piece in pieces) or (whole,)
        if before == after and whole.cost <= Cost.METADATA and self._is_there_already():
            free = tuple(replace(clause, cost=Cost.FREE) for clause in clauses)
            return Outlook(free, Way.NOTHING, "the table is as the ALTER wants it")
        found = linting.findings(replace(change, clauses=clauses, fill=self._filled()))
        decided = self._decided(whole, clauses, pieces, after, small_bytes)
        return replace(decided, findings=found)

    def _filled(self) -> dict[str, float]:
        try:
            return filled(self.session, self.table)
        except (Conflict, LockTimeout, NotAllowed):
            return {}  # It takes too long, or nobody may look: a hint is not worth waiting for.

    def _decided(
        self,
        whole: Clause,
        clauses: tuple[Clause, ...],
        pieces: list[Piece],
        after: tuple[str, ...],
        small_bytes: int,
    ) -> Outlook:
        native = self._native(whole)
        if whole.cost <= Cost.METADATA:
            return Outlook(clauses, Way.NATIVE, "it touches the catalog alone", (native,))
        if whole.online:
            why = "applications read and write meanwhile"
            return Outlook(clauses, Way.NATIVE, why, (replace(native, patient=True),))
        if whole.cost is Cost.SCAN and (steps := self._sequence(pieces, after)):
            why = "the ALTER at once would keep applications waiting as long as it reads the table"
            return Outlook(clauses, Way.SEQUENCE, why, steps)
        why = whole.because or "the server would keep applications waiting all the while"
        return Outlook(clauses, Way.COPY, why, brief=self._brief(whole, small_bytes))

    def _brief(self, whole: Clause, small_bytes: int) -> tuple[Step, ...]:
        return (self._native(whole),) if self._bytes(whole) <= small_bytes else ()

    # What isn't tried on a double, for it is no temporary table's business.

    def _untried(self, small_bytes: int) -> Outlook | None:
        words = " ".join(self.alter.verbs[0]) if self.alter.verbs else ""
        on = str(self.table.name)
        exclusive = (Lock(on, "ACCESS EXCLUSIVE", "reads and writes"),)
        is_one = len(self.alter.parts) == 1
        if is_one and words.startswith(UNTRIED):
            clause = Clause(self.alter.clauses, Cost.METADATA, exclusive)
            return Outlook(
                (clause,), Way.NATIVE, "it touches the catalog alone", (self._native(clause),)
            )
        if words.startswith("DETACH PARTITION") and words.endswith("CONCURRENTLY"):
            lock = Lock(on, "SHARE UPDATE EXCLUSIVE")
            clause = Clause(self.alter.clauses, Cost.METADATA, (lock,))
            step = replace(self._native(clause), patient=True, alone=True)
            return Outlook((clause,), Way.NATIVE, "applications don't notice it", (step,))
        if words in ("SET LOGGED", "SET UNLOGGED") and is_one:
            return self._of_persistence(words, exclusive, small_bytes)
        return None

    def _of_persistence(self, words: str, locks: tuple[Lock, ...], small_bytes: int) -> Outlook:
        is_logged = self.session.value(
            "SELECT relpersistence = 'p' FROM pg_class WHERE oid = to_regclass($1)",
            qualified(self.table.name),
        )
        if is_logged == (words == "SET LOGGED"):
            clause = Clause(self.alter.clauses, Cost.FREE)
            return Outlook((clause,), Way.NOTHING, "the table is as the ALTER wants it")
        clause = Clause(self.alter.clauses, Cost.REWRITE, locks, "every row is written anew")
        return Outlook((clause,), Way.COPY, clause.because, brief=self._brief(clause, small_bytes))

    def _attached(self, double: Double, others: tuple[TableName, ...]) -> Outlook:
        """It can't be copied, and is no matter of what it costs."""
        statement = self._on(double, self.alter.clauses)
        if not others:
            raise _RefusedError("there is no such table to attach")
        try:
            bound = attaching.bound(self.session, double, statement, others[0])
        except PASSING:
            raise
        except ServerError as error:
            raise _RefusedError(error.happened) from error
        default = attaching.default_of(self.session, self.table)
        steps = attaching.steps(self.table, self.alter, others[0], default, bound)
        clause = Clause(self.alter.clauses, Cost.SCAN, steps[-1].locks, "every row is read")
        why = "the ALTER at once would keep the new partition and the default one locked"
        return Outlook((clause,), Way.SEQUENCE, why, steps)

    def _is_there_already(self) -> bool:
        """The double lacks what costs nothing to change: owner, statistics targets, silenced keys.
        So a clone has the last word, which has all that; where there can't be one, the server
        does what it finds to do. Where a sequence stands, no description tells."""
        if any("RESTART" in verbs for verbs in self.alter.verbs):
            return False
        try:
            with rehearsal.rehearsed(self.session, self.table.name, self.alter) as target:
                source = oid_of(self.session, self.table.name)
                assert source is not None
                found = foreign.read(self.session, source)
                there = _told(key for key in found if key.oid in target.keys.known)
                wanted = _told((*target.keys.own, *target.keys.incoming.values()))
                have = (*describe(self.session, source), *there, *self._silenced(source))
                return have == (*target.lines, *wanted, *self._silenced(target.oid))
        except (Precondition, ServerError):
            return False

    def _silenced(self, oid: int) -> list[tuple[Any, ...]]:
        return self.session.rows(SILENCED, oid)

    # On the double.

    def _on(self, double: Double, clauses: str) -> str:
        text = retargeted(self.session, clauses, double.of)
        return self.alter.saying(text, qualified(double.name))

    def _whole(
        self, double: Double
    ) -> tuple[Clause, tuple[str, ...], tuple[str, ...], linting.Change]:
        """The ALTER at once, undone again: what it costs, and the table before and after."""
        before, old = _described(self.session, double.oid), read(self.session, double)
        statement = self._on(double, self.alter.clauses)
        with self.session.undone():
            try:
                whole = observed(self.session, double, self.alter.clauses, [statement])
            except PASSING:
                raise
            except ServerError as error:
                raise _RefusedError(error.happened) from error
            table = catalog.read(self.session, double.name, double.oid, any_key=True)
            new = read(self.session, double)
            change = linting.Change(self.table, table, old, new, self.alter)
            return whole, before, _described(self.session, double.oid), change

    def _pieces(self, double: Double) -> list[Piece]:
        """Clause by clause, each on what those before it have left. The server sorts the clauses of
        one ALTER, new columns before new constraints: so do we, where it can't be as it is written.
        Nothing where that doesn't help."""
        in_order = self.alter.parts
        columns_first = sorted(in_order, key=lambda part: not _added(part))
        for parts in dict.fromkeys((in_order, tuple(columns_first))):
            try:
                with self.session.undone():
                    for part in parts:
                        self.session.run(self._on(double, part))
            except (BadStatement, BadValue):
                continue
            return [*self._one_by_one(double, parts)]
        return []

    def _one_by_one(self, double: Double, parts: tuple[str, ...]) -> Iterator[Piece]:
        """Each in a transaction of its own, so that its locks are its own."""
        shape = read(self.session, double)
        for part in parts:
            with self.session.transaction():
                clause = observed(self.session, double, part, [self._on(double, part)])
            after = read(self.session, double)
            yield Piece(part, clause, shape, after)
            shape = after

    def _sequence(self, pieces: list[Piece], after: tuple[str, ...]) -> tuple[Step, ...]:
        """The first draft that is light in each piece and gives the same table; or none."""
        for draft in drafts(pieces, has_named_not_null=self.has_named_not_null):
            if any(piece.index and piece.index.primary for piece in draft) and self._inherits():
                continue
            try:
                if steps := self._tried(draft, after):
                    return steps
            except (BadStatement, BadValue):
                continue
        return ()

    def _inherits(self) -> bool:
        """A NOT NULL that it has from a parent becomes its own as well by PRIMARY KEY USING INDEX,
        and not by PRIMARY KEY (18); the double has no parents, and so can't tell."""
        oid = oid_of(self.session, self.table.name)
        assert oid is not None
        return bool(kin.parents(self.session, oid)) and not kin.family(self.session, oid)[0].bound

    def _tried(self, drafts: tuple[Draft, ...], after: tuple[str, ...]) -> tuple[Step, ...]:
        others = resolved(self.session, self.alter.clauses)
        steps = []
        with doubled(self.session, self.table.name, others) as double:
            for draft in drafts:
                clause = self._observed(double, draft)
                if not (clause.online if draft.patient else clause.cost <= Cost.METADATA):
                    return ()
                steps.append(self._step(draft, clause))
            if _described(self.session, double.oid) != after:
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
