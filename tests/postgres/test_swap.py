"""The swap: nobody sees anything but one table or the other, and an attempt is whole or undone."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import psycopg
import pytest

from osc.engine import Job, Session, Statement
from osc.errors import (
    BadStatement,
    Bug,
    Conflict,
    ConnectionLost,
    LockTimeout,
    SwappedButUnfinished,
    TableChanged,
)
from osc.model.chunk import Chunk
from osc.postgres import mentions, swap
from osc.postgres.session import Connection
from osc.postgres.swap import PostgresSwapper
from tests.postgres.conftest import Database, read_to

TABLE = "CREATE TABLE t (id serial PRIMARY KEY, v int NOT NULL DEFAULT 0, u int UNIQUE)"
ROWS = "INSERT INTO t (u) SELECT n FROM generate_series(1, 100) AS n"


def nothing(session: Session) -> None:
    pass


def is_bigint(database: Database) -> bool:
    return database.rows("SELECT pg_typeof(v)::text FROM t LIMIT 1") == [("bigint",)]


@contextmanager
def writing(database: Database, writers: int) -> Iterator[list[str]]:
    """Applications with prepared statements; gives the errors that they saw."""
    stop, errors, started = threading.Event(), list[str](), threading.Barrier(writers + 1)

    def write(number: int) -> None:
        with database.connect() as connection:
            connection.prepare_threshold = 0
            connection.execute("INSERT INTO t (v) VALUES (%s)", (number,))
            started.wait()
            while not stop.is_set():
                try:
                    connection.execute("INSERT INTO t (v) VALUES (%s)", (number,))
                    connection.execute("UPDATE t SET v = v + 1 WHERE id = %s", (number,))
                    connection.execute("SELECT id, u FROM t WHERE id = %s", (number,))
                except psycopg.Error as error:
                    errors.append(str(error))

    threads = [threading.Thread(target=write, args=(n + 1,)) for n in range(writers)]
    for thread in threads:
        thread.start()
    started.wait()
    try:
        yield errors
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_four_writers_with_prepared_statements_see_no_error_and_lose_no_row(
    database: Database,
) -> None:
    database.run(TABLE, ROWS)
    job = database.job()
    with database.source(job) as source:
        read_to(source, source.mark())
        with writing(database, 4) as errors:
            database.copy(job)
            early = set(read_to(source, source.mark()))
            dialect = database.engine.dialect(job)
            session = database.session()

            def purge() -> None:
                session.execute(dialect.delete_keys(sorted(early)))

            database.engine.load(job).finish(purge, lambda: None)

            def drain(held: Session) -> None:
                keys = sorted(early | set(read_to(source, source.mark())))
                held.execute(dialect.delete_keys(keys))
                held.execute(dialect.insert_keys(keys))
                ((rows, one, shadow_rows, other),) = held.query(compared(job, database))
                assert (rows, one) == (shadow_rows, other)

            database.engine.swapper(job).swap(drain, 2.0)

    assert errors == []
    assert is_bigint(database)
    assert database.rows("SELECT count(*) - count(DISTINCT id) FROM t") == [(0,)]
    archived = f'"{job.names.archive.schema}".t'
    assert database.rows(f"SELECT count(*) FROM {archived} WHERE id NOT IN (SELECT id FROM t)") == [
        (0,)
    ]


def compared(job: Job, database: Database) -> Statement:
    return database.engine.dialect(job).checksum(Chunk(1, None, None))


def test_a_serial_goes_on_counting_and_outlives_the_archive(database: Database) -> None:
    database.run(TABLE, ROWS)
    job = database.loaded()

    database.engine.swapper(job).swap(nothing, 1.0)
    database.engine.workshop.drop([job.names.archive])

    database.run("INSERT INTO t (u) VALUES (0)")
    assert database.rows("SELECT max(id) FROM t") == [(101,)]
    assert database.rows("SELECT pg_get_serial_sequence('t', 'id')") == [("public.t_id_seq",)]
    assert not database.rows("SELECT FROM pg_namespace WHERE nspname = '_osc_old'")


def test_an_identity_goes_on_counting(database: Database) -> None:
    database.run(
        "CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v int)",
        "INSERT INTO t (v) SELECT 1 FROM generate_series(1, 7)",
        "DELETE FROM t WHERE id = 7",
    )
    job = database.loaded("ALTER id TYPE bigint, ALTER v TYPE bigint")

    database.engine.swapper(job).swap(nothing, 1.0)

    database.run("INSERT INTO t (v) VALUES (1)")
    assert database.rows("SELECT max(id), pg_typeof(max(id))::text FROM t") == [(8, "bigint")]


def test_a_constraint_that_is_not_valid_lets_old_rows_be_and_is_there_afterwards(
    database: Database,
) -> None:
    database.run(TABLE, ROWS, "ALTER TABLE t ADD CONSTRAINT few CHECK (u < 50) NOT VALID")
    job = database.loaded()

    database.engine.swapper(job).swap(nothing, 1.0)

    assert database.rows("SELECT count(*) FROM t") == [(100,)]
    with pytest.raises(psycopg.errors.CheckViolation):
        database.run("INSERT INTO t (u) VALUES (1000)")


def test_a_lock_that_is_not_to_be_had_is_given_up_and_named(database: Database) -> None:
    database.run(TABLE, ROWS)
    job = database.loaded()
    swapper = database.engine.swapper(job)

    with database.connect() as reader:
        reader.execute("SET application_name = 'report'")
        with reader.transaction():
            reader.execute("SELECT FROM t")
            with pytest.raises(LockTimeout):
                swapper.swap(nothing, 0.05)
            blockers = swapper.blockers()

    assert len(blockers) == 1
    assert "'report'" in str(blockers[0]) and "SELECT FROM t" in str(blockers[0])
    assert not is_bigint(database)


def test_a_drain_that_fails_undoes_the_swap(database: Database) -> None:
    database.run(TABLE, ROWS)
    job = database.loaded()
    swapper = database.engine.swapper(job)

    def fails(session: Session) -> None:
        session.execute(Statement(f'DELETE FROM "{job.names.shadow.schema}".t'))
        session.execute(Statement("no SQL"))

    with pytest.raises(BadStatement):
        swapper.swap(fails, 1.0)

    assert not is_bigint(database)
    assert swapper.swap(nothing, 1.0).lock_held_seconds < 1
    assert database.rows("SELECT count(*) FROM t") == [(100,)]


@pytest.mark.parametrize(
    "theirs",
    ["ALTER TABLE t ADD theirs int", "GRANT SELECT ON t TO PUBLIC", "CREATE VIEW w AS TABLE t"],
)
def test_a_table_that_others_changed_is_not_swapped(database: Database, theirs: str) -> None:
    database.run(TABLE, ROWS)
    job = database.loaded()
    swapper = database.engine.swapper(job)

    database.run(theirs)

    with pytest.raises(TableChanged):
        swapper.swap(nothing, 1.0)
    assert not is_bigint(database)


def test_a_view_that_comes_while_the_lock_is_waited_for_is_found_under_it(
    database: Database,
) -> None:
    """Its maker has the lock that we wait for, and commits: what was read before knows no view."""
    database.run(TABLE, ROWS)
    job = database.loaded()
    refused: list[Exception] = []

    def attempt() -> None:
        try:
            database.engine.swapper(job).swap(nothing, 10.0)
        except Exception as error:
            refused.append(error)

    with database.connect() as maker:
        with maker.transaction():
            maker.execute("CREATE VIEW late AS SELECT id, u FROM t")
            attempting = threading.Thread(target=attempt)
            attempting.start()
            while not database.rows(
                "SELECT FROM pg_locks WHERE NOT granted AND mode ~ '^AccessEx'"
            ):
                assert attempting.is_alive(), refused
        attempting.join()

    assert [type(error) for error in refused] == [Conflict]
    assert not is_bigint(database)
    database.engine.swapper(job).swap(nothing, 1.0)
    database.engine.workshop.drop([job.names.archive])
    assert database.rows("SELECT count(*) FROM late") == [(100,)]


def test_what_would_go_on_to_hang_on_the_old_table_undoes_the_swap(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who carries views over is left out, as if there were things that nobody carries over."""
    database.run(TABLE, ROWS, "CREATE VIEW seen AS SELECT id, u FROM t")
    job = database.loaded()
    all_but_views = tuple(part for part in swap.PARTS if part is not mentions.carried)

    with monkeypatch.context() as broken:
        broken.setattr(swap, "PARTS", all_but_views)
        with pytest.raises(Bug, match=r"go on to hang on the old .*\n.*view public\.seen"):
            database.engine.swapper(job).swap(nothing, 1.0)

    assert not is_bigint(database)
    database.engine.swapper(job).swap(nothing, 1.0)
    assert is_bigint(database)


