"""A run is seen and heard while it only plans, and leaves nothing of that behind."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from osc import errors, migration, removal
from osc.config import settings
from osc.engine import Run, Session, Sync
from osc.migration import Request
from osc.model import alter, patience
from osc.model.controls import Controls
from osc.model.phase import Phase
from osc.model.progress import Tracker
from osc.ops import control
from osc.stages import keeper
from osc.stages.fence import Fence
from tests.conformance.place import SOON, Place
from tests.servers import every_server

pytestmark = every_server()
STATEMENT = "ALTER TABLE orders ADD COLUMN x INT"


class Planning:
    """A run of its own thread that stands still in its plan until it is let go."""

    def __init__(self, place: Place, monkeypatch: pytest.MonkeyPatch, **wanted: str) -> None:
        self.place, self.wanted = place, wanted
        self.controls, self.tracker = Controls(), Tracker()
        self.is_planning, self.let_go = threading.Event(), threading.Event()
        self.error: BaseException | None = None
        self._before = migration._routed
        monkeypatch.setattr(migration, "_routed", self._routed)
        place.app.run("CREATE TABLE orders (id INT PRIMARY KEY)")
        place.engine.ledger.prepare()

    def _routed(self, *arguments: object) -> object:
        self.is_planning.set()
        assert self.let_go.wait(SOON)
        return self._before(*arguments)  # type: ignore[arg-type]

    def __enter__(self) -> Planning:
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        assert self.is_planning.wait(SOON), self.error
        return self

    def __exit__(self, *_: object) -> None:
        self.let_go.set()
        self._thread.join()

    def _run(self) -> None:
        engine = self.place.engine
        request = Request(alter.parse(STATEMENT, mysql=engine.mysql), None, STATEMENT, "me@here")
        try:
            migration.migrate(engine, request, settings(**self.wanted), self.tracker, self.controls)
        except BaseException as error:
            self.error = error


def runs(place: Place) -> list[Run]:
    return place.engine.ledger.runs()


def test_a_run_that_plans_is_seen_and_stopped_by_a_word_through_the_ledger(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Planning(place, monkeypatch) as planning:
        (run,) = runs(place)
        seen = (run.alive, run.phase, run.statement, run.by)
        answer = migration.say(place.engine, None, "panic", "ann@far")

    (run,) = runs(place)
    assert seen == (True, "plan", STATEMENT, "me@here")
    assert answer == "stopping in plan; the original serves, and nothing was begun"
    assert isinstance(planning.error, errors.Stopped)
    assert (run.phase, run.alive, "ann@far" in run.message) == ("failed", False, True)
    assert [said.words for said in place.engine.board.said(run.id)] == ["panic"]
    assert "x" not in str(place.engine.catalog.find(alter.parse(STATEMENT, mysql=place.mysql)))


def test_a_run_that_plans_hears_its_socket(
    place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "socket"

    with Planning(place, monkeypatch, control_socket=str(path)) as planning:
        assert control.ask(path, "sup").endswith("orders: plan")
        assert "no row will be copied" in control.ask(path, "throttle")
        assert "say it again" in control.ask(path, "max-lag=0.5")
        planning.controls.stop(errors.Interrupted(15))

    assert isinstance(planning.error, errors.Interrupted)
    assert runs(place) == []


def test_a_run_that_is_done_has_one_row_with_one_number(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Planning(place, monkeypatch):
        (planned,) = runs(place)

    (done,) = runs(place)
    assert (done.id, done.phase, done.alive) == (planned.id, "done", False)


@pytest.mark.parametrize("end", [errors.Precondition("no"), errors.Bug("oh")])
def test_what_is_refused_leaves_no_row(
    place: Place, monkeypatch: pytest.MonkeyPatch, end: Exception
) -> None:
    with Planning(place, monkeypatch) as planning:

        def refused(*_: object) -> object:
            raise end

        planning._before = refused  # type: ignore[assignment]

    assert planning.error is end
    assert runs(place) == []


def test_who_died_while_it_planned_is_in_nobody_s_way(place: Place) -> None:
    place.app.run("CREATE TABLE orders (id INT PRIMARY KEY)")
    engine = place.engine
    engine.ledger.prepare()
    statement = alter.parse(STATEMENT, mysql=engine.mysql)
    dead = engine.ledger.begin(engine.catalog.find(statement), STATEMENT, Sync.NONE, "me@here")

    with pytest.raises(errors.Precondition, match="died while it planned"):
        migration.resume(engine, str(dead), settings(), Tracker(), Controls())
    with pytest.raises(errors.Precondition, match="no migration that could go on"):
        migration.resume(engine, None, settings(), Tracker(), Controls())
    assert removal.cleanup(engine, None, Controls(), execute=False) == []
    request = Request(statement, None, STATEMENT, "me@here")
    done = migration.migrate(engine, request, settings(), Tracker(), Controls())

    assert [run.id for run in runs(place)] == [done.migration] != [dead]


def test_a_plan_that_takes_longer_than_a_silent_claim_lasts_keeps_it(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "CLAIM_SECONDS", 1)
    monkeypatch.setattr(keeper, "EVERY_SECONDS", 0.2)
    renewed = threading.Semaphore(0)
    require = Fence.require

    def counting(fence: Fence, session: Session) -> None:
        require(fence, session)
        renewed.release()

    monkeypatch.setattr(Fence, "require", counting)

    with Planning(place, monkeypatch) as planning:
        for _ in range(8):  # 1.6 s at least
            assert renewed.acquire(timeout=SOON)
        (run,) = runs(place)

    assert (run.alive, planning.error) == (True, None)


def test_where_the_ledger_can_t_be_written_into_the_plan_says_why_and_not_we(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused() -> None:
        raise errors.NotAllowed("no CREATE for you")

    planning = Planning(place, monkeypatch)
    monkeypatch.setattr(place.engine.ledger, "prepare", refused)

    with planning:
        planning.let_go.set()

    assert isinstance(planning.error, errors.NotAllowed)
    assert planning.tracker.read().phase is Phase.FAILED
    assert planning.tracker.seconds_in(Phase.PREFLIGHT) > 0, "it came past the plan"
