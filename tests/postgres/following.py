"""A table with our triggers, and what its source tells."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from osc.engine import Job, Sync
from osc.model.change import KeyValue
from osc.postgres.triggers import TriggerSource
from tests.postgres.conftest import Database, read_to

TABLE = "CREATE TABLE t (id int PRIMARY KEY, v int)"
ROWS = "INSERT INTO t SELECT n, n FROM generate_series(1, 10) AS n"


@contextmanager
def following(database: Database, job: Job | None = None) -> Iterator[TriggerSource]:
    found = job or database.job()
    database.engine.ledger.prepare()
    source = database.engine.sources[Sync.TRIGGERS](found, None)
    assert isinstance(source, TriggerSource)
    try:
        yield source
    finally:
        source.close()
        database.engine.workshop.sweep(found.original.name, execute=True)


def told(source: TriggerSource) -> set[KeyValue]:
    return set(read_to(source, source.mark()))


def ids(*numbers: int) -> set[KeyValue]:
    return {(str(number),) for number in numbers}
