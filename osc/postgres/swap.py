"""The short lock and what happens under it (rule 9): one transaction, two schemas exchanged."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from osc.engine import Job, Session, Statement, Swapped
from osc.errors import Bug, ConnectionLost, SwappedButUnfinished, TableChanged, Unreachable
from osc.model.table import TableName
from osc.postgres import catalog, kin, kinship, locking
from osc.postgres.clone import SEQUENCES
from osc.postgres.definition import describe, differences, oid_of
from osc.postgres.kin import Member
from osc.postgres.outcome import backend, insist, settle
from osc.postgres.quoting import identifier, qualified
from osc.postgres.rehearsal import Target, require_unchanged
from osc.postgres.session import Connection, Open


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

    def swap(self, drain: Callable[[Session], None], budget_seconds: float) -> Swapped:
        with self.opened("cut-over") as session:
            mine, source = backend(session), self._oid(session, self.job.original.name)
            shadow = self._oid(session, self.job.shadow.name)
            ended, asked = False, time.monotonic()
            granted = asked
            try:
                self._warm_up(session, source)
                seen = self._look(session, source, shadow)
                steps = self._exchange(session, source, shadow)
                with session.transaction():
                    asked, granted = self._lock(session, source, budget_seconds)
                    self._under_lock(session, source, shadow, seen, drain, steps)
                    ended = True
            except BaseException as error:
                if not _is_cut(session, error):
                    raise
                settle(self.opened, self.job.original.name, mine, shadow, error, sent=ended)
            swapped = Swapped(granted - asked, time.monotonic() - granted)
        self._confirm()
        return swapped

    def was_swapped(self) -> bool:
        with self.opened("outcome of the swap") as session:
            shadow = oid_of(session, self.job.shadow.name)
            return shadow is None and oid_of(session, self.job.names.archive) is not None

    def _oid(self, session: Connection, name: TableName) -> int:
        oid = oid_of(session, name)
        if oid is None:
            raise TableChanged(f"there is no table {name} any more", todo="clean up, start again")
        return oid

    def _lock(self, session: Connection, source: int, budget_seconds: float) -> tuple[float, float]:
        """When we asked for the lock and when we had it."""
        # Nobody but an autovacuum can be on the shadow, and it gives way: wait for it first.
        session.run(f"LOCK TABLE {qualified(self.job.shadow.name)} IN ACCESS EXCLUSIVE MODE")
        locking.set_budget(session, budget_seconds)
        # Here, other than for chunks, we wait for the standbys that the server waits for.
        session.run("SET LOCAL synchronous_commit = on")
        asked = time.monotonic()
        locking.lock(session, locking.concerned(session, source), budget_seconds)
        return asked, time.monotonic()

    def _under_lock(
        self,
        session: Connection,
        source: int,
        shadow: int,
        seen: object,
        drain: Callable[[Session], None],
        steps: list[Statement],
    ) -> None:
        if seen is None or seen != self._fingerprint(session, source, shadow):
            require_unchanged(session, self.job.original)
            self._require_complete(session, shadow)
        drain(session)
        for step in steps:
            session.execute(step)

    def _warm_up(self, session: Connection, source: int) -> None:
        """Under the lock the catalog queries, which take long to plan, have their plans already."""
        session.raw.prepare_threshold = 0
        session.run("SET plan_cache_mode = force_generic_plan")
        catalog.identity(session, source)

    def _look(self, session: Connection, source: int, shadow: int) -> object:
        """A long look at a large family before the lock, so that a glance is enough under it; the
        fingerprint comes first, and tells of whatever changes while we look."""
        if not self.job.original.leaves:
            return None
        seen = self._fingerprint(session, source, shadow)
        require_unchanged(session, self.job.original)
        self._require_complete(session, shadow)
        return seen

    def _fingerprint(self, session: Connection, source: int, shadow: int) -> object:
        return kin.fingerprint(session, source), kin.fingerprint(session, shadow)

    def _exchange(self, session: Connection, source: int, shadow: int) -> list[Statement]:
        """A sequence that a column owns goes where its table goes, so it is let go first. Values
        of identity sequences are read after the original has moved: from then on its sequences are
        locked against nextval, too."""
        old, new = kin.family(session, source), kin.family(session, shadow)
        homes = {member.name.name: member.name.schema for member in old}
        owned = [pair for member in old for pair in self._owned_sequences(session, member)]
        links = kinship.steps(old[0], self.job.shadow.name, self.job.names.archive.schema)
        return [
            *(Statement(f"ALTER SEQUENCE {sequence} OWNED BY NONE") for sequence, _ in owned),
            *links.before,
            *(step for m in old for step in _move(session, m, self.job.names.archive.schema)),
            *(step for m in new for step in _move(session, m, homes[m.name.name])),
            *links.after,
            *(Statement(f"ALTER SEQUENCE {sequence} OWNED BY {column}")
              for sequence, column in owned),
            *(step for m in old for step in self._identity_values(session, m, new)),
            *(
                statement
                for part in self.target.parts
                for late in part.late
                for statement in late.add(part.within(homes[part.name]))
            ),
        ]  # fmt: skip

    def _owned_sequences(self, session: Connection, member: Member) -> list[tuple[str, str]]:
        """Serial sequences and the new table's column that is to own each. That of a column which
        the ALTER drops is not among them: it goes with the archive, as it would have gone."""
        return [
            (
                qualified(TableName(schema, name)),
                f"{qualified(member.name)}.{identifier(self._targets[column])}",
            )
            for schema, name, column in session.rows(OWNED, member.oid)
            if column in self._targets
        ]

    @property
    def _targets(self) -> dict[str | None, str]:
        return {pair.source: pair.target for pair in self.job.columns.pairs}

    def _identity_values(
        self, session: Connection, member: Member, twins: Sequence[Member]
    ) -> Iterator[Statement]:
        """The new identity columns go on counting where the old ones stopped."""
        twin = next(twin for twin in twins if twin.name.name == member.name.name)
        new = {column: oid for column, _, oid, *_ in session.rows(SEQUENCES, twin.oid)}
        for column, name, *_ in session.rows(SEQUENCES, member.oid):
            if self._targets.get(column) in new:
                stopped = qualified(TableName(self.job.names.archive.schema, name))
                yield Statement(
                    f"SELECT setval($1::oid::regclass, last_value, is_called) FROM {stopped}",
                    (new[self._targets[column]],),
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
        try:
            have = insist(self.opened, "after the cut-over", lambda session: _told(session, name))
        except Unreachable as error:
            raise SwappedButUnfinished(
                f"{name} was swapped, and then could not be looked at: {error.happened}",
                still_true=f"the new table serves; the old one is {self.job.names.archive}",
                todo="compare its definition with what you want, then run `osc cleanup`",
            ) from error
        found = differences(have, self.target.lines)
        if found:
            raise SwappedButUnfinished(
                f"{name} differs from what the ALTER makes of it:\n  " + "\n  ".join(found),
                still_true=f"the new table serves; the old one is {self.job.names.archive}",
                todo="see whether somebody has changed it since; if not, please report this",
            )

    def blockers(self) -> list[str]:
        return locking.blockers(self.opened, self.job.original.name)


def _told(session: Connection, name: TableName) -> tuple[str, ...]:
    oid = oid_of(session, name)
    return describe(session, oid) if oid is not None else ()


def _move(session: Connection, member: Member, schema: str) -> list[Statement]:
    """Extended statistics are the one thing that a table leaves behind."""
    names = session.rows(
        "SELECT stxname FROM pg_statistic_ext JOIN pg_class t ON t.oid = stxrelid"
        " WHERE stxrelid = $1 AND stxnamespace = t.relnamespace",
        member.oid,
    )
    to = f"SET SCHEMA {identifier(schema)}"
    return [
        Statement(f"ALTER TABLE {qualified(member.name)} {to}"),
        *(
            Statement(f"ALTER STATISTICS {qualified(TableName(member.name.schema, name))} {to}")
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


def _is_cut(session: Connection, error: BaseException) -> bool:
    """Whether the server may not have heard of the end, or we not of the outcome. Any other error
    has been followed by a rollback that was answered; but an interrupt may have hit the COMMIT."""
    lost = isinstance(error, ConnectionLost) or session.raw.closed or session.raw.broken
    return lost or not isinstance(error, Exception)
