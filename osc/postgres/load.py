"""What makes the full shadow as good as the original: indexes, constraints, statistics."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from osc.engine import Job
from osc.errors import Bug, DataWouldBeLost, DuplicateKey
from osc.postgres.definition import describe, differences, oid_of
from osc.postgres.indexes import Index, read
from osc.postgres.quoting import qualified
from osc.postgres.rehearsal import Target, target_of
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
        """VACUUM comes before the indexes: what `purge` deleted is then in none of them."""
        target = target_of(self.opened, self.job)
        purge()
        on = qualified(self.job.shadow.name)
        with self.opened("load") as session:
            self._generously(session)
            session.run(f"VACUUM {on}")
            there = self._built(session)
            self._build([index for index in target.indexes if index.name not in there], check)
            self._attach(session, target.indexes, there)
            session.run(f"ANALYZE {on}")
            if target.autovacuum is None:
                session.run(f"ALTER TABLE {on} RESET (autovacuum_enabled)")
            else:
                session.run(f"ALTER TABLE {on} SET (autovacuum_enabled = {target.autovacuum})")
            self._require(session, target)

    def _built(self, session: Connection) -> dict[str, Index]:
        oid = oid_of(session, self.job.shadow.name)
        return {index.name: index for index in read(session, oid)} if oid is not None else {}

    def _build(self, indexes: Sequence[Index], check: Callable[[], None]) -> None:
        """Several at once; the largest effort, a primary key, tends to come anywhere in the row."""
        with ThreadPoolExecutor(BUILDERS) as pool:
            for _ in pool.map(partial(self._build_one, check=check), indexes):
                pass

    def _build_one(self, index: Index, check: Callable[[], None]) -> None:
        with self.opened("index build") as session, breakable(check, session.raw.cancel_safe):
            self._generously(session)
            for statement in index.build(self.job.shadow.name):
                with _naming(index):
                    session.execute(statement)

    def _attach(
        self, session: Connection, indexes: Iterable[Index], there: Mapping[str, Index]
    ) -> None:
        for index in indexes:
            for statement in index.attach(self.job.shadow.name, there.get(index.name)):
                with _naming(index):
                    session.execute(statement)

    def _generously(self, session: Connection) -> None:
        session.run(f"SET maintenance_work_mem = '{MEMORY}'")

    def _require(self, session: Connection, target: Target) -> None:
        oid = oid_of(session, self.job.shadow.name)
        have = describe(session, oid) if oid is not None else ()
        found = differences(have, target.loaded)
        if found:
            raise Bug(
                f"the shadow of {self.job.original.name} is not what the ALTER makes of it:\n  "
                + "\n  ".join(found),
                still_true=f"{self.job.original.name} still serves, and nothing was changed",
                todo="please report this",
            )


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
