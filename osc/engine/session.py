"""One connection to a server, and what is said through it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol


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
