"""A session for the whole life of the tool, which may be longer than that of a connection."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from osc import errors
from osc.engine import Session, Statement


class LastingSession:
    """The port `Session`, on a connection that is made anew after it was lost.

    What was lost is told: whether the statement took effect is unknown, and only its author knows
    whether it may be done again. Not for anything that lives in a connection (locks, variables).
    """

    def __init__(self, connect: Callable[[], Session]) -> None:
        self._connect = connect
        self._session = connect()
        self._lost = False

    @property
    def id(self) -> int:
        return self._session.id

    def execute(self, statement: Statement) -> int:
        with self._renewed():
            return self._session.execute(statement)

    def query(self, statement: Statement) -> list[tuple[Any, ...]]:
        with self._renewed():
            return self._session.query(statement)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with self._renewed(), self._session.transaction():
            yield

    def close(self) -> None:
        self._session.close()

    @contextmanager
    def _renewed(self) -> Iterator[None]:
        if self._lost:
            self._session = self._connect()
            self._lost = False
        try:
            yield
        except errors.ConnectionLost:
            self._session.close()
            self._lost = True
            raise
