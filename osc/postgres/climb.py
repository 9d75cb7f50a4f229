"""The steps of a way without a copy, taken on the table itself, and taken back.

A step that takes a lock which applications notice is one transaction, and the clock runs twice: for
the lock, with a part of the budget, and for the work, with what is left of it. When either is out,
the server undoes the step. A validation lasts as long as the table is large, under a lock that
nobody notices. Both commit together with the record that they are done, so that whoever comes after
a `kill -9` knows where to go on.

An index that is built CONCURRENTLY commits by itself, several times:

    we                                    the record      the catalog
    note that the build begins            2+              no such index
    CREATE INDEX CONCURRENTLY             2+              INVALID, for as long as it lasts
    (killed, or a duplicate is met)       2+              INVALID, for ever
    it is done                            2+              valid
    note it                               3               valid

So with "2+" the catalog tells: an INVALID index is dropped and built again, a valid one is done.
That it is ours is certain, since there was none of that name when the build began. The server may
go on building for a client that is gone, so its session is ended before anybody looks.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from osc.engine import Climb
from osc.errors import BadStatement, Conflict, ConnectionLost, TableChanged, TakenOver
from osc.model.ladder import Step, Taken
from osc.model.table import TableName
from osc.postgres import locking
from osc.postgres.definition import oid_of
from osc.postgres.ledger import PostgresLedger
from osc.postgres.quoting import qualified
from osc.postgres.session import Connection, Open
from osc.threads import breakable

SHARE_FOR_THE_LOCK = 0.5
"""Of the budget; whoever queues behind us waits for both parts."""
PURPOSE = "native"
BUILDING = "+"
MEMORY = "256MB"
UNCERTAIN_SECONDS = 30.0
BACKENDS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE application_name = $1 AND datname = current_database() AND pid <> pg_backend_pid()
"""
ALREADY_THERE = "42P07"


