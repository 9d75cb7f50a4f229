"""The ports in memory: a server of two small tables, and a source, ledger and swapper around it.

A statement's `sql` is a verb and its parameters are Python values, so that a test can read what was
done in `FakeServer.log`. What is to go wrong stands in `FakeServer.failures`: for each verb the
errors that its next executions raise; None lets one pass.
"""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from osc import errors
from osc.engine import Checkpoint, Job, Names, Run, Session, Statement, Swapped, Sync
from osc.model import alter
from osc.model.blocker import Blocker
from osc.model.change import Delivery, KeyValue, Position
from osc.model.chunk import Chunk, ChunkSize
from osc.model.columns import ColumnMap, Pair
from osc.model.controls import Controls
from osc.model.onlookers import Onlookers
from osc.model.table import Column, Key, Table, TableName
from osc.stages.fence import Fence

Rows = dict[KeyValue, str]
FENCE = Fence(Statement("fence", (1,)))
ORDERS = Table(
    TableName("shop", "orders"),
    (
        Column("id", "int", nullable=False, sortable=True, ordinal=1),
        Column("note", "text", ordinal=2),
    ),
    (Key("PRIMARY", ("id",), primary=True),),
    identity="1",
)
SHADOW = Table(TableName("shop", "_orders_new"), ORDERS.columns, ORDERS.keys, identity="2")
JOB = Job(
    id=7,
    original=ORDERS,
    shadow=SHADOW,
    names=Names(SHADOW.name, TableName("shop", "_orders_old")),
    alter=alter.from_clauses("orders", "FORCE", mysql=True),
    columns=ColumnMap((Pair("id", "id", "id"), Pair("note", "note", "note")), ("id",), ("id",)),
    key=ORDERS.keys[0],
    sortable=True,
)


class Hurried(Controls):
    """Nobody waits: what a stage would have waited for is noted."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)


@dataclass
class FakeServer:
    """`unique` says that the shadow's notes are unique, as under a new UNIQUE key."""

    original: Rows = field(default_factory=dict)
    shadow: Rows = field(default_factory=dict)
    unique: bool = False
    copied: list[int] = field(default_factory=list)
    log: list[tuple[str, Any]] = field(default_factory=list)
    failures: dict[str, deque[Exception | None]] = field(default_factory=lambda: defaultdict(deque))
    on: dict[str, Callable[[], None]] = field(default_factory=dict)
    opened: list[FakeSession] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)
    generation: int = 1

    def connect(self, purpose: str) -> Session:
        self.opened.append(FakeSession(self, purpose, len(self.opened) + 1))
        return self.opened[-1]

    def fail(self, verb: str, *what: Exception | None) -> None:
        self.failures[verb].extend(what)

    def did(self, *verbs: str) -> list[Any]:
        """The first parameter of each execution of these verbs."""
        return [given for verb, given in self.log if verb in verbs]

    def insert(self, rows: Rows) -> int:
        for key, note in rows.items():
            if key in self.shadow:
                raise errors.DuplicateKey(f"key {key} is there")
            if self.unique and note in self.shadow.values():
                raise errors.DuplicateKey(f"note {note} is there")
            self.shadow[key] = note
        return len(rows)


