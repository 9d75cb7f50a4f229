"""The words that steer a run, however they come: through the socket, or as rows of the ledger.

gh-ost's words mean here what they mean there; `NAME=?` shows the present value.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

from osc.config import CHANGEABLE
from osc.errors import Stopped, Usage
from osc.model.controls import Controls
from osc.model.phase import Phase
from osc.model.progress import Tracker
from osc.model.reading import Reading
from osc.model.spread import Spread
from osc.model.steering import OPERATOR, Steering
from osc.ops.helm import Helm
from osc.ops.pace import details

MOST_THREADS = 64
LIMITS = ", ".join(name.replace("_", "-") for name in CHANGEABLE)

HELP = f"""\
sup                  a line: where it is
status               the same and the signals (also: info)
json                 everything, as JSON
coordinates          where in the server's log a resume would go on
throttle             pause the copy and the cut-over (also: pause, suspend); changes are followed
no-throttle          go on with it (also: unthrottle, continue, resume, resume-copy)
postpone             hold the cut-over back
unpostpone           let it (also: no-postpone, cut-over)
panic                stop at once; what was copied is kept for `osc resume`
threads=N            connections that copy
chunk-time=SECONDS   how long a chunk should take
NAME=VALUE           any of {LIMITS}; NAME= takes it away
max-lag-millis=N     the same as max-lag, in milliseconds
throttle-control-replicas=A,B  the same as replica
NAME=?               the present value
help                 this

throttle, no-throttle, unpostpone and panic may name the table: throttle=orders."""

ASKING = frozenset({"help", "sup", "status", "info", "json", "coordinates", "applier", "inspector"})
BEFORE = (Phase.PLAN, Phase.PREFLIGHT)
"""Nothing is begun yet."""
PAUSED = {
    **dict.fromkeys(Phase, "changes are still followed"),
    **dict.fromkeys(BEFORE, "no row will be copied and no step be taken"),
    Phase.SHADOW: "no row will be copied",
    Phase.NATIVE: "a step that is under way goes on, the next one waits",
    Phase.LOAD: "what is being built goes on, and after it all stands still",
    Phase.CUT_OVER: "the cut-over waits, and changes are still followed",
}
"""What it means to pause in each phase."""
SWAPPED = (Phase.AFTERCARE, Phase.CLEANUP, Phase.DONE)
AT_THE_HELM = frozenset(
    (
        *(name.replace("_", "-") for name in CHANGEABLE),
        "max-lag-millis",
        "throttle-control-replicas",
    )
)
GONE = {
    "chunk-size": "chunks are sized by time: chunk-time=SECONDS",
    "dml-batch-size": "batches of changes are sized by themselves",
    "cpu-profile": "there is no profile; `status` tells what it waits for",
}
"""Words of gh-ost's that have no meaning here, each with its answer."""


def asks(line: str) -> bool:
    """Words that change nothing need not be remembered."""
    word = line.strip().lower()
    return word in ASKING or word.endswith("=?") or word.partition("=")[0] in GONE


