"""The ports: what a stage may ask of a database server, whichever it is.

An `Engine` is a record of small parts, not a base class. A stage takes the parts that it needs, so
that a test fakes one part of four methods and not an engine of sixty. The ports are private to this
project and may change with it; `tests/conformance/` holds every engine to them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from osc.model.alter import Alter
from osc.model.blocker import Blocker
from osc.model.change import Delivery, KeyValue, Position
from osc.model.chunk import Chunk, ChunkSize
from osc.model.columns import ColumnMap
from osc.model.consent import Consent
from osc.model.difference import UNCHANGED, CatalogDiff
from osc.model.ladder import Forecast, Outlook, Step, Taken
from osc.model.onlookers import Onlookers
from osc.model.relations import UNTIED, Relations
from osc.model.table import Key, Table, TableName


@dataclass(frozen=True)
class Statement:
    """One SQL statement and its parameters: decided by a `Dialect`, done by a `Session`."""

    sql: str
    parameters: tuple[Any, ...] = ()


class Session(Protocol):
    """One connection, used by one thread at a time, in autocommit outside of `transaction`.

    Raises the children of `osc.errors.ServerError`, never a driver's exception. A warning of the
    server is an error (rule 4). `execute` gives the number of rows that were written.
    """

    @property
    def id(self) -> int:
        """The server's number of the connection."""
        ...

    def execute(self, statement: Statement) -> int: ...
    def query(self, statement: Statement) -> list[tuple[Any, ...]]: ...
    def transaction(self) -> AbstractContextManager[None]: ...
    def close(self) -> None: ...


class Sync(StrEnum):
    """How changes of the original are learnt."""

    LOG = "log"
    TRIGGERS = "triggers"
    NONE = "none"
    """They needn't be: there is no copy."""


@dataclass(frozen=True)
class Names:
    """Where the new table grows and where the old one goes."""

    shadow: TableName
    archive: TableName


@dataclass(frozen=True)
class Job:
    """All that an engine's parts need to know of one migration; made once, by the shadow stage."""

    id: int
    original: Table
    shadow: Table
    names: Names
    alter: Alter
    columns: ColumnMap
    key: Key
    sortable: bool
    """Python orders the key as the server does, and chunks are ranges of it (rule 7)."""
    generation: int = 1
    """Which process this is for the migration: it goes up with each resume."""
    lock_budget_seconds: float = 0.25
    """How long a statement of ours may wait for a lock on the original: everybody queues behind."""
    relations: Relations = UNTIED
    diff: CatalogDiff = UNCHANGED
    """What the ALTER is to change, and nothing else."""


class Claim(Protocol):
    """The only right to work on a table; the server takes it back when its connection ends."""

    def renew(self) -> None:
        """Shows the server that we are alive; ConnectionLost where the claim is gone."""
        ...


class Catalog(Protocol):
    """Reads what the server knows of its tables."""

    def find(self, alter: Alter, sync: Sync = Sync.LOG) -> Table:
        """The table that the ALTER names, with those keys whose changes `sync` tells; Precondition
        where there is none, or no plain table."""
        ...

    def identity(self, name: TableName) -> str | None:
        """`Table.identity` now; None where the table is gone."""
        ...


class Checks(Protocol):
    """Reasons to refuse, found before anything is touched: Precondition or Unreachable."""

    def server(self, sync: Sync) -> None: ...
    def table(self, table: Table, alter: Alter, sync: Sync) -> None: ...


@dataclass(frozen=True)
class Rehearsal:
    """What the ALTER makes of an empty clone: the altered table and how its columns are filled."""

    table: Table
    columns: ColumnMap
    key: Key
    sortable: bool
    findings: tuple[str, ...] = ()
    relations: Relations = UNTIED
    diff: CatalogDiff = UNCHANGED