@dataclass(frozen=True)
class Climber:
    """Takes the steps of one migration."""

    opened: Open
    ledger: PostgresLedger
    climb: Climb

    def take(self, number: int, check: Callable[[], None]) -> Taken:
        step = self.climb.steps[number]
        with self.opened(self._purpose) as session, breakable(check, session.raw.cancel_safe):
            if step.alone:
                return self._build(session, number, step)
            if step.patient:
                return self._patiently(session, number, step)
            return self._quickly(session, number, step)

    @property
    def _purpose(self) -> str:
        return f"{PURPOSE} {self.climb.id}"

    @property
    def _budget(self) -> float:
        return self.climb.lock_budget_seconds

    def _quickly(self, session: Connection, number: int, step: Step) -> Taken:
        """Waiting and work together are over within the budget, or the server ends them."""
        with session.transaction():
            self._require_ours(session)
            locking.set_budget(session, self._budget * SHARE_FOR_THE_LOCK)
            asked = time.monotonic()
            table = str(self.climb.table.name)
            if any((lock.on, lock.mode) == (table, "ACCESS EXCLUSIVE") for lock in step.locks):
                session.run(f"LOCK TABLE ONLY {qualified(self.climb.table.name)}")
            granted = time.monotonic()
            for statement in step.statements:
                left = max(self._budget - (time.monotonic() - asked), self._budget / 4)
                session.run(f"SET LOCAL statement_timeout = {round(left * 1000)}")
                session.run(statement)
            self._record(session, str(number + 1))
        return Taken(granted - asked, time.monotonic() - granted)

    def _patiently(self, session: Connection, number: int, step: Step) -> Taken:
        with session.transaction():
            self._require_ours(session)
            locking.set_budget(session, self._budget)
            for timeout in ("statement_timeout", "idle_in_transaction_session_timeout"):
                session.run(f"SET LOCAL {timeout} = 0")
            session.rows(
                "SELECT set_config(name, '0', true) FROM pg_settings"
                " WHERE name = 'transaction_timeout'"
            )
            for statement in step.statements:
                session.run(statement)
            self._record(session, str(number + 1))
        return Taken()

    def _build(self, session: Connection, number: int, step: Step) -> Taken:
        """An index, or whatever else can't be part of a transaction. It waits for transactions that
        are older than itself, and nobody queues behind that: so the wait has no limit."""
        self._require_ours(session)
        state = self._state(session, step)
        if state is None:
            self._record(session, f"{number}{BUILDING}")
        elif self._position(session) != f"{number}{BUILDING}":
            raise self._somebody_elses(step)
        session.run("SET lock_timeout = 0")
        session.run(f"SET maintenance_work_mem = '{MEMORY}'")
        if state is False:
            self._run_each(session, step.undo)
        if not state:
            self._begin_building(session, number, step)
        self._record(session, str(number + 1))
        return Taken()

    def _begin_building(self, session: Connection, number: int, step: Step) -> None:
        try:
            self._run_each(session, step.statements)
        except BadStatement as error:
            if error.code == ALREADY_THERE:
                self._record(session, str(number))  # It is somebody else's, of this very moment.
            raise

    def _run_each(self, session: Connection, statements: tuple[str, ...]) -> None:
        for statement in statements:
            session.run(statement)

    def _state(self, session: Connection, step: Step) -> bool | None:
        """Whether the step's index is valid; None where there is none, or the step makes none."""
        found = session.value(
            "SELECT indisvalid AND indisready FROM pg_index"
            " WHERE indexrelid = to_regclass($1) AND indrelid = to_regclass($2)",
            qualified(TableName(self.climb.table.name.schema, step.name)),
            qualified(self.climb.table.name),
        )
        return None if found is None or not step.name else bool(found)

    def _somebody_elses(self, step: Step) -> BadStatement:
        return BadStatement(f"there is an index {step.name} already, which is not ours")

    # The record.

    def _require_ours(self, session: Connection) -> None:
        """A process that was thought dead may wake up: it takes no step any more."""
        if not session.query(self.ledger.fence(self.climb.id, self.climb.generation)):
            raise TakenOver(
                "another process has taken this migration over, or has aborted it",
                still_true="nothing was lost: what we had done is its beginning",
                todo="`osc status` tells who has it",
            )

    def _record(self, session: Connection, position: str) -> None:
        session.execute(self.ledger.step_taken(self.climb.id, position))

    def _position(self, session: Connection) -> str:
        return str(
            session.value("SELECT position FROM osc.migration WHERE id = $1", self.climb.id) or "0"
        )

    def taken(self) -> int:
        """How many steps are done, once no session of a dead process is at it any more."""
        with self.opened("outcome") as session:
            self._end_others(session)
            position = self._position(session)
            done = int(position.rstrip(BUILDING))
            if done < len(self.climb.steps):
                self._require_the_same(session)
                step = self.climb.steps[done]
                done += position.endswith(BUILDING) and self._state(session, step) is True
            return done

    def _end_others(self, session: Connection) -> None:
        deadline = time.monotonic() + UNCERTAIN_SECONDS
        while session.rows(BACKENDS, f"osc {self._purpose}"):
            if time.monotonic() > deadline:
                raise ConnectionLost("the server is still at a step of a process that is gone")
            time.sleep(0.02)

    def _require_the_same(self, session: Connection) -> None:
        table = self.climb.table
        if str(oid_of(session, table.name)) != table.identity.partition("/")[0]:
            raise TableChanged(
                f"{table.name} was replaced by somebody else",
                still_true="it serves as they left it",
                todo="start again",
            )

    # The way back.

    def undo(self) -> list[str]:
        """The last step first. An index is dropped CONCURRENTLY, everything else within the
        budget."""
        with self.opened("outcome") as session:
            self._end_others(session)
            position = self._position(session)
        done = int(position.rstrip(BUILDING))
        begun = done + position.endswith(BUILDING)
        found = []
        for step in reversed(self.climb.steps[:begun]):
            if step.alone:
                self._drop(step)
            elif step.undo:
                self._take_back(step)
            else:
                continue
            found.append(f"what this has done: {step.sql}")
        return found

    def _take_back(self, step: Step) -> None:
        def body(session: Connection) -> None:
            session.run(f"SET LOCAL statement_timeout = {round(self._budget * 1000)}")
            self._run_each(session, step.undo)

        for _ in range(3):
            try:
                locking.within_budget(
                    self.opened, self.climb.table.name, self._budget, body, "taking it back needs"
                )
            except Conflict:
                continue
            return

    def _drop(self, step: Step) -> None:
        with self.opened(self._purpose) as session:
            session.run("SET lock_timeout = 0")
            self._run_each(session, step.undo)