@dataclass
class Words:
    """Obeys one word at a time and answers it; Usage where it makes no sense. `position` is what
    the ledger has of the place in the server's log."""

    tracker: Tracker
    controls: Controls
    most_threads: int = MOST_THREADS
    helm: Helm | None = None
    position: Callable[[], str | None] = lambda: None

    def obey(self, line: str, by: str) -> str:
        name, mark, value = line.strip().partition("=")
        word, value = name.strip().lower(), value.strip()
        if word in GONE:
            return GONE[word]
        if mark and word in self._of_a_table:
            self._require_this_table(value)
        elif mark:
            return self._set(word, value, by)
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
            self._coordinates: ("coordinates",),
            self._server: ("applier", "inspector"),
            **self._steering,
        }
        return {word: act for act, words in each.items() for word in words}

    @property
    def _steering(self) -> dict[Callable[[str], str], tuple[str, ...]]:
        return {
            self._pause: ("throttle", "pause", "suspend"),
            self._go_on: ("no-throttle", "unthrottle", "continue", "resume", "resume-copy"),
            self._postpone: ("postpone",),
            self._unpostpone: ("unpostpone", "no-postpone", "cut-over"),
            self._panic: ("panic",),
        }

    @property
    def _of_a_table(self) -> set[str]:
        return {word for words in self._steering.values() for word in words}

    def _require_this_table(self, named: str) -> None:
        """Whoever steers several runs says which one he means."""
        table = self.tracker.read().table
        if named.replace("`", "").replace('"', "") not in (table, table.rpartition(".")[2]):
            raise Usage(f"this run is of {table}, not of {named}")

    def _help(self, by: str) -> str:
        return HELP

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

    def _coordinates(self, by: str) -> str:
        return self.position() or "none is saved yet"

    def _server(self, by: str) -> str:
        return "one server: rows are copied, changes applied and tables swapped where they are"

    def _pause(self, by: str) -> str:
        self._refuse_after_the_swap("pause")
        wish = partial(Steering.paused, source=OPERATOR, reason=f"paused by {by}")
        now = self.controls.steer(wish)
        return f"paused; {self._too_late(now) or PAUSED[self.tracker.read().phase]}"

    def _go_on(self, by: str) -> str:
        before = self.controls.steering
        now = self.controls.steer(partial(Steering.paused, source=OPERATOR, reason=""))
        if now.copy_waits_for:
            return f"not yet: {now.copy_waits_for}"
        return "going on" if before.paused_by else "nothing was paused; it goes on"

    def _postpone(self, by: str) -> str:
        self._refuse_after_the_swap("postpone")
        reason = f"the cut-over is postponed by {by}"
        now = self.controls.steer(partial(Steering.postponed, source=OPERATOR, reason=reason))
        return self._too_late(now) or "the cut-over waits for `cut-over`"

    def _unpostpone(self, by: str) -> str:
        if (here := self.tracker.read()).phase in SWAPPED:
            return f"it is done: {here.table} has its new schema"
        now = self.controls.steer(partial(Steering.postponed, source=OPERATOR, reason="", by=by))
        return f"not yet: {now.cut_over_waits_for}" if now.cut_over_waits_for else "it may"

    def _refuse_after_the_swap(self, word: str) -> None:
        now = self.tracker.read()
        if now.phase in SWAPPED:
            raise Usage(f"it is too late to {word}: {now.table} has its new schema ({now.phase})")

    def _too_late(self, now: Steering) -> str:
        return "an attempt at the lock is under way; the next one waits" if now.attempting else ""

    def _panic(self, by: str) -> str:
        here = self.tracker.read()
        serves = "the new table serves" if here.phase in SWAPPED else "the original serves"
        kept = "nothing was begun" if here.phase in BEFORE else "what was done so far is kept"
        self.controls.stop(Stopped(f"stopped by {by}", still_true=f"{serves}; {kept}"))
        later = "nothing was begun" if here.phase in BEFORE else "`osc resume` goes on"
        return f"stopping in {here.phase}; {serves}, and {later}"

    def _set(self, name: str, value: str, by: str) -> str:
        knobs = self._knobs(by)
        if self.helm is None and name in AT_THE_HELM:
            phase = self.tracker.read().phase
            todo = "say it again once the copy has begun" if phase not in SWAPPED else ""
            raise Usage(
                f"{name} can't be set in {phase}: nothing that it could hold back is done",
                todo=todo,
            )
        if name not in knobs:
            raise Usage(
                f"{name!r} can't be set while it runs", todo=f"these can: {', '.join(knobs)}"
            )
        read, change = knobs[name]
        if value == "?":
            return read()
        return f"{name} is {change(value) or 'taken away'}"

    def _knobs(self, by: str) -> dict[str, tuple[Callable[[], str], Callable[[str], str]]]:
        """Each with what reads it and what changes it, which gives the value that it has then."""
        now = self.controls.steering
        known: dict[str, tuple[Callable[[], str], Callable[[str], str]]] = {
            "threads": (lambda: _or_as_started(now.threads), self._threads),
            "chunk-time": (lambda: _or_as_started(now.chunk_seconds), self._chunk_time),
        }
        if (helm := self.helm) is None:
            return known
        for name in CHANGEABLE:
            changing = partial(helm.change, name, by=by)
            known[name.replace("_", "-")] = (partial(helm.value, name), changing)
        read, change = known["max-lag"]
        known["max-lag-millis"] = (
            lambda: f"{float(read()) * 1000:g}",
            lambda text: f"{float(change(_from_millis(text))) * 1000:g}",
        )
        known["throttle-control-replicas"] = (
            known["replica"][0],
            lambda text: known["replica"][1](_as_urls(text)),
        )
        return known

    def _threads(self, text: str) -> str:
        if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= self.most_threads:
            raise Usage(f"threads={text!r}", todo=f"a number from 1 to {self.most_threads}")
        self.controls.steer(lambda now: replace(now, threads=int(text)))
        return str(int(text))

    def _chunk_time(self, text: str) -> str:
        wanted = _number(text)
        if not 0 < wanted <= 60:
            raise Usage(f"chunk-time={text!r}", todo="seconds, above 0 and up to 60")
        self.controls.steer(lambda now: replace(now, chunk_seconds=wanted))
        return str(wanted)


def _or_as_started(value: float | None) -> str:
    return "as it was started" if value is None else str(value)


def _number(text: str) -> float:
    """NaN where it is none, which is in no range."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def _from_millis(text: str) -> str:
    if math.isnan(millis := _number(text)):
        raise Usage(f"max-lag-millis={text!r}", todo="a number of milliseconds, such as 1500")
    return f"{millis / 1000:g}"


def _as_urls(text: str) -> str:
    """gh-ost names hosts and ports alone."""
    each = (one.strip() for one in text.split(","))
    return ",".join(one if "://" in one or not one else f"mysql://{one}/" for one in each)


def _limit(reading: Reading) -> float | None:
    """JSON knows no infinity: a signal that is only shown has no limit."""
    return None if math.isinf(reading.limit) else reading.limit


def _chunks(took: Spread) -> dict[str, float | int | None]:
    """Bounds that half of them, and most, did not exceed; null where they did the last bound."""
    found = {"count": took.count, "sum": round(took.seconds, 3)}
    return {**found, "p50": took.quantile(0.5), "p95": took.quantile(0.95)}


def record(tracker: Tracker, controls: Controls) -> dict[str, Any]:
    """All that is known of a run, for machines."""
    now, steering = tracker.read(), controls.steering
    return {
        "schema": 1,
        **{name: value for name, value in asdict(now).items() if not name.endswith("_at")},
        "phase": str(now.phase),
        "backlog_seconds": round(now.backlog_seconds(time.monotonic()), 1),
        "chunk_seconds": _chunks(now.chunk_seconds),
        "share": round(steering.share, 3),
        "copy_waits_for": steering.copy_waits_for,
        "following_waits_for": steering.following_waits_for,
        "cut_over_waits_for": steering.cut_over_waits_for,
        "signals": [
            {
                "name": reading.name, "value": reading.value, "limit": _limit(reading),
                "unit": reading.unit, "trouble": reading.trouble, "says": str(reading),
            }
            for reading in now.signals
        ],
    }  # fmt: skip