class Workshop(Protocol):
    """Makes and removes the tables that are ours."""

    def rehearse(self, table: Table, alter: Alter) -> Rehearsal:
        """Runs the ALTER on an empty clone that is gone again when this returns."""
        ...

    def probe(self, table: Table, rehearsal: Rehearsal) -> None:
        """DataWouldBeLost where today's rows contradict the new definition already (rule 4)."""
        ...

    def names(self, table: Table, alter: Alter | None = None) -> Names:
        """Where shadow and archive will stand; what the ALTER adds may need another place."""
        ...

    def create(self, table: Table, alter: Alter, names: Names) -> Table:
        """The empty shadow with the ALTER applied, ready to be loaded."""
        ...

    def leftovers(self, table: TableName) -> list[TableName]:
        """The shadow of a run that died, and whatever else of it is a table."""
        ...

    def archives(self, table: TableName) -> list[TableName]:
        """Old tables that earlier runs have kept."""
        ...

    def sweep(self, table: TableName, *, execute: bool) -> list[str]:
        """What runs on this table left on the server that is no table, or no table of rows (slots,
        publications, triggers, changelogs), in words; removed where `execute` says so, within the
        lock budget. The caller holds the claim, and no source is open."""
        ...

    def await_quiet(self, shadow: TableName) -> None:
        """Returns when no session of a dead process works on the shadow any more: a statement may
        outlive the client that sent it, an index build by hours. No matter if it is gone."""
        ...

    def drop(self, names: Iterable[TableName]) -> None:
        """Drops tables of ours, within the lock budget; one that is gone already is fine."""
        ...

    def retire(self, archive: TableName, pace: Callable[[], None]) -> None:
        """Drops an old table, however large, so that nobody on the server has to wait for it: in
        steps, with `pace` between two of them, which waits while the server needs rest and raises
        where we are to stop. Called again it goes on; a table that is gone already is fine."""
        ...


class Dialect(Protocol):
    """The statements of one migration, as values."""

    @property
    def session_settings(self) -> tuple[Statement, ...]:
        """Runs first on each session that this dialect's statements are run on."""
        ...

    @property
    def chunk_size(self) -> ChunkSize:
        """The size to begin with, and its limits, in what `next_bound` counts: rows or blocks."""
        ...

    @property
    def most_keys(self) -> int:
        """How many keys one `delete_keys` may take when the backlog is purged."""
        ...

    def next_bound(self, after: KeyValue | None, rows: int) -> Statement:
        """Selects the upper bound of a chunk of about so many rows; no row: it is the last."""
        ...

    def key_value(self, row: tuple[Any, ...]) -> KeyValue:
        """A row of `next_bound`, `next_key` or `differing_keys`, as a source would give it."""
        ...

    def copy_chunk(self, chunk: Chunk) -> Statement: ...
    def delete_keys(self, keys: Sequence[KeyValue]) -> Statement: ...
    def insert_keys(self, keys: Sequence[KeyValue]) -> Statement: ...

    def next_key(self, after: KeyValue | None, rows: int) -> Statement:
        """Like `next_bound`, always by key: verification walks both tables in key order."""
        ...

    def time_limit(self, seconds: float) -> Statement:
        """From now on a query of the session that lasts longer raises Conflict; 0: as it likes."""
        ...

    @property
    def not_compared(self) -> tuple[str, ...]:
        """Columns of the shadow that a checksum can't compare: new ones, odd conversions."""
        ...

    def checksum(self, span: Chunk) -> Statement:
        """One row, from one snapshot: rows and checksum of the original, then of the shadow."""
        ...

    def differing_keys(self, span: Chunk, most: int) -> Statement:
        """The keys in the span whose rows differ or exist on one side only."""
        ...


