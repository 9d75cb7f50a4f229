"""The short lock and what happens under it (rule 9): one transaction, two schemas exchanged."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

from osc.engine import Job, Session, Statement, Swapped
from osc.errors import Bug, ConnectionLost, SwappedButUnfinished, TableChanged, Unreachable
from osc.model.table import TableName
from osc.postgres import catalog, scratch
from osc.postgres.clone import SEQUENCES
from osc.postgres.definition import describe, differences, oid_of
from osc.postgres.quoting import identifier, qualified
from osc.postgres.rehearsal import Target, require_unchanged
from osc.postgres.session import Connection, Open

HELD_SECONDS = 10
"""The server itself ends a transaction that holds the lock so long: this process may hang."""

UNCERTAIN_SECONDS = 30


@dataclass(frozen=True)
class PostgresSwapper:
    """Indexes, constraints and identity sequences move with their table from schema to schema."""

    opened: Open
    job: Job
    target_of: Callable[[], Target]

    @cached_property
    def target(self) -> Target:
        """The ALTER is rehearsed once more; by whoever swaps, not by whoever asks for the outcome:
        that one may find the original altered already."""
        return self.target_of()

    def was_swapped(self) -> bool:
        job = self.job
        with self.opened("outcome of the swap") as session:
            there = scratch.found(session, job.original.name, job.names.shadow, job.names.archive)
            return there == [job.names.archive] and oid_of(session, job.original.name) is not None

    def swap(self, drain: Callable[[Session], None], budget_seconds: float) -> Swapped:
        pid, source = 0, 0
        try:
            with self.opened("cut-over") as session:
                pid = session.id
                source = _must(oid_of(session, self.job.original.name), self.job.original.name)
                swapped = self._attempt(session, source, drain, budget_seconds)
        except ConnectionLost as error:
            swapped = self._ask(source, pid, error)
        self._confirm()
        return swapped

    def _attempt(
        self,
        session: Connection,
        source: int,
        drain: Callable[[Session], None],
        budget_seconds: float,
    ) -> Swapped:
        shadow = _must(oid_of(session, self.job.shadow.name), self.job.shadow.name)
        self._warm_up(session, source)
        steps = self._exchange(session, source, shadow)
        with session.transaction():
            # Nobody but an autovacuum can be on the shadow, and it gives way: wait for it first.
            session.run(f"LOCK TABLE {qualified(self.job.shadow.name)} IN ACCESS EXCLUSIVE MODE")
            self._set_budget(session, budget_seconds)
            asked = time.monotonic()
            session.run(
                f"LOCK TABLE ONLY {qualified(self.job.original.name)} IN ACCESS EXCLUSIVE MODE"
            )
            granted = time.monotonic()
            require_unchanged(session, self.job.original)
            self._require_complete(session, shadow)
            drain(session)
            for step in steps:
                session.execute(step)
        return Swapped(granted - asked, time.monotonic() - granted)

    def _warm_up(self, session: Connection, source: int) -> None:
        """Under the lock the catalog queries, which take long to plan, have their plans already."""
        session.raw.prepare_threshold = 0
        session.run("SET plan_cache_mode = force_generic_plan")
        catalog.identity(session, source)

    def _set_budget(self, session: Connection, budget_seconds: float) -> None:
        for name, seconds in (
            ("lock_timeout", budget_seconds),
            ("statement_timeout", HELD_SECONDS),
            ("idle_in_transaction_session_timeout", HELD_SECONDS),
        ):
            session.run(f"SET LOCAL {name} = {max(1, round(seconds * 1000))}")
        # Here, other than for chunks, we wait for the standbys that the server waits for.
        session.run("SET LOCAL synchronous_commit = on")

    def _exchange(self, session: Connection, source: int, shadow: int) -> list[Statement]:
        """A sequence that a column owns goes where its table goes, so it is let go first. Values
        of identity sequences are read after the original has moved: from then on its sequences are
        locked against nextval, too."""
        original, archive = self.job.original.name, self.job.names.archive
        owned = self._owned_sequences(session, source)
        return [
            *(Statement(f"ALTER SEQUENCE {sequence} OWNED BY NONE") for sequence, _ in owned),
            *_move(session, source, original, archive.schema),
            *_move(session, shadow, self.job.shadow.name, original.schema),
            *(
                Statement(
                    f"ALTER SEQUENCE {sequence} OWNED BY {qualified(original)}.{identifier(column)}"
                )
                for sequence, column in owned
            ),
            *self._identity_values(session, source, shadow),
            *(statement for late in self.target.late for statement in late.add(original)),
        ]

    def _owned_sequences(self, session: Connection, source: int) -> list[tuple[str, str]]:
        """Serial sequences and the new table's column that is to own each. That of a column which
        the ALTER drops is not among them: it goes with the archive, as it would have gone."""
        targets = {pair.source: pair.target for pair in self.job.columns.pairs}
        return [
            (qualified(TableName(schema, name)), targets[column])
            for schema, name, column in session.rows(OWNED, source)
            if column in targets
        ]

    def _identity_values(
        self, session: Connection, source: int, shadow: int
    ) -> Iterator[Statement]:
        """The new identity columns go on counting where the old ones stopped."""
        targets = {pair.source: pair.target for pair in self.job.columns.pairs}
        new = {column: oid for column, _, oid, *_ in session.rows(SEQUENCES, shadow)}
        for column, name, *_ in session.rows(SEQUENCES, source):
            if targets.get(column) in new:
                stopped = qualified(TableName(self.job.names.archive.schema, name))
                yield Statement(
                    f"SELECT setval($1::oid::regclass, last_value, is_called) FROM {stopped}",
                    (new[targets[column]],),
                )

    def _require_complete(self, session: Connection, shadow: int) -> None:
        """The last veto. It comes before the exchange, because each DDL statement makes the server
        forget the plan of this query, and that costs the writers 20 ms more."""
        found = differences(describe(session, shadow), self.target.loaded)
        if found:
            raise Bug(
                f"the shadow of {self.job.original.name} is not what the ALTER makes of it:\n  "
                + "\n  ".join(found),
                still_true="the swap was undone; the original serves",
                todo="please report this",
            )

    def _confirm(self) -> None:
        """Describes what serves now, in its place and with its late constraints."""
        name = self.job.original.name
        with self.opened("after the cut-over") as session:
            oid = oid_of(session, name)
            have = describe(session, oid) if oid is not None else ()
        found = differences(have, self.target.lines)
        if found:
            raise SwappedButUnfinished(
                f"{name} differs from what the ALTER makes of it:\n  " + "\n  ".join(found),
                still_true=f"the new table serves; the old one is {self.job.names.archive}",
                todo="see whether somebody has changed it since; if not, please report this",
            )

    def _ask(self, source: int, pid: int, lost: ConnectionLost) -> Swapped:
        """The connection broke. Whether the server had received our COMMIT, only the catalog knows,
        and it knows for certain only when the backend that may still be at it is gone."""
        original, deadline = self.job.original.name, time.monotonic() + UNCERTAIN_SECONDS
        try:
            with self.opened("asking after the cut-over") as session:
                while session.value("SELECT pid FROM pg_stat_activity WHERE pid = $1", pid):
                    if time.monotonic() > deadline:
                        raise _unknown(original, lost)
                    time.sleep(0.05)
                serving = oid_of(session, original)
        except (ConnectionLost, Unreachable) as error:
            raise _unknown(original, lost) from error
        if serving == source or not source:
            raise lost
        return Swapped(0.0, 0.0)

    def blockers(self) -> list[str]:
        with self.opened("blockers") as session:
            found = session.rows(BLOCKERS, qualified(self.job.original.name))
        return [
            f"pid {pid} ({user}, {application!r}) {'holds' if granted else 'waits for'} {mode},"
            f" {state}, its transaction is {age} old: {statement}"
            for pid, user, application, granted, mode, state, age, statement in found
        ]


def _move(session: Connection, oid: int, table: TableName, schema: str) -> list[Statement]:
    """Extended statistics are the one thing that a table leaves behind."""
    names = session.rows(
        "SELECT stxname FROM pg_statistic_ext JOIN pg_class t ON t.oid = stxrelid"
        " WHERE stxrelid = $1 AND stxnamespace = t.relnamespace",
        oid,
    )
    to = f"SET SCHEMA {identifier(schema)}"
    return [
        Statement(f"ALTER TABLE {qualified(table)} {to}"),
        *(
            Statement(f"ALTER STATISTICS {qualified(TableName(table.schema, name))} {to}")
            for (name,) in names
        ),
    ]


OWNED = """
SELECT n.nspname, s.relname, a.attname
FROM pg_depend d
JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
JOIN pg_namespace n ON n.oid = s.relnamespace
JOIN pg_attribute a ON (a.attrelid, a.attnum) = (d.refobjid, d.refobjsubid)
WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
AND d.refobjid = $1 AND d.deptype = 'a'
"""

BLOCKERS = """
SELECT a.pid, a.usename, a.application_name, bool_or(l.granted),
       string_agg(DISTINCT l.mode, ' and '), a.state,
       date_trunc('milliseconds', now() - a.xact_start)::text, left(a.query, 200)
FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'relation' AND l.relation = to_regclass($1)
AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
AND a.application_name NOT LIKE 'osc %' AND a.pid <> pg_backend_pid()
GROUP BY a.pid, a.usename, a.application_name, a.state, a.xact_start, a.query
ORDER BY a.xact_start
"""


def _must(oid: int | None, name: TableName) -> int:
    if oid is None:
        raise TableChanged(f"there is no table {name} any more", todo="clean up and start again")
    return oid


def _unknown(original: TableName, lost: ConnectionLost) -> ConnectionLost:
    return ConnectionLost(
        f"the connection was lost during the cut-over of {original}, and the server can't be asked"
        f" how it ended: {lost.happened}",
        code=lost.code,
        still_true="either the new table serves or the old one; no row was lost in either case",
        todo=f"look at \\d {original}: if it has the new definition, the swap took place",
    )
