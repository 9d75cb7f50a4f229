"""A slot that no longer tells every change says so, and says why."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from osc.engine import Job, Sync
from osc.errors import OscError, PositionGone, Precondition, TableChanged
from osc.model.change import Position
from osc.postgres import slots
from tests.postgres.conftest import Database, drop_slots, read_to, within

TABLE = "CREATE TABLE t (id int PRIMARY KEY, v int, long text)"


@pytest.fixture
def job(database: Database) -> Job:
    database.run(TABLE)
    return database.job()


@pytest.fixture
def position(database: Database, job: Job) -> Position:
    """Of a source that has been closed."""
    with database.source(job) as source:
        database.run("INSERT INTO t VALUES (1)")
        read_to(source, source.mark())
        return source.position


def reopened(database: Database, job: Job, position: Position) -> None:
    database.engine.sources[Sync.LOG](job, position).close()


def test_a_slot_that_was_dropped_is_gone(database: Database, job: Job, position: Position) -> None:
    drop_slots(database.application, database.name)

    with pytest.raises(PositionGone, match="somebody dropped it"):
        reopened(database, job, position)


def test_a_publication_that_was_dropped_is_gone(
    database: Database, job: Job, position: Position
) -> None:
    ((name,),) = database.rows("SELECT pubname FROM pg_publication")
    database.run(f"DROP PUBLICATION {name}")

    with pytest.raises(PositionGone, match="publication"):
        reopened(database, job, position)


def test_a_slot_that_somebody_else_has_read_is_gone(
    database: Database, job: Job, position: Position
) -> None:
    database.run("INSERT INTO t VALUES (2)")
    while database.rows("SELECT FROM pg_replication_slots WHERE active"):
        pass  # Our walsender hasn't noticed yet that we have hung up.
    database.rows(
        "SELECT pg_replication_slot_advance(slot_name, pg_current_wal_lsn())"
        " FROM pg_replication_slots WHERE database = current_database()"
    )

    with pytest.raises(PositionGone, match="moved on"):
        reopened(database, job, position)


def test_a_slot_that_the_server_gave_up_while_nobody_read_is_gone(
    database: Database, job: Job, position: Position
) -> None:
    with little_wal_is_kept(database):
        write_much_wal(database)

        with pytest.raises(PositionGone, match="given up") as caught:
            reopened(database, job, position)

    assert "max_slot_wal_keep_size" in caught.value.todo


def test_a_slot_that_the_server_gives_up_while_we_read_is_gone(
    database: Database, job: Job
) -> None:
    with database.source(job) as source, little_wal_is_kept(database):
        write_much_wal(database)

        with pytest.raises(PositionGone, match="given up"):
            within(10.0, source)


@pytest.mark.parametrize(
    "theirs",
    [
        "DROP TABLE t",
        "ALTER PUBLICATION {} DROP TABLE t",
        "ALTER PUBLICATION {} SET (publish = 'insert')",
    ],
)
def test_a_table_that_leaves_its_publication_ends_the_run(
    database: Database, job: Job, theirs: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stream falls silent, as if nobody wrote."""
    monkeypatch.setattr("osc.postgres.decoding.GUARD_EVERY_SECONDS", 0.0)
    with database.source(job) as source:
        read_to(source, source.mark())
        ((name,),) = database.rows("SELECT pubname FROM pg_publication")
        database.run(theirs.format(name))

        with pytest.raises(TableChanged, match="publication"):
            within(5.0, source)


def test_a_key_that_is_stored_apart_is_told_though_it_does_not_change(database: Database) -> None:
    """A value that compresses well enough for an index, and not for the row: an UPDATE of another
    column doesn't carry it."""
    database.run(
        "CREATE TABLE t (id text PRIMARY KEY, v int, long text)",
        "ALTER TABLE t ALTER id SET STORAGE EXTERNAL",
    )
    key = "('k' || (SELECT string_agg(md5(n::text), '') FROM generate_series(1, 70) n))"
    with database.source(database.job()) as source:
        database.run(f"INSERT INTO t SELECT {key}, 1, repeat('x', 9000)")
        database.run("UPDATE t SET v = 2", "UPDATE t SET id = 'short'", "DELETE FROM t")
        keys = read_to(source, source.mark())

    assert sorted({len(str(key[0])) for key in keys}) == [5, 2241]


def test_a_slot_that_is_dropped_while_we_read_is_gone(database: Database, job: Job) -> None:
    with (
        database.source(job) as source,
        psycopg.connect(database.lease.url("postgres"), autocommit=True) as admin,
    ):
        drop_slots(admin, database.name)

        with pytest.raises(PositionGone, match="somebody dropped it"):
            within(10.0, source)


@contextmanager
def little_wal_is_kept(database: Database) -> Iterator[None]:
    """As an administrator limits slots that fall behind."""
    names = {"max_slot_wal_keep_size": "1MB", "wal_keep_size": "0"}
    for name, value in names.items():
        database.run(f"ALTER SYSTEM SET {name} = '{value}'")
    database.run("SELECT pg_reload_conf()")
    try:
        yield
    finally:
        for name in names:
            database.run(f"ALTER SYSTEM RESET {name}")
        database.run("SELECT pg_reload_conf()")


def write_much_wal(database: Database) -> None:
    """Until the slot is given up; nobody confirms, because nobody saves a position."""
    lost = (
        "SELECT FROM pg_replication_slots WHERE database = current_database()"
        " AND wal_status = 'lost'"
    )
    for n in range(100):
        database.run(f"INSERT INTO t VALUES ({n + 100})", "SELECT pg_switch_wal()", "CHECKPOINT")
        if database.rows(lost):
            return
    raise AssertionError("the slot is still there")


def test_who_keeps_the_slot_from_starting_is_named(
    database: Database, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slot can't begin before every transaction that is open anywhere is over: nor can one that
    was prepared and forgotten. Whatever the slot tells began after it, so none is missed."""
    monkeypatch.setattr(slots, "OPEN_SECONDS", 1)
    database.run("BEGIN", "INSERT INTO t VALUES (1)", "PREPARE TRANSACTION 'forgotten'")
    try:
        with pytest.raises(Precondition, match="'forgotten' in"):
            database.engine.sources[Sync.LOG](job, None)
    finally:
        database.run("ROLLBACK PREPARED 'forgotten'")

    assert database.rows("SELECT FROM pg_publication") == []


@pytest.mark.parametrize("identity", ["FULL", "USING INDEX other", "NOTHING"])
def test_a_replica_identity_that_changes_during_the_run(database: Database, identity: str) -> None:
    """Either the key is still told, or the run ends: never a change without a key."""
    database.run(
        "CREATE TABLE t (id int PRIMARY KEY, other int NOT NULL, v int)",
        "CREATE UNIQUE INDEX other ON t (other)",
        "INSERT INTO t VALUES (1, 10, 0)",
    )
    with database.source(database.job()) as source:
        read_to(source, source.mark())
        database.run(f"ALTER TABLE t REPLICA IDENTITY {identity}")
        try:
            database.run("UPDATE t SET v = 1, id = 2")
        except psycopg.Error:
            return  # The server itself refuses: the publication doesn't cover the identity.
        try:
            found = read_to(source, source.mark())
        except OscError:
            return
        assert {("1",), ("2",)} <= set(found)
