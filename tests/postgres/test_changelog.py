"""The changelog's life: made within the lock budget, found again, looked after, swept away."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from osc.engine import Engine, Sync
from osc.errors import CutOverNotObtained, NotAllowed, Precondition, TableChanged
from osc.postgres import locking
from osc.postgres.engine import connect
from tests.postgres.changelog import ROWS, TABLE, T, following, opened, subscribed, told, until
from tests.postgres.conftest import Database


def left(database: Database) -> list[tuple[Any, ...]]:
    """All that a source makes on the server, whoever it belongs to."""
    return database.rows(
        "SELECT tgname::text FROM pg_trigger WHERE NOT tgisinternal"
        " UNION ALL SELECT relname FROM pg_class WHERE relkind = 'r' AND relname LIKE 'changelog%'"
        " UNION ALL SELECT proname FROM pg_proc WHERE proname LIKE 'changelog%'"
    )


@contextmanager
def a_writer(database: Database, *writes: str) -> Iterator[psycopg.Connection[Any]]:
    """Its transaction is open for the length of the block."""
    with database.connect() as writer:
        writer.execute("BEGIN")
        for write in writes:
            writer.execute(write)
        yield writer
        writer.execute("COMMIT")


def test_who_wrote_before_the_triggers_has_ended_when_they_are_there(database: Database) -> None:
    """His key is in no changelog; so his row must be visible to whoever copies now."""
    database.run(TABLE, ROWS)
    job = database.job()

    with a_writer(database, "INSERT INTO t VALUES (11)") as writer, ThreadPoolExecutor(1) as pool:
        opening = pool.submit(opened, database, job)
        until(lambda: _waits(database))
        while_open = opening.done()
        writer.execute("INSERT INTO t VALUES (12)")
        writer.execute("COMMIT")
        source = opening.result()
        seen = database.rows("SELECT count(*) FROM t")
        keys = told(source)
        source.close()
        writer.execute("BEGIN")

    assert not while_open
    assert seen == [(12,)] and keys == set()


def test_a_prepared_writer_has_ended_too(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locking, "ATTEMPTS", 2)
    database.run(TABLE, "BEGIN", "INSERT INTO t VALUES (1)", "PREPARE TRANSACTION 'older'")
    job = database.job()

    with pytest.raises(CutOverNotObtained):
        opened(database, job)
    database.run("COMMIT PREPARED 'older'")

    with following(database, job) as source:
        assert told(source) == set()


def test_nobody_waits_behind_us_longer_than_the_budget(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locking, "ATTEMPTS", 3)
    database.run(TABLE)
    job = database.job()
    slowest = 0.0

    with (
        a_writer(database, "INSERT INTO t VALUES (0)") as blocking,
        ThreadPoolExecutor(1) as pool,
        database.connect() as app,
    ):
        opening = pool.submit(opened, database, job)
        number = 0
        while not opening.done():
            number, started = number + 1, time.monotonic()
            app.execute(f"INSERT INTO t VALUES ({number})")
            slowest = max(slowest, time.monotonic() - started)
        with pytest.raises(
            CutOverNotObtained, match=f"connection {blocking.info.backend_pid} "
        ) as said:
            opening.result()

    assert slowest < job.lock_budget_seconds + 0.5
    assert "INSERT INTO t VALUES (0)" in said.value.happened
    assert left(database) == []


def test_an_autovacuum_gives_way_to_us(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """It does so for whoever has waited for deadlock_timeout, and we never wait for so long."""
    monkeypatch.setattr(locking, "ATTEMPTS", 4)
    database.run(TABLE, "INSERT INTO t SELECT n, n FROM generate_series(1, 200000) AS n")
    job = database.job()
    database.run(
        "ALTER TABLE t SET (autovacuum_vacuum_threshold = 1, autovacuum_vacuum_scale_factor = 0,"
        " autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1)"
    )
    with _often_vacuumed(database):
        database.run("UPDATE t SET v = 0")
        until(lambda: _autovacuums(database), 60)
        with following(database, job) as source:
            assert told(source) == set()
    database.run("ALTER TABLE t SET (autovacuum_enabled = off)")


@contextmanager
def _often_vacuumed(database: Database) -> Iterator[None]:
    database.run("ALTER SYSTEM SET autovacuum_naptime = '1s'", "SELECT pg_reload_conf()")
    try:
        yield
    finally:
        database.run("ALTER SYSTEM RESET autovacuum_naptime", "SELECT pg_reload_conf()")


def _autovacuums(database: Database) -> bool:
    return bool(
        database.rows(
            "SELECT FROM pg_stat_activity WHERE backend_type = 'autovacuum worker'"
            " AND query LIKE 'autovacuum: VACUUM%public.t%' AND datname = current_database()"
        )
    )


def _waits(database: Database) -> bool:
    return bool(
        database.rows(
            "SELECT FROM pg_locks WHERE relation = 't'::regclass AND NOT granted"
            " AND mode = 'ShareRowExclusiveLock'"
        )
    )


def test_a_table_that_was_replaced_gets_no_triggers(database: Database) -> None:
    database.run(TABLE)
    job = database.job()
    database.run("ALTER TABLE t RENAME TO old", TABLE)

    with pytest.raises(TableChanged):
        opened(database, job)

    assert left(database) == []


def test_what_is_in_the_table_is_told_again_and_what_came_meanwhile(database: Database) -> None:
    database.run(TABLE)
    job = database.job()

    with following(database, job) as first, database.connect() as late:
        late.execute("BEGIN")
        late.execute("INSERT INTO t VALUES (1)")
        database.run("INSERT INTO t VALUES (2)")
        told(first)
        confirmed = first._position
        first.confirm(confirmed)
        database.run("INSERT INTO t VALUES (3)")
        told(first)
        position = first._position
        first.close()
        database.run("INSERT INTO t VALUES (4)")
        late.execute("COMMIT")
        again = opened(database, job, confirmed)
        keys = told(again)
        later = opened(database, job, position)
        same = told(later)
        again.close()
        later.close()

    assert keys == same == {("1",), ("3",), ("4",)}
    assert again.position == confirmed


def test_after_the_swap_the_archive_has_the_triggers_and_the_sweep_takes_them(
    database: Database,
) -> None:
    database.run(TABLE, ROWS)
    job = database.job()

    with following(database, job) as source:
        database.copy(job)
        database.engine.load(job).finish(lambda: None, lambda: None)
        database.engine.swapper(job).swap(lambda held: None, 1.0)
        database.run("INSERT INTO t VALUES (11)")
        after = told(source)
        source.close()
        said = database.engine.workshop.sweep(T, execute=False)
        there = left(database)
        database.engine.workshop.sweep(T, execute=True)

    assert after == set()
    assert len(there) == 6 and left(database) == []
    assert f"trigger _osc_1_insert on {job.names.archive}" in said
    assert "table osc.changelog_1" in said
    assert database.rows("SELECT count(*), pg_typeof(max(v))::text FROM t") == [(11, "bigint")]


def test_a_sweep_takes_what_is_ours_and_nothing_else(database: Database) -> None:
    database.run(
        TABLE,
        "CREATE TABLE other (id int PRIMARY KEY, v int)",
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
    )
    source = opened(database, database.job())
    others = database.engine.sources[Sync.TRIGGERS](
        replace(database.job(table="other"), id=2), None
    )
    source.close()
    others.close()
    database.run(
        "CREATE TRIGGER _osc_3_insert AFTER INSERT ON t EXECUTE FUNCTION f()",
        "CREATE TABLE osc.changelog_4 (id int)",
    )

    database.engine.workshop.sweep(T, execute=True)

    assert {name for (name,) in left(database)} == {
        "_osc_3_insert", "changelog_4", "changelog_2",
        *(f"_osc_2_{event}" for event in ("insert", "update", "delete", "truncate")),
    }  # fmt: skip
    database.run("INSERT INTO t VALUES (1)", "INSERT INTO other VALUES (1)")


def test_a_sweep_never_leaves_triggers_without_a_changelog(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They would make the application's statements fail."""
    monkeypatch.setattr(locking, "ATTEMPTS", 2)
    database.run(TABLE)

    with following(database), a_writer(database, "INSERT INTO t VALUES (1)") as writer:
        with pytest.raises(CutOverNotObtained):
            database.engine.workshop.sweep(T, execute=True)
        writer.execute("INSERT INTO t VALUES (2)")

        assert len(left(database)) == 6


