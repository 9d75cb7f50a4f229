"""What an operator watches during a migration: a live bar on a terminal, lines everywhere else.

Neither may hurt the migration: a thread of its own reads the whiteboard, and where its output can't
be written any more it is lost, nothing else.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue
from typing import Protocol

import structlog
from rich.console import Console, Group
from rich.live import Live
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from osc.model.phase import FINISHED, Phase
from osc.model.progress import Progress, Tracker
from osc.ops.pace import Pace, Speed, details, numbers, outcome, reasons, signals, step
from osc.ops.units import duration

PHASE_WIDTH = 12
BAR_WIDTH = 20
NARROWEST_FOR_A_BAR = 72

log = structlog.stdlib.get_logger("osc.progress")


class Face(Protocol):
    """One way to show progress."""

    interval_seconds: float

    def began(self, ended: Progress, progress: Progress) -> None:
        """A phase began; `ended` has the phase before it and its last counts."""
        ...

    def tick(self, progress: Progress, speed: Speed | None) -> None: ...
    def close(self) -> None: ...


@contextmanager
def shown(tracker: Tracker, face: Face) -> Iterator[None]:
    """Shows what stages write on the whiteboard until the block ends."""
    news: SimpleQueue[Progress | None] = SimpleQueue()
    tracker.on_phase(lambda _: news.put(tracker.read()))
    watcher = threading.Thread(target=_watch, args=(tracker, face, news), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        news.put(None)
        watcher.join()


def _watch(tracker: Tracker, face: Face, news: SimpleQueue[Progress | None]) -> None:
    pace, phase = Pace(), tracker.read().phase
    try:
        while True:
            try:
                progress = news.get(timeout=face.interval_seconds)
            except Empty:
                here = tracker.read()
                face.tick(here, pace.speed(here, time.monotonic()))
                continue
            if progress is None:
                return
            # What is read just after a phase has ended are its last counts.
            face.began(replace(progress, phase=phase), progress)
            phase = progress.phase
    except OSError:
        return  # nobody is left to look
    finally:
        face.close()


class Lines:
    """A line at each phase and one every 30 seconds, through the log: text or JSON as it is."""

    interval_seconds = 30.0

    def began(self, ended: Progress, progress: Progress) -> None:
        done = outcome(ended)
        sentence = f"{progress.phase}" + (f" (after {ended.phase} of {done})" if done else "")
        log.info(sentence, action="phase", **_fields(progress))

    def tick(self, progress: Progress, speed: Speed | None) -> None:
        sentence = f"{progress.phase}  {details(progress, speed)}".rstrip()
        log.info(
            sentence,
            action="progress",
            rows_per_second=round(speed.rate if speed else 0),
            **_fields(progress),
        )

    def close(self) -> None:
        pass


def _fields(progress: Progress) -> dict[str, object]:
    return {
        "phase": str(progress.phase),
        "table": progress.table,
        "rows_copied": progress.rows_copied,
        "rows_estimated": progress.rows_estimated,
        "rows_verified": progress.rows_verified,
        "backlog": progress.backlog,
        "backlog_seconds": round(progress.backlog_seconds(time.monotonic()), 1),
        "waiting_for": progress.waiting_for,
    }


class Silence:
    """Nothing at all (--quiet)."""

    interval_seconds = 3600.0

    def began(self, ended: Progress, progress: Progress) -> None:
        pass

    def tick(self, progress: Progress, speed: Speed | None) -> None:
        pass

    def close(self) -> None:
        pass


class Bar:
    """The phases that are over, a line each, and the one that runs as a bar below them."""

    interval_seconds = 0.15

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._live = Live(console=self._console, auto_refresh=False, transient=True)
        self._live.start()
        self._phase_started_at = time.monotonic()

    def began(self, ended: Progress, progress: Progress) -> None:
        seconds = progress.phase_started_at - self._phase_started_at
        self._phase_started_at = progress.phase_started_at
        if progress.phase is Phase.FAILED:
            self._line("✗", "red", ended, seconds)
        elif progress.phase is Phase.STOPPED:
            self._line("‖", "yellow", ended, seconds)
        else:
            self._line("✓", "green", ended, seconds)
        if progress.phase in FINISHED:
            self._live.update("", refresh=True)
        else:
            self.tick(progress, None)

    def tick(self, progress: Progress, speed: Speed | None) -> None:
        if progress.phase not in FINISHED:
            now = _Now(progress, speed).shown(self._console.width)
            self._live.update(now, refresh=True)

    def close(self) -> None:
        self._live.stop()

    def _line(self, mark: str, style: str, ended: Progress, seconds: float) -> None:
        line = Text.assemble(
            (f"{mark} ", style), f"{ended.phase:<10}", f"{duration(seconds):>12}   ", outcome(ended)
        )
        self._live.console.print(line, soft_wrap=True)


@dataclass(frozen=True)
class _Now:
    """The running phase: a row of the terminal, and below it what it waits for."""

    progress: Progress
    speed: Speed | None

    def shown(self, width: int) -> Group:
        """On a terminal of so many columns; a narrow one has no room for a bar."""
        row = Table.grid(padding=(0, 1))
        row.add_column(no_wrap=True, width=PHASE_WIDTH)
        has_bar, left = width >= NARROWEST_FOR_A_BAR, width - PHASE_WIDTH - 2
        if has_bar:
            row.add_column(no_wrap=True, width=BAR_WIDTH)
            left -= BAR_WIDTH + 1
        # Columns that together are wider than the terminal would all be made narrower.
        row.add_column(no_wrap=True, overflow="ellipsis", width=max(left, 1))
        told = (*((self._bar(),) if has_bar else ()), numbers(self.progress, self.speed))
        row.add_row(f"  {self.progress.phase}", *told)
        below = [(reasons(self.progress, self.speed), "yellow"), (signals(self.progress), "dim")]
        return Group(
            row,
            *(
                Padding(Text(told, style=style), (0, 0, 0, PHASE_WIDTH + 1))
                for told, style in below
                if told
            ),
        )

    def _bar(self) -> ProgressBar:
        here = step(self.progress)
        share = here.share if here is not None else None
        if share is None:
            return ProgressBar(pulse=True, animation_time=time.monotonic(), width=BAR_WIDTH)
        return ProgressBar(total=1.0, completed=share, width=BAR_WIDTH)


def face(*, quiet: bool, log_format: str) -> Face:
    """The one that suits where stderr goes."""
    if quiet:
        return Silence()
    if log_format == "text" and _is_live_terminal():
        return Bar()
    return Lines()


def _is_live_terminal() -> bool:
    # Console.is_terminal also says yes to FORCE_COLOR, which asks for colours and not for a bar.
    return sys.stderr.isatty() and not Console(stderr=True).is_dumb_terminal