@dataclass
class FakeSession:
    """The port `Session`."""

    server: FakeServer
    purpose: str
    id: int
    closed: bool = False

    def execute(self, statement: Statement) -> int:
        with self.server.lock:
            return int(self._run(statement) or 0)

    def query(self, statement: Statement) -> list[tuple[Any, ...]]:
        with self.server.lock:
            return list(self._run(statement))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        server = self.server
        with server.lock:
            before = dict(server.shadow), list(server.copied)
            try:
                yield
            except BaseException:
                server.shadow, server.copied = before
                server.log.append(("rollback", None))
                raise
            server.log.append(("commit", None))

    def close(self) -> None:
        self.closed = True

    def _run(self, statement: Statement) -> Any:
        assert not self.closed, f"{statement} on the closed session {self.purpose!r}"
        server, verb, given = self.server, statement.sql, statement.parameters
        server.log.append((verb, given[0] if given else None))
        server.on.get(verb, lambda: None)()
        if server.failures[verb] and (error := server.failures[verb].popleft()):
            raise error
        return getattr(self, f"_{verb}")(*given)

    def _fence(self, generation: int) -> list[tuple[int]]:
        return [(generation,)] if generation == self.server.generation else []

    def _limit(self, seconds: float) -> None:
        """Nobody takes long here."""

    def _setting(self) -> None:
        """Nothing to set here."""

    def _delete(self, keys: Sequence[KeyValue]) -> int:
        return sum(self.server.shadow.pop(key, None) is not None for key in keys)

    def _insert(self, keys: Sequence[KeyValue]) -> int:
        original = self.server.original
        return self.server.insert({key: original[key] for key in keys if key in original})

    def _copy(self, chunk: Chunk) -> int:
        return self.server.insert(_within(self.server.original, chunk))

    def _done(self, chunk: Chunk) -> int:
        self.server.copied.append(chunk.number)
        return 1

    def _bound(self, after: KeyValue | None, rows: int) -> list[KeyValue]:
        beyond = sorted(_within(self.server.original, Chunk(0, after, None)))
        return beyond[rows - 1 : rows]

    def _checksum(self, span: Chunk) -> list[tuple[int, str, int, str]]:
        sides = [_within(rows, span) for rows in (self.server.original, self.server.shadow)]
        ((old, old_sum), (new, new_sum)) = (
            (len(side), str(sorted(side.items()))) for side in sides
        )
        return [(old, old_sum, new, new_sum)]

    def _differing(self, span: Chunk, most: int) -> list[KeyValue]:
        old, new = (_within(rows, span) for rows in (self.server.original, self.server.shadow))
        return [key for key in sorted({*old, *new}) if old.get(key) != new.get(key)][:most]


def _within(rows: Rows, span: Chunk) -> Rows:
    return {
        key: note
        for key, note in rows.items()
        if (span.lower is None or key > span.lower) and (span.upper is None or key <= span.upper)
    }


class FakeDialect:
    """The port `Dialect`."""

    session_settings = (Statement("setting"),)
    chunk_size = ChunkSize(size=2, least=2, most=2)
    most_keys = 3
    not_compared = ()

    def time_limit(self, seconds: float) -> Statement:
        return Statement("limit", (seconds,))

    def next_bound(self, after: KeyValue | None, rows: int) -> Statement:
        return Statement("bound", (after, rows))

    next_key = next_bound

    def key_value(self, row: tuple[Any, ...]) -> KeyValue:
        return row

    def copy_chunk(self, chunk: Chunk) -> Statement:
        return Statement("copy", (chunk,))

    def delete_keys(self, keys: Sequence[KeyValue]) -> Statement:
        return Statement("delete", (tuple(keys),))

    def insert_keys(self, keys: Sequence[KeyValue]) -> Statement:
        return Statement("insert", (tuple(keys),))

    def checksum(self, span: Chunk) -> Statement:
        return Statement("checksum", (span,))

    def differing_keys(self, span: Chunk, most: int) -> Statement:
        return Statement("differing", (span, most))


@dataclass
class FakeLedger:
    """The port `Ledger`."""

    saved: list[dict[str, Any]] = field(default_factory=list)
    backlog: dict[int, KeyValue] = field(default_factory=dict)
    spilled_ever: int = 0
    closed: bool = False

    def is_there(self) -> bool:
        return True

    def prepare(self) -> None:
        """Always there."""

    def begin(self, table: Table, statement: str, sync: Sync, by: str) -> int:
        return JOB.id

    def save(self, migration: int, **values: Any) -> None:
        self.saved.append(values)

    def checkpoint(self, migration: int) -> Checkpoint:
        return Checkpoint("ALTER", Sync.LOG, "copy", Position("0"), "", len(self.backlog), 0)

    def take_over(self, migration: int) -> int:
        return 2

    def fence(self, migration: int, generation: int) -> Statement:
        return Statement("fence", (generation,))

    def chunk_copied(self, migration: int, chunk: Chunk, rows: int) -> Statement:
        return Statement("done", (chunk,))

    def chunks(self, migration: int) -> list[Chunk]:
        return []

    def forget(self, migration: int) -> None:
        self.backlog = {}

    def withdraw(self, migration: int) -> None:
        """It keeps no rows."""

    def spill(self, migration: int, keys: Sequence[KeyValue]) -> None:
        """Numbers only go up, as those of the real tables do."""
        self.backlog.update(enumerate(keys, self.spilled_ever + 1))
        self.spilled_ever += len(keys)

    def spilled(self, migration: int, after: int, most: int) -> list[tuple[int, KeyValue]]:
        return [(n, key) for n, key in sorted(self.backlog.items()) if n > after][:most]

    def unspill(self, migration: int, after: int, upto: int) -> None:
        self.backlog = {n: key for n, key in self.backlog.items() if not after < n <= upto}

    def runs(self, table: TableName | None = None) -> list[Run]:
        """The one of `JOB`."""
        return [Run(JOB.id, JOB.original.name, "ALTER …", "copy", "log", "tests", "", "")]

    def close(self) -> None:
        self.closed = True


