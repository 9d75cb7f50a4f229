"""What hangs on the original and must hang on the new table when the lock is let go.

A RENAME takes along what hangs on a table: its triggers, and the foreign keys of children, which
then point at the archive. So each kind of such things is moved by a part of its own, at fixed
places of an attempt:

    prepare             before the lock: reads, and writes down what another process would need
    LOCK TABLES original, shadow, and `tables` of each kind
    drain
    move                under the lock; the original serves still
    RENAME              MySQL: in one packet with what `beside_the_rename` gives
    UNLOCK TABLES
    complete            without a lock

An attempt may end anywhere, with the server too. So each statement of `move` leaves a database in
which every statement of an application does what it would do if nobody were here: there is no
moment that only a living process makes right. Where that can't be had, a packet is the next best:
MySQL does all of it though its client is gone (measured on 9.7 with FIN and with RST), so that it
takes a KILL of that very session in these milliseconds, or a crash, to leave it half done. Where
that would matter a guard waits behind it (`guarding.py`).

What is written down stands in the catalog or in the ledger; `restore` and `complete` ask there, and
not their memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from osc.engine import Session, Statement
from osc.model.table import TableName
from osc.mysql.guarding import Guard


class Carried(Protocol):
    """One kind of things that hang on the original of one job."""

    @property
    def tables(self) -> tuple[TableName, ...]:
        """What is locked together with original and shadow, as `prepare` has found it."""
        ...

    def prepare(self) -> None:
        """Before each attempt, through connections of its own; waits for nobody's lock. LockTimeout
        where it has to be looked at again in a moment; the attempt has not begun then."""
        ...

    def move(self, session: Session) -> None:
        """In the session that holds the lock, after the drain. LockTimeout where things are no
        longer what `prepare` has read: the attempt is undone and tried again."""
        ...

    def beside_the_rename(self) -> tuple[Sequence[Statement], Sequence[Statement]]:
        """What goes into the RENAME's packet before it, and after it, in the session that holds the
        lock. Not asked where the RENAME is another session's (MariaDB)."""
        ...

    def complete(self, session: Session) -> None:
        """After each swap, and by another process where one was broken off. Done already is fine.
        `session` holds no lock."""
        ...

    def restore(self, session: Session) -> None:
        """After an attempt that was undone, its sessions gone; by another process, too. Done
        already is fine. `session` holds no lock."""
        ...


@runtime_checkable
class Frees(Protocol):
    """A kind that ties others to the shadow before the RENAME, and unties them from the original;
    where the RENAME is another session's, done when the lock is let go (MariaDB), by `tied` and
    `freed`. Or one that reads under the lock."""

    @property
    def read_twice(self) -> tuple[TableName, ...]:
        """Locked tables that are read beside themselves, under the name `locking.AGAIN`."""
        ...

    def tied(self) -> Sequence[Statement]:
        """In the packet that lets the lock go, as its first statements: the RENAME waits in the
        queue, and the sentry is still in its way."""
        ...

    def freed(self) -> Sequence[Statement]:
        """The last statements under the lock: the RENAME waits in the queue, and nothing is in its
        way any more, so that it is done even though we die between two of them."""
        ...

    def untie(self, session: Session) -> None:
        """After an attempt that came to nothing, in the session that still has the lock: what the
        packet has done so far is undone before anybody sees it."""
        ...


@runtime_checkable
class Guarded(Protocol):
    """A kind that a packet leaves half done if its session is killed."""

    def guard(self) -> Guard | None:
        """Who is to stand behind the lock while the packet is done; None where nobody need."""
        ...
