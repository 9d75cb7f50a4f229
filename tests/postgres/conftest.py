"""A database of its own for each test, and the steps of a migration up to the one under test."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest

from osc.engine import ChangeSource, Engine, Job, Sync
from osc.model.alter import Alter, parse
from osc.model.change import Delivery, KeyValue
from osc.model.chunk import Chunk
from osc.postgres.engine import connect
from osc.postgres.session import Connection, address
from tests.servers import Lease, names

NUMBERS = itertools.count(1)


@dataclass
class Database:
    """An empty database and a connection of an application."""

    lease: Lease
    name: str
    url: str
    application: psycopg.Connection[tuple[Any, ...]]
    engine: Engine = field(init=False)
    sessions: list[Connection] = field(default_factory=list)

    def run(self, *statements: str) -> None:
        for statement in statements:
            self.application.execute(statement)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return self.application.execute(query).fetchall()

    def session(self) -> Connection:
        self.sessions.append(address(self.url).connect("test"))
        return self.sessions[-1]

    def connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        return psycopg.connect(self.url, autocommit=True)

    def alter(self, clauses: str, table: str = "t") -> Alter:
        return parse(f"ALTER TABLE {table} {clauses}", mysql=False)

    def job(self, clauses: str = "ALTER v TYPE bigint", table: str = "t") -> Job:
        """A migration whose shadow is there and empty."""
        alter = self.alter(clauses, table)
        found = self.engine.catalog.find(alter)
        rehearsal = self.engine.workshop.rehearse(found, alter)
        names = self.engine.workshop.names(found)
        shadow = self.engine.workshop.create(found, alter, names)
        columns, key = rehearsal.columns, rehearsal.key
        return Job(1, found, shadow, names, alter, columns, key, rehearsal.sortable)

    def loaded(self, clauses: str = "ALTER v TYPE bigint", table: str = "t") -> Job:
        """A migration of a table that nobody writes to, up to the cut-over."""
        job = self.job(clauses, table)
        self.copy(job)
        self.engine.load(job).finish(lambda: None, lambda: None)
        return job

    def copy(self, job: Job) -> None:
        self.session().execute(self.engine.dialect(job).copy_chunk(Chunk(1, None, None)))

    @contextmanager
    def source(self, job: Job) -> Iterator[ChangeSource]:
        opened = self.engine.sources[Sync.LOG](job, None)
        try:
            yield opened
        finally:
            opened.close()


def read_to(source: ChangeSource, mark: int) -> list[KeyValue]:
    """All keys up to the mark."""
    keys: list[KeyValue] = []
    for _ in range(600):
        delivery = source.read(0.1)
        if delivery is not None:
            keys += delivery.keys
            if delivery.barrier is not None and delivery.barrier >= mark:
                return keys
    raise AssertionError(f"mark {mark} did not come back")


def within(seconds: float, source: ChangeSource) -> list[Delivery]:
    """What the source gives out in that time."""
    found = (source.read(0.05) for _ in range(int(seconds / 0.05)))
    return [delivery for delivery in found if delivery is not None]


@pytest.fixture(params=names("postgres"))
def server_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def database(server_name: str, servers: Callable[[str], Lease]) -> Iterator[Database]:
    lease, name = servers(server_name), f"osc_test_{next(NUMBERS)}"
    with psycopg.connect(lease.url("postgres"), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
        with psycopg.connect(lease.url(name), autocommit=True) as application:
            made = Database(lease, name, lease.url(name), application)
            made.engine = connect(made.url)
            yield made
            made.engine.close()
            for session in made.sessions:
                session.close()
        drop_slots(admin, name)
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


def drop_slots(admin: psycopg.Connection[tuple[Any, ...]], database: str) -> None:
    """A closed source leaves its slot, and a database with slots can't be dropped."""
    ours = f"FROM pg_replication_slots WHERE database = '{database}'"
    admin.execute(f"SELECT pg_terminate_backend(active_pid) {ours}")
    while admin.execute(f"SELECT {ours} AND active").fetchall():
        pass
    admin.execute(f"SELECT pg_drop_replication_slot(slot_name) {ours}")
