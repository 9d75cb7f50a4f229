"""Threads whose first error is the one that counts."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

CHECK_SECONDS = 0.2
_heeded: ContextVar[Callable[[], None]] = ContextVar("heeded", default=lambda: None)


class Crew:
    """Runs functions in threads of their own; `join` raises what the first of them raised.

    `on_error` is called at once, in the failing thread, so that the others can be told to stop.
    """

    def __init__(self, on_error: Callable[[BaseException], None]) -> None:
        self._on_error = on_error
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._error: BaseException | None = None

    def start(self, name: str, body: Callable[[], None]) -> None:
        thread = threading.Thread(target=self._run, args=(body,), name=f"osc {name}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join()
        self._threads.clear()
        if self._error is not None:
            raise self._error

    def _run(self, body: Callable[[], None]) -> None:
        try:
            body()
        except BaseException as error:
            with self._lock:
                first = self._error is None
                self._error = self._error or error
            if first:
                self._on_error(error)


@contextmanager
def beside(name: str, body: Callable[[], None], *, stop: Callable[[], None]) -> Iterator[None]:
    """Runs `body` in a thread while the block lasts; `stop` must make it return.

    The block's own error wins over the thread's; a thread that failed alone raises at the end.
    """
    crew = Crew(on_error=lambda error: None)
    crew.start(name, body)
    try:
        yield
    except BaseException:
        stop()
        _join_quietly(crew)
        raise
    stop()
    crew.join()


def _join_quietly(crew: Crew) -> None:
    try:
        crew.join()
    except Exception:
        # The block has raised already, most likely because of this very error.
        return


@contextmanager
def breakable(check: Callable[[], None], break_off: Callable[[], None]) -> Iterator[None]:
    """For a block that waits long, as an index build does. `check` is asked now and then beside it;
    once it raises, `break_off` makes the block fail, and what `check` raised is the outcome."""
    over = threading.Event()
    reasons: list[BaseException] = []

    def watch() -> None:
        while not over.wait(CHECK_SECONDS):
            try:
                check()
            except BaseException as reason:
                reasons.append(reason)
                break_off()
                return

    watcher = threading.Thread(target=watch, name="osc breakable", daemon=True)
    watcher.start()
    try:
        yield
    except Exception as error:
        over.set()
        watcher.join()
        if reasons:
            raise reasons[0] from error
        raise
    finally:
        over.set()
        watcher.join()


@contextmanager
def heeding(check: Callable[[], None]) -> Iterator[None]:
    """In the block, what waits in this thread without a check of its own is ended by this one."""
    before = _heeded.set(check)
    try:
        yield
    finally:
        _heeded.reset(before)


def heed() -> None:
    """Raises what ends the waiting, if anything does."""
    _heeded.get()()


class Turns:
    """A lock that is given in the order in which it was asked for; the holder may take it again.

    `threading.Lock` lets a thread that releases and takes it in a loop starve all others.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: deque[object] = deque()
        self._holder: int | None = None
        self._depth = 0

    def __enter__(self) -> None:
        me, ticket = threading.get_ident(), object()
        with self._changed:
            if self._holder != me:
                self._waiting.append(ticket)
                self._changed.wait_for(lambda: self._holder is None and self._waiting[0] is ticket)
                self._waiting.popleft()
                self._holder = me
            self._depth += 1

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._depth -= 1
            if self._depth == 0:
                self._holder = None
                self._changed.notify_all()