def test_a_shadow_that_is_not_what_it_should_be_is_not_swapped_in(database: Database) -> None:
    database.run(TABLE, ROWS)
    job = database.loaded()
    swapper = database.engine.swapper(job)

    database.run(f'ALTER TABLE "{job.names.shadow.schema}".t DROP CONSTRAINT t_u_key')

    with pytest.raises(TableChanged, match="t_u_key"):
        swapper.swap(nothing, 1.0)
    assert not is_bigint(database)


def test_a_connection_that_is_lost_before_the_commit_means_undone(database: Database) -> None:
    database.run(TABLE, ROWS)
    job = database.loaded()

    def killed(session: Session) -> None:
        database.run(f"SELECT pg_terminate_backend({session.id})")
        session.query(Statement("SELECT 1"))

    with pytest.raises(ConnectionLost):
        database.engine.swapper(job).swap(killed, 1.0)

    assert not is_bigint(database)


def test_a_connection_that_is_lost_after_the_commit_means_swapped(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.run(TABLE, ROWS)
    job = database.loaded()
    transaction, drained = Connection.transaction, list[int]()

    @contextmanager
    def committed_but_unheard(session: Connection) -> Iterator[None]:
        with transaction(session):
            yield
        if session.id in drained:
            raise ConnectionLost("the line is dead")

    monkeypatch.setattr(Connection, "transaction", committed_but_unheard)
    database.engine.swapper(job).swap(lambda session: drained.append(session.id), 1.0)

    assert is_bigint(database)


def test_extended_statistics_move_with_their_table(database: Database) -> None:
    database.run(TABLE, ROWS, "CREATE STATISTICS together ON v, u FROM t")
    job = database.loaded()

    database.engine.swapper(job).swap(nothing, 1.0)

    found = database.rows(
        "SELECT stxnamespace::regnamespace::text, stxrelid::regclass::text"
        " FROM pg_statistic_ext ORDER BY 1"
    )
    assert found[1] == ("public", "t")


def test_every_late_difference_is_told_after_the_swap(database: Database) -> None:
    database.run(TABLE, ROWS)
    swapper = database.engine.swapper(database.loaded())
    assert isinstance(swapper, PostgresSwapper)
    expected = (*swapper.target.lines, "what nobody made")

    target = replace(swapper.target, lines=expected)

    with pytest.raises(SwappedButUnfinished, match="what nobody made"):
        replace(swapper, target_of=lambda: target).swap(nothing, 1.0)


def test_a_cursor_has_a_snapshot_and_a_transaction_that_only_wrote_has_none(
    database: Database,
) -> None:
    database.run(TABLE, ROWS, "CREATE TABLE elsewhere (n int)")
    job = database.loaded()
    with psycopg.connect(database.url) as cursor, psycopg.connect(database.url) as writer:
        cursor.execute("DECLARE kept CURSOR FOR SELECT * FROM elsewhere")
        writer.execute("INSERT INTO elsewhere VALUES (1)")

        onlookers = database.engine.swapper(job).onlookers()

        assert [one.id for one in onlookers.left()] == [cursor.info.backend_pid]
        cursor.execute("CLOSE kept")
        assert onlookers.left() == []
