"""The short lock and what happens under it (rule 9): one transaction, two schemas exchanged."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

from osc.engine import Job, Session, Statement, Swapped
from osc.errors import (
    BadStatement,
    Bug,
    Conflict,
    ConnectionLost,
    OscError,
    SwappedButUnfinished,
    TableChanged,
    Unreachable,
)
from osc.model.blocker import Blocker
from osc.model.consent import NO_CONSENT, Consent
from osc.model.onlookers import Onlookers
from osc.model.table import TableName
from osc.postgres import (
    catalog,
    dependents,
    foreign,
    kin,
    kinship,
    locking,
    mentions,
    orphans,
    probing,
    published,
    rebuilt,
    rekeying,
    sequences,
    snapshots,
    statistics,
    surroundings,
    withheld,
)
from osc.postgres.carried import ORIGINAL, Carried, Exchange, Lock, note, together
from osc.postgres.definition import describe, differences, oid_of
from osc.postgres.load import not_what_was_wanted
from osc.postgres.outcome import backend, insist, settle
from osc.postgres.quoting import qualified
from osc.postgres.rehearsal import Target, require_kept, require_unchanged
from osc.postgres.session import Connection, Open

OF_EACH: tuple[Callable[[Connection, Exchange], Carried], ...] = (
    sequences.carried,
    statistics.carried,
    withheld.carried,
)
"""What a partition has of its own."""

PARTS: tuple[Callable[[Connection, Exchange], Carried], ...] = (
    kinship.carried,
    *OF_EACH,
    published.carried,
    rebuilt.carried,
    mentions.carried,
    rekeying.carried,
)
"""What is carried over, in this order (`carried.py`)."""


@dataclass(frozen=True)
class Steps:
    """What an attempt locks beside the original, does after the drain, and after its COMMIT."""

    seen: tuple[str, ...]
    locks: tuple[Lock, ...]
    locked: tuple[Statement, ...]
    late: tuple[Statement, ...]


@dataclass(frozen=True)
class PostgresSwapper:
    """Indexes, constraints and identity sequences move with their table from schema to schema."""

    opened: Open
    job: Job
    target_of: Callable[[], Target]
    consent: Consent = NO_CONSENT

    @cached_property
    def target(self) -> Target:
        """The ALTER is rehearsed once more; by whoever swaps, not by whoever asks for the outcome:
        that one may find the original altered already."""
        return self.target_of()

    def prepare(self, check: Callable[[], None]) -> None:
        """Makes and fills twins of the views that are made anew."""
        with self.opened("materialized views") as session:
            source = self._oid(session, self.job.original.name)
            found = dependents.read(session, source)
            dependents.require_known(found, self.job.original.name, self.consent)
            made = self._oid(session, self.job.shadow.name)
            exchange = Exchange(self.job, self.target, source, made)
            if self._views(session, exchange):
                renamed = partial(
                    mentions.worn,
                    exchange.columns,
                    self.target.table.columns,
                    new_table=self.job.shadow.name,
                )
                rebuilt.prepare(session, exchange, renamed, check)

    def _views(self, session: Connection, exchange: Exchange) -> tuple[rebuilt.View, ...]:
        """Those that are made anew, unless one came meanwhile that nobody has allowed that for."""
        views = rebuilt.tree(session, exchange.source, exchange.retyped)
        rebuilt.require_allowed(views, exchange.original, self.consent)
        return views

    def swap(self, drain: Callable[[Session], None], budget_seconds: float) -> Swapped:
        with self.opened("cut-over") as session:
            mine, source = backend(session), self._oid(session, self.job.original.name)
            shadow = self._oid(session, self.job.shadow.name)
            require_kept(session, self.job.shadow)
            ended, asked = False, time.monotonic()
            granted = asked
            try:
                self._warm_up(session, source)
                glance = self._look(session, source, shadow)
                steps = self._exchange(session, source, shadow)
                self._require_parents(session, source)
                with session.transaction():
                    asked, granted = self._lock(session, source, budget_seconds, steps.locks)
                    self._under_lock(session, source, shadow, drain, steps, glance)
                    ended = True
            except BaseException as error:
                if not _is_cut(session, error):
                    raise
                settle(self.opened, self.job.original.name, mine, shadow, error, sent=ended)
            swapped = Swapped(granted - asked, time.monotonic() - granted)
        self._complete(steps.late)
        self._confirm()
        return swapped

    def was_swapped(self) -> bool:
        with self.opened("outcome of the swap") as session:
            shadow = oid_of(session, self.job.shadow.name)
            return shadow is None and oid_of(session, self.job.names.archive) is not None

    def recover(self) -> bool:
        """All of an attempt is one transaction: nothing of it can be half done."""
        return self.was_swapped()

    def _oid(self, session: Connection, name: TableName) -> int:
        oid = oid_of(session, name)
        if oid is None:
            raise TableChanged(f"there is no table {name} any more", todo="clean up, start again")
        return oid

    def _lock(
        self, session: Connection, source: int, budget_seconds: float, others: tuple[Lock, ...]
    ) -> tuple[float, float]:
        """When we asked for the locks and when we had the first of them. All share one budget, and
        a deadlock with an application ends for us long before the server looks for one in its
        statement: each wait of ours is shorter than its deadlock_timeout."""
        # Nobody but an autovacuum can be on the shadow, and it gives way: wait for it first.
        session.run(f"LOCK TABLE {qualified(self.job.shadow.name)} IN ACCESS EXCLUSIVE MODE")
        locking.set_budget(session, budget_seconds)
        # Here, other than for chunks, we wait for the standbys that the server waits for.
        session.run("SET LOCAL synchronous_commit = on")
        asked = time.monotonic()
        original = f"LOCK TABLE ONLY {qualified(self.job.original.name)} IN ACCESS EXCLUSIVE MODE"
        locks = sorted((*others, Lock(ORIGINAL, source, original)))
        granted = list[float]()
        for lock in locks:
            left = budget_seconds - (time.monotonic() - asked)
            session.run(f"SET LOCAL lock_timeout = {max(1, round(left * 1000))}")
            session.run(lock.statement)
            granted.append(time.monotonic())
        return asked, granted[0]

    def _under_lock(
        self,
        session: Connection,
        source: int,
        shadow: int,
        drain: Callable[[Session], None],
        steps: Steps,
        glance: object,
    ) -> None:
        known = glance is not None and glance == _glance(session, source, shadow)
        if not known:
            require_unchanged(session, self.job.original)
        if _outside(session, source) != steps.seen:
            raise Conflict(f"what hangs on {self.job.original.name} has just been changed")
        if not known:
            self._require_complete(session, shadow)
        drain(session)
        # What is deferred is checked now: a table with checks still to come can't be altered.
        session.run("SET CONSTRAINTS ALL IMMEDIATE")
        try:
            session.execute_all(steps.locked)
        except BadStatement as error:
            raise TableChanged(
                f"what hangs on {self.job.original.name} by now can't follow the new table:"
                f" {error.happened}",
                still_true="the swap was undone; the original serves",
                todo="drop it, start again, and make it anew after the migration",
            ) from error
        if steps.seen:
            self._require_alone(session, source)

    def _look(self, session: Connection, source: int, shadow: int) -> object:
        """A long look at a large family before the lock, so that a glance is enough under it; the
        glance comes first, and so tells of whatever changes while we look."""
        if not self.job.original.leaves:
            return None
        seen = _glance(session, source, shadow)
        require_unchanged(session, self.job.original)
        self._require_complete(session, shadow)
        return seen

    def _warm_up(self, session: Connection, source: int) -> None:
        """Under the lock the catalog queries, which take long to plan, have their plans already."""
        session.raw.prepare_threshold = 0
        session.run("SET plan_cache_mode = force_generic_plan")
        catalog.identity(session, source)
        _outside(session, source)

    def _exchange(self, session: Connection, source: int, shadow: int) -> Steps:
        """Everything that is to be done under the lock, read before it. The ALTER is rehearsed
        anew where foreign keys have come or gone since."""
        if {key.oid for key in foreign.read(session, source)} != self.target.keys.known:
            self.__dict__.pop("target")
        exchange = Exchange(self.job, self.target, source, shadow)
        found = dependents.read(session, source)
        dependents.require_known(found, exchange.original, self.consent)
        self._views(session, exchange)
        seen = _outside(session, source)
        parted = [exchange.of(*pair) for pair in kinship.pairs(session, exchange)]
        parts = together(
            (
                *(carried(session, exchange) for carried in PARTS),
                *(carried(session, each) for each in parted for carried in OF_EACH),
            )
        )
        moved = (*parted, exchange)
        steps = (
            Statement("SET LOCAL search_path = pg_catalog"),
            *parts.before,
            *(kinship.move(each.original, each.archive.schema) for each in moved),
            *(kinship.move(each.shadow, each.original.schema) for each in reversed(moved)),
            *parts.placed,
            *mentions.worn(
                exchange.columns, self.target.table.columns, parts.named, exchange.original
            ),
            *parts.after,
            note(exchange.archive.schema, parts.unvalidated),
        )
        return Steps(seen, parts.locks, steps, parts.late)

    def _require_parents(self, session: Connection, source: int) -> None:
        new = orphans.promises(session, source, self.target.keys, self.job.columns)
        columns = self.job.columns
        rows = probing.filled(self.job.original, self.target.table, columns)
        orphans.ask_original(session, new, rows, columns)
        orphans.ask_shadow(session, source, self.job.shadow.name, new, columns)

    def _require_complete(self, session: Connection, shadow: int) -> None:
        """The last veto. It comes before the exchange, because each DDL statement makes the server
        forget the plan of this query, and that costs the writers 20 ms more."""
        found = differences(describe(session, shadow), self.target.loaded)
        if found:
            raise not_what_was_wanted(self.job, found)

    def _require_alone(self, session: Connection, archive: int) -> None:
        found = surroundings.left(session, archive, self.job.names.archive.schema)
        if found:
            raise Bug(
                f"this would go on to hang on the old {self.job.original.name}:\n  "
                + "\n  ".join(found),
                still_true="the swap was undone; the original serves",
                todo="please report this",
            )

    def _complete(self, late: tuple[Statement, ...]) -> None:
        """The new table serves already: no lock is waited for any longer than by others."""
        for statement in late:
            try:
                insist(self.opened, "after the cut-over", partial(_run, statement))
            except OscError as error:
                raise SwappedButUnfinished(
                    f"{self.job.original.name} was swapped, but then: {error.happened}",
                    still_true=f"the new table serves; the old one is {self.job.names.archive}",
                    todo=f"run it by hand: {statement.sql}",
                ) from error

    def _confirm(self) -> None:
        """Describes what serves now, in its place and with its late constraints."""
        name = self.job.original.name
        try:
            have = insist(self.opened, "after the cut-over", lambda session: _told(session, name))
        except Unreachable as error:
            raise SwappedButUnfinished(
                f"{name} was swapped, and then could not be looked at: {error.happened}",
                still_true=f"the new table serves; the old one is {self.job.names.archive}",
                todo="compare its definition with what you want, then run `osc cleanup`",
            ) from error
        found = differences(have, (*self.target.lines, *surroundings.lines(self.target.keys)))
        if found:
            raise SwappedButUnfinished(
                f"{name} differs from what the ALTER makes of it:\n  " + "\n  ".join(found),
                still_true=f"the new table serves; the old one is {self.job.names.archive}",
                todo="see whether somebody has changed it since; if not, please report this",
            )

    def blockers(self) -> list[Blocker]:
        return locking.blockers(self.opened, self.job.original.name)

    def onlookers(self) -> Onlookers:
        return snapshots.onlookers(self.opened)

    def end(self, blocker: Blocker) -> None:
        locking.end(self.opened, blocker)


def _glance(session: Connection, source: int, shadow: int) -> object:
    return kin.fingerprint(session, source), kin.fingerprint(session, shadow)


def _outside(session: Connection, table: int) -> tuple[str, ...]:
    return (*surroundings.described(session, table), *surroundings.keys(session, table))


def _run(statement: Statement, session: Connection) -> None:
    session.execute(statement)


def _told(session: Connection, name: TableName) -> tuple[str, ...]:
    oid = oid_of(session, name)
    if oid is None:
        return ()
    return (*describe(session, oid), *surroundings.keys(session, oid))


def _is_cut(session: Connection, error: BaseException) -> bool:
    """Whether the server may not have heard of the end, or we not of the outcome. Any other error
    has been followed by a rollback that was answered; but an interrupt may have hit the COMMIT."""
    lost = isinstance(error, ConnectionLost) or session.raw.closed or session.raw.broken
    return lost or not isinstance(error, Exception)
