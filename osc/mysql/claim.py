"""The only right to migrate a table: a user lock, which the server frees when its session ends."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from osc import errors
from osc.engine import Session, Statement
from osc.model import patience
from osc.model.table import TableName


@dataclass
class UserLock:
    """The port `Claim`; `renew` may be called by another thread than the one that gives it back."""

    session: Session
    table: TableName
    _one_at_a_time: threading.Lock = field(default_factory=threading.Lock)

    def take(self) -> None:
        """The server ends a session that has been silent so long: our host may be gone without a
        word, and then nothing but a timeout tells."""
        for setting in ("wait_timeout", "net_read_timeout"):
            self.session.execute(Statement(f"SET SESSION {setting} = {patience.CLAIM_SECONDS}"))
        got = self.session.query(Statement(f"SELECT GET_LOCK({_lock_name(self.table)}, 0)"))
        if got[0][0] != 1:
            raise errors.Precondition(
                f"another run migrates {self.table}, or plans to "
                f"(connection {holder(self.session, self.table)})",
                still_true="nothing was touched",
                todo="wait until it is done; `osc status` shows how far it is, but for `osc plan` "
                "and runs without --execute",
            )

    def renew(self) -> None:
        with self._one_at_a_time:
            held_by = holder(self.session, self.table)
        if held_by != self.session.id:
            raise errors.ConnectionLost(f"the claim on {self.table} is gone")

    def give_back(self) -> None:
        """A session outlives its connection by a moment, in which the next run would be refused."""
        with self._one_at_a_time, suppress(errors.ServerError):
            self.session.query(Statement(f"SELECT RELEASE_LOCK({_lock_name(self.table)})"))


@contextmanager
def claim(connect: Callable[[str], Session], table: TableName) -> Iterator[UserLock]:
    session = connect("claim")
    lock = UserLock(session, table)
    try:
        lock.take()
        yield lock
    finally:
        lock.give_back()
        session.close()


def holder(session: Session, table: TableName) -> int | None:
    """The connection that holds the claim."""
    found = session.query(Statement(f"SELECT IS_USED_LOCK({_lock_name(table)})"))[0][0]
    return None if found is None else int(found)


def _lock_name(table: TableName) -> str:
    """As SQL. GET_LOCK takes 64 characters; the hash tells long names apart."""
    return f"'osc-{hashlib.sha256(str(table).encode()).hexdigest()[:32]}'"
