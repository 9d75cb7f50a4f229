"""A commit that is in the log for two seconds before anybody can see it: nothing of it is lost.

The tables are compared without verification's help: it would find what a missing barrier loses.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import replace
from typing import cast

import pytest

from osc.config import settings
from osc.engine import Dialect, Sync
from osc.engines import engine_at
from osc.migration import Request, migrate
from osc.model import alter
from osc.model.controls import Controls
from osc.model.progress import Tracker
from tests.conformance.place import App, Place, open_place, until
from tests.conformance.test_source_visibility import an_absent_standby, semi_sync
from tests.scenarios.tools import InSmallChunks
from tests.servers import Lease, names

HELD_SECONDS = 2.0
ROWS = 900
SERVERS = [name for name in names() if name not in ("postgres-15", "postgres-16")]
STATEMENT = "ALTER TABLE orders ADD COLUMN extra INT"


class Holding(Tracker):
    """Lets the copy stand still after its third chunk, while commits are held back."""

    def __init__(self, hold: Callable[[], None]) -> None:
        super().__init__()
        self._hold = hold
        self._chunks = 0
        self._lock = threading.Lock()

    def add(self, **counts: int) -> None:
        super().add(**counts)
        with self._lock:
            before, self._chunks = self._chunks, self._chunks + counts.get("chunks_copied", 0)
            if before < 3 <= self._chunks:
                self._hold()


@pytest.fixture
def place(server: Lease) -> Iterator[Place]:
    with open_place(server) as found:
        yield found


@pytest.mark.parametrize("server", SERVERS, indirect=True)
def test_a_migration_loses_no_commit_that_is_held_back(place: Place) -> None:
    place.app.run(
        "CREATE TABLE orders (id INT PRIMARY KEY, note VARCHAR(10), pad VARCHAR(200))",
        "INSERT INTO orders WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL "
        f"SELECT n + 1 FROM r WHERE n < {ROWS}) SELECT n, 'early', repeat('p', 190) FROM r"
        if place.mysql
        else "INSERT INTO orders "
        f"SELECT n, 'early', repeat('p', 190) FROM generate_series(1, {ROWS}) n",
    )
    late = threading.Thread(target=write, args=(place, place.another_app()))
    admin, visible = place.another_app(), list[bool]()

    with ExitStack() as held:

        def hold() -> None:
            held.enter_context(commits_held_back(place, admin))
            late.start()
            until(lambda: admin.rows(IS_HELD[place.mysql]))
            visible.append(admin.value("SELECT note FROM orders WHERE id = 1") == "late")
            threading.Timer(HELD_SECONDS, held.close).start()
            # A chunk's commit would queue before our heartbeat's (MariaDB), and hide what we want
            # to see: the heartbeat in the log, and the row not visible.
            late.join(HELD_SECONDS / 2)

        run(place, Holding(hold))
        late.join()

    assert visible == [False]
    assert sorted(map(tuple, place.app.rows("SELECT id, note FROM orders"))) == expected()
    assert place.app.rows("SELECT extra FROM orders WHERE id = 1")


IS_HELD = {
    True: "SELECT 1 FROM information_schema.processlist WHERE state LIKE '%semi-sync ACK%'",
    False: "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep'",
}


def commits_held_back(place: Place, admin: App) -> AbstractContextManager[None]:
    """After the log has them: by semi-sync for its timeout, by an absent standby until the end."""
    if place.mysql:
        return semi_sync(admin, place.lease.engine, milliseconds=int(HELD_SECONDS * 1000))
    return an_absent_standby(admin)


def write(place: Place, app: App) -> None:
    """To rows that are copied, to rows that are not, and to one that is new."""
    if not place.mysql:
        app.run("SET synchronous_commit = on")
    app.run("BEGIN", "UPDATE orders SET note = 'late' WHERE id % 10 = 1")
    app.run("DELETE FROM orders WHERE id % 10 = 2")
    app.run("INSERT INTO orders VALUES (0, 'late', '')", "COMMIT")


def expected() -> list[tuple[int, str]]:
    notes = {1: "late"}
    kept = ((n, notes.get(n % 10, "early")) for n in range(1, ROWS + 1) if n % 10 != 2)
    return [(0, "late"), *kept]


def run(place: Place, tracker: Tracker) -> None:
    with closing(engine_at(place.url)) as found:
        size = 50 if found.mysql else 1
        engine = replace(
            found, dialect=lambda job: cast(Dialect, InSmallChunks(found.dialect(job), size))
        )
        parsed = alter.parse(STATEMENT, mysql=engine.mysql)
        request = Request(alter=parsed, sync=Sync.LOG, statement=STATEMENT, by="tests")
        wanted = settings(force_copy=True, verify=False, threads=1, reconnect_for=0)
        migrate(engine, request, wanted, tracker, Controls())
