"""A changelog with its source, and somebody who writes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from osc.engine import Job, Sync
from osc.model.change import KeyValue, Position
from osc.model.table import TableName
from osc.postgres.triggers import TriggerSource
from tests.postgres.conftest import Database, read_to

TABLE = "CREATE TABLE t (id int PRIMARY KEY, v int)"
ROWS = "INSERT INTO t SELECT n, n FROM generate_series(1, 10) AS n"
T = TableName("public", "t")


def opened(database: Database, job: Job, start: Position | None = None) -> TriggerSource:
    database.engine.ledger.prepare()
    source = database.engine.sources[Sync.TRIGGERS](job, start)
    assert isinstance(source, TriggerSource)
    return source


@contextmanager
def following(database: Database, job: Job | None = None) -> Iterator[TriggerSource]:
    source = opened(database, job or database.job())
    try:
        yield source
    finally:
        source.close()
        database.engine.workshop.sweep(T, execute=True)


def told(source: TriggerSource) -> set[KeyValue]:
    return set(read_to(source, source.mark()))


def until(reached: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@contextmanager
def subscribed(database: Database) -> Iterator[None]:
    """The catalog says that t is a subscription's target; no publisher is asked."""
    database.run(
        "CREATE SUBSCRIPTION s CONNECTION 'dbname=x' PUBLICATION p WITH (connect = false)",
        "SET allow_system_table_mods = on",
        "INSERT INTO pg_subscription_rel SELECT oid, 't'::regclass, 'r', NULL FROM pg_subscription",
    )
    try:
        yield
    finally:
        database.run(
            "DELETE FROM pg_subscription_rel",
            "ALTER SUBSCRIPTION s DISABLE",
            "ALTER SUBSCRIPTION s SET (slot_name = NONE)",
            "DROP SUBSCRIPTION s",
        )
