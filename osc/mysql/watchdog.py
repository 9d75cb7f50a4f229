"""Ends what takes too long while others wait behind us, through a connection of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from osc import errors
from osc.engine import Session, Statement

GRACE_SECONDS = 1.0
"""A killed statement says so at once; where it does not, the line is dead and the session goes."""


class Watchdog:
    """A budget in milliseconds, which `lock_wait_timeout` with its whole seconds cannot express.

    While a LOCK TABLES waits, every later statement on the table waits behind it; and behind a lock
    whose owner we can't hear any more, everybody waits until it is gone.
    """

    def __init__(self, connect: Callable[[str], Session]) -> None:
        self._killer = connect("watchdog")

    def close(self) -> None:
        self._killer.close()

    @contextmanager
    def over(self, session: Session, budget_seconds: float) -> Iterator[None]:
        """Raises LockTimeout where the block's statement isn't done in time; it is killed then, and
        a moment later its session."""
        with self._watching(budget_seconds, session, "QUERY") as expired:
            yield
        # It may be done all the same, a moment too late. The kill may still come, and then it hits
        # the next statement of the session: so there is none but to let go.
        if expired.is_set():
            raise errors.LockTimeout(f"no lock within {budget_seconds * 1000:.0f} ms")

    @contextmanager
    def ending(self, session: Session, seconds: float) -> Iterator[None]:
        """The session is ended, and its locks with it, where the block lasts longer."""
        with self._watching(seconds, session, "CONNECTION"):
            yield

    @contextmanager
    def _watching(self, seconds: float, session: Session, what: str) -> Iterator[threading.Event]:
        finished, expired = threading.Event(), threading.Event()
        deciding = threading.Lock()

        def watch() -> None:
            if finished.wait(seconds):
                return
            with deciding:
                if finished.is_set():
                    return
                expired.set()
            self._kill(f"{what} {session.id}")
            if not finished.wait(GRACE_SECONDS):
                self._kill(f"CONNECTION {session.id}")

        thread = threading.Thread(target=watch, name="osc watchdog", daemon=True)
        thread.start()
        try:
            yield expired
        finally:
            with deciding:
                finished.set()
            # Not for ever: the line that is to carry the kill may be dead as well.
            thread.join(GRACE_SECONDS)

    def _kill(self, whom: str) -> None:
        with suppress(errors.ServerError):
            self._killer.execute(Statement(f"KILL {whom}"))
