"""Connections that end at a chosen moment, as a network or an administrator ends them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any

from osc.engine import Job, Session, Statement, Swapper
from osc.errors import ConnectionLost
from osc.mysql import swap
from osc.mysql.catalog import MySQLCatalog
from osc.mysql.noted import Notes
from osc.postgres import session as sessions
from osc.postgres.swap import PostgresSwapper
from tests.conformance.place import Place

ALL = (
    "cut-over",
    "cut-over lock",
    "cut-over rename",
    "cut-over observer",
    "sentry",
    "watchdog",
    "outcome of the swap",
    "after the cut-over",
)
"""The purposes of every session of a cut-over."""


@dataclass
class Fate:
    """Ends the connection of the n-th statement: before it, or when it is done and not answered.

    With a `victim` it is the session of that purpose that ends, whoever has the statement.
    """

    kill: Callable[[int], None]
    at: int | None = None
    unanswered: bool = False
    victim: str = ""
    purposes: tuple[str, ...] = ("cut-over lock", "cut-over rename", "cut-over")
    statements: list[str] = field(default_factory=list)
    sessions: dict[str, int] = field(default_factory=dict)
    _one_at_a_time: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def over(self, session: int, sql: str) -> Iterator[None]:
        with self._one_at_a_time:
            self.statements.append(sql)
            mine = len(self.statements) - 1 == self.at
            whom = self.sessions.get(self.victim) if self.victim else session
            if mine and not self.unanswered and whom is not None:
                self.kill(whom)
        yield
        if mine and self.unanswered:
            self.kill(session)
            raise ConnectionLost("no answer")


@dataclass
class Mortal:
    """The port `Session`, with a fate."""

    session: Session
    fate: Fate
    id: int

    def execute(self, statement: Statement) -> int:
        with self.fate.over(self.id, statement.sql):
            return self.session.execute(statement)

    def query(self, statement: Statement) -> list[tuple[Any, ...]]:
        with self.fate.over(self.id, statement.sql):
            return self.session.query(statement)

    def transaction(self) -> AbstractContextManager[None]:
        return self.session.transaction()

    def close(self) -> None:
        self.session.close()


def swappers(place: Place, job: Job) -> Callable[[Job, Fate], Swapper]:
    """Makes the engine's own swapper, with sessions that hold or await the lock being mortal."""
    if place.mysql:
        return lambda turned, fate: _mysql(place, turned, fate)
    made = place.engine.swapper(job)
    assert isinstance(made, PostgresSwapper)
    target = made.target
    return lambda turned, fate: PostgresSwapper(_opened(place, fate), turned, lambda: target)


def _mysql(place: Place, job: Job, fate: Fate) -> Swapper:
    def connect(purpose: str) -> Session:
        session = place.engine.connect(purpose)
        if purpose in fate.purposes:
            fate.sessions[purpose] = session.id
            mortal: Session = Mortal(session, fate, session.id)
            return mortal
        return session

    return swap.swapper(
        job,
        connect,
        lambda session: MySQLCatalog(session, place.database),
        notes=Notes(job.id, place.database),
        rename_under_lock=place.engine.name == "mysql",
    )


def _opened(place: Place, fate: Fate) -> sessions.Open:
    class MortalConnection(sessions.Connection):
        def execute(self, statement: Statement) -> int:
            with fate.over(self.id, statement.sql):
                return super().execute(statement)

        def query(self, statement: Statement) -> list[tuple[Any, ...]]:
            with fate.over(self.id, statement.sql):
                return super().query(statement)

    address = sessions.address(place.url)

    @contextmanager
    def opened(purpose: str) -> Iterator[sessions.Connection]:
        with address.opened(purpose) as session:
            if purpose in fate.purposes:
                fate.sessions[purpose] = session.id
                yield MortalConnection(session.raw)
            else:
                yield session

    return opened
