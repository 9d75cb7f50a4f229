"""The whiteboard that operators write and stages read."""

from __future__ import annotations

import threading
from collections.abc import Callable

from osc.model.steering import Steering

LOOK_SECONDS = 0.05
"""How soon a stage that stands still notices that it may go on."""


class Controls:
    """Thread-safe. Stages call `check` between two steps and `pause` instead of sleeping; what they
    may do at the moment is in `steering`."""

    def __init__(self) -> None:
        self._stopped = threading.Event()
        self._reason: BaseException | None = None
        self._lock = threading.Lock()
        self._attempts: list[Controls] = []
        self._wheel = _Wheel()

    @property
    def steering(self) -> Steering:
        return self._wheel.reading

    def steer(self, wish: Callable[[Steering], Steering]) -> Steering:
        """Changes what is asked for, for this attempt and those that follow."""
        return self._wheel.turn(wish)

    def wait_while(self, waits_for: Callable[[Steering], str], tell: Callable[[str], None]) -> None:
        """Returns once `waits_for` names nothing; `tell` hears what it names, and "" at the end.
        Raises what `stop` was given."""
        told = ""
        while reason := waits_for(self.steering):
            if reason != told:
                tell(reason)
                told = reason
            self.pause(LOOK_SECONDS)
        if told:
            tell("")

    def for_attempt(self) -> Controls:
        """Controls of one attempt: it stops when these do, and may stop by itself alone."""
        attempt = Controls()
        attempt._wheel = self._wheel
        with self._lock:
            self._attempts = [attempt]
            reason = self._reason
        if reason is not None:
            attempt.stop(reason)
        return attempt

    def stop(self, reason: BaseException) -> None:
        """Every stage ends at its next step; the first reason is the one that is told."""
        with self._lock:
            if self._reason is None:
                self._reason = reason
            attempts = tuple(self._attempts)
        self._stopped.set()
        for attempt in attempts:
            attempt.stop(reason)

    @property
    def stopping(self) -> bool:
        return self._stopped.is_set()

    def check(self) -> None:
        """Raises what `stop` was given."""
        if self._stopped.is_set() and self._reason is not None:
            raise self._reason

    def wait(self, seconds: float) -> None:
        """Waits so long, or until `stop`."""
        self._stopped.wait(seconds)

    def pause(self, seconds: float) -> None:
        """Waits so long, or until `stop`; then `check`."""
        self.wait(seconds)
        self.check()


class _Wheel:
    """The one `Steering` of a run, whatever attempt it is in."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.reading = Steering()

    def turn(self, wish: Callable[[Steering], Steering]) -> Steering:
        with self._lock:
            self.reading = wish(self.reading)
            return self.reading
