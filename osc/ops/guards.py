"""What an operator says by files, hours and limits: pause, postpone, stop at once.

Looked at a few times a second beside a run. Files are those that gh-ost's users know: while the one
to postpone is there, the cut-over waits; the one to panic ends the run (it can be resumed).
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path

from osc.engine import Gauges
from osc.errors import Guarded, OscError, Stopped
from osc.model.controls import Controls
from osc.model.hours import Hours
from osc.model.steering import Steering
from osc.threads import beside

EVERY_SECONDS = 0.2
CRITICAL_LOOKS = 2
"""A critical load counts when it is seen so often in a row: one reading may be an accident."""


@dataclass
class Guards:
    """`critical` are limits of gauges; beyond one, the run sleeps for `hibernate_seconds`, or stops
    where these are 0. `told` hears each wish that comes or goes, as an operator's word would be
    remembered: the word, who says it, and what came of it."""

    controls: Controls
    pause_files: tuple[Path, ...] = ()
    postpone_files: tuple[Path, ...] = ()
    panic_file: Path | None = None
    cut_over_hours: Hours | None = None
    critical: Mapping[str, float] = field(default_factory=dict)
    hibernate_seconds: float = 0.0
    gauges: Gauges | None = None
    now: Callable[[], datetime] = datetime.now
    told: Callable[[str, str, str], None] = lambda words, by, answer: None
    _over: threading.Event = field(default_factory=threading.Event)
    _has_panicked: bool = False
    _seen: int = 0
    _awake_at: float = 0.0

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Looks for the length of the block, and once before it begins: the cut-over of a small
        table must not be over before the first look."""
        self.look()
        with beside("guards", self._run, stop=self._over.set):
            yield

    @property
    def sources(self) -> frozenset[str]:
        """The names under which it wishes."""
        panic = (self.panic_file,) if self.panic_file else ()
        files = {str(path) for path in (*self.pause_files, *self.postpone_files, *panic)}
        others = {"hours"} if self.cut_over_hours else set()
        return frozenset(files | others | ({"critical load"} if self.critical else set()))

    def _run(self) -> None:
        while not self._over.wait(EVERY_SECONDS):
            self.look()

    def look(self) -> None:
        if self.panic_file:
            self._look_for_panic(self.panic_file)
        for path in self.pause_files:
            self._wish(Steering.paused, path, "paused by {}")
        for path in self.postpone_files:
            gone = partial(Steering.postponed, by=f"the end of the file {path}")
            self._wish(gone, path, "the cut-over is postponed by {}")
        if self.cut_over_hours:
            self._keep_the_hours(self.cut_over_hours)
        if self.critical and self.gauges:
            self._watch_the_load(self.gauges)

    def _look_for_panic(self, path: Path) -> None:
        if not os.path.exists(
            path
        ):  # It is of no use to stop a run because a folder can't be read.
            self._wish(Steering.paused, path, "paused by {}")
        elif not self._has_panicked:
            self._has_panicked = True
            self.told("panic", f"the file {path}", "stopping")
            self.controls.stop(
                Stopped(
                    f"the panic file {path} is there",
                    still_true="the original serves; what was copied is kept",
                    todo="remove the file",
                )
            )

    def _wish(
        self, kind: Callable[[Steering, str, str], Steering], path: Path, reason: str
    ) -> None:
        seen = _seen(path)
        self._steer(kind, str(path), reason.format(seen) if seen else "", f"the file {path}")

    def _keep_the_hours(self, hours: Hours) -> None:
        open_now = hours.include(self.now().time())
        reason = "" if open_now else f"the cut-over waits for its hours, {hours}"
        name = f"the hours {hours}"
        self._steer(partial(Steering.postponed, by=name), "hours", reason, name)

    def _watch_the_load(self, gauges: Gauges) -> None:
        if time.monotonic() < self._awake_at:
            return
        found = self._critical(gauges)
        self._seen = self._seen + 1 if found else 0
        if self._seen >= CRITICAL_LOOKS:
            self._give_way(found)
        elif not found:
            self._steer(Steering.paused, "critical load", "", "the critical load")

    def _steer(
        self, wish: Callable[[Steering, str, str], Steering], source: str, reason: str, by: str
    ) -> None:
        """One source's wish; whoever asks later is told when it came and when it went."""
        before = self.controls.steering
        after = self.controls.steer(lambda now: wish(now, source, reason))
        for came, went, was, now in (
            ("pause", "resume-copy", before.pauses, after.pauses),
            ("postpone", "unpostpone", before.postponements, after.postponements),
        ):
            if bool(dict(was).get(source)) is not bool(dict(now).get(source)):
                self.told(came if reason else went, by, reason)

    def _critical(self, gauges: Gauges) -> str:
        for name, limit in self.critical.items():
            try:
                value = gauges.read(name)
            except OscError as error:
                return f"{name} can't be read: {error.happened}"
            if value >= limit:
                return f"{name} is {value:,.0f}, and {limit:,.0f} is critical"
        return ""

    def _give_way(self, found: str) -> None:
        if self.hibernate_seconds:
            reason = f"hibernating for {self.hibernate_seconds:.0f} s: {found}"
            self._seen, self._awake_at = 0, time.monotonic() + self.hibernate_seconds
            self._steer(Steering.paused, "critical load", reason, "the critical load")
            return
        self.told("panic", "the critical load", found)
        self.controls.stop(
            Guarded(
                f"a critical load: {found}",
                still_true="the original serves; what was copied is kept",
                todo="wait until the server is calmer",
            )
        )


def _seen(path: Path) -> str:
    """What is to be said of a file that is there; empty where it isn't. A folder that can't be
    looked into any more is as bad as a signal that has stopped answering."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError as error:
        return f"the file {path}, which can't be looked for: {error.strerror}"
    return f"the file {path}"
