"""SIGINT, SIGTERM and the hang-up of a terminal turned into an orderly end."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from types import FrameType

from osc.errors import Interrupted
from osc.model.controls import Controls
from osc.threads import heeding

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
log = logging.getLogger("osc.signals")
Handler = Callable[[int, FrameType | None], None]


@contextmanager
def raising() -> Iterator[None]:
    """For what is short and has no controls: the signal is raised where the main thread stands."""

    def handle(number: int, _: FrameType | None) -> None:
        raise Interrupted(number, still_true="no table was changed")

    with _handled_by(handle):
        yield


@contextmanager
def stopping(controls: Controls) -> Iterator[None]:
    """For a migration: it is asked to stop at its next step and unwinds by itself.

    The handler only queues the number (SimpleQueue.put is the one that may be called in a handler):
    taking the locks of `controls` there could wait for ever for the main thread, which may hold
    them at the moment it was interrupted.
    """
    arrived: SimpleQueue[int] = SimpleQueue()
    watcher = threading.Thread(target=_watch, args=(arrived, controls), daemon=True)
    watcher.start()
    with heeding(controls.check), _handled_by(lambda number, _: arrived.put(number)):
        try:
            yield
        finally:
            arrived.put(0)
            watcher.join()


def _watch(arrived: SimpleQueue[int], controls: Controls) -> None:
    count = 0
    while number := arrived.get():
        count += 1
        if count == 1:
            controls.stop(_interrupted(number))
            _say("stopping at the next safe step")
        elif count == 2:
            _say("still on the way; a third signal ends osc at once and leaves that to `osc abort`")
        else:
            os._exit(128 + number)


def _interrupted(number: int) -> Interrupted:
    return Interrupted(
        number,
        still_true="the original table serves, and no row of it was changed",
        todo="run the same command again",
    )


def _say(sentence: str) -> None:
    log.warning(sentence)


@contextmanager
def _handled_by(handler: Handler) -> Iterator[None]:
    """The handlers as they were come back at the end; outside of the main thread none is set."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in STOPPING if _counts(number)}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


def _counts(number: signal.Signals) -> bool:
    """Whoever starts us by nohup wants us to go on when the terminal is closed."""
    return number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN
