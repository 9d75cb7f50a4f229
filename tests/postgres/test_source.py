"""Changes by logical decoding: every key, none before it is visible."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psycopg
import pytest

from osc.engine import Sync
from osc.errors import Guarded, PositionGone, ServerError, TableChanged
from osc.model.change import Delivery, Position
from osc.postgres import decoding
from osc.postgres.decoding import SlotSource, Snapshot
from osc.postgres.engine import connect
from tests.postgres.conftest import Database, read_to, within

TABLE = "CREATE TABLE t (id int PRIMARY KEY, v int, long text)"
ROWS = "INSERT INTO t SELECT n, n, '' FROM generate_series(1, 100) AS n"


@contextmanager
def no_standby_answers(database: Database) -> Iterator[None]:
    """Commits are flushed and sent to the stream, but stay invisible until the block ends."""

    def set_standbys(names: str) -> None:
        database.run(f"ALTER SYSTEM SET synchronous_standby_names = '{names}'")
        database.run("SELECT pg_reload_conf()")
        with database.connect() as fresh:
            while fresh.execute("SHOW synchronous_standby_names").fetchone() != (names,):
                pass

    database.run("SET synchronous_commit = local")
    set_standbys("nobody")
    try:
        yield
    finally:
        set_standbys("")


def test_every_kind_of_change_gives_its_keys(database: Database) -> None:
    database.run(TABLE, ROWS)

    with database.source(database.job()) as source:
        database.run(
            "INSERT INTO t VALUES (101)",
            "UPDATE t SET v = 0 WHERE id = 1",
            "UPDATE t SET id = 102 WHERE id = 2",
            "DELETE FROM t WHERE id = 3",
            "INSERT INTO t VALUES (4) ON CONFLICT (id) DO UPDATE SET v = -1",
        )
        keys = read_to(source, source.mark())

    assert keys == [("101",), ("1",), ("2",), ("102",), ("3",), ("4",)]


def test_what_a_subscription_writes_gives_its_keys_too(database: Database) -> None:
    """Its transactions have an origin, and a slot may be told to leave out all that have one."""
    database.run(TABLE, ROWS)
    origin = f"'{database.name}'"

    with database.source(database.job()) as source, database.connect() as worker:
        worker.execute(f"SELECT pg_replication_origin_create({origin})")
        worker.execute(f"SELECT pg_replication_origin_session_setup({origin})")
        worker.execute("UPDATE t SET v = 0 WHERE id = 1")
        keys = read_to(source, source.mark())
        worker.execute("SELECT pg_replication_origin_session_reset()")
        worker.execute(f"SELECT pg_replication_origin_drop({origin})")

    assert keys == [("1",)]


def test_a_transaction_that_was_rolled_back_gives_nothing(database: Database) -> None:
    database.run(TABLE, ROWS)

    with database.source(database.job()) as source:
        database.run("BEGIN", "DELETE FROM t", "ROLLBACK")

        assert read_to(source, source.mark()) == []


def test_a_key_is_not_ripe_before_its_transaction_is_visible(database: Database) -> None:
    """Acting on it at once would read the row as it was, and lose the change (rule 2)."""
    database.run(TABLE, ROWS)

    with (
        database.source(database.job()) as source,
        ThreadPoolExecutor(1) as pool,
        database.connect() as writer,
    ):
        read_to(source, source.mark())
        with no_standby_answers(database):
            stuck = pool.submit(writer.execute, "UPDATE t SET v = -7 WHERE id = 7")
            _wait_until_flushed(database)
            mark = source.mark()
            early = within(1.0, source)
            seen = database.rows("SELECT v FROM t WHERE id = 7")
        stuck.result()
        late = read_to(source, mark)

    assert seen == [(7,)]
    assert max((d.barrier or 0 for d in early), default=0) < mark
    assert [key for d in early for key in d.keys] + late == [("7",)]
    assert database.rows("SELECT v FROM t WHERE id = 7") == [(-7,)]


def _wait_until_flushed(database: Database) -> None:
    with database.connect() as look:
        waiting = "SELECT FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
        while not look.execute(waiting).fetchall():
            pass


def test_a_huge_transaction_comes_in_pieces_without_a_barrier(database: Database) -> None:
    database.run(TABLE)

    with database.source(database.job()) as source:
        read_to(source, source.mark())
        database.run("INSERT INTO t SELECT n FROM generate_series(1, 30000) AS n")
        mark = source.mark()
        pieces: list[Delivery] = []
        while not pieces or (pieces[-1].barrier or 0) < mark:
            if (delivery := source.read(1.0)) is not None:
                pieces.append(delivery)

    assert sum(len(piece.keys) for piece in pieces) == 30_000
    assert max(len(piece.keys) for piece in pieces) <= 5_000
    assert next(piece for piece in pieces if piece.keys).barrier is None


def test_barriers_come_by_themselves(database: Database) -> None:
    database.run(TABLE)

    with database.source(database.job()) as source:
        database.run("INSERT INTO t VALUES (1)")
        found = within(2.0, source)

    assert [key for delivery in found for key in delivery.keys] == [("1",)]
    assert found[-1].barrier is not None


@pytest.mark.parametrize(
    "theirs", ["TRUNCATE t", "ALTER TABLE t RENAME id TO number", "ALTER TABLE t RENAME TO u"]
)
def test_a_table_that_others_change_ends_the_source(database: Database, theirs: str) -> None:
    database.run(TABLE, ROWS)

    with database.source(database.job()) as source:
        database.run("UPDATE t SET v = 0 WHERE id = 1")
        read_to(source, source.mark())
        database.run(theirs)
        renamed = "u" if "TO u" in theirs else "t"
        database.run(f"UPDATE {renamed} SET v = 1")

        with pytest.raises(TableChanged):
            read_to(source, source.mark())


def test_a_full_replica_identity_gives_its_unique_key(database: Database) -> None:
    database.run(
        "CREATE TABLE t (a text NOT NULL, v int, b numeric NOT NULL, long text, UNIQUE (b, a))",
        "ALTER TABLE t REPLICA IDENTITY FULL, ALTER long SET STORAGE external",
        "INSERT INTO t VALUES ('x', 1, 1.50, repeat('y', 9000))",
    )

    with database.source(database.job()) as source:
        database.run("UPDATE t SET v = 2", "UPDATE t SET a = 'z'")
        keys = read_to(source, source.mark())

    assert keys == [("1.50", "x"), ("1.50", "x"), ("1.50", "z")]


def test_a_source_that_is_opened_again_goes_on_where_it_was_confirmed(database: Database) -> None:
    database.run(TABLE)
    job = database.job()
    first = database.engine.sources[Sync.LOG](job, None)
    database.run("INSERT INTO t VALUES (1)")
    read_to(first, first.mark())
    position = _last_position(first)
    database.run("INSERT INTO t VALUES (2)")

    first.close()
    again = database.engine.sources[Sync.LOG](job, position)
    try:
        keys = read_to(again, again.mark())
    finally:
        again.close()
        database.engine.workshop.sweep(job.original.name, execute=True)

    assert keys == [("2",)]


def _last_position(source: object) -> Position:
    assert isinstance(source, SlotSource)
    mark = source.mark()
    while True:
        delivery = source.read(1.0)
        if delivery is not None and (delivery.barrier or 0) >= mark:
            return delivery.position


def test_a_source_that_cannot_be_opened_leaves_nothing(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.run(TABLE)
    job = database.job()

    def refused(*_: object) -> None:
        raise ServerError("no")

    monkeypatch.setattr("osc.postgres.decoding.Stream", refused)
    with pytest.raises(ServerError, match="no"):
        database.engine.sources[Sync.LOG](job, None)

    assert _left(database) == []


def test_a_source_that_cannot_be_opened_again_leaves_the_slot(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next attempt may succeed."""
    database.run(TABLE)
    job = database.job()
    with database.source(job) as source:
        position = source.position

    def refused(*_: object) -> None:
        raise ServerError("no")

    monkeypatch.setattr("osc.postgres.decoding.Stream", refused)
    with pytest.raises(ServerError, match="no"):
        database.engine.sources[Sync.LOG](job, position)

    assert len(_left(database)) == 2


