"""A session for the whole life of the tool, which may be longer than that of a connection."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from osc.postgres.session import Address, Connection


@dataclass
class Lasting:
    """Connects at the first use, and anew where the connection was lost. One thread at a time has
    it, for few statements. What was lost is told: only its author knows whether it may be done
    again."""

    address: Address
    purpose: str
    _turn: threading.Lock = field(default_factory=threading.Lock)
    _session: Connection | None = None

    @contextmanager
    def opened(self) -> Iterator[Connection]:
        with self._turn:
            if self._session is None or self._session.raw.closed:
                self._session = self.address.connect(self.purpose)
            yield self._session

    def close(self) -> None:
        with self._turn:
            if self._session is not None:
                self._session.close()
                self._session = None
