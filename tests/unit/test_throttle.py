"""The worst signal decides, and one that does not answer is bad."""

from __future__ import annotations

import math
import threading
import time as clock
from dataclasses import dataclass, field, replace
from datetime import datetime, time
from pathlib import Path
from typing import cast

import pytest

from osc import errors
from osc.engine import Gauges
from osc.model.controls import Controls
from osc.model.hours import Hours
from osc.model.progress import Tracker
from osc.model.reading import Reading, worst
from osc.model.steering import LEAST_SHARE, Steering
from osc.ops import gauges
from osc.ops.gauges import ReplicaLag, limits
from osc.ops.guards import Guards
from osc.ops.throttle import Throttle, decide

CALM = Reading("load", 1, 10)
LAG = Reading("lag of replica r2", 3.0, 1.0, "s", holds_following=True)


def test_a_reading_says_its_name_value_and_limit() -> None:
    assert str(LAG) == "lag of replica r2 3 s of 1 s"
    assert str(Reading("lag", trouble="no answer for 5 s")) == "lag: no answer for 5 s"


def test_the_worst_reading_is_the_one_nearest_to_its_own_limit() -> None:
    assert worst([Reading("a", 90, 100), Reading("b", 2, 1), Reading("c", 5000, 9000)]) == Reading(
        "b", 2, 1
    )
    assert worst([]) is None


def test_a_lag_holds_copy_and_following_and_a_load_only_the_copy() -> None:
    lagging = decide(Steering(), [CALM, LAG])
    loaded = decide(Steering(), [Reading("load", 11, 10), replace(LAG, value=0.1)])

    assert "lag of replica r2" in lagging.held_by
    assert "lag of replica r2" in lagging.following_held_by
    assert "load 11 of 10" in loaded.held_by
    assert loaded.following_held_by == ""


def test_what_stands_still_goes_on_only_when_the_reading_is_clearly_below_its_limit() -> None:
    held = decide(Steering(), [Reading("load", 10, 10)])

    just_below = decide(held, [Reading("load", 9.5, 10)])
    clear = decide(held, [Reading("load", 5, 10)])

    assert just_below.held_by
    assert clear.held_by == ""
    assert clear.share <= 0.5, "it begins again as slowly as it was when it stopped"


def test_a_signal_without_an_answer_is_bad() -> None:
    silent = decide(Steering(), [Reading("lag", trouble="no answer for 5 s")])

    assert "no answer for 5 s" in silent.held_by


def test_a_pause_of_the_operator_is_not_touched_by_the_signals() -> None:
    paused = Steering().paused("operator", "paused by ann")

    assert decide(paused, [CALM]).paused_by == "paused by ann"


@dataclass
class Scripted:
    """A gauge that shows what it is told to; `asked` is set each time it was read."""

    reading: Reading | Exception
    name: str = "scripted"
    every_seconds: float = 0.01
    asked: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def read(self) -> Reading:
        self.asked.release()
        if isinstance(self.reading, Exception):
            raise self.reading
        return self.reading


def test_a_throttle_steers_while_it_is_at_work_and_lets_go_at_its_end() -> None:
    controls, gauge = Controls(), Scripted(Reading("load", 20, 10))

    with Throttle([gauge], controls, Tracker()).at_work():
        controls_held = _until(lambda: bool(controls.steering.held_by))
        gauge.reading = Reading("load", 1, 10)
        went_on = _until(lambda: not controls.steering.held_by)

    assert controls_held
    assert went_on
    assert controls.steering == Steering()


class Replica:
    """Shows the newest beat that has come there; None before the first."""

    beat: float | None = None

    def beaten(self, migration: int) -> float | None:
        return self.beat


@pytest.mark.parametrize("earlier", [None, 50.0], ids=["never begun before", "resumed"])
def test_a_replica_that_no_beat_of_this_attempt_has_reached_holds_the_copy_and_costs_no_share(
    earlier: float | None,
) -> None:
    replica = Replica()
    replica.beat = earlier
    gauge = ReplicaLag("lag of db2", cast(Gauges, replica), 7, 1.5, since=100.0)

    held = decide(Steering(), [gauge.read()])
    replica.beat = clock.time()
    free = decide(held, [ReplicaLag("lag of db2", cast(Gauges, replica), 7, 1.5, since=0.0).read()])

    assert "no heartbeat of ours" in held.copy_waits_for
    assert (free.copy_waits_for, free.share) == ("", 1.0)


