"""A database of its own on one real server, and what a test does there."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import unquote, urlsplit
from uuid import uuid4

import psycopg
import pymysql
import pytest

from osc import engines
from osc.engine import ChangeSource, Dialect, Engine, Job, Names, Session, Statement, Sync
from osc.model import alter
from osc.model.change import Delivery, KeyValue, Position
from osc.model.chunk import Chunk
from osc.model.columns import ColumnMap
from osc.stages import plan, shadow
from tests.servers import Lease

SOON = 20.0
"""Seconds after which what a test waits for won't come any more."""
NO_SUCH_THREAD = 1094

every_sync = pytest.mark.parametrize("sync", [Sync.LOG, Sync.TRIGGERS], ids=str)
"""Run a test that takes `sync` once with each way to learn of changes that the engine has."""


class App:
    """An application's connection: plain SQL through the driver, autocommit."""

    def __init__(self, url: str) -> None:
        self._raw: Any = _postgres(url) if url.startswith("postgres") else _mysql(url)
        self.id: int = self.rows(
            "SELECT pg_backend_pid()" if url.startswith("postgres") else "SELECT CONNECTION_ID()"
        )[0][0]

    def run(self, *statements: str) -> None:
        with self._raw.cursor() as cursor:
            for sql in statements:
                cursor.execute(sql)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with self._raw.cursor() as cursor:
            cursor.execute(sql)
            return list(cursor.fetchall())

    def value(self, sql: str) -> Any:
        return self.rows(sql)[0][0]

    def close(self) -> None:
        with suppress(pymysql.err.Error, psycopg.Error):
            self._raw.close()


def _postgres(url: str) -> psycopg.Connection[Any]:
    return psycopg.connect(url, autocommit=True)


def _mysql(url: str) -> Any:
    parts = urlsplit(url)
    return pymysql.connect(
        host=parts.hostname or "127.0.0.1",
        port=parts.port or 3306,
        user=unquote(parts.username or "root"),
        password=unquote(parts.password or ""),
        database=parts.path.lstrip("/") or None,
        charset="utf8mb4",
        autocommit=True,
    )


@dataclass
class Place:
    """`app` is an application's connection; `engine` is what the suite is about."""

    lease: Lease
    database: str
    engine: Engine
    app: App
    _apps: list[App] = field(default_factory=list)

    @property
    def mysql(self) -> bool:
        return self.engine.mysql

    @property
    def url(self) -> str:
        return self.lease.url(self.database)

    @property
    def schema(self) -> str:
        """Where a table stands whose name has no schema."""
        return self.database if self.mysql else "public"

    def connections(self) -> set[int]:
        """Everybody who is connected to this database."""
        if self.mysql:
            sql = "SELECT id FROM information_schema.processlist WHERE db = DATABASE()"
        else:
            sql = "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
        return {int(row[0]) for row in self.app.rows(sql)}

    def end(self, connection: int) -> None:
        """It may have ended by itself a moment before."""
        kill = "KILL {}" if self.mysql else "SELECT pg_terminate_backend({})"
        try:
            self.app.run(kill.format(connection))
        except pymysql.err.OperationalError as error:
            if error.args[0] != NO_SUCH_THREAD:
                raise

    def await_waiting(self, connection: int) -> None:
        """Returns when a connection waits for a lock on a row.

        InnoDB's view is made anew only when nobody has read it for 0.1 s.
        """
        if self.mysql:
            sql = (
                "SELECT 1 FROM information_schema.innodb_trx "
                f"WHERE trx_mysql_thread_id = {connection} AND trx_state = 'LOCK WAIT'"
            )
        else:
            sql = (
                "SELECT 1 FROM pg_stat_activity "
                f"WHERE pid = {connection} AND wait_event_type = 'Lock'"
            )
        until(lambda: self.app.rows(sql), every=0.12)

    def another_app(self) -> App:
        self._apps.append(App(self.url))
        return self._apps[-1]

    @contextmanager
    def session(self, purpose: str = "test", dialect: Dialect | None = None) -> Iterator[Session]:
        session = self.engine.connect(purpose)
        try:
            for setting in dialect.session_settings if dialect else ():
                session.execute(setting)
            yield session
        finally:
            session.close()

    def job(self, create: str, clauses: str = "ADD COLUMN extra INT") -> Job:
        """The original `orders`, made by `create`, and its empty shadow."""
        self.app.run(create)
        return self.job_on("orders", clauses)

    def job_on(self, table: str, clauses: str) -> Job:
        made = alter.parse(f"ALTER TABLE {table} {clauses}", mysql=self.mysql)
        found = self.engine.catalog.find(made)
        planned = plan.make(self.engine, found, made, Sync.LOG)
        self.engine.ledger.prepare()
        migration = self.engine.ledger.begin(found, "ALTER", Sync.LOG, "the suite")
        return shadow.create(self.engine, planned, migration, 1, 0.25)

    def reading(self, table: str) -> Job:
        """A job without a shadow, which is enough to follow the table and to walk its key."""
        made = alter.parse(f"ALTER TABLE {table} ADD COLUMN extra INT", mysql=self.mysql)
        found = self.engine.catalog.find(made)
        key = found.keys[0]
        columns = ColumnMap((), key.columns, key.columns)
        return Job(1, found, found, Names(found.name, found.name), made, columns, key, False)

    @contextmanager
    def source(self, job: Job, sync: Sync = Sync.LOG) -> Iterator[ChangeSource]:
        """Open as long as the block lasts. Its triggers go then, its slot with the database."""
        source = self.open_source(job, sync)
        try:
            yield source
        finally:
            source.close()
            if sync is Sync.TRIGGERS:
                self.engine.workshop.sweep(job.original.name, execute=True)

    def open_source(
        self, job: Job, sync: Sync = Sync.LOG, start: Position | None = None
    ) -> ChangeSource:
        if sync not in self.engine.sources:
            pytest.skip(f"{self.engine.name} has no --sync {sync}")
        return self.engine.sources[sync](job, start)

    def name(self, job: Job) -> str:
        """The shadow as SQL."""
        quote = "`{}`.`{}`" if self.mysql else '"{}"."{}"'
        return quote.format(job.shadow.name.schema, job.shadow.name.name)

    def copy(self, job: Job, size: int = 7) -> list[Chunk]:
        """The whole table, chunk by chunk, and whatever the engine does to the full shadow."""
        dialect, chunks = self.engine.dialect(job), list[Chunk]()
        with self.session("copy", dialect) as session:
            for chunk in walk(session, dialect, size, dialect.next_bound):
                session.execute(dialect.copy_chunk(chunk))
                chunks.append(chunk)
        load = self.engine.load(job)
        load.finish(lambda: None, lambda: None)
        load.complete(nullcontext, lambda: None)
        return chunks