@pytest.fixture
def owner(database: Database) -> Iterator[Engine]:
    """The engine as a role that owns the table and may not read the log."""
    database.run(
        "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'osc_table_owner') THEN"
        " CREATE ROLE osc_table_owner LOGIN; END IF; END $$",
        f"GRANT CREATE ON DATABASE {database.name} TO osc_table_owner",
        "CREATE SCHEMA mine AUTHORIZATION osc_table_owner",
        "CREATE TABLE mine.t (id int PRIMARY KEY, v int)",
        "ALTER TABLE mine.t OWNER TO osc_table_owner",
    )
    parts = urlsplit(database.url)
    engine = connect(
        parts._replace(netloc=f"osc_table_owner@{parts.hostname}:{parts.port}").geturl()
    )
    yield engine
    engine.close()


def test_an_owner_needs_no_more(database: Database, owner: Engine) -> None:
    database.engine.close()
    database.engine = owner
    owner.checks.server(Sync.TRIGGERS)
    job = database.job(table="mine.t")
    owner.checks.table(job.original, job.alter, Sync.TRIGGERS)

    source = opened(database, job)
    database.run("INSERT INTO mine.t VALUES (1)")
    keys = told(source)
    source.close()
    owner.workshop.sweep(job.original.name, execute=True)

    assert keys == {("1",)}
    assert left(database) == []


