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

from osc.engine import Engine, Job, Session, Sync
from osc.errors import CutOverNotObtained, NotAllowed, PositionGone, Precondition, TableChanged
from osc.model.change import KeyValue, Position
from osc.model.table import TableName
from osc.postgres import locking
from osc.postgres.engine import connect
from osc.postgres.triggers import TriggerSource
from tests.postgres.conftest import Database, read_to

TABLE = "CREATE TABLE t (id int PRIMARY KEY, v int)"
ROWS = "INSERT INTO t SELECT n, n FROM generate_series(1, 10) AS n"
T = TableName("public", "t")


def opened(database: Database, job: Job, start: Position | None = None) -> TriggerSource:
    database.engine.ledger.prepare()
    source = database.engine.sources[Sync.TRIGGERS](job, start)
    assert isinstance(source, TriggerSource)
    return source


@contextmanager
def following(database: Database, job: Job | None = None) -> Iterator[TriggerSource]:
    source = opened(database, job or database.job())
    try:
        yield source
    finally:
        source.close()
        database.engine.workshop.sweep(T, execute=True)


def told(source: TriggerSource) -> set[KeyValue]:
    return set(read_to(source, source.mark()))


def left(database: Database) -> list[tuple[Any, ...]]:
    """All that a source makes on the server, whoever it belongs to."""
    return database.rows(
        "SELECT tgname::text FROM pg_trigger WHERE NOT tgisinternal"
        " UNION ALL SELECT relname FROM pg_class WHERE relkind = 'r' AND relname LIKE 'changelog%'"
        " UNION ALL SELECT proname FROM pg_proc WHERE proname LIKE 'changelog%'"
    )


# The lock on the original.


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
        _until(lambda: _waits(database))
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
        _until(lambda: _autovacuums(database), 60)
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


def _until(reached: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_table_that_was_replaced_gets_no_triggers(database: Database) -> None:
    database.run(TABLE)
    job = database.job()
    database.run("ALTER TABLE t RENAME TO old", TABLE)

    with pytest.raises(TableChanged):
        opened(database, job)

    assert left(database) == []


# Somebody meddles with the triggers while they are needed.

MEDDLING = {
    "all are disabled": ["ALTER TABLE t DISABLE TRIGGER ALL"],
    "the user's are disabled": ["ALTER TABLE t DISABLE TRIGGER USER"],
    "a restore disables and enables them": [
        "ALTER TABLE t DISABLE TRIGGER ALL; INSERT INTO t VALUES (99);"
        "ALTER TABLE t ENABLE TRIGGER ALL"
    ],
    "one is off for a while": [
        "ALTER TABLE t DISABLE TRIGGER _osc_1_delete",
        "DELETE FROM t WHERE id = 1",
        "ALTER TABLE t ENABLE ALWAYS TRIGGER _osc_1_delete",
    ],
    "one is dropped": ["DROP TRIGGER _osc_1_update ON t"],
    "one is dropped and made again": [
        "CREATE TEMPORARY TABLE def AS SELECT pg_get_triggerdef(oid) AS made FROM pg_trigger"
        " WHERE tgname = '_osc_1_update'",
        "DROP TRIGGER _osc_1_update ON t",
        "UPDATE t SET v = 0",
        "DO $$ BEGIN EXECUTE (SELECT made FROM def); END $$",
        "ALTER TABLE t ENABLE ALWAYS TRIGGER _osc_1_update",
    ],
    "the schema is gone": ["DROP SCHEMA osc CASCADE"],
    "the function does something else": [
        "CREATE OR REPLACE FUNCTION osc.changelog_1() RETURNS trigger LANGUAGE plpgsql"
        " AS 'BEGIN RETURN NULL; END'"
    ],
}


def test_a_subscription_that_comes_later_is_noticed(database: Database) -> None:
    database.run(TABLE)

    with (
        following(database) as source,
        _subscribed(database),
        pytest.raises(PositionGone, match="subscription"),
    ):
        told(source)


@pytest.mark.parametrize("how", MEDDLING)
def test_changes_that_were_not_written_down_are_noticed_with_the_next_mark(
    database: Database, how: str
) -> None:
    database.run(TABLE, ROWS)

    with following(database) as source:
        told(source)
        database.run(*MEDDLING[how])

        for _ in range(2):
            with pytest.raises(PositionGone, match="not written down"):
                told(source)
    database.run("DROP SCHEMA IF EXISTS osc CASCADE")


@pytest.mark.parametrize("how", MEDDLING)
def test_changes_that_were_not_written_down_are_noticed_when_it_is_opened_again(
    database: Database, how: str
) -> None:
    database.run(TABLE, ROWS)
    job = database.job()

    with following(database, job) as source:
        position = source.position
        source.close()
        database.run(*MEDDLING[how])
        with pytest.raises(PositionGone, match=r"public\.t were not written down"):
            database.engine.sources[Sync.TRIGGERS](job, position)
    database.run("DROP SCHEMA IF EXISTS osc CASCADE")


@pytest.mark.parametrize("how", ["all are disabled", "a restore disables and enables them"])
def test_what_was_not_written_down_vetoes_the_swap(database: Database, how: str) -> None:
    database.run(TABLE, ROWS)
    job = database.job()

    with following(database, job) as source:
        database.copy(job)
        database.engine.load(job).finish(lambda: None, lambda: None)
        told(source)
        database.run(*MEDDLING[how])

        def drain(session: Session) -> None:
            read_to(source, source.mark())

        with pytest.raises(PositionGone):
            database.engine.swapper(job).swap(drain, 1.0)

    assert database.rows("SELECT pg_typeof(v)::text FROM t LIMIT 1") == [("integer",)]


@pytest.mark.parametrize("how", ["ALTER TABLE t DISABLE TRIGGER ALL", "DROP SCHEMA osc CASCADE"])
def test_it_is_noticed_without_a_mark_too(database: Database, how: str) -> None:
    database.run(TABLE)

    with following(database) as source:
        database.run(how)
        with pytest.raises(PositionGone):
            _until(lambda: source.read(0.1) is not None, 5.0)


def test_upkeep_of_the_catalog_is_no_meddling(database: Database) -> None:
    database.run(TABLE, ROWS)

    with following(database) as source:
        database.run(
            "VACUUM FULL pg_trigger", "VACUUM FREEZE pg_proc", "VACUUM FULL osc.changelog_1",
            "ANALYZE t", "VACUUM FREEZE t", "UPDATE t SET v = 0 WHERE id = 1",
            "REINDEX TABLE osc.changelog_1",
        )  # fmt: skip

        assert told(source) == {("1",)}


# Opened again.


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


# The swap, and the sweep.


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


# Checks.


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

    with _subscribed(database), pytest.raises(Precondition, match="subscription"):
        database.engine.checks.table(table, alter, Sync.TRIGGERS)


@contextmanager
def _subscribed(database: Database) -> Iterator[None]:
    """The catalog says that t is a subscription's target; no publisher is asked."""
    database.run(
        "CREATE SUBSCRIPTION s CONNECTION 'dbname=x' PUBLICATION p WITH (connect = false)",
        "SET allow_system_table_mods = on",
        "INSERT INTO pg_subscription_rel SELECT oid, 't'::regclass, 'r', NULL FROM pg_subscription",
    )
    try:
        yield
    finally:
        database.run(
            "DELETE FROM pg_subscription_rel",
            "ALTER SUBSCRIPTION s DISABLE",
            "ALTER SUBSCRIPTION s SET (slot_name = NONE)",
            "DROP SUBSCRIPTION s",
        )


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
