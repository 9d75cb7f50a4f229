"""Ends a waiting statement of ours after a budget in milliseconds."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from osc import errors
from osc.engine import Session, Statement


class Watchdog:
    """Kills a waiting statement of ours after a budget that `lock_wait_timeout`, which counts whole
    seconds, cannot express.

    While a LOCK TABLES waits, every later statement on the table waits behind it.
    """

    def __init__(self, connect: Callable[[str], Session]) -> None:
        self._killer = connect("watchdog")

    def close(self) -> None:
        self._killer.close()

    @contextmanager
    def over(self, session: Session, budget_seconds: float) -> Iterator[None]:
        """The block's statement is killed when it is not done in time (LockTimeout)."""
        lock, finished = threading.Lock(), threading.Event()
        killed = False

        def watch() -> None:
            nonlocal killed
            if not finished.wait(budget_seconds):
                with lock:
                    if not finished.is_set():
                        killed = True
                        self._killer.execute(Statement(f"KILL QUERY {session.id}"))

        thread = threading.Thread(target=watch, name="osc watchdog", daemon=True)
        thread.start()
        try:
            yield
        finally:
            with lock:
                finished.set()
            thread.join()
            if killed:
                _let_the_kill_pass(session)


def _let_the_kill_pass(session: Session) -> None:
    """A KILL QUERY that comes too late must not hit the next statement."""
    with suppress(errors.LockTimeout):
        session.query(Statement("SELECT 1"))
