"""The words that steer a run, however they come: through the socket, or as rows of the ledger.

gh-ost's words mean here what they mean there; `NAME=?` shows the present value.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

from osc.errors import Stopped, Usage
from osc.model.controls import Controls
from osc.model.progress import Tracker
from osc.model.reading import Reading
from osc.model.steering import Steering
from osc.ops.pace import details

OPERATOR = "operator"
MOST_THREADS = 64

HELP = """\
sup                  a line: where it is
status               the same and the signals
json                 everything, as JSON
throttle             pause the copy (also: pause, suspend); changes are followed
no-throttle          go on with it (also: unthrottle, continue, resume-copy)
postpone             hold the cut-over back
unpostpone           let it (also: no-postpone, cut-over)
threads=N            connections that copy
chunk-time=SECONDS   how long a chunk should take
panic                stop at once; what was copied is kept for `osc resume`
help                 this
"""

ASKING = frozenset({"help", "sup", "status", "info", "json", "coordinates", "applier", "inspector"})


def asks(line: str) -> bool:
    """Words that change nothing need not be remembered."""
    return line.strip().lower() in ASKING or line.strip().endswith("=?")


@dataclass
class Words:
    """Obeys one word at a time and answers it; Usage where it makes no sense."""

    tracker: Tracker
    controls: Controls
    most_threads: int = MOST_THREADS

    def obey(self, line: str, by: str) -> str:
        name, mark, value = line.strip().partition("=")
        if mark:
            return self._set(name.strip().lower(), value.strip(), by)
        word = name.strip().lower()
        if word not in self._words:
            raise Usage(f"{word!r} is no word that is known here", todo="`help` lists them")
        return self._words[word](by)

    @property
    def _words(self) -> dict[str, Callable[[str], str]]:
        each = {
            self._help: ("help",),
            self._sup: ("sup",),
            self._status: ("status", "info"),
            self._json: ("json",),
            self._pause: ("throttle", "pause", "suspend"),
            self._go_on: ("no-throttle", "unthrottle", "continue", "resume-copy"),
            self._postpone: ("postpone",),
            self._unpostpone: ("unpostpone", "no-postpone", "cut-over"),
            self._panic: ("panic",),
        }
        return {word: act for act, words in each.items() for word in words}

    def _help(self, by: str) -> str:
        return HELP.rstrip()

    def _sup(self, by: str) -> str:
        now = self.tracker.read()
        return f"{now.table}: {now.phase}  {details(now, None)}".rstrip()

    def _status(self, by: str) -> str:
        steering = self.controls.steering
        lines = [self._sup(by), f"share of the copy: {steering.share:.0%}"]
        lines += [f"signal: {reading}" for reading in self.tracker.read().signals]
        for reason in (steering.verification_waits_for, steering.cut_over_waits_for):
            lines += [f"waits: {reason}"] if reason else []
        if forecast := self.tracker.read().forecast:
            lines += [f"cut-over: {forecast}"]
        return "\n".join(lines)

    def _json(self, by: str) -> str:
        return json.dumps(record(self.tracker, self.controls))

    def _pause(self, by: str) -> str:
        self.controls.steer(partial(Steering.paused, source=OPERATOR, reason=f"paused by {by}"))
        return "paused; changes are still followed"

    def _go_on(self, by: str) -> str:
        now = self.controls.steer(partial(Steering.paused, source=OPERATOR, reason=""))
        return f"not yet: {now.paused_by}" if now.paused_by else "going on"

    def _postpone(self, by: str) -> str:
        reason = f"the cut-over is postponed by {by}"
        self.controls.steer(partial(Steering.postponed, source=OPERATOR, reason=reason))
        return "the cut-over waits for `cut-over`"

    def _unpostpone(self, by: str) -> str:
        now = self.controls.steer(partial(Steering.postponed, source=OPERATOR, reason="", by=by))
        return f"not yet: {now.cut_over_waits_for}" if now.cut_over_waits_for else "it may"

    def _panic(self, by: str) -> str:
        self.controls.stop(
            Stopped(
                f"stopped by {by}",
                still_true="the original serves; what was copied is kept",
            )
        )
        return "stopping"

    def _set(self, name: str, value: str, by: str) -> str:
        knobs: dict[str, tuple[Callable[[Steering], Any], Callable[[str], Any], str]] = {
            "threads": (lambda now: now.threads, self._threads, "threads"),
            "chunk-time": (lambda now: now.chunk_seconds, _seconds, "chunk_seconds"),
        }
        if name not in knobs:
            raise Usage(
                f"{name!r} can't be set while it runs", todo=f"these can: {', '.join(knobs)}"
            )
        read, parse, of = knobs[name]
        if value == "?":
            found = read(self.controls.steering)
            return "as it was started" if found is None else str(found)
        wanted = parse(value)
        self.controls.steer(lambda now: replace(now, **{of: wanted}))
        return f"{name} is {wanted}"

    def _threads(self, text: str) -> int:
        if not text.isdigit() or not 1 <= int(text) <= self.most_threads:
            raise Usage(f"threads={text!r}", todo=f"a number from 1 to {self.most_threads}")
        return int(text)


def _seconds(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not 0 < found <= 60:
        raise Usage(f"chunk-time={text!r}", todo="seconds, above 0 and up to 60")
    return found


def _limit(reading: Reading) -> float | None:
    """JSON knows no infinity: a signal that is only shown has no limit."""
    return None if math.isinf(reading.limit) else reading.limit


def record(tracker: Tracker, controls: Controls) -> dict[str, Any]:
    """All that is known of a run, for machines."""
    now, steering = tracker.read(), controls.steering
    return {
        "schema": 1,
        **{name: value for name, value in asdict(now).items() if not name.endswith("_at")},
        "phase": str(now.phase),
        "share": round(steering.share, 3),
        "copy_waits_for": steering.copy_waits_for,
        "following_waits_for": steering.following_waits_for,
        "cut_over_waits_for": steering.cut_over_waits_for,
        "signals": [
            {
                "name": reading.name, "value": reading.value, "limit": _limit(reading),
                "unit": reading.unit, "trouble": reading.trouble,
            }
            for reading in now.signals
        ],
    }  # fmt: skip
