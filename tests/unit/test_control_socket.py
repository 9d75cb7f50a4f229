"""The socket of a run: words in, answers out, and nobody else's file is touched."""

from __future__ import annotations

import errno
import json
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from osc import errors
from osc.model.controls import Controls
from osc.model.phase import Phase
from osc.model.progress import Tracker
from osc.model.steering import Steering
from osc.ops import control
from osc.ops.words import Words

NOBODY = 65534


@pytest.fixture
def controls() -> Controls:
    return Controls()


@pytest.fixture
def path(tmp_path: Path, controls: Controls) -> Iterator[Path]:
    words = Words(Tracker(), controls)
    with control.listening(tmp_path / "osc.sock", words.obey) as made:
        yield made


def test_only_its_user_may_connect(path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_gh_ost_s_words_work(path: Path, controls: Controls) -> None:
    assert "paused" in control.ask(path, "throttle")
    assert "paused by" in controls.steering.paused_by
    assert control.ask(path, "no-throttle") == "going on"
    assert controls.steering.paused_by == ""
    assert control.ask(path, "chunk-time=0.2") == "chunk-time is 0.2"
    assert control.ask(path, "chunk-time=?") == "0.2"
    assert "plan" in control.ask(path, "sup")
    assert json.loads(control.ask(path, "json"))["phase"] == "plan"


@pytest.mark.parametrize(
    ("phase", "word", "answer"),
    [
        (Phase.SHADOW, "pause", "paused; no row will be copied"),
        (Phase.NATIVE, "pause", "the next one waits"),
        (Phase.LOAD, "pause", "what is being built goes on"),
        (Phase.CUT_OVER, "pause", "paused; the cut-over waits"),
        (Phase.CLEANUP, "pause", "too late to pause: shop.orders has its new schema"),
        (Phase.AFTERCARE, "postpone", "too late to postpone"),
        (Phase.AFTERCARE, "cut-over", "it is done: shop.orders has its new schema"),
        (Phase.AFTERCARE, "panic", "stopping in aftercare; the new table serves"),
        (Phase.COPY, "panic", "stopping in copy; the original serves"),
        (Phase.AFTERCARE, "max-lag=2", "can't be set in aftercare"),
        (Phase.COPY, "resume-copy", "nothing was paused"),
    ],
)
def test_a_word_is_answered_by_what_it_means_in_this_phase(
    phase: Phase, word: str, answer: str
) -> None:
    tracker = Tracker()
    tracker.note(phase=phase, table="shop.orders")
    words = Words(tracker, Controls())

    try:
        told = words.obey(word, "ann")
    except errors.Usage as error:
        told = error.happened

    assert answer in told


def test_a_word_that_comes_while_the_lock_is_asked_for_is_told_that_it_is_late() -> None:
    controls = Controls()
    words = Words(Tracker(), controls)
    controls.steer(Steering.beginning)

    assert "the next one waits" in words.obey("postpone", "ann")
    controls.steer(Steering.ending)
    assert words.obey("postpone", "ann") == "the cut-over waits for `cut-over`"
    assert not controls.steer(Steering.beginning).attempting


def test_an_unpostponed_cut_over_says_what_it_still_waits_for(
    path: Path, controls: Controls
) -> None:
    controls.steer(lambda now: now.postponed("hours", "the cut-over waits for its hours"))
    control.ask(path, "postpone")

    assert control.ask(path, "unpostpone") == "not yet: the cut-over waits for its hours"


def test_a_word_may_name_the_table_that_it_is_meant_for(controls: Controls) -> None:
    tracker = Tracker()
    tracker.note(table="shop.orders")
    words = Words(tracker, controls)

    with pytest.raises(errors.Usage, match=r"of shop.orders, not of customers"):
        words.obey("panic=customers", "ann")

    assert not controls.stopping
    assert "paused" in words.obey("throttle=orders", "ann")
    assert words.obey("resume=shop.`orders`", "ann") == "going on"


@pytest.mark.parametrize("line", ["chunk-size=100", "dml-batch-size=?", "cpu-profile"])
def test_a_word_without_a_meaning_is_answered_with_a_sentence(path: Path, line: str) -> None:
    assert not control.ask(path, line).startswith("error: ")


def test_panic_stops_the_run(path: Path, controls: Controls) -> None:
    control.ask(path, "panic")

    with pytest.raises(errors.Stopped, match="stopped by"):
        controls.check()


@pytest.mark.parametrize("line", ["nonsense", "threads=0", "threads=x", "chunk-time=-1", "a=b", ""])
def test_nonsense_is_answered_with_a_sentence(path: Path, line: str) -> None:
    assert control.ask(path, line).startswith("error: ")


def test_a_caller_that_says_nothing_bars_nobody(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.connect(str(path))

        assert "plan" in control.ask(path, "sup")


def test_what_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "osc.sock"
    file.write_text("precious")

    with pytest.raises(errors.Precondition, match="no socket"), _listening(file):
        pass

    assert file.read_text() == "precious"


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("precious")
    link = tmp_path / "osc.sock"
    link.symlink_to(tmp_path / "elsewhere")

    with pytest.raises(errors.Precondition, match="no socket"), _listening(link):
        pass

    assert link.is_symlink()


def test_a_socket_that_answers_belongs_to_another_run(path: Path) -> None:
    with pytest.raises(errors.Precondition, match="another process answers"), _listening(path):
        pass

    assert "plan" in control.ask(path, "sup")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_socket_of_another_user_is_left_alone(tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.sock"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(foreign))
    os.chown(foreign, NOBODY, NOBODY)

    with pytest.raises(errors.Precondition, match="another user"), _listening(foreign):
        pass

    assert foreign.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user_is_not_let_in() -> None:
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        path = Path(folder) / "osc.sock"
        with _listening(path):
            child = os.fork()
            if not child:
                os._exit(_refusal_as_nobody(path))

            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == errno.EACCES


def _refusal_as_nobody(path: Path) -> int:
    """The number of the error that this user gets; 0 where he is let in."""
    os.setuid(NOBODY)
    with socket.socket(socket.AF_UNIX) as caller:
        return caller.connect_ex(str(path))


def test_a_dead_socket_is_taken_over_and_removed_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "osc.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))

    with _listening(path):
        assert "plan" in control.ask(path, "sup")

    assert not path.exists()


def test_a_path_that_can_not_be_made_is_refused(tmp_path: Path) -> None:
    for bad in (tmp_path / "no" / "such" / "folder.sock", tmp_path / ("x" * 200)):
        with pytest.raises(errors.Precondition, match=r"can't be made|no folder"), _listening(bad):
            pass


def test_a_socket_that_nobody_is_behind_is_said_to_be_so(tmp_path: Path) -> None:
    with pytest.raises(errors.Precondition, match="nobody answers"):
        control.ask(tmp_path / "none.sock", "sup")


def test_the_umask_is_as_before(path: Path) -> None:
    before = os.umask(0o022)
    os.umask(before)

    assert before != 0o177


def _listening(path: Path):  # type: ignore[no-untyped-def]
    return control.listening(path, Words(Tracker(), Controls()).obey)
