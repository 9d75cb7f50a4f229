"""Executables that are run at each event, and what one that says no does."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path

import pytest

from osc import errors
from osc.model.controls import Controls
from osc.model.phase import Phase
from osc.model.progress import Tracker
from osc.ops.hooks import AT_PHASE, EVENTS, Hooks
from osc.stages.leave import Leave

TELL = '#!/bin/sh\nenv | grep -E "^(OSC|GH_OST)_" | sort > {0}.env\ncat > {0}.json\n'


def hook(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.write_text(text)
    path.chmod(0o755)


@pytest.fixture
def tracker() -> Tracker:
    tracker = Tracker()
    tracker.note(table="shop.orders", rows_estimated=7)
    return tracker


def hooks(folder: Path, tracker: Tracker, controls: Controls | None = None) -> Hooks:
    words = {"statement": "ALTER TABLE orders ADD x INT"}
    return Hooks(folder, tracker, controls or Controls(), words, limit_seconds=20.0)


def test_a_hook_hears_of_its_event_and_of_the_run(tmp_path: Path, tracker: Tracker) -> None:
    hook(tmp_path, "osc-on-before-copy", TELL.format(tmp_path / "told"))

    with hooks(tmp_path, tracker).at_work():
        for phase in (Phase.PREFLIGHT, Phase.SHADOW, Phase.COPY):
            tracker.at(phase)

    told = json.loads((tmp_path / "told.json").read_text())
    assert (told["event"], told["phase"], told["table"]) == ("before-copy", "copy", "shop.orders")
    variables = (tmp_path / "told.env").read_text().splitlines()
    assert "OSC_EVENT=before-copy" in variables
    assert "GH_OST_TABLE_NAME=orders" in variables
    assert "GH_OST_DDL=ALTER TABLE orders ADD x INT" in variables
    assert "GH_OST_ESTIMATED_ROWS=7" in variables


def test_hooks_that_were_written_for_gh_ost_are_run(tmp_path: Path, tracker: Tracker) -> None:
    hook(tmp_path, "gh-ost-on-startup-hello", TELL.format(tmp_path / "told"))

    hooks(tmp_path, tracker).run("startup")

    assert (tmp_path / "told.json").exists()


def test_a_hook_before_an_event_may_say_no(tmp_path: Path, tracker: Tracker) -> None:
    hook(tmp_path, "osc-on-before-copy", "#!/bin/sh\necho not on a friday >&2; exit 3\n")

    with pytest.raises(errors.Stopped, match="not on a friday"):
        hooks(tmp_path, tracker).run("before-copy")


def test_one_after_an_event_is_only_told_of(
    tmp_path: Path, tracker: Tracker, caplog: pytest.LogCaptureFixture
) -> None:
    hook(tmp_path, "osc-on-copied", "#!/bin/sh\nexit 3\n")

    hooks(tmp_path, tracker).run("copied")

    assert "ended with 3" in caplog.text


def test_one_that_takes_too_long_says_no(tmp_path: Path, tracker: Tracker) -> None:
    hook(tmp_path, "osc-on-before-cut-over", "#!/bin/sh\nexec sleep 60\n")
    impatient = Hooks(tmp_path, tracker, Controls(), limit_seconds=0.2)

    with pytest.raises(errors.Stopped, match="took longer"):
        impatient.run("before-cut-over")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kill -9 $$", "ended by SIGKILL"),
        ("printf 'no \\377\\376'; exit 3", "ended with 3: no \ufffd"),
        ("yes nonsense | head -c 20000000; echo enough >&2; exit 4", "enough"),
        ("sleep 60 & exit 5", "ended with 5"),
    ],
)
def test_however_a_hook_ends_that_is_told_at_once(
    tmp_path: Path, tracker: Tracker, text: str, said: str
) -> None:
    hook(tmp_path, "osc-on-before-copy", f"#!/bin/sh\n{text}\n")
    began = time.monotonic()

    with pytest.raises(errors.Stopped) as caught:
        hooks(tmp_path, tracker).run("before-copy")

    assert said in caught.value.happened
    assert time.monotonic() - began < 15, "what it left running is not waited for"


def test_one_that_takes_too_long_is_ended_with_all_that_it_has_started(
    tmp_path: Path, tracker: Tracker
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    hook(tmp_path, "osc-on-copied", f"#!/bin/sh\nsleep 60 > {pipe} &\nwait\n")
    made = Hooks(tmp_path, tracker, Controls(), limit_seconds=0.2)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    began = time.monotonic()

    made.run("copied")

    os.set_blocking(reader, True)
    assert os.read(reader, 1) == b"", "whoever wrote into it is gone"
    assert time.monotonic() - began < 30, "it was ended, and has not slept to its end"


def test_a_run_that_is_to_stop_does_not_wait_for_a_hook(tmp_path: Path, tracker: Tracker) -> None:
    controls = Controls()
    hook(tmp_path, "osc-on-before-copy", f"#!/bin/sh\ntouch {tmp_path}/begun\nexec sleep 60\n")
    stopper = threading.Thread(target=_stop_once, args=(tmp_path / "begun", controls))
    stopper.start()

    with pytest.raises(errors.Stopped, match="by ann"):
        hooks(tmp_path, tracker, controls).run("before-copy")
    stopper.join()


def _stop_once(begun: Path, controls: Controls) -> None:
    while not begun.exists():
        controls.wait(0.01)
    controls.stop(errors.Stopped("stopped by ann"))


def test_a_statement_that_is_longer_than_a_variable_may_be_is_told_in_the_json(
    tmp_path: Path, tracker: Tracker
) -> None:
    hook(tmp_path, "osc-on-startup", f"#!/bin/sh\ncat > {tmp_path}/told.json\n")
    statement = "ALTER TABLE orders " + "x" * 300_000

    Hooks(tmp_path, tracker, Controls(), {"statement": statement}).run("startup")

    assert json.loads((tmp_path / "told.json").read_text())["statement"] == statement


def test_what_is_not_executable_or_of_another_name_is_left_alone(
    tmp_path: Path, tracker: Tracker
) -> None:
    (tmp_path / "osc-on-startup").write_text("#!/bin/sh\nexit 1\n")
    hook(tmp_path, "before-copy", "#!/bin/sh\nexit 1\n")

    assert hooks(tmp_path, tracker).programs("startup") == []
    assert hooks(tmp_path, tracker).programs("before-copy") == []


def test_a_hook_that_would_never_be_run_is_told_of_at_the_start(
    tmp_path: Path, tracker: Tracker, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "osc-on-startup").write_text("#!/bin/sh\n")
    hook(tmp_path, "osc-on-before-cutover", "#!/bin/sh\n")
    hook(tmp_path, "osc-on-copied.sh", "#!/bin/sh\n")

    hooks(tmp_path, tracker)

    assert [record.args for record in caplog.records] == [
        ("osc-on-before-cutover", f"is for no event; these are known: {', '.join(EVENTS)}"),
        ("osc-on-startup", "is not executable, and will not be run"),
    ]


def test_a_folder_that_is_not_there_is_wrong_usage(tmp_path: Path, tracker: Tracker) -> None:
    with pytest.raises(errors.Usage, match="no folder"):
        hooks(tmp_path / "none", tracker)


def test_a_cut_over_that_is_held_back_is_told_of_once(tmp_path: Path, tracker: Tracker) -> None:
    hook(tmp_path, "osc-on-begin-postponed", f"#!/bin/sh\necho x >> {tmp_path}/count\n")
    hook(tmp_path, "osc-on-status", f"#!/bin/sh\necho x >> {tmp_path}/status\n")
    controls = Controls()
    controls.steer(lambda now: now.postponed("operator", "held"))
    line = Phase.PREFLIGHT, Phase.SHADOW, Phase.COPY, Phase.LOAD, Phase.CATCH_UP, Phase.CUT_OVER
    made = hooks(tmp_path, tracker, controls)
    made.status_seconds = 0.2

    with made.at_work():
        for phase in line:
            tracker.at(phase)
        while (tmp_path / "status").exists() is False or status_runs(tmp_path) < 3:
            controls.wait(0.05)

    assert (tmp_path / "count").read_text() == "x\n"
    assert (tmp_path / "status").read_text().startswith("x\n")


def status_runs(folder: Path) -> int:
    return len((folder / "status").read_text().splitlines())


def test_leave_that_is_given_is_asked_of_a_hook_before_the_lock_is_tried_for(
    tmp_path: Path, tracker: Tracker
) -> None:
    hook(tmp_path, "osc-on-before-cut-over", f"#!/bin/sh\necho x >> {tmp_path}/count; exit 1\n")
    controls, held = Controls(), threading.Event()
    leave = Leave(tracker, controls, blockers=list)
    controls.steer(lambda now: now.postponed("operator", "held"))
    note = tracker.note

    def let_go(**values: str) -> None:
        note(**values)
        if values.get("waiting_for") == "held":
            assert not (tmp_path / "count").exists(), "what it says a week before is worth nothing"
            held.set()
            controls.steer(lambda now: now.postponed("operator", ""))

    tracker.note = let_go  # type: ignore[method-assign]

    with (
        hooks(tmp_path, tracker, controls).at_work(),
        pytest.raises(errors.Stopped, match="says no"),
        leave.taken("cut-over"),
    ):
        raise AssertionError("it had no leave")
    assert held.is_set()


def test_a_run_begins_once_however_often_its_server_is_lost(
    tmp_path: Path, tracker: Tracker
) -> None:
    hook(tmp_path, "osc-on-startup", f"#!/bin/sh\necho x >> {tmp_path}/count\n")

    with hooks(tmp_path, tracker).at_work():
        for phase in (Phase.RESUME, Phase.COPY, Phase.RESUME):
            tracker.at(phase)

    assert (tmp_path / "count").read_text() == "x\n"


def test_every_event_of_a_phase_is_documented() -> None:
    assert set(AT_PHASE.values()) <= set(EVENTS)


def test_a_folder_that_is_gone_vetoes_what_it_could_have_and_harms_nothing_else(
    tmp_path: Path, tracker: Tracker
) -> None:
    folder = tmp_path / "hooks"
    folder.mkdir()
    made = hooks(folder, tracker)
    folder.rmdir()

    made.run("success")
    with pytest.raises(errors.Stopped, match="can't be read"):
        made.run("before-cut-over")
