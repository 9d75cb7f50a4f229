"""The line to a PostgreSQL server, never silent for ever."""

from __future__ import annotations

import time
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen

from osc.model import patience

T = TypeVar("T")

PARAMETERS = {
    "connect_timeout": str(patience.HANDSHAKE_SECONDS),
    "keepalives_idle": str(patience.KEEPALIVE_IDLE_SECONDS),
    "keepalives_interval": str(patience.KEEPALIVE_INTERVAL_SECONDS),
    "keepalives_count": str(patience.KEEPALIVE_COUNT),
    "tcp_user_timeout": str(patience.UNACKNOWLEDGED_SECONDS * 1000),
}
"""libpq's, where the URL doesn't say otherwise."""

SETTINGS = {
    # The server's half: it ends our sessions when our host is gone, and with them their locks.
    "tcp_keepalives_idle": str(patience.KEEPALIVE_IDLE_SECONDS),
    "tcp_keepalives_interval": str(patience.KEEPALIVE_INTERVAL_SECONDS),
    "tcp_keepalives_count": str(patience.KEEPALIVE_COUNT),
    "tcp_user_timeout": f"{patience.UNACKNOWLEDGED_SECONDS}s",
    "idle_in_transaction_session_timeout": f"{patience.CLAIM_SECONDS}s",
    # A statement ends when nobody is there any more to hear how it went (14 and later).
    "client_connection_check_interval": "1s",
}


class Line(psycopg.Connection[tuple[Any, ...]]):
    """psycopg's connection, which by itself would wait for an answer until the end of days."""

    patience: float | None = patience.HANDSHAKE_SECONDS

    def wait(self, gen: PQGen[T], *arguments: Any, **more: Any) -> T:
        return super().wait(self._heard(gen), *arguments, **more)

    def _heard(self, gen: PQGen[T]) -> PQGen[T]:
        """The same generator; raises when nothing has come for too long.

        psycopg wakes it ten times a second to say that nothing is ready.
        """
        try:
            state = next(gen)
            heard = time.monotonic()
            while True:
                ready = yield state
                if ready:
                    heard = time.monotonic()
                elif self.patience is not None and time.monotonic() - heard > self.patience:
                    self.pgconn.finish()
                    raise psycopg.OperationalError(f"not a word in {self.patience:.0f} s")
                state = gen.send(ready)
        except StopIteration as done:
            result: T = done.value
            return result
