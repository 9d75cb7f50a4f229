"""Over a whole run, what applications say to the table and its children neither fails nor waits."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from osc.config import settings
from osc.engine import Sync
from osc.migration import Request, migrate
from osc.model import alter
from osc.model.controls import Controls
from osc.model.phase import Phase
from osc.model.progress import Tracker
from tests.conformance.place import App, Place, until
from tests.servers import every_server

BUDGET_MS = 250
LEEWAY_SECONDS = 0.75
"""For what the lock is held. What a machine that has other things to do adds, is told by a session
that asks for no table."""
ORDERS = "CREATE TABLE orders (id INT PRIMARY KEY, a INT NOT NULL, note VARCHAR(30), KEY by_a (a))"
CHILD = (
    "CREATE TABLE child (id INT PRIMARY KEY, orders_id INT, "
    "CONSTRAINT to_orders FOREIGN KEY (orders_id) REFERENCES orders (id))"
)
DIGITS = "(SELECT 0 d" + "".join(f" UNION ALL SELECT {n}" for n in range(1, 10)) + ")"
ROWS = (
    "INSERT INTO orders SELECT 1000 * x.d + 100 * y.d + 10 * z.d + u.d, u.d, 'x' "
    f"FROM {DIGITS} x, {DIGITS} y, {DIGITS} z, {DIGITS} u"
)
THINKS, RESTS = "thinks", "rests"
PAUSES_SECONDS = {THINKS: 1.5, RESTS: 0.75}
"""Longer than the budget: no attempt at a lock succeeds while somebody thinks in a transaction, and
who queued behind it until he is done would be seen to."""

NO_TABLE = ("DO 1",)
ON_ORDERS = (
    "INSERT INTO orders (id, a, note) VALUES (-1, 1, 'new')",
    "UPDATE orders SET a = a + 1 WHERE id IN (7, 9000)",
    "SELECT * FROM orders WHERE id = 5 FOR UPDATE",
    "UPDATE orders SET id = -2 WHERE id = -1",
    "DELETE FROM orders WHERE id = -2",
)
READS = ("BEGIN", "SELECT * FROM orders WHERE id = 1", THINKS, "COMMIT", RESTS)
ON_CHILD = (
    "INSERT INTO child VALUES (1, 1)",
    "UPDATE child SET orders_id = 2 WHERE id = 1",
    "DELETE FROM child WHERE id = 1",
)
ON_BOTH = (
    "BEGIN",
    "UPDATE orders SET a = 0 WHERE id = 20",
    "INSERT INTO child VALUES (2, 20)",
    "COMMIT",
    "DELETE FROM child WHERE id = 2",
)


@dataclass
class Second(threading.Thread):
    """An application that says the same over and over, and how long it waited for an answer."""

    app: App
    says: tuple[str, ...]
    rounds: int = 0
    slowest: tuple[float, str] = (0.0, "")
    failed: list[str] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        super().__init__(daemon=True)

    __hash__ = threading.Thread.__hash__

    def run(self) -> None:
        while not self.stop.wait(0.005):
            for statement in self.says:
                self._say(statement)
            self.rounds += 1

    def _say(self, statement: str) -> None:
        if statement in PAUSES_SECONDS:
            self.stop.wait(PAUSES_SECONDS[statement])
            return
        began = time.monotonic()
        try:
            self.app.run(statement)
        except Exception as error:
            self.failed.append(f"{statement}: {error}")
        self.slowest = max(self.slowest, (time.monotonic() - began, statement))


@contextmanager
def seconds(place: Place, *said: tuple[str, ...]) -> Iterator[list[Second]]:
    every = [Second(place.another_app(), says) for says in said]
    for one in every:
        one.start()
    try:
        until(lambda: all(one.rounds for one in every))
        yield every
    finally:
        for one in every:
            one.stop.set()
        for one in every:
            one.join()


@every_server("mysql", "mariadb")
@pytest.mark.parametrize(
    ("clauses", "sync", "children", "partitions"),
    [
        ("MODIFY a BIGINT NOT NULL", Sync.TRIGGERS, True, False),
        ("MODIFY a BIGINT NOT NULL", Sync.LOG, False, True),
        ("ADD KEY by_note (note), ADD COLUMN extra INT", None, True, False),
    ],
    ids=["triggers and children", "an archive in partitions that is dropped", "native steps"],
)
def test_no_second_session_fails_or_waits_beyond_the_budget(
    place: Place, clauses: str, sync: Sync | None, children: bool, partitions: bool
) -> None:
    place.app.run(ORDERS + " PARTITION BY HASH (id) PARTITIONS 12" * partitions, ROWS)
    place.app.run(*[CHILD] * children)
    statement = f"ALTER TABLE orders {clauses}"
    wanted = settings(
        force_copy=sync is not None, drop_old_table=True, cut_over_lock_timeout=BUDGET_MS
    )
    request = Request(alter.parse(statement, mysql=True), sync, statement, "test")
    tracker = Tracker()

    said = (NO_TABLE, ON_ORDERS, READS, *[ON_CHILD, ON_BOTH] * children)
    with seconds(place, *said) as (busy, *every):
        migrate(place.engine, request, wanted, tracker, Controls())

    assert tracker.read().phase is Phase.DONE
    assert [error for one in every for error in one.failed] == []
    longest = BUDGET_MS / 1000 + LEEWAY_SECONDS + busy.slowest[0]
    assert max(one.slowest for one in every) < (longest, "")
    assert place.app.value("SELECT COUNT(*) FROM orders") == 10_000
    assert len(place.app.rows("SHOW TABLES LIKE '%old%'")) == 0