class Ledger(Protocol):
    """Our own small tables: what runs, how far it is, and keys that memory has no room for."""

    def prepare(self) -> None:
        """Makes the tables if they aren't there."""
        ...

    def begin(self, table: Table, statement: str, sync: Sync, by: str) -> int:
        """A new migration's number; its generation is 1."""
        ...

    def save(self, migration: int, *, finished: bool = False, **values: Any) -> None:
        """Updates columns of the migration's row, such as phase, position, job or message."""
        ...

    def checkpoint(self, migration: int) -> Checkpoint:
        """What a process that goes on with this migration has to know."""
        ...

    def take_over(self, migration: int) -> int:
        """A new generation: returns once no transaction of an older one that passed its `fence` is
        open, and from now on no older one passes."""
        ...

    def fence(self, migration: int, generation: int) -> Statement:
        """The first statement of each transaction that writes into the shadow. It gives a row, and
        holds `take_over` back until the transaction's end; no row: another process has taken over.
        """
        ...

    def chunk_copied(self, migration: int, chunk: Chunk, rows: int) -> Statement:
        """Runs in the chunk's own transaction (rule 5)."""
        ...

    def chunks(self, migration: int) -> list[Chunk]:
        """The chunks that have committed, by number."""
        ...

    def spill(self, migration: int, keys: Sequence[KeyValue]) -> None: ...
    def spilled(self, migration: int, after: int, most: int) -> list[tuple[int, KeyValue]]:
        """Spilled keys in the order they came, each with its number."""
        ...

    def unspill(self, migration: int, after: int, upto: int) -> None:
        """Forgets spilled keys after one number up to another: they have been acted on. The lower
        end is given because an index is slow to skip what has been deleted just before."""
        ...

    def forget(self, migration: int) -> None:
        """Removes all but the migration's own row: chunks, spilled keys, its place to be fenced."""
        ...

    def runs(self, table: TableName | None = None) -> list[Run]: ...
    def close(self) -> None: ...


@dataclass(frozen=True)
class Order:
    """Words for a run, from whatever host; `number` goes up."""

    number: int
    words: str
    by: str


@dataclass(frozen=True)
class Said:
    """Words that a run was told, and its answer; `at` is the server's clock."""

    words: str
    by: str
    at: str
    answer: str