class FakeSource:
    """The port `ChangeSource`: `change` commits keys, `mark` is what delivers them with a barrier.

    `silent` marks don't come back before `come_back`. `taken` is set by each delivery.
    """

    def __init__(self) -> None:
        self.position = Position("0")
        self.silent = False
        self.closed = False
        self.confirmed: list[Position] = []
        self.marks = 0
        self.on_mark: Callable[[], None] = lambda: None
        self.taken = threading.Event()
        self._number = 0
        self._waiting: deque[Delivery] = deque()

    def change(self, *keys: KeyValue) -> None:
        """Delivered, and not yet known to be visible."""
        self._deliver(keys, None)

    def mark(self) -> int:
        self.on_mark()
        self.marks += 1
        if not self.silent:
            self.come_back()
        return self.marks

    def come_back(self) -> None:
        """The last mark, and those before it."""
        self._deliver((), self.marks)

    def _deliver(self, keys: tuple[KeyValue, ...], barrier: int | None) -> None:
        self._number += 1
        self._waiting.append(Delivery(keys, barrier, Position(str(self._number))))

    def read(self, timeout_seconds: float) -> Delivery | None:
        if not self._waiting:
            return None
        self.taken.set()
        return self._waiting.popleft()

    def confirm(self, position: Position) -> None:
        self.confirmed.append(position)

    def close(self) -> None:
        self.closed = True


REPORT = Blocker(42, "report", "db7", "idle in transaction", 3.0, "SELECT 1", idle=True)


@dataclass
class FakeSwapper:
    """The port `Swapper`: `before` are errors of the lock, `after` of the swap; one an attempt."""

    server: FakeServer
    before: list[Exception | None] = field(default_factory=list)
    after: list[Exception | None] = field(default_factory=list)
    budgets: list[float] = field(default_factory=list)
    swapped: bool = False
    prepared: int = 0

    def prepare(self, check: Callable[[], None]) -> None:
        self.prepared += 1

    def swap(self, drain: Callable[[Session], None], budget_seconds: float) -> Swapped:
        self.budgets.append(budget_seconds)
        if self.before and (error := self.before.pop(0)):
            raise error
        drain(self.server.connect("lock"))
        if self.after and (error := self.after.pop(0)):
            raise error
        self.swapped = True
        return Swapped(0.01, 0.02)

    def was_swapped(self) -> bool:
        return self.swapped

    def recover(self) -> bool:
        return self.swapped

    in_the_way: list[Blocker] = field(default_factory=lambda: [REPORT])
    ended: list[int] = field(default_factory=list)
    readers: list[list[Blocker]] = field(default_factory=lambda: [[]])
    """Who has a snapshot, one list a look; the last one stays."""

    def onlookers(self) -> Onlookers:
        def look() -> dict[Hashable, Blocker]:
            seen = self.readers.pop(0) if len(self.readers) > 1 else self.readers[0]
            return {reader.id: reader for reader in seen}

        return Onlookers(look)

    def blockers(self) -> list[Blocker]:
        return self.in_the_way

    def end(self, blocker: Blocker) -> None:
        self.ended.append(blocker.id)