@pytest.mark.parametrize(
    ("prepared", "lacks", "given"),
    [
        (lambda database: database.engine.ledger.prepare(), "may not keep its runs", None),
        (
            lambda database: database.run("REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC"),
            "plpgsql",
            "GRANT USAGE ON LANGUAGE plpgsql TO osc_table_owner",
        ),
    ],
    ids=["our schema", "functions"],
)
def test_a_role_that_may_not_make_triggers_is_told_what_to_grant(
    database: Database,
    owner: Engine,
    prepared: Callable[[Database], None],
    lacks: str,
    given: str | None,
) -> None:
    prepared(database)
    alter = database.alter("ALTER v TYPE bigint", "mine.t")
    table = owner.catalog.find(alter, Sync.TRIGGERS)

    with pytest.raises(NotAllowed, match=lacks) as refused:
        owner.checks.table(table, alter, Sync.TRIGGERS)
    database.run(given or refused.value.todo)
    owner.checks.table(table, alter, Sync.TRIGGERS)


def test_the_target_of_a_subscription_is_refused(database: Database) -> None:
    """Its apply worker writes rows without statements."""
    database.run(TABLE)
    alter = database.alter("ALTER v TYPE bigint")
    table = database.engine.catalog.find(alter, Sync.TRIGGERS)

    with subscribed(database), pytest.raises(Precondition, match="subscription"):
        database.engine.checks.table(table, alter, Sync.TRIGGERS)


def test_neither_wal_level_nor_replica_identity_matters(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(session: object) -> None:
        raise AssertionError("nobody should ask")

    monkeypatch.setattr("osc.postgres.checks._require_logical_decoding", asked)
    database.run("CREATE TABLE t (id int NOT NULL UNIQUE, v int)")
    alter = database.alter("ALTER v TYPE bigint")

    database.engine.checks.server(Sync.TRIGGERS)
    table = database.engine.catalog.find(alter, Sync.TRIGGERS)
    database.engine.checks.table(table, alter, Sync.TRIGGERS)

    assert [key.columns for key in table.keys] == [("id",)]
