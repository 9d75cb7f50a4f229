"""Executables of the operator's that are run as a migration goes on.

In the folder that --hooks-path names, each executable file whose name begins with `osc-on-EVENT` is
run at that event, in the order of the names; gh-ost's names do as well. It gets what is known of
the run in the environment (`OSC_*`, and gh-ost's `GH_OST_*`) and as JSON on its standard input. One
that ends with anything but 0 ends the run, before the event happens, where the event begins with
`before-`; otherwise that is only told. The same for one that takes too long: it is ended with all
that it has started. What a hook leaves running on purpose is let alone; of what it says, the end is
kept.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from osc.errors import Stopped, Usage
from osc.model.controls import Controls
from osc.model.phase import Phase
from osc.model.progress import Tracker
from osc.ops.words import record
from osc.threads import beside

LOOK_SECONDS = 0.2
LAST_BYTES = 500
"""Of what a hook said, this much is told."""
LONGEST_VARIABLE = 100_000
"""Bytes; Linux takes 128 KiB for one, with its name."""
OURS = ("osc-on-", "gh-ost-on-")
LAST_EVENTS = ("success", "failure")
"""Whoever wants to stop a run wants to hear of its end all the same."""

EVENTS: dict[str, tuple[str, str]] = {
    "startup": ("gh-ost-on-startup", "the run begins"),
    "before-copy": ("gh-ost-on-before-row-copy", "the copy is about to begin"),
    "copied": ("gh-ost-on-row-copy-complete", "all rows are copied"),
    "before-verify": ("", "the tables are about to be compared"),
    "begin-postponed": ("gh-ost-on-begin-postponed", "the cut-over is held back"),
    "before-cut-over": (
        "gh-ost-on-before-cut-over",
        "it has leave and is about to take the lock",
    ),
    "swapped": ("", "the new table serves"),
    "success": ("gh-ost-on-success", "all is done"),
    "failure": ("gh-ost-on-failure", "the run has ended before its end"),
    "status": ("gh-ost-on-status", "every --hooks-status-interval seconds"),
}
"""Each with gh-ost's name for it and what it means."""

AT_PHASE = {
    Phase.PREFLIGHT: "startup",
    Phase.RESUME: "startup",
    Phase.COPY: "before-copy",
    Phase.LOAD: "copied",
    Phase.VERIFY: "before-verify",
    Phase.CLEANUP: "swapped",
    Phase.DONE: "success",
    Phase.STOPPED: "failure",
    Phase.FAILED: "failure",
}

log = logging.getLogger("osc.hooks")


@dataclass
class Hooks:
    """`words` are what the run was started with: statement, host, database."""

    folder: Path
    tracker: Tracker
    controls: Controls
    words: Mapping[str, str] = field(default_factory=dict)
    limit_seconds: float = 60.0
    status_seconds: float = 60.0
    _over: threading.Event = field(default_factory=threading.Event)
    _postponed: bool = False
    _has_begun: bool = False

    def __post_init__(self) -> None:
        if not self.folder.is_dir():
            raise Usage(f"--hooks-path {self.folder} is no folder")
        for path, trouble in misplaced(self.folder):
            log.warning("the hook %s %s", path.name, trouble, extra={"action": "hook-failed"})

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Phases are heard of in the thread of the stage that begins one: a hook holds it up."""
        self.tracker.on_phase(self._at)
        self.tracker.on_leave(lambda: self.run("before-cut-over"))
        with beside("hooks", self._watch, stop=self._over.set):
            yield

    def _at(self, phase: Phase) -> None:
        event = AT_PHASE.get(phase)
        if event == "startup":
            event, self._has_begun = (None if self._has_begun else event), True
        if event:
            self.run(event)

    def _watch(self) -> None:
        waited = 0.0
        while not self._over.wait(LOOK_SECONDS):
            waited += LOOK_SECONDS
            if waited >= self.status_seconds:
                waited = 0.0
                self.run("status")
            held = bool(self.controls.steering.cut_over_waits_for)
            at_the_gate = held and self.tracker.read().phase in (Phase.CUT_OVER, Phase.NATIVE)
            if at_the_gate and not self._postponed:
                self.run("begin-postponed")
            self._postponed = at_the_gate

    def run(self, event: str) -> None:
        """All executables of the event; Stopped where one of a `before-` event says no."""
        for program in self._found(event):
            trouble = self._outcome(program, event)
            if event.startswith("before-"):
                self.controls.check()  # Whoever stops the run is its reason, not a hook cut short.
            if trouble and event.startswith("before-"):
                raise Stopped(
                    f"the hook {program.name} says no: {trouble}",
                    still_true="the original serves; what was done so far is kept",
                    todo="find out why",
                )
            if trouble:
                log.warning(
                    "the hook %s: %s", program.name, trouble, extra={"action": "hook-failed"}
                )

    def _found(self, event: str) -> list[Path]:
        """A folder that is gone can't say yes."""
        try:
            return self.programs(event)
        except OSError as error:
            said = f"the folder of hooks {self.folder} can't be read: {error.strerror}"
            if event.startswith("before-"):
                raise Stopped(
                    said,
                    still_true="the original serves; what was done so far is kept",
                    todo="put it back",
                ) from error
            log.warning(said, extra={"action": "hook-failed"})
            return []

    def programs(self, event: str) -> list[Path]:
        names = tuple(filter(None, _names(event)))
        return [
            path
            for path in sorted(self.folder.iterdir())
            if path.name.startswith(names) and path.is_file() and os.access(path, os.X_OK)
        ]

    def _outcome(self, program: Path, event: str) -> str:
        """Empty when it went well; otherwise what went wrong, in words."""
        told = {**record(self.tracker, self.controls), **self.words, "event": event}
        try:
            hook = _begun(program, json.dumps(told), environment(told))
        except OSError as error:
            return f"it can't be run: {error.strerror}"
        ear = _Ear(hook.stdout)
        trouble = self._ended(hook, event)
        return f"{trouble}: {ear.last_words()}".removesuffix(": ") if trouble else ""

    def _ended(self, hook: subprocess.Popen[bytes], event: str) -> str:
        """Waits for the program itself, not for what it has left running with its output open."""
        deadline = time.monotonic() + self.limit_seconds
        while hook.poll() is None:
            is_late = time.monotonic() > deadline
            is_in_the_way = self.controls.stopping and event not in LAST_EVENTS
            if is_late or is_in_the_way:
                with suppress(ProcessLookupError):
                    os.killpg(hook.pid, signal.SIGKILL)
                hook.wait()
                return (
                    f"it took longer than {self.limit_seconds:.0f} s"
                    if is_late
                    else "it was ended, for the run is to stop"
                )
            with suppress(subprocess.TimeoutExpired):
                hook.wait(LOOK_SECONDS)
        code = hook.returncode
        if code < 0:
            return f"it was ended by {_signal_name(-code)}"
        return f"it ended with {code}" if code else ""