def test_what_is_bad_from_the_start_holds_before_the_first_row() -> None:
    controls = Controls()

    with Throttle([Scripted(Reading("lag", 9, 1, "s"))], controls, Tracker()).at_work():
        assert controls.steering.held_by == "throttled: lag 9 s of 1 s"


def test_an_error_of_a_gauge_is_told_as_its_reading() -> None:
    controls = Controls()
    gauge = Scripted(errors.ConnectionLost("the replica went away"), name="lag of r1")

    with Throttle([gauge], controls, Tracker()).at_work() as throttle:
        assert _until(lambda: "the replica went away" in controls.steering.held_by)
        assert [str(reading) for reading in throttle.readings()] == [
            "lag of r1: the replica went away"
        ]


def test_a_gauge_that_fails_in_a_way_nobody_foresaw_is_bad() -> None:
    with Throttle([Scripted(KeyError("x"))], controls := Controls(), Tracker()).at_work():
        assert "it can't be read: KeyError('x')" in controls.steering.held_by


def _until(holds: object) -> bool:
    assert callable(holds)
    passed = threading.Event()
    for _ in range(1000):
        if holds():
            return True
        passed.wait(0.01)
    return False


def test_limits_are_read_in_both_spellings() -> None:
    assert limits("Threads_running=25,history:1000", "--max-load") == {
        "Threads_running": 25.0,
        "history": 1000.0,
    }
    with pytest.raises(errors.Usage, match="--max-load"):
        limits("Threads_running", "--max-load")


def test_a_panic_file_stops_the_run(tmp_path: Path) -> None:
    controls = Controls()
    panic = tmp_path / "panic"
    guards = Guards(controls, panic_file=panic)

    guards.look()
    controls.check()
    panic.touch()
    guards.look()

    with pytest.raises(errors.Stopped, match="panic"):
        controls.check()


def test_the_cut_over_waits_for_its_file_and_for_its_hours(tmp_path: Path) -> None:
    controls, file, hour = Controls(), tmp_path / "postpone", [12]
    file.touch()
    guards = Guards(
        controls,
        postpone_files=(file,),
        cut_over_hours=Hours(time(2), time(4)),
        now=lambda: datetime(2026, 1, 1, hour[0]),
    )

    guards.look()
    assert "the file" in controls.steering.cut_over_waits_for
    file.unlink()
    guards.look()
    assert "02:00-04:00" in controls.steering.cut_over_waits_for
    hour[0] = 3
    guards.look()
    assert controls.steering.cut_over_waits_for == ""


def test_each_wish_of_a_file_is_remembered_once_when_it_comes_and_when_it_goes(
    tmp_path: Path,
) -> None:
    controls, stop, panic, told = Controls(), tmp_path / "stop", tmp_path / "panic", []
    guards = Guards(
        controls,
        pause_files=(stop,),
        panic_file=panic,
        told=lambda words, by, answer: told.append((words, by, answer)),
    )

    guards.look()
    stop.touch()
    guards.look()
    guards.look()
    assert controls.steering.copy_waits_for == f"paused by the file {stop}"
    assert controls.steering.cut_over_waits_for == f"paused by the file {stop}"
    stop.unlink()
    panic.touch()
    guards.look()
    guards.look()

    assert told == [
        ("pause", f"the file {stop}", f"paused by the file {stop}"),
        ("panic", f"the file {panic}", "stopping"),
        ("resume-copy", f"the file {stop}", ""),
    ]


def test_a_file_that_can_not_be_looked_for_holds_the_run_and_does_not_end_it(
    tmp_path: Path,
) -> None:
    controls, unreadable = Controls(), tmp_path / ("long" * 100)  # ENAMETOOLONG, root or not
    guards = Guards(controls, pause_files=(unreadable,), panic_file=unreadable)

    guards.look()

    controls.check()
    assert "can't be looked for: File name too long" in controls.steering.copy_waits_for


def test_a_file_that_is_there_holds_a_run_before_its_first_step(tmp_path: Path) -> None:
    controls, file = Controls(), tmp_path / "postpone"
    file.touch()

    with Guards(controls, postpone_files=(file,)).at_work():
        assert "the file" in controls.steering.cut_over_waits_for, "a small table is soon copied"


