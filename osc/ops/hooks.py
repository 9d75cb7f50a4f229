"""Executables of the operator's that are run as a migration goes on.

In the folder that --hooks-path names, each executable file whose name begins with `osc-on-EVENT` is
run at that event, in the order of the names; gh-ost's names do as well. It gets what is known of
the run in the environment (`OSC_*`, and gh-ost's `GH_OST_*`) and as JSON on its standard input. One
that ends with anything but 0 ends the run, before the event happens, where the event begins with
`before-`; otherwise that is only told. The same for one that takes too long.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from osc.errors import Stopped, Usage
from osc.model.controls import Controls
from osc.model.phase import Phase
from osc.model.progress import Tracker
from osc.ops.words import record
from osc.threads import beside

LOOK_SECONDS = 0.2

EVENTS: dict[str, tuple[str, str]] = {
    "startup": ("gh-ost-on-startup", "the run begins"),
    "before-copy": ("gh-ost-on-before-row-copy", "the copy is about to begin"),
    "copied": ("gh-ost-on-row-copy-complete", "all rows are copied"),
    "before-verify": ("", "the tables are about to be compared"),
    "begin-postponed": ("gh-ost-on-begin-postponed", "the cut-over is held back"),
    "before-cut-over": ("gh-ost-on-before-cut-over", "the cut-over is about to be tried"),
    "swapped": ("", "the new table serves"),
    "success": ("gh-ost-on-success", "all is done"),
    "failure": ("gh-ost-on-failure", "the run has ended before its end"),
    "status": ("gh-ost-on-status", "every --hooks-status-interval seconds"),
}
"""Each with gh-ost's name for it and what it means."""

AT_PHASE = {
    Phase.PREFLIGHT: "startup",
    Phase.COPY: "before-copy",
    Phase.LOAD: "copied",
    Phase.VERIFY: "before-verify",
    Phase.CUT_OVER: "before-cut-over",
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

    def __post_init__(self) -> None:
        if not self.folder.is_dir():
            raise Usage(f"--hooks-path {self.folder} is no folder")

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Phases are heard of in the thread of the stage that begins one: a hook holds it up."""
        self.tracker.on_phase(self._at)
        with beside("hooks", self._watch, stop=self._over.set):
            yield

    def _at(self, phase: Phase) -> None:
        if event := AT_PHASE.get(phase):
            self.run(event)

    def _watch(self) -> None:
        waited = 0.0
        while not self._over.wait(LOOK_SECONDS):
            waited += LOOK_SECONDS
            if waited >= self.status_seconds:
                waited = 0.0
                self.run("status")
            held = bool(self.controls.steering.cut_over_waits_for)
            at_the_gate = held and self.tracker.read().phase is Phase.CUT_OVER
            if at_the_gate and not self._postponed:
                self.run("begin-postponed")
            self._postponed = at_the_gate

    def run(self, event: str) -> None:
        """All executables of the event; Stopped where one of a `before-` event says no."""
        for program in self._found(event):
            trouble = self._outcome(program, event)
            if trouble and event.startswith("before-"):
                raise Stopped(
                    f"the hook {program.name} says no: {trouble}",
                    still_true="the original serves; what was copied is kept",
                    todo="go on with `osc resume URL` when it says yes",
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
                    still_true="the original serves; what was copied is kept",
                    todo="put it back, then go on with `osc resume URL`",
                ) from error
            log.warning(said, extra={"action": "hook-failed"})
            return []

    def programs(self, event: str) -> list[Path]:
        names = [f"osc-on-{event}", *filter(None, [EVENTS[event][0]])]
        return [
            path
            for path in sorted(self.folder.iterdir())
            if path.name.startswith(tuple(names)) and path.is_file() and os.access(path, os.X_OK)
        ]

    def _outcome(self, program: Path, event: str) -> str:
        """Empty when it went well; otherwise what went wrong, in words."""
        told = {**record(self.tracker, self.controls), **self.words, "event": event}
        try:
            done = subprocess.run(
                [str(program.absolute())],
                input=json.dumps(told),
                env={**os.environ, **environment(told)},
                capture_output=True,
                text=True,
                timeout=self.limit_seconds,
            )
        except subprocess.TimeoutExpired:
            return f"it took longer than {self.limit_seconds:.0f} s"
        except OSError as error:
            return f"it can't be run: {error}"
        said = (done.stderr or done.stdout).strip()[-500:]
        return f"it ended with {done.returncode}: {said}" if done.returncode else ""


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
    return ours | {f"GH_OST_{name}": str(value) for name, value in theirs.items()}
