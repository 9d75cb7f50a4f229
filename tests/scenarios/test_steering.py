"""A run that is paused, throttled and held back on its way ends as the native ALTER does."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial

import pytest

from osc import errors, migration
from osc.config import settings
from osc.engine import Engine, Sync
from osc.engines import engine_at
from osc.migration import Request
from osc.model import alter
from osc.model.controls import Controls
from osc.model.phase import Phase
from osc.model.progress import Tracker
from osc.model.steering import Steering
from osc.ops import desk
from tests.scenarios.case import CASES, SERVERS, Case, read
from tests.scenarios.runner import play
from tests.scenarios.site import Site
from tests.scenarios.tools import in_small_chunks
from tests.servers import Lease

every_server = pytest.mark.parametrize("server", SERVERS.values())
PATIENCE_SECONDS = 60.0


def case_on(server: str) -> Case:
    return next(case for case in read(CASES / "upserts") if case.server == server)


@dataclass
class Steered:
    """A tool that migrates while `operator` steers in a thread of its own."""

    operator: Callable[[Engine, Tracker, Controls], None]
    failures: list[BaseException] = field(default_factory=list)
    heard: dict[Phase, str] = field(default_factory=dict)

    def __call__(self, site: Site, statement: str, tracker: Tracker) -> str:
        controls = Controls()
        with closing(engine_at(site.url)) as found, closing(engine_at(site.url)) as far:
            engine = in_small_chunks(found)
            parsed = alter.parse(statement, mysql=engine.mysql)
            request = Request(alter=parsed, sync=Sync.LOG, statement=statement, by="tests")
            operator = threading.Thread(target=self._steer, args=(far, tracker, controls))
            _begin_paused(tracker, controls)
            tracker.on_phase(partial(self._ask, far))
            operator.start()
            wanted = settings(force_copy=True, reconnect_for=0)
            done = migration.migrate(engine, request, wanted, tracker, controls)
            operator.join()
        return done.archive

    def _ask(self, engine: Engine, phase: Phase) -> None:
        """Before the copy and after the swap there is somebody, too, who hears."""
        if phase in (Phase.SHADOW, Phase.CLEANUP):
            (run,) = engine.ledger.runs()
            self.heard[phase] = desk.say(engine.board, run.id, "max-lag=2", "bob")

    def _steer(self, engine: Engine, tracker: Tracker, controls: Controls) -> None:
        try:
            self.operator(engine, tracker, controls)
        except BaseException as error:
            self.failures.append(error)
            controls.stop(errors.Bug(repr(error)))


def _begin_paused(tracker: Tracker, controls: Controls) -> None:
    """Paused after the first chunk, and the cut-over held back."""
    controls.steer(partial(Steering.postponed, source="operator", reason="held back"))
    add, first = tracker.add, threading.Event()

    def paused_after_a_chunk(**counts: int) -> None:
        add(**counts)
        if counts.get("chunks_copied") and not first.is_set():
            first.set()
            controls.steer(partial(Steering.paused, source="operator", reason="paused"))

    tracker.add = paused_after_a_chunk  # type: ignore[method-assign]


@every_server
def test_a_paused_run_follows_changes_and_goes_on_by_a_word_from_another_host(
    server: str, servers: Callable[[str], Lease]
) -> None:
    def operator(engine: Engine, tracker: Tracker, controls: Controls) -> None:
        def is_paused(now: object) -> bool:
            return "paused" in tracker.read().waiting_for

        assert tracker.wait_until(is_paused, PATIENCE_SECONDS)
        before = tracker.read()
        told = before.changes_delivered
        assert tracker.wait_until(lambda now: now.changes_delivered > told, PATIENCE_SECONDS), (
            "changes must be followed while the copy stands still"
        )
        assert tracker.read().chunks_copied - before.chunks_copied <= 1, "it stands still"
        (run,) = engine.ledger.runs()
        assert desk.say(engine.board, run.id, "threads=4", "ann") == "threads is 4"
        assert desk.say(engine.board, run.id, "resume-copy", "ann") == "going on"

        def is_held(now: object) -> bool:
            seen = tracker.read()
            return seen.phase is Phase.CUT_OVER and "held back" in seen.waiting_for

        assert tracker.wait_until(is_held, PATIENCE_SECONDS)
        assert desk.say(engine.board, run.id, "cut-over", "ann") == "it may"

    tool = Steered(operator)

    play(case_on(server), servers(server), tool)

    assert tool.failures == []
    assert "max-lag can't be set in shadow" in tool.heard[Phase.SHADOW]
    assert "max-lag can't be set in cleanup" in tool.heard[Phase.CLEANUP]
