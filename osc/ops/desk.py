"""The desk of a run: takes orders that come through the database, and shows how far it is there.

It is there before the run has a number: words that come through the socket are obeyed at once, and
kept as soon as there is a row to keep them with.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from osc.config import Settings
from osc.engine import Board, Ledger
from osc.errors import OscError, Precondition, ServerError, Usage
from osc.ops import kept
from osc.ops.redact import redacted
from osc.ops.words import Words, asks, record
from osc.threads import beside

log = logging.getLogger("osc.desk")

EVERY_SECONDS = 0.5
SHOW_SECONDS = 2.0
ANSWER_SECONDS = 15.0
"""How long an operator waits for a run to obey."""
ALIVE_SECONDS = 1.0
"""How often whoever waits looks whether the run is still there."""


@dataclass
class Desk:
    """A server that can't be asked for a moment is no trouble: an order waits, a report ages.
    `migration` is 0 while the run has no number; `settings` are those that it was started with."""

    board: Board
    ledger: Ledger
    words: Words
    settings: Settings
    migration: int = 0
    _show_at: float = 0.0
    _to_note: deque[tuple[str, str, str]] = field(default_factory=deque)
    _kept: str = ""

    @contextmanager
    def sitting(self, migration: int) -> Iterator[None]:
        """For whoever holds the claim: orders to this migration are obeyed for the length of the
        block."""
        self.migration, over = migration, threading.Event()
        self._keep()
        self.words.position = lambda: self.ledger.checkpoint(migration).position
        try:
            with beside("desk", lambda: self._run(over), stop=over.set):
                yield
        finally:
            with suppress(ServerError):
                self._write_notes()

    def hear(self, words: str, by: str) -> str:
        """Words that came another way than through the ledger: obeyed, and written into it as soon
        as the server can be asked."""
        answer = self.words.obey(words, by)
        if not asks(words):
            self.note(words, by, answer)
        return answer

    def note(self, words: str, by: str, answer: str) -> None:
        """To be kept, as soon as the server can be asked."""
        self._to_note.append((redacted(words.strip()), by, answer))
        _log(words.strip(), by, answer)

    def _run(self, over: threading.Event) -> None:
        while True:
            try:
                self.look()
            except ServerError:
                self._show_at = time.monotonic() + SHOW_SECONDS
            if over.wait(EVERY_SECONDS):
                return

    def _write_notes(self) -> None:
        while self._to_note:
            self.board.note(self.migration, *self._to_note[0])
            self._to_note.popleft()

    def _keep(self) -> None:
        """Whoever goes on with the run will be allowed what it is allowed now."""
        allowed = kept.written(kept.present(self.settings, self.words.controls.steering))
        if allowed != self._kept:
            self.ledger.save(self.migration, settings=allowed)
            self._kept = allowed

    def look(self) -> None:
        self._write_notes()
        for order in self.board.orders(self.migration):
            by = f"{order.by}, through the ledger"
            answer = self._obeyed(order.words, by)
            self.board.answer(order.number, answer)
            if not asks(order.words):
                _log(order.words, by, answer)
        self._keep()
        if time.monotonic() >= self._show_at:
            self._show_at = time.monotonic() + SHOW_SECONDS
            seen = record(self.words.tracker, self.words.controls)
            self.board.show(self.migration, json.dumps(seen))

    def _obeyed(self, words: str, by: str) -> str:
        try:
            return self.words.obey(words, by)
        except OscError as error:
            return f"error: {error}"


def _log(words: str, by: str, answer: str) -> None:
    said = redacted(words)
    log.info(
        "%s, by %s: %s", said, by, answer,
        extra={"action": "said", "words": said, "by": by, "answer": answer},
    )  # fmt: skip


def say(
    board: Board,
    migration: int,
    words: str,
    by: str,
    is_alive: Callable[[], bool] = lambda: True,
) -> str:
    """Words to a run, wherever it is, and its answer; Precondition where none comes in time, or
    where its process dies before it has answered."""
    if redacted(words) != words:
        raise Usage(
            "these words have a password in them, and would be kept in the ledger",
            todo="leave it out: a replica lets us in as its server does; or say it through the "
            "run's own socket (--control-socket)",
        )
    number = board.order(migration, words, by)
    deadline = time.monotonic() + ANSWER_SECONDS
    waiting, look_at = threading.Event(), time.monotonic() + ALIVE_SECONDS
    while (text := board.answered(number)) is None:
        if time.monotonic() > deadline:
            raise _unanswered(
                board, number, f"migration {migration} did not answer within {ANSWER_SECONDS:.0f} s"
            )
        if time.monotonic() > look_at:
            look_at = time.monotonic() + ALIVE_SECONDS
            if not is_alive() and (text := board.answered(number)) is None:
                raise _unanswered(board, number, f"the process of migration {migration} is gone")
        waiting.wait(0.1)
    return text


def _unanswered(board: Board, number: int, happened: str) -> Precondition:
    board.answer(number, "nobody was there")
    return Precondition(
        happened,
        still_true="the order was taken back",
        todo="`osc status URL` says whether its process is alive, and where it is",
    )