def misplaced(folder: Path) -> Iterator[tuple[Path, str]]:
    """Files that are meant as hooks and that would never be run, each with the reason."""
    known = tuple(filter(None, (name for event in EVENTS for name in _names(event))))
    for path in sorted(folder.iterdir()):
        if not path.name.startswith(OURS) or not path.is_file():
            continue
        if not path.name.startswith(known):
            yield path, f"is for no event; these are known: {', '.join(EVENTS)}"
        elif not os.access(path, os.X_OK):
            yield path, "is not executable, and will not be run"


def _names(event: str) -> tuple[str, str]:
    return f"osc-on-{event}", EVENTS[event][0]


def _begun(program: Path, told: str, variables: Mapping[str, str]) -> subprocess.Popen[bytes]:
    with TemporaryFile() as given:  # A pipe would have to be written into while it is read from.
        given.write(told.encode())
        given.seek(0)
        return subprocess.Popen(
            [str(program.absolute())],
            stdin=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, **variables},
            start_new_session=True,
        )


class _Ear:
    """Listens to a hook, however much it says, and to what it leaves running, for as long as that
    speaks; keeps the end."""

    def __init__(self, mouth: IO[bytes] | None) -> None:
        self._end = b""
        self._thread = threading.Thread(target=self._listen, args=(mouth,), daemon=True)
        self._thread.start()

    def _listen(self, mouth: IO[bytes] | None) -> None:
        if mouth is None:
            return
        with mouth:
            while heard := os.read(mouth.fileno(), 65_536):
                self._end = (self._end + heard)[-LAST_BYTES:]

    def last_words(self) -> str:
        self._thread.join(LOOK_SECONDS)
        return self._end.decode(errors="replace").strip()


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def environment(told: Mapping[str, Any]) -> dict[str, str]:
    """The variables of a hook: ours, and gh-ost's for those that were written for it."""
    ours = {
        f"OSC_{name.upper()}": str(value)
        for name, value in told.items()
        if isinstance(value, str | int | float)
    }
    schema, _, table = str(told.get("table", "")).rpartition(".")
    theirs = {
        "DATABASE_NAME": schema,
        "TABLE_NAME": table,
        "DDL": told.get("statement", ""),
        "GHOST_TABLE_NAME": told.get("shadow", ""),
        "OLD_TABLE_NAME": told.get("archive", ""),
        "ESTIMATED_ROWS": told.get("rows_estimated", 0),
        "COPIED_ROWS": told.get("rows_copied", 0),
        "MIGRATED_HOST": told.get("host", ""),
        "EXECUTING_HOST": socket.gethostname(),
        "HOOKS_HINT": told.get("hint", ""),
        "STATUS": told.get("phase", ""),
    }
    both = ours | {f"GH_OST_{name}": str(value) for name, value in theirs.items()}
    return {name: _fitted(value) for name, value in both.items()}


def _fitted(value: str) -> str:
    """The kernel takes no longer variable; all of it stands in the JSON. None of them has a NUL."""
    value = value.replace("\0", "")
    return value.encode()[:LONGEST_VARIABLE].decode(errors="ignore")
