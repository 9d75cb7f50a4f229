"""The protocol against 20,000 random interleavings: nothing is lost, whatever the order.

A small world stands for server, log and tool: transactions reach the log before they are visible,
chunks read snapshots and commit in any order, keys are acted on in batches, and the tool dies and
resumes. `Backlog` and `Watermark` are the real ones. The same world with one rule switched off must
go wrong: that is what shows that the model can see a loss at all.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest

from osc.model.backlog import Backlog
from osc.model.change import Delivery, KeyValue, Position
from osc.model.chunk import Chunk
from osc.model.watermark import Place, Watermark

KEYS = 6
INTERLEAVINGS = 20_000
STEPS = 120


@dataclass(frozen=True)
class Rules:
    """Which rules of the protocol are obeyed."""

    barrier: bool = True
    hold: bool = True
    source_first: bool = True
    safe_position: bool = True
    ordered: bool = True


@dataclass
class World:
    """`log` holds transactions (key → value; None deletes) and marks (an int), in commit order.

    The first `visible` entries of the log can be seen by new snapshots; `delivered` have been read.
    """

    chance: random.Random
    rules: Rules
    log: list[dict[int, int | None] | int] = field(default_factory=list)
    visible: int = 0
    delivered: int = 0
    original: dict[int, int] = field(default_factory=dict)
    shadow: dict[int, int] = field(default_factory=dict)
    done: set[int] = field(default_factory=set)
    marks: int = 0
    writes: int = 0
    saved: int = 0

    def __post_init__(self) -> None:
        self.original = {key: 0 for key in range(KEYS) if self.chance.random() < 0.7}
        if not self.rules.source_first:
            self.delivered = -1
        self.start()

    def start(self) -> None:
        """The tool begins, or begins again after it died: the ledger is all that it has."""
        self.delivered = self.saved if self.delivered >= 0 else -1
        self.watermark = Watermark(ordered=self.rules.ordered)
        self.backlog = Backlog(Position(str(self.saved)))
        self.fresh_marks: list[int] = []
        self.chunks = self._missing_chunks()
        self.in_flight: dict[int, tuple[Chunk, dict[int, int] | None]] = {}
        self.acting: list[tuple[tuple[KeyValue, ...], dict[int, int] | None]] = []
        self.started = False

    def _missing_chunks(self) -> list[Chunk]:
        """Resume dispatches again what has no row in the ledger; what has one counts as copied."""
        every = [Chunk(n, (2 * n - 1,) if n else None, (2 * n + 1,)) for n in range(KEYS // 2)]
        every[-1] = Chunk(every[-1].number, every[-1].lower, None)
        for chunk in every:
            if chunk.number in self.done:
                self.watermark.dispatch(chunk)
                self.watermark.commit(chunk)
        missing = [chunk for chunk in every if chunk.number not in self.done]
        self.resumed = bool(self.done)
        if self.resumed:
            # A resumed copy holds what lies in a missing chunk: it may be before the frontier.
            for chunk in missing:
                self.watermark.dispatch(chunk)
        return missing

    # What the application and the server do.

    def write(self) -> None:
        self.writes += 1
        changes: dict[int, int | None] = {}
        for _ in range(self.chance.randint(1, 3)):
            key = self.chance.randrange(KEYS)
            changes[key] = None if self.chance.random() < 0.3 else self.writes
        self.log.append(changes)

    def become_visible(self) -> None:
        if self.visible < len(self.log):
            entry = self.log[self.visible]
            self.visible += 1
            if isinstance(entry, dict):
                for key, value in entry.items():
                    if value is None:
                        self.original.pop(key, None)
                    else:
                        self.original[key] = value

    # What the tool does.

    def mark(self) -> None:
        self.marks += 1
        self.log.append(self.marks)

    def deliver(self) -> None:
        """A delivery: some of the log, up to a mark whose own commit is visible."""
        if self.delivered < 0:
            self.delivered = len(self.log)
        upto = min(len(self.log), self.delivered + self.chance.randint(1, 4))
        keys: list[KeyValue] = []
        barrier: int | None = None
        while self.delivered < upto:
            entry = self.log[self.delivered]
            if isinstance(entry, int):
                if self.rules.barrier and self.visible <= self.delivered:
                    break
                barrier = entry
            else:
                keys += [(key,) for key in entry]
            self.delivered += 1
            if barrier is not None:
                break
        if not self.rules.barrier:
            barrier = barrier or 0
        self.backlog.add(Delivery(tuple(keys), barrier, Position(str(self.delivered))), self.place)

    def place(self, key: KeyValue) -> Place:
        found = self.watermark.place(key)
        if not self.rules.hold and found is Place.IN_FLIGHT:
            return Place.COPIED
        return found

    def dispatch(self) -> None:
        if self.chunks and (self.started or self._first_barrier()):
            self.started = True
            chunk = self.chunks.pop(0)
            if not self.resumed:
                self.watermark.dispatch(chunk)
            self.in_flight[chunk.number] = (chunk, None)

    def _first_barrier(self) -> bool:
        """Rule 1: what had reached the log before the source opened is visible."""
        if not self.rules.source_first:
            return True
        return self.visible >= self.delivered

    def read_chunk(self) -> None:
        waiting = [number for number, (_, rows) in self.in_flight.items() if rows is None]
        if waiting:
            number = self.chance.choice(waiting)
            chunk, _ = self.in_flight[number]
            rows = {key: value for key, value in self.original.items() if _inside(chunk, key)}
            self.in_flight[number] = (chunk, rows)

    def commit_chunk(self) -> None:
        """A chunk lasts: most of the world's other steps happen while one is in flight."""
        read = [number for number, (_, rows) in self.in_flight.items() if rows is not None]
        if read and self.chance.random() < 0.2:
            number = self.chance.choice(read)
            chunk, rows = self.in_flight.pop(number)
            assert rows is not None
            self.shadow.update(rows)
            self.done.add(number)
            self.watermark.commit(chunk)

    def finish_copy(self) -> None:
        if not self.chunks and not self.in_flight:
            self.watermark.finish()

    def begin_acting(self) -> None:
        keys = self.backlog.take(self.chance.randint(1, 3), self.place)
        if keys:
            self.acting.append((keys, None))

    def read_acting(self) -> None:
        """Deletes from the shadow and reads the original: the statements of one transaction."""
        for at, (keys, rows) in enumerate(self.acting):
            if rows is None:
                asked = {int(key[0]) for key in keys}
                seen = {key: self.original[key] for key in asked & self.original.keys()}
                self.acting[at] = (keys, seen)
                return

    def commit_acting(self) -> None:
        for at, (keys, rows) in enumerate(self.acting):
            if rows is not None:
                for key in keys:
                    self.shadow.pop(int(key[0]), None)
                self.shadow.update(rows)
                self.backlog.done(keys)
                del self.acting[at]
                return

    def save(self) -> None:
        position = int(self.backlog.safe_position())
        self.saved = position if self.rules.safe_position else self.delivered

    def die(self) -> None:
        """kill -9: what was not committed is gone, the backlog with it."""
        if self.chance.random() < 0.15 and self.delivered >= 0:
            self.start()

    def drain(self) -> None:
        """The cut-over: no writer is left, everything becomes visible and is acted on."""
        while self.visible < len(self.log):
            self.become_visible()
        while self.chunks or self.in_flight:
            self.deliver()
            self.started = True
            self.dispatch()
            self.read_chunk()
            self.commit_chunk()
        self.watermark.finish()
        self.mark()
        while self.visible < len(self.log):
            self.become_visible()
        while self.delivered < len(self.log) or len(self.backlog):
            self.deliver()
            self.begin_acting()
            self.read_acting()
            self.commit_acting()


