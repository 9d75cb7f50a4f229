"""The whiteboard that operators write and stages read."""

from __future__ import annotations

import threading


class Controls:
    """Thread-safe. Stages call `check` between two steps and `pause` instead of sleeping."""

    def __init__(self) -> None:
        self._stopped = threading.Event()
        self._reason: BaseException | None = None
        self._lock = threading.Lock()
        self._attempts: list[Controls] = []

    def for_attempt(self) -> Controls:
        """Controls of one attempt: it stops when these do, and may stop by itself alone."""
        attempt = Controls()
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