class Board(Protocol):
    """Beside the ledger: what an operator says to a run, and what the run shows of itself. Any
    thread may ask; the tables are there once the ledger is prepared."""

    def order(self, migration: int, words: str, by: str) -> int:
        """Pins words up; their number."""
        ...

    def orders(self, migration: int) -> list[Order]:
        """Those without an answer, in the order they came."""
        ...

    def answer(self, number: int, text: str) -> None: ...
    def answered(self, number: int) -> str | None:
        """None while there is no answer."""
        ...

    def note(self, migration: int, words: str, by: str, answer: str) -> None:
        """Keeps words that came another way, for whoever asks later who said what."""
        ...

    def said(self, migration: int) -> list[Said]:
        """All that a run was told and has answered, in the order it came; kept for good."""
        ...

    def show(self, migration: int, record: str) -> None: ...
    def shown(self, migration: int) -> tuple[str, float] | None:
        """The newest record and its age in seconds."""
        ...

    def clear(self, migration: int) -> None:
        """Takes down what nobody has to read any more."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class Checkpoint:
    """Where a migration can go on. `job` is what `osc.model.checkpoint` wrote, empty while there is
    no whole shadow; `position` is None while no source was open; `spilled` counts keys."""

    statement: str
    sync: Sync
    phase: str
    position: Position | None
    job: str
    spilled: int
    rows_copied: int


@dataclass(frozen=True)
class Run:
    """A migration as the ledger remembers it; `alive` says that a session still holds its claim."""

    id: int
    table: TableName
    statement: str
    phase: str
    sync: str
    by: str
    started_at: str
    updated_at: str
    finished_at: str | None = None
    rows_copied: int = 0
    rows_estimated: int = 0
    message: str = ""
    result: str = ""
    """What it had to say at its end, as JSON; empty where it was not done."""
    archive: str = ""
    alive: bool = False


class ChangeSource(Protocol):
    """Tells which keys of the original changed (rule 1: it is open before the first chunk).

    `mark` may be called by any thread; `read` and `confirm` by one. Whatever the source can't
    understand raises: it never skips. It is opened anew, or again at a position that a source of
    the same migration has given: then PositionGone where that is no longer possible.
    """

    def mark(self) -> int:
        """Numbers this moment; a delivery's barrier reaches the number once all that had committed
        before the call is delivered and visible."""
        ...

    def read(self, timeout_seconds: float) -> Delivery | None:
        """The next delivery, or None when nothing came in time."""
        ...

    def confirm(self, position: Position) -> None:
        """Nothing before this position will be asked for again; the ledger has it already."""
        ...

    @property
    def position(self) -> Position:
        """Where the source was opened."""
        ...

    def close(self) -> None:
        """Hangs up. What keeps the changes for us on the server (a slot, triggers) stays, so that
        the source can be opened again: `Workshop.sweep` removes it."""
        ...


class Load(Protocol):
    """What makes the full shadow as good as the original: indexes, constraints, statistics."""

    def finish(self, purge: Callable[[], None], check: Callable[[], None]) -> None:
        """Called after the last chunk has committed, and again after a resume. `purge` deletes
        every key of the backlog from the shadow; it is called where the shadow must not hold a
        stale row (before unique indexes are built). When `check` raises, a build is broken off."""
        ...


@dataclass(frozen=True)
class Swapped:
    """A swap that took place."""

    lock_wait_seconds: float
    lock_held_seconds: float


class Swapper(Protocol):
    """The short lock and what happens under it (rule 9)."""

    def prepare(self, check: Callable[[], None]) -> None:
        """Makes ready beside the table what takes long and what the swap needs; changes are
        followed meanwhile. `check` raises where we are to stop. Doing it again is fine."""
        ...

    def swap(self, drain: Callable[[Session], None], budget_seconds: float) -> Swapped:
        """One attempt: lock, `drain` through the session that holds the lock, swap, release.

        Raises LockTimeout where the lock wasn't granted within the budget; whatever is raised, the
        attempt was undone, unless it is SwappedButUnfinished. A lost connection is answered by
        asking the catalog which of the two it was.
        """
        ...

    def was_swapped(self) -> bool:
        """Asks the catalog whether an earlier process has swapped; it must be quiet by now."""
        ...

    def recover(self) -> bool:
        """The same, and what an attempt of that process has left half done is completed where it
        has swapped, and put back where it has not."""
        ...

    def blockers(self) -> list[Blocker]:
        """Who holds or waits for locks on the original, the oldest transaction first."""
        ...

    def onlookers(self) -> Onlookers:
        """Who reads by a snapshot from before this moment, at which the shadow is complete, and has
        no lock on the original: rows of the new table would be missing to them."""
        ...

    def end(self, blocker: Blocker) -> None:
        """Ends that session; what its transaction did is undone. Fine where it is gone."""
        ...


class Gauges(Protocol):
    """What the server says of its load; each call is one question, asked in a session of its own
    that lasts, by any one thread."""

    def read(self, name: str) -> float:
        """One of `known`, or whatever else the server counts under this name (a status variable of
        MySQL and MariaDB); Usage where it knows none."""
        ...

    @property
    def known(self) -> Mapping[str, str]:
        """The gauges that both engines have, each with its unit: "s", "bytes" or empty."""
        ...

    def free_disk(self) -> float | None:
        """Bytes that are left where the server keeps its data; None where that can't be known: it
        doesn't say, and is on another host."""
        ...

    def lags(self) -> Mapping[str, float]:
        """Seconds that each replica which the server itself knows of is behind it."""
        ...

    def beat(self, migration: int, at: float) -> None:
        """Writes the time (of our own clock) for replicas to show; it lasts as long as a commit."""
        ...

    def beaten(self, migration: int) -> float | None:
        """The newest time that has come here; None where none has."""
        ...

    def probe(self, sql: str) -> None:
        """Runs a query of the operator's and reads its rows."""
        ...

    def value(self, sql: str) -> float:
        """The first column of the first row of a query of the operator's; 0 where there is none."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class Climb:
    """A migration without a copy: the steps that were decided on when it began."""

    id: int
    table: Table
    steps: tuple[Step, ...]
    generation: int = 1
    lock_budget_seconds: float = 0.25


class Ladder(Protocol):
    """What the server can do by itself, and doing it."""

    def find(self, alter: Alter) -> Table:
        """The table that the ALTER names, also one that can't be copied; Precondition where there
        is none."""
        ...

    def look(self, table: Table, alter: Alter, *, small_bytes: int) -> Outlook:
        """What each clause costs and the best way without a copy, asked of the server on an empty
        clone that is gone when this returns. Precondition where the server refuses the ALTER. A
        table of at most `small_bytes` may be altered by force of being small."""
        ...

    def forecast(self, table: Table, outlook: Outlook) -> Forecast:
        """What the way will take, by a short probe that reads the table and changes nothing."""
        ...

    def probe(self, table: Table, outlook: Outlook) -> None:
        """DataWouldBeLost where today's rows contradict the new definition already."""
        ...

    def take(self, climb: Climb, number: int, check: Callable[[], None]) -> Taken:
        """One attempt at the step of that number. Where its locks can't be had within the budget,
        or what it does under them isn't done by then, it is undone: LockTimeout or Conflict.
        DuplicateKey or BadValue: a row is in the way. CopyNeeded: it can't be done like this after
        all. Whatever is raised, the step is either not begun or `undo` knows what is left of it.
        When `check` raises, a patient step is broken off. A step that is done already is no error.
        """
        ...

    def taken(self, climb: Climb) -> int:
        """How many of the steps are done; asked of the server once whatever a dead process had
        begun is over. TableChanged where somebody else has altered the table since."""
        ...

    def undo(self, climb: Climb) -> list[str]:
        """Takes back what is done of the steps, the last first, within the lock budget, and says
        what it was, in words. Nothing is left of them, and no rows are lost that an application
        has written into what was there before. The caller has not taken the last step."""
        ...

    def blockers(self, table: TableName) -> list[Blocker]:
        """Who holds or waits for locks on the table, the oldest transaction first."""
        ...