def _inside(chunk: Chunk, key: int) -> bool:
    above = chunk.lower is None or (key,) > chunk.lower
    return above and (chunk.upper is None or (key,) <= chunk.upper)


def wrong(rules: Rules, interleavings: int, seed: int = 1) -> int:
    """How many of the interleavings end with a shadow that is not the original."""
    failures = 0
    for number in range(interleavings):
        world = World(random.Random(f"{seed} {number}"), rules)
        actions = [
            *(world.write, world.become_visible, world.mark, world.deliver, world.deliver),
            *(world.dispatch, world.read_chunk, world.commit_chunk, world.finish_copy),
            *(world.begin_acting, world.read_acting, world.commit_acting),
            *(world.save, world.die),
        ]  # fmt: skip
        for _ in range(STEPS):
            world.chance.choice(actions)()
        world.drain()
        failures += world.shadow != world.original
    return failures


@pytest.mark.parametrize("ordered", [True, False], ids=["ordered keys", "keys only servers order"])
def test_no_interleaving_loses_or_changes_a_row(ordered: bool) -> None:
    assert wrong(Rules(ordered=ordered), INTERLEAVINGS // 2) == 0


def test_without_the_barrier_changes_are_lost() -> None:
    assert wrong(Rules(barrier=False), 2_000) > 0


def test_without_holding_keys_of_chunks_in_flight_changes_are_lost() -> None:
    assert wrong(Rules(hold=False), 2_000) > 0


def test_a_source_that_opens_after_the_first_chunk_loses_changes() -> None:
    assert wrong(Rules(source_first=False), 2_000) > 0


def test_a_position_that_passes_unapplied_keys_loses_them_on_resume() -> None:
    assert wrong(Rules(safe_position=False), 2_000) > 0
