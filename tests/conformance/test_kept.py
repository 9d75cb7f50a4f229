"""A run that is gone on with is held to what it was begun with, and to what it was told."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from contextlib import closing

import pytest
from click.testing import CliRunner, Result

from osc import errors, migration
from osc.cli import osc
from osc.config import settings
from osc.engines import engine_at
from osc.migration import Request
from osc.model import alter
from osc.model.controls import Controls
from osc.model.phase import Phase
from osc.model.progress import Progress, Tracker
from tests.conformance.place import SOON, Place
from tests.servers import every_server

pytestmark = every_server()
STATEMENT = "ALTER TABLE orders ADD COLUMN x INT NOT NULL DEFAULT 1"
GENTLE = settings(
    force_copy=True, postpone_cut_over=True, max_lag=0.4, throttle_http="http://me:s3cret@[::1]:9/",
)  # fmt: skip


@pytest.fixture
def stopped(place: Place) -> int:
    """A run that was told two words, and then stopped while its cut-over was postponed."""
    place.app.run("CREATE TABLE orders (id INT PRIMARY KEY)", "INSERT INTO orders VALUES (1)")
    engine, tracker, controls = place.engine, Tracker(), Controls()
    request = Request(alter.parse(STATEMENT, mysql=engine.mysql), None, STATEMENT, "me@here")

    def operator() -> None:
        assert tracker.wait_until(held("--throttle-http"), SOON)
        with closing(engine_at(place.url)) as far:
            for words in ("threads=3", "max-load=running=90000", "throttle-http="):
                migration.say(far, None, words, "ann")
        assert tracker.wait_until(held("--postpone-cut-over"), SOON)
        controls.stop(errors.Interrupted(15))

    thread = threading.Thread(target=operator)
    thread.start()
    with pytest.raises(errors.Interrupted):
        migration.migrate(engine, request, GENTLE, tracker, controls)
    thread.join()
    return engine.ledger.runs()[0].id


def held(reason: str) -> Callable[[Progress], bool]:
    return lambda now: reason in now.waiting_for


def test_a_resume_is_held_to_what_the_run_was_begun_with_and_told(
    place: Place, stopped: int
) -> None:
    (run,) = place.engine.ledger.runs()
    answer: list[Result] = []
    thread = threading.Thread(
        target=lambda: answer.append(
            CliRunner().invoke(osc, ["resume", place.url, "--max-lag", "7", "--most-threads", "5"])
        )
    )

    thread.start()
    while not _waits_for_leave(place):
        thread.join(0.1)
        assert thread.is_alive(), answer[0].output
    told = [
        migration.say(place.engine, None, f"{name}=?", "ann") for name in ("max-lag", "max-load")
    ]
    (resumed,) = place.engine.ledger.runs()
    migration.say(place.engine, None, "cut-over", "ann")
    thread.join()

    assert "s3cret" not in run.settings
    assert "--postpone-cut-over --max-load running=90000" not in answer[0].stdout
    assert "held to what it was begun with: --threads 3 " in answer[0].stderr
    assert told == ["7.0", "running=90000"]
    assert json.loads(resumed.settings)["max_lag"] == 7.0
    assert answer[0].exit_code == 0, answer[0].stderr
    assert place.app.rows("SELECT * FROM orders") == [(1, 1)]


def _waits_for_leave(place: Place) -> bool:
    (run,) = place.engine.ledger.runs()
    shown = migration.shown(place.engine, run) or {"phase": "", "waiting_for": ""}
    return shown["phase"] == Phase.CUT_OVER and "--postpone-cut-over" in shown["waiting_for"]
