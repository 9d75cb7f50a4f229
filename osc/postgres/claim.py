"""The only right to migrate a table: an advisory lock, which ends with its session."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from osc.errors import ConnectionLost, Precondition, ServerError
from osc.model import patience
from osc.model.table import TableName
from osc.postgres.session import Address, Connection

CLAIMS = 0x6F7363  # "osc"


@dataclass
class AdvisoryLock:
    """The port `Claim`; `renew` may be called by another thread than the one that gives it back."""

    session: Connection
    table: TableName
    _one_at_a_time: threading.Lock = field(default_factory=threading.Lock)

    def take(self) -> None:
        key = claim_key(self.table)
        if not self.session.value("SELECT pg_try_advisory_lock($1::int, $2::int)", *key):
            raise Precondition(
                f"another run migrates {self.table}, or plans to (pid {self._holder()})",
                still_true="nothing was touched",
                todo="wait until it is done; `osc status` shows how far it is, but for `osc plan` "
                "and runs without --execute",
            )

    def renew(self) -> None:
        with self._one_at_a_time:
            held_by = self._holder()
        if held_by != self.session.id:
            raise ConnectionLost(f"the claim on {self.table} is gone")

    def give_back(self) -> None:
        """A backend outlives its connection by a moment, in which the next run would be refused."""
        with self._one_at_a_time, suppress(ServerError):
            self.session.rows("SELECT pg_advisory_unlock($1::int, $2::int)", *claim_key(self.table))

    def _holder(self) -> int | None:
        kind, number = claim_key(self.table)
        found: int | None = self.session.value(
            "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2 AND granted"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            " AND classid::bigint = $1 AND objid::bigint = $2",
            kind,
            number % 2**32,
        )
        return found


@contextmanager
def claim(address: Address, table: TableName) -> Iterator[AdvisoryLock]:
    """From version 14 on the server itself ends a claim whose holder says nothing: our host may be
    gone without a word. Before, it is TCP's keepalive that notices."""
    silence = {"idle_session_timeout": f"{patience.CLAIM_SECONDS}s"}
    session = address.connect(f"claim on {table}"[:60], **silence)
    try:
        lock = AdvisoryLock(session, table)
        lock.take()
        try:
            yield lock
        finally:
            lock.give_back()
    finally:
        session.close()


def claim_key(table: TableName) -> tuple[int, int]:
    """The advisory lock of a table: a class of ours, and the table's hash as a signed int4."""
    digest = hashlib.md5(f"{table.schema}.{table.name}".encode(), usedforsecurity=False)
    number = int.from_bytes(digest.digest()[:4], "big")
    return CLAIMS, number - 2**32 if number >= 2**31 else number