def walk(
    session: Session,
    dialect: Dialect,
    size: int,
    bound: Callable[[KeyValue | None, int], Statement],
) -> Iterator[Chunk]:
    after: KeyValue | None = None
    number = 0
    while True:
        found = session.query(bound(after, size))
        upper = dialect.key_value(found[0]) if found else None
        number += 1
        yield Chunk(number, after, upper)
        if upper is None:
            return
        after = upper


def every_key(session: Session, dialect: Dialect) -> list[KeyValue]:
    """The key of each row of the original, in the server's order."""
    return [
        chunk.upper
        for chunk in walk(session, dialect, 1, dialect.next_key)
        if chunk.upper is not None
    ]


def delivered(source: ChangeSource) -> list[Delivery]:
    """What the source delivers until a mark of now has passed."""
    mark, found, deadline = source.mark(), list[Delivery](), time.monotonic() + SOON
    while not found or (found[-1].barrier or 0) < mark:
        assert time.monotonic() < deadline, f"no barrier {mark} after {found}"
        if delivery := source.read(0.1):
            found.append(delivery)
    return found


def keys(source: ChangeSource) -> list[KeyValue]:
    return [key for delivery in delivered(source) for key in delivery.keys]


def until(reached: Callable[[], object], seconds: float = SOON, every: float = 0.005) -> None:
    """Polls; fails when it takes too long."""
    never, deadline = threading.Event(), time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline, "it never came to pass"
        never.wait(every)


@contextmanager
def open_place(lease: Lease) -> Iterator[Place]:
    """A new database; everything in it is gone at the end."""
    database = f"osc_{uuid4().hex[:10]}"
    postgres = lease.engine == "postgres"
    admin = App(lease.url("postgres" if postgres else "mysql"))
    admin.run(f"CREATE DATABASE {database}")
    place = None
    try:
        engine = engines.engine_at(lease.url(database))
        place = Place(lease, database, engine, App(lease.url(database)))
        yield place
    finally:
        if place:
            for app in (place.app, *place._apps):
                app.close()
            place.engine.close()
        if postgres:
            drop_slots(admin, database)
        admin.run(f"DROP DATABASE {database}" + (" WITH (FORCE)" if postgres else ""))
        admin.close()


def drop_slots(admin: App, database: str) -> None:
    """A closed source leaves its slot, and a database with slots can't be dropped."""
    ours = f"FROM pg_replication_slots WHERE database = '{database}'"
    admin.run(f"SELECT pg_terminate_backend(active_pid) {ours}")
    until(lambda: not admin.rows(f"SELECT 1 {ours} AND active"))
    admin.run(f"SELECT pg_drop_replication_slot(slot_name) {ours}")


def back(job: Job, place: Place) -> Job:
    """The same job the other way round: the archive takes the place of the new table again."""
    return replace(
        job,
        original=replace(
            job.original, identity=place.engine.catalog.identity(job.original.name) or ""
        ),
        shadow=replace(job.shadow, name=job.names.archive),
        names=replace(job.names, shadow=job.names.archive, archive=job.names.shadow),
    )
