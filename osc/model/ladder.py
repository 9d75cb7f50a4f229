"""What an ALTER costs on this server and this table, and the cheapest way to have it done.

The ladder has four rungs: nothing, the server's own ALTER, a sequence of statements that is equal
to it and lets applications read and write meanwhile, a copy. An engine says which of them leads
there, for it asks the server; which one is taken follows from the values here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from osc.model.lint.finding import Finding


class Cost(IntEnum):
    """How much of the table the server has to touch."""

    FREE = 0  # nothing changes
    METADATA = 1  # the catalog only
    SCAN = 2  # every row is read, or an index built
    REWRITE = 3  # every row is written


@dataclass(frozen=True)
class Lock:
    """A lock in the server's own words, and whom it keeps waiting."""

    on: str
    mode: str
    blocks: str = ""
    """"reads and writes", "writes", or nothing where applications don't notice."""

    def __str__(self) -> str:
        return f"{self.mode} on {self.on}" + (f", blocks {self.blocks}" if self.blocks else "")


@dataclass(frozen=True)
class Clause:
    """One clause of the ALTER, or the whole; `because` says what tells its cost, or what's odd."""

    text: str
    cost: Cost
    locks: tuple[Lock, ...] = ()
    because: str = ""

    @property
    def online(self) -> bool:
        """Applications read and write meanwhile, however long it takes."""
        return not any(lock.blocks for lock in self.locks)


@dataclass(frozen=True)
class Step:
    """Statements that will be run on the table itself, as one.

    A step that isn't `patient` takes a lock that applications notice: waiting and work together are
    over within the budget, or the step is undone and tried again. A patient one lasts as long as
    the table is large, and only its locks are waited for in short attempts.

    `undo` takes back a step that is done. `name` is the object by which the catalog tells whether
    it is done, `after` the fingerprint of a table that it is done to: an engine uses what it needs.
    `alone` says that its statements commit by themselves.
    """

    statements: tuple[str, ...]
    does: str
    cost: Cost
    locks: tuple[Lock, ...] = ()
    patient: bool = False
    alone: bool = False
    undo: tuple[str, ...] = ()
    name: str = ""
    after: str = ""

    @property
    def sql(self) -> str:
        return "; ".join(self.statements)


class Way(StrEnum):
    """The rungs."""

    NOTHING = "nothing"  # the table is as the ALTER wants it
    NATIVE = "native"  # the server's own ALTER, as it was written
    SEQUENCE = "sequence"  # statements that together are equal to it
    COPY = "copy"  # a shadow table


@dataclass(frozen=True)
class Outlook:
    """What was learnt of an ALTER without a copy.

    `steps` are those of `way`, none where it is a copy or nothing. `because` is the reason for the
    way in one sentence. `brief` are the steps by which a table that can't be copied is altered all
    the same, since it is so small that the server does it within the lock budget. `refused` is
    what the server says where it would not run the ALTER; a copy may find a way.
    """

    clauses: tuple[Clause, ...]
    way: Way
    because: str = ""
    steps: tuple[Step, ...] = ()
    brief: tuple[Step, ...] = ()
    findings: tuple[Finding, ...] = ()
    refused: str = ""

    @property
    def cost(self) -> Cost:
        return max((clause.cost for clause in self.clauses), default=Cost.FREE)


@dataclass(frozen=True)
class Forecast:
    """What it will take: estimates, all of them. Bytes are of disk and of log that are needed in
    addition; seconds a range, for a probe of a moment can't know the hours to come."""

    rows: int
    bytes: int
    disk_bytes: int = 0
    log_bytes: int = 0
    seconds: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True)
class Taken:
    """A step that was done: how long its lock was waited for, and held where others noticed it."""

    lock_wait_seconds: float = 0.0
    lock_held_seconds: float = 0.0


@dataclass(frozen=True)
class Climbed:
    """What the report says of one step."""

    sql: str
    attempts: int
    seconds: float
    lock_wait_seconds: float
    lock_held_seconds: float


def strongest(locks: Iterable[Lock]) -> tuple[Lock, ...]:
    """Without those that are there twice, in order of what they are on."""
    return tuple(sorted(dict.fromkeys(locks), key=lambda lock: (lock.on, lock.mode)))
