"""Holds the copy to what the signals leave it: the worst of them decides.

Each gauge is read by a thread of its own, since one that hangs must not keep the others from being
heard. What has not answered for a while counts as bad. A look at the newest readings, a few times a
second, gives the share that the copy may take (`osc.model.steering`): at a limit it stands still
until the reading is below it again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol

from osc.errors import OscError
from osc.model.controls import Controls
from osc.model.progress import Tracker
from osc.model.reading import Reading, worst
from osc.model.standstill import with_one
from osc.model.steering import Steering, next_share
from osc.ops.stillness import Teller, standing, standstill

LOOK_SECONDS = 0.2
STALE_SECONDS = 3.0
"""A gauge that has been silent for longer is one that has stopped answering."""
FIRST_SECONDS = 1.0
"""How long the first answers are waited for: a small table is copied in less than a look."""
PARTING_SECONDS = 1.0
CLEAR = 0.9
"""What stands still goes on when the worst reading is below this part of its limit."""


class Gauge(Protocol):
    """One signal. `read` may take its time and may raise an OscError: both count as bad."""

    @property
    def name(self) -> str: ...
    @property
    def every_seconds(self) -> float: ...
    def read(self) -> Reading: ...


@dataclass
class _Watched:
    """A gauge and what it said last."""

    gauge: Gauge
    last: Reading | None = None
    at: float = 0.0
    once: threading.Event = field(default_factory=threading.Event)

    def look(self) -> None:
        try:
            found = self.gauge.read()
        except OscError as error:
            found = Reading(self.gauge.name, trouble=error.happened)
        except Exception as error:
            found = Reading(self.gauge.name, trouble=f"it can't be read: {error!r}")
        self.last, self.at = found, time.monotonic()
        self.once.set()

    def reading(self, now: float) -> Reading | None:
        """None where it has not been read yet, and not for long enough to be called silent."""
        silent = now - self.at
        if silent > STALE_SECONDS + self.gauge.every_seconds:
            return Reading(self.gauge.name, trouble=f"no answer for {silent:.0f} s")
        return self.last


class Throttle:
    """Reads the gauges, steers, and notes the readings for whoever shows them."""

    def __init__(self, gauges: Iterable[Gauge], controls: Controls, tracker: Tracker) -> None:
        now = time.monotonic()
        self._watched = [_Watched(gauge, at=now) for gauge in gauges]
        self._controls, self._tracker = controls, tracker
        self._over = threading.Event()
        self._has_successor = False
        self._threads: list[threading.Thread] = []
        self._teller = Teller()

    def readings(self) -> list[Reading]:
        now = time.monotonic()
        found = (watched.reading(now) for watched in self._watched)
        return [reading for reading in found if reading is not None]

    @contextmanager
    def at_work(self) -> Iterator[Throttle]:
        """Steers for the length of the block; each gauge has been read once before it begins, or
        has had its time."""
        for watched in self._watched:
            self._begin(self._watching(watched))
        deadline = time.monotonic() + FIRST_SECONDS
        for watched in self._watched:
            watched.once.wait(max(0.0, deadline - time.monotonic()))
        if self._watched:
            self._look(0.0)
            self._begin(self._steer)
        try:
            yield self
        finally:
            self._over.set()
            self._part()
            if not self._has_successor:
                self._controls.steer(_freely)
                self._tracker.note(share=1.0)

    def _begin(self, body: Callable[[], None]) -> None:
        thread = threading.Thread(target=body, name="osc gauge", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _part(self) -> None:
        """Whoever closes what a gauge reads must not do so while it is being read; one that hangs
        is not waited for."""
        deadline = time.monotonic() + PARTING_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def give_way(self) -> None:
        """Another one steers already: what it holds back is not let go at this one's end."""
        self._has_successor = True

    def _watching(self, watched: _Watched) -> Callable[[], None]:
        def watch() -> None:
            watched.look()
            while not self._over.wait(watched.gauge.every_seconds):
                watched.look()

        return watch

    def _steer(self) -> None:
        at = time.monotonic()
        while not self._over.wait(LOOK_SECONDS):
            passed, at = time.monotonic() - at, time.monotonic()
            self._look(passed)

    def _look(self, passed: float) -> None:
        heard = self.readings()
        now = self._controls.steer(partial(decide, readings=heard))
        self._tracker.note(signals=tuple(heard), share=now.share)
        self._account(now, heard, passed)

    def _account(self, now: Steering, heard: Sequence[Reading], passed: float) -> None:
        here = self._tracker.read()
        self._teller.hear(here, standing(here.phase, now), passed)
        if moment := standstill(here.phase, now, heard, passed):
            self._tracker.note(standstills=with_one(here.standstills, moment))


def _freely(now: Steering) -> Steering:
    return replace(now, share=1.0, fair=1.0, held_by="", following_held_by="")


def decide(now: Steering, readings: Sequence[Reading]) -> Steering:
    """What the newest readings make of the present steering."""
    bad = worst(readings)
    severity = bad.severity if bad else 0.0
    lag = worst(reading for reading in readings if reading.holds_following)
    return replace(
        now if bad and bad.is_awaited else next_share(now, severity),
        held_by=_held(now.held_by, bad),
        following_held_by=_held(now.following_held_by, lag),
    )


def _held(before: str, bad: Reading | None) -> str:
    """Why to stand still; once stopped, what is only just below its limit still counts."""
    if bad is None:
        return ""
    limit = CLEAR if before else 1.0
    return f"throttled: {bad}" if bad.severity >= limit else ""