class Aftercare(Protocol):
    """What only a serving table can be given, and what takes too long to be done under the lock."""

    def confirm(self) -> None:
        """Once, by whoever enters the phase first: SwappedButUnfinished where what serves is not
        what the ALTER makes of the original, for an engine whose `Swapper.swap` doesn't say so."""
        ...

    def finish(self, check: Callable[[], None]) -> None:
        """Does what the swap has left to do, within the lock budget; what that is, is asked of the
        catalog, so that it may be called again. `check` raises where we are to stop. Raises
        DataWouldBeLost where the rows contradict the new definition."""
        ...


class NoAftercare:
    """For a server whose swap leaves nothing to do."""

    def confirm(self) -> None:
        return

    def finish(self, check: Callable[[], None]) -> None:
        return


@dataclass(frozen=True)
class Engine:
    """A kind of server at one URL: parts that stand alone, and makers of the parts of one job."""

    name: str
    version: str
    database: str
    mysql: bool
    connect: Callable[[str], Session]
    """Opens a session; the argument is its purpose, shown to whoever lists connections."""
    claim: Callable[[TableName], AbstractContextManager[Claim]]
    """Holds the only right to migrate a table; Precondition where another run has it."""
    catalog: Catalog
    checks: Checks
    workshop: Workshop
    ledger: Ledger
    board: Board
    dialect: Callable[[Job], Dialect]
    load: Callable[[Job], Load]
    swapper: Callable[[Job], Swapper]
    gauges: Callable[[], Gauges]
    """New ones each time, with a session of their own that lasts."""
    replicas: Callable[[], Mapping[str, Callable[[], Gauges]]] = dict
    """The replicas that are to be watched, by name: those that the operator gives, and those of
    which the server says where they listen and which let us in."""
    watching: Callable[[Sequence[str]], Mapping[str, Callable[[], Gauges]]] = lambda urls: {}
    """The replicas at these addresses, by name; Usage where one is no address."""
    ladder: Ladder | None = None
    """None where the engine can only copy."""
    sources: Mapping[Sync, Callable[[Job, Position | None], ChangeSource]] = field(
        default_factory=dict
    )
    """Best first; the position is None for a source that is opened anew."""
    aftercare: Callable[[Job], Aftercare] = lambda job: NoAftercare()
    rebuilding: Callable[[Engine, Consent], Engine] = lambda engine, consent: engine
    """The same engine, allowed to make views anew, where that is ever needed."""
    close: Callable[[], None] = lambda: None
