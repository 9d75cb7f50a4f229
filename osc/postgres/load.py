"""What makes the full shadow as good as the original: indexes, constraints, statistics."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass

from osc.engine import Job
from osc.errors import DataWouldBeLost, DuplicateKey, TableChanged
from osc.model.table import TableName
from osc.postgres import kin
from osc.postgres.definition import describe, differences, oid_of
from osc.postgres.indexes import Index, read
from osc.postgres.quoting import identifier, literal, qualified
from osc.postgres.rehearsal import Part, Target, target_of
from osc.postgres.session import Connection, Open
from osc.threads import breakable

BUILDERS = 2
MEMORY = "256MB"


@dataclass(frozen=True)
class PostgresLoad:
    """The indexes to build are learnt by rehearsing the ALTER again: nobody had to store them.
    What an earlier process has built already is found in the catalog and left alone."""

    opened: Open
    job: Job

    def finish(self, purge: Callable[[], None], check: Callable[[], None]) -> None:
        """VACUUM comes before the indexes: what `purge` deleted is then in none of them, and the
        visibility map is there, so that index-only scans stay what they are; ANALYZE comes after,
        for the statistics of expressions. What begins anew with the table are the counters of
        pg_stat_all_tables and pg_stat_all_indexes, as after any change of a table's OID.

        Before a purge the change source may have to catch up with what the copy has written. Most
        of the VACUUM is done meanwhile: the second one looks only at what was deleted since."""
        on = qualified(self.job.shadow.name)
        with self.opened("load") as session, breakable(check, session.raw.cancel_safe):
            self._generously(session)
            with ThreadPoolExecutor(1) as aside:
                vacuumed = aside.submit(session.run, f"VACUUM {on}")
                target = target_of(self.opened, self.job)
                purge()
                vacuumed.result()
            session.run(f"VACUUM {on}")
            there = self._built(session)
            self._build([*self._missing(target, there)], check)
            for part in reversed(target.parts):
                self._attach(session, part, there)
            session.run(f"ANALYZE {on}")
            for part in target.parts:
                self._let_vacuum(session, part)
            self._require(session, target)

    def complete(
        self, alone: Callable[[], AbstractContextManager[None]], check: Callable[[], None]
    ) -> bool:
        """Nothing is left for later."""
        return False

    def _of(self, part: Part) -> TableName:
        return part.within(self.job.shadow.name.schema)

    def _built(self, session: Connection) -> dict[tuple[str, str], Index]:
        oid = oid_of(session, self.job.shadow.name)
        family = kin.family(session, oid) if oid is not None else ()
        return {(m.name.name, index.name): index for m in family for index in read(session, m.oid)}

    def _missing(
        self, target: Target, there: Mapping[tuple[str, str], Index]
    ) -> Iterator[tuple[TableName, Index]]:
        for part in target.parts:
            for index in part.indexes:
                if not part.partitioned and (part.name, index.name) not in there:
                    yield self._of(part), index

    def _build(self, indexes: Sequence[tuple[TableName, Index]], check: Callable[[], None]) -> None:
        """Several at once; the largest effort, a primary key, tends to come anywhere in the row.
        Each builder keeps its connection: a hundred partitions have hundreds of small indexes."""
        todo = deque(indexes)
        with ThreadPoolExecutor(BUILDERS) as pool:
            for building in [pool.submit(self._build_these, todo, check) for _ in range(BUILDERS)]:
                building.result()

    def _build_these(self, todo: deque[tuple[TableName, Index]], check: Callable[[], None]) -> None:
        with self.opened("index build") as session, breakable(check, session.raw.cancel_safe):
            self._generously(session)
            for table, index in _taken(todo):
                self._build_one(session, table, index)

    def _build_one(self, session: Connection, table: TableName, index: Index) -> None:
        for statement in index.build(table):
            with _naming(index):
                session.execute(statement)

    def _attach(
        self, session: Connection, part: Part, there: Mapping[tuple[str, str], Index]
    ) -> None:
        """An index of a partitioned table is nothing but what it is put together of."""
        for index in part.indexes:
            before = there.get((part.name, index.name))
            build = index.build(self._of(part)) if part.partitioned and before is None else ()
            for statement in (*build, *index.attach(self._of(part), before)):
                with _naming(index):
                    session.execute(statement)

    def _let_vacuum(self, session: Connection, part: Part) -> None:
        if part.partitioned:
            return
        told = "RESET (autovacuum_enabled)"
        if "autovacuum_enabled" in dict(part.options):
            # The server keeps, and pg_dump shows, the order in which options were set.
            names = ", ".join(identifier(name) for name, _ in part.options)
            wanted = ", ".join(
                f"{identifier(name)} = {literal(value)}" for name, value in part.options
            )
            told = f"RESET ({names}), SET ({wanted})"
        session.run(f"ALTER TABLE {qualified(self._of(part))} {told}")

    def _generously(self, session: Connection) -> None:
        session.run(f"SET maintenance_work_mem = '{MEMORY}'")

    def _require(self, session: Connection, target: Target) -> None:
        oid = oid_of(session, self.job.shadow.name)
        have = describe(session, oid) if oid is not None else ()
        found = differences(have, target.loaded)
        if found:
            raise not_what_was_wanted(self.job, found)


def not_what_was_wanted(job: Job, differences: Sequence[str]) -> TableChanged:
    return TableChanged(
        f"the shadow of {job.original.name} is not what the ALTER makes of it:\n  "
        + "\n  ".join(differences),
        still_true=f"{job.original.name} still serves and is untouched",
        todo="see who has altered the shadow, and start again; where nobody has, report it",
    )


def _taken(todo: deque[tuple[TableName, Index]]) -> Iterator[tuple[TableName, Index]]:
    """Until nobody has left anything."""
    with suppress(IndexError):
        while True:
            yield todo.popleft()


@contextmanager
def _naming(index: Index) -> Iterator[None]:
    """The server's words name the values that are there twice; ours name the index."""
    try:
        yield
    except DuplicateKey as error:
        raise DataWouldBeLost(
            f"{index.name} cannot be built: {error.happened}",
            still_true="the original still serves, and nothing was changed",
            todo="remove the duplicates and start again",
        ) from error