def _left(database: Database) -> list[tuple[str, ...]]:
    return database.rows(
        "SELECT slot_name::text FROM pg_replication_slots WHERE database = current_database()"
        " UNION ALL SELECT pubname::text FROM pg_publication"
    )


def test_too_much_retained_wal_stops_the_run(database: Database) -> None:
    database.run(TABLE, ROWS)
    engine = connect(database.url, retained_bytes=1)

    job = database.job()
    source = engine.sources[Sync.LOG](job, None)
    try:
        database.run("UPDATE t SET v = 0")
        with pytest.raises(Guarded, match="retains"):
            within(6.0, source)
    finally:
        source.close()
        engine.workshop.sweep(job.original.name, execute=True)
        engine.close()


def test_a_slot_that_is_gone_is_noticed(database: Database) -> None:
    database.run(TABLE)

    with database.source(database.job()) as source, pytest.raises((PositionGone, ServerError)):
        database.run("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots")
        _drop_slots(database)
        within(6.0, source)


def _drop_slots(database: Database) -> None:
    while database.rows("SELECT FROM pg_replication_slots"):
        try:
            database.run("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots")
        except psycopg.errors.ObjectInUse:
            continue


def test_transactions_that_are_visible_by_now_are_not_remembered(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While nobody reads, no mark comes that would end the list."""
    monkeypatch.setattr(decoding, "MOST_XIDS", 1)
    database.run(TABLE, ROWS)
    asked = "SELECT pg_current_xact_id()::text::bigint & 4294967295"

    with database.source(database.job()) as source, database.connect() as writer:
        assert isinstance(source, SlotSource)
        over = database.rows(asked)[0][0]
        with writer.transaction():
            running = writer.execute(asked).fetchall()[0][0]

            assert source._still_invisible([over, running]) == [running]
        assert source._still_invisible([over]) == [over]


def test_a_32_bit_number_is_compared_with_the_snapshot_across_an_overflow() -> None:
    era = 5 << 32
    snapshot = Snapshot(era - 10, era + 10, frozenset({era - 5, era + 5}))

    assert snapshot.sees(0xFFFFFFF0) and snapshot.sees(0xFFFFFFFA) and snapshot.sees(4)
    assert not snapshot.sees(0xFFFFFFFB)
    assert not snapshot.sees(5)
    assert not snapshot.sees(10) and not snapshot.sees(11)
