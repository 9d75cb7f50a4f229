"""Our own small tables: what ran, what runs, and how far it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from osc.engine.job import Sync
from osc.engine.session import Statement
from osc.model.change import KeyValue, Position
from osc.model.chunk import Chunk
from osc.model.table import Table, TableName


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
    settings: str = ""
    """What it was allowed, as `osc.ops.kept` has written it."""
    alive: bool = False
    is_sources: bool = False
    """It came here by replication: this server is a replica that is changed for itself, and what is
    written about a run of its source would stop replication."""


class Ledger(Protocol):
    """Our own small tables: what runs, how far it is, and keys that memory has no room for."""

    def is_there(self) -> bool:
        """Whether its tables have been made."""
        ...

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

    def withdraw(self, migration: int) -> None:
        """Removes the migration's own row, too, and what was said to it: it has made nothing."""
        ...

    def runs(self, table: TableName | None = None) -> list[Run]: ...
    def close(self) -> None: ...
