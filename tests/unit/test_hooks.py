"""Executables that are run at each event, and what one that says no does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from osc import errors
from osc.model.controls import Controls
from osc.model.phase import Phase
from osc.model.progress import Tracker
from osc.ops.hooks import AT_PHASE, EVENTS, Hooks

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


def test_what_is_not_executable_or_of_another_name_is_left_alone(
    tmp_path: Path, tracker: Tracker
) -> None:
    (tmp_path / "osc-on-startup").write_text("#!/bin/sh\nexit 1\n")
    hook(tmp_path, "before-copy", "#!/bin/sh\nexit 1\n")

    assert hooks(tmp_path, tracker).programs("startup") == []
    assert hooks(tmp_path, tracker).programs("before-copy") == []


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
