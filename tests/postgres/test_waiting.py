"""Nobody waits longer than the budget from a run's first moment to its last, whatever the way is.

Applications work on the table and its relatives all the time, and long readers are in the way of
every lock that is noticed. What they wait for a lock the server itself limits, so that a busy test
machine makes nobody late.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest

from osc import migration
from osc.config import settings
from osc.migration import Request
from osc.model.controls import Controls
from osc.model.ladder import Way
from osc.model.progress import Tracker
from tests.postgres.conftest import Database

BUDGET_MS, HELD_MS = 100, 1500
"""What one attempt of ours may wait, and what it may hold beyond that on a busy test machine."""

FAMILY = """
CREATE TABLE ref (id int PRIMARY KEY, n int);
INSERT INTO ref SELECT g, 0 FROM generate_series(1, 10) g;
CREATE TABLE t (id int PRIMARY KEY, a int, b int, c text, r int DEFAULT 3 REFERENCES ref)
PARTITION BY RANGE (id);
CREATE TABLE t_1 PARTITION OF t FOR VALUES FROM (MINVALUE) TO (500);
CREATE TABLE t_2 PARTITION OF t DEFAULT;
INSERT INTO t SELECT g, g, g % 10 + 1, 'x' FROM generate_series(1, 2000) g;
CREATE TABLE child (id int PRIMARY KEY, t int REFERENCES t ON DELETE CASCADE);
INSERT INTO child SELECT g, g FROM generate_series(1, 1000) g;
CREATE VIEW seen AS SELECT id, c FROM t WHERE c <> '';
"""
PLAIN = FAMILY.replace("\nPARTITION BY RANGE (id)", "").replace("CREATE TABLE t_", "-- ")
STATEMENTS = (
    "UPDATE t SET c = c || 'y' WHERE id = {n}",
    "INSERT INTO t (id, a, b) SELECT max(id) + 1, max(id) + 1, 3 FROM t",
    "SELECT count(*) FROM seen WHERE id < {n}",
    "UPDATE child SET t = {n} WHERE id = {n}",
    "DELETE FROM t WHERE id = 1000 + {n}",
    "UPDATE ref SET n = n + 1 WHERE id = {n} % 10 + 1",
)
IN_PIECES = (
    "ADD COLUMN n int DEFAULT 5, ALTER b SET NOT NULL, ADD CONSTRAINT one UNIQUE (id, a),"
    " ADD CONSTRAINT to_ref FOREIGN KEY (b) REFERENCES ref"
)


@contextmanager
def together(*works: Callable[[threading.Event], None]) -> Iterator[None]:
    """Each in a thread of its own, for the length of the block."""
    stop = threading.Event()
    threads = [threading.Thread(target=work, args=(stop,)) for work in works]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


@pytest.mark.parametrize(
    ("tables", "clauses", "way"),
    [
        (PLAIN, IN_PIECES, Way.SEQUENCE),
        (PLAIN, "ALTER a TYPE bigint", Way.COPY),
        (FAMILY, "ALTER a TYPE bigint", Way.COPY),
    ],
    ids=["in pieces", "a copy", "a copy of partitions"],
)
@pytest.mark.parametrize("server_name", ["postgres-18"])
def test_no_statement_fails_or_waits_longer_than_the_budget_in_all_the_run(
    database: Database, tables: str, clauses: str, way: Way
) -> None:
    if way is Way.COPY:
        clauses = f"{clauses}, ADD CONSTRAINT to_ref FOREIGN KEY (b) REFERENCES ref"
    database.run(tables)
    late: list[str] = []
    done, tracker = itertools.count(), Tracker()

    def applications(stop: threading.Event) -> None:
        with database.connect() as application:
            application.execute(f"SET lock_timeout = {BUDGET_MS + HELD_MS}")
            for n, statement in enumerate(itertools.cycle(STATEMENTS)):
                if stop.is_set():
                    return
                try:
                    application.execute(statement.format(n=n % 400 + 1))
                    next(done)
                except psycopg.Error as error:
                    late.append(f"{statement}: {error}")
                stop.wait(0.002)

    def long_readers(stop: threading.Event) -> None:
        """The first until an attempt has been in vain, the others longer than an attempt waits,
        with pauses in which one may be had."""
        with database.connect() as reader:
            while not stop.is_set():
                with reader.transaction():
                    reader.execute("SELECT count(*) FROM t, child, ref WHERE t.id = 1")
                    while tracker.read().cut_over_attempts < 2 and not stop.wait(0.01):
                        pass
                    stop.wait(2 * BUDGET_MS / 1000)
                stop.wait(BUDGET_MS / 1000)

    chosen = settings(
        small_table=0,
        cut_over_lock_timeout=BUDGET_MS,
        cut_over_attempts=100,
        snapshot_wait=0,
        drop_old_table=True,
    )
    request = Request(database.alter(clauses), None, f"ALTER TABLE t {clauses}", "tests")
    with together(applications, long_readers):
        report = migration.migrate(database.engine, request, chosen, tracker, Controls())

    assert late == []
    assert report.way == way
    assert tracker.read().cut_over_attempts > 1
    assert next(done) > 100
