"""A system-versioned table of MariaDB is copied with its history."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, cast

import pytest

from osc import errors
from osc.config import settings
from osc.engine import Engine, Job, Load, Session, Swapped, Swapper, Sync
from osc.migration import Request, abort, migrate, resume
from osc.model import alter
from osc.model.controls import Controls
from osc.model.progress import Tracker
from osc.mysql import versioned
from tests.conformance.place import Place
from tests.servers import every_server

pytestmark = every_server("mariadb")

STATEMENT = "ALTER TABLE orders MODIFY v BIGINT, ADD KEY (v)"
TABLE = (
    "SET GLOBAL system_versioning_alter_history = KEEP",
    "CREATE TABLE orders (id INT PRIMARY KEY, v INT, w INT) WITH SYSTEM VERSIONING",
    "INSERT INTO orders SELECT seq, seq, 0 FROM seq_1_to_3000",
    "UPDATE orders SET v = v + 1 WHERE id % 3 = 0",
    "DELETE FROM orders WHERE id % 10 = 0 OR id > 2900",
)
WRITES = (
    "UPDATE orders SET v = v + 1 WHERE id BETWEEN {n} AND {n} + 3",
    "DELETE FROM orders WHERE id = {n} + 5",
    "INSERT IGNORE INTO orders VALUES ({n} + 5, 0, {n})",
    "UPDATE IGNORE orders SET id = id + 10000 WHERE id = {n} + 7",
)
VERSIONS = "SELECT id, v, w, row_start, row_end FROM {} FOR SYSTEM_TIME ALL ORDER BY id, row_end"


@dataclass(frozen=True)
class Quiet:
    """A swapper before which the applications fall silent."""

    swapper: Swapper
    silence: Callable[[], None]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.swapper, name)

    def swap(self, drain: Callable[[Session], None], budget_seconds: float) -> Swapped:
        self.silence()
        return self.swapper.swap(drain, budget_seconds)


@pytest.fixture
def orders(place: Place) -> Place:
    place.app.run(*TABLE)
    return place


def run(engine: Engine, sync: Sync = Sync.LOG, statement: str = STATEMENT) -> str:
    parsed = alter.parse(statement, mysql=True)
    request = Request(alter=parsed, sync=sync, statement=statement, by="test")
    return migrate(
        engine, request, settings(force_copy=True, reconnect_for=0), Tracker(), Controls()
    ).archive


class Breaks:
    """A load whose line breaks."""

    def finish(self, purge: Callable[[], None], check: Callable[[], None]) -> None:
        raise errors.ConnectionLost("the server has gone away")


@pytest.mark.parametrize("sync", [Sync.LOG, Sync.TRIGGERS], ids=str)
def test_every_version_of_every_row_is_the_same_afterwards(orders: Place, sync: Sync) -> None:
    """By another process, too: the first one has copied, and the second one finishes it."""
    over, writer = threading.Event(), orders.another_app()

    def write() -> None:
        number = 0
        while not over.is_set():
            number = (number + 37) % 2900
            writer.run(*(one.format(n=number) for one in WRITES))

    writing = threading.Thread(target=write)

    def silence() -> None:
        over.set()
        writing.join()

    def swapper(job: Job) -> Swapper:
        return cast(Swapper, Quiet(orders.engine.swapper(job), silence))

    writing.start()
    try:
        with pytest.raises(errors.ConnectionLost):
            run(replace(orders.engine, load=lambda job: cast(Load, Breaks())), sync)
        engine = replace(orders.engine, swapper=swapper)
        report = resume(engine, None, settings(), Tracker(), Controls())
    finally:
        silence()

    assert report is not None
    before = orders.app.rows(VERSIONS.format(report.archive))
    assert orders.app.rows(VERSIONS.format("orders")) == before
    assert len(before) > 4300


def test_history_that_is_deleted_meanwhile_vetoes_the_swap(orders: Place) -> None:
    load = orders.engine.load

    def forgetful(job: Job) -> Any:
        orders.app.run("DELETE HISTORY FROM orders")
        return load(job)

    with pytest.raises(errors.VerificationFailed) as told:
        run(replace(orders.engine, load=forgetful))

    assert told.value.kept
    abort(orders.engine, None, "test")
    assert "bigint" not in str(orders.app.rows("SHOW CREATE TABLE orders"))


def test_rows_that_get_a_history_begin_it_at_one_moment(orders: Place) -> None:
    orders.app.run("ALTER TABLE orders DROP SYSTEM VERSIONING")
    orders.app.run("SET GLOBAL system_versioning_alter_history = ERROR")

    run(orders.engine, statement="ALTER TABLE orders ADD SYSTEM VERSIONING, ADD KEY (w)")

    began, versions = orders.app.rows(
        "SELECT COUNT(DISTINCT row_start), COUNT(*) FROM orders FOR SYSTEM_TIME ALL"
    )[0]
    assert (began, versions) == (1, orders.app.value("SELECT COUNT(*) FROM orders"))


def test_a_server_that_leaves_history_behind_is_refused(
    orders: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(versioned, "SETTINGS", versioned.TODAY)

    with pytest.raises(errors.Precondition, match="leaves history behind"):
        run(orders.engine)