@dataclass
class Loaded:
    """A server whose load is set by hand; None: it doesn't answer."""

    load: float | None = 0.0

    def read(self, name: str) -> float:
        if self.load is None:
            raise errors.ConnectionLost("gone")
        return self.load


def test_a_critical_load_seen_twice_stops_the_run() -> None:
    controls, server = Controls(), Loaded(99)
    guards = Guards(controls, critical={"running": 50}, gauges=server)  # type: ignore[arg-type]

    guards.look()
    controls.check()
    guards.look()

    with pytest.raises(errors.Guarded, match="running is 99"):
        controls.check()


def test_or_lets_it_hibernate() -> None:
    controls, server = Controls(), Loaded(99)
    guards = Guards(
        controls, critical={"running": 50}, gauges=server, hibernate_seconds=60  # type: ignore[arg-type]
    )  # fmt: skip

    guards.look()
    guards.look()

    controls.check()
    assert "hibernating for 60 s" in controls.steering.paused_by
    assert LEAST_SHARE > 0


def test_it_wakes_up_when_its_time_is_over_and_the_server_calm() -> None:
    controls, server = Controls(), Loaded(99)
    guards = Guards(
        controls, critical={"running": 50}, gauges=server, hibernate_seconds=0.01  # type: ignore[arg-type]
    )  # fmt: skip
    guards.look()
    guards.look()
    clock.sleep(0.01)

    guards.look()
    asleep = controls.steering.paused_by
    server.load = 1
    clock.sleep(0.01)
    guards.look()

    assert "hibernating" in asleep, "it looks again, and the load is as it was"
    assert controls.steering.paused_by == ""


def test_a_critical_load_that_can_not_be_read_is_critical() -> None:
    controls, server = Controls(), Loaded(None)
    guards = Guards(controls, critical={"running": 50}, gauges=server)  # type: ignore[arg-type]

    guards.look()
    guards.look()

    with pytest.raises(errors.Guarded, match="running can't be read: gone"):
        controls.check()


@dataclass
class Slow:
    """A server whose commits take as long as they are told to, on a clock of its own."""

    takes: float = 0.0
    at: float = 1000.0

    def beat(self, migration: int, at: float) -> None:
        self.at += self.takes

    def now(self) -> float:
        return self.at


def test_a_commit_beyond_its_limit_counts_for_a_while() -> None:
    server = Slow()
    latency = gauges.Latency(cast(Gauges, server), 1, limit_seconds=0.02, now=server.now)
    severities = []

    for takes in (0.001, 0.019, 0.001, 0.03, 0.001, 0.001):
        server.takes = takes
        severities.append(round(latency.read().severity, 2))
    server.at += gauges.FELT_SECONDS
    after = latency.read()

    assert severities == [0.05, 0.95, 0.05, 1.5, 1.5, 1.5]
    assert (round(after.severity, 2), round(after.value, 3)) == (0.05, 0.001)


def test_one_bad_moment_among_many_is_not_of_our_making() -> None:
    server = Slow(takes=0.001)
    latency = gauges.Latency(cast(Gauges, server), 1, limit_seconds=0.02, now=server.now)
    for _ in range(gauges.MANY_LOOKS):
        latency.read()

    severities = []
    for takes in (0.03, 0.001, 0.03, 0.001):
        server.takes = takes
        latency.read()
        server.takes = 0.001
        severities.append(round(latency.read().severity, 2))

    assert severities == [0.05, 0.05, 1.5, 1.5]


def test_commits_are_looked_at_more_often_where_there_is_a_limit() -> None:
    server = cast(Gauges, Slow())

    free, limited = (gauges.Latency(server, 1, limit) for limit in (math.inf, 0.02))

    assert (free.every_seconds, limited.every_seconds) == (0.1, 0.05)


def test_of_what_is_free_there_has_to_be_enough() -> None:
    def disk(free: float, least: float) -> Reading:
        return Reading("free disk", free, least, "bytes", at_least=True)

    assert disk(20e9, 10e9).severity == 0.5
    assert disk(5e9, 10e9).severity == 2.0
    assert disk(0, 10e9).severity == math.inf
    assert disk(1e9, 0).severity == 0.0
    assert str(disk(5e9, 10e9)) == "free disk 5.0 GB, at least 10.0 GB"
    assert str(disk(5e9, 0)) == "free disk 5.0 GB"
