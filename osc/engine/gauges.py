"""What a server says of its load."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


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

    def log_written(self) -> int | None:
        """Bytes that the server has written since the first call into the log that replicas and
        archives read, whoever made it do so; None where it has none or keeps that from us."""
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
