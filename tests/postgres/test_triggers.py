"""Changes by statement triggers: every key, whatever wrote it; and the application can't tell."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from osc.model.change import KeyValue, Position
from osc.postgres import triggers
from osc.postgres.triggers import TriggerSource
from tests.postgres.conftest import Database, read_to
from tests.postgres.following import ROWS, TABLE, following, ids, told


@pytest.mark.parametrize(
    ("write", "changed"),
    [
        ("INSERT INTO t VALUES (11), (12)", ids(11, 12)),
        ("UPDATE t SET v = 0 WHERE id < 3", ids(1, 2)),
        ("UPDATE t SET v = 0 WHERE id > 99", ids()),
        ("UPDATE t SET id = -id WHERE id < 3", ids(1, -1, 2, -2)),
        ("UPDATE t SET id = id - 1 WHERE id < 3", ids(0, 1, 2)),
        ("DELETE FROM t WHERE id > 8", ids(9, 10)),
        ("INSERT INTO t VALUES (10), (11) ON CONFLICT (id) DO UPDATE SET v = 0", ids(10, 11)),
        ("INSERT INTO t VALUES (3) ON CONFLICT (id) DO UPDATE SET id = 33", ids(3, 33)),
        ("INSERT INTO t VALUES (10), (11) ON CONFLICT DO NOTHING", ids(11)),
        (
            "WITH gone AS (DELETE FROM t WHERE id = 1), new AS (INSERT INTO t VALUES (11)),"
            " more AS (INSERT INTO t VALUES (12)), old AS (UPDATE t SET v = 0 WHERE id = 2)"
            " UPDATE t SET id = 30 WHERE id = 3",
            ids(1, 11, 12, 2, 3, 30),
        ),
        ("UPDATE seen SET v = 0 WHERE id = 4", ids(4)),
        ("INSERT INTO seen VALUES (-5)", ids(-5)),
        (
            "MERGE INTO t USING (VALUES (1), (2), (99)) AS s (id) ON t.id = s.id"
            " WHEN MATCHED AND t.id = 1 THEN DELETE WHEN MATCHED THEN UPDATE SET v = 0"
            " WHEN NOT MATCHED THEN INSERT VALUES (s.id)",
            ids(1, 2, 99),
        ),
        (
            "DO $$ BEGIN INSERT INTO t VALUES (11); BEGIN INSERT INTO t VALUES (12), (1);"
            " EXCEPTION WHEN unique_violation THEN INSERT INTO t VALUES (13); END; END $$",
            ids(11, 13),
        ),
        ("SET session_replication_role = replica; DELETE FROM t WHERE id = 7", ids(7)),
        ("CREATE TABLE copied AS SELECT * FROM t", ids()),
    ],
)
def test_whatever_writes_a_row_tells_its_key(
    database: Database, write: str, changed: set[KeyValue]
) -> None:
    database.run(TABLE, ROWS)

    with following(database) as source:
        database.run("CREATE VIEW seen AS SELECT * FROM t WHERE id < 5", write)
        keys = told(source)
        database.run("DROP VIEW seen")

    assert keys == changed


def test_copy_tells_its_keys(database: Database) -> None:
    database.run(TABLE)

    with following(database) as source:
        with database.application.cursor().copy("COPY t FROM STDIN") as copy:
            for number in range(3):
                copy.write_row((number, None))

        assert told(source) == ids(0, 1, 2)


@pytest.mark.parametrize(
    ("action", "write", "changed"),
    [
        ("ON DELETE CASCADE", "DELETE FROM parent WHERE id < 3", ids(1, 2)),
        ("ON DELETE SET NULL", "DELETE FROM parent WHERE id < 3", ids(1, 2)),
        ("ON UPDATE CASCADE", "UPDATE parent SET id = 100 WHERE id = 3", ids(3)),
        ("ON DELETE SET DEFAULT", "DELETE FROM parent WHERE id < 5", ids(1, 2, 3, 4)),
    ],
)
def test_what_a_foreign_key_does_to_the_rows_is_told(
    database: Database, action: str, write: str, changed: set[KeyValue]
) -> None:
    database.run(TABLE, ROWS, "CREATE TABLE parent AS SELECT id FROM t")

    with following(database) as source:
        database.run(
            "ALTER TABLE parent ADD PRIMARY KEY (id)",
            f"ALTER TABLE t ADD FOREIGN KEY (v) REFERENCES parent {action}",
            write,
        )

        assert told(source) == changed


def test_what_is_rolled_back_is_not_told(database: Database) -> None:
    database.run(TABLE)

    with following(database) as source:
        database.run("BEGIN", "INSERT INTO t VALUES (1)", "ROLLBACK")
        database.run(
            "BEGIN", "INSERT INTO t VALUES (2)", "SAVEPOINT s", "INSERT INTO t VALUES (3)",
            "ROLLBACK TO s", "INSERT INTO t VALUES (4)", "RELEASE s", "COMMIT",
        )  # fmt: skip

        assert told(source) == ids(2, 4)


def test_a_transaction_that_commits_late_is_told_then_and_once(database: Database) -> None:
    database.run(TABLE)

    with following(database) as source, database.connect() as late:
        late.execute("BEGIN")
        late.execute("INSERT INTO t VALUES (1)")
        database.run("INSERT INTO t VALUES (2)")
        before = told(source)
        late.execute("SAVEPOINT s")
        late.execute("INSERT INTO t VALUES (3)")
        database.run("INSERT INTO t VALUES (4)")
        between = told(source)
        late.execute("COMMIT")

        assert [before, between, told(source), told(source)] == [ids(2), ids(4), ids(1, 3), ids()]


def test_a_prepared_transaction_is_told_when_it_is_committed(database: Database) -> None:
    database.run(TABLE)

    with following(database) as source:
        database.run("BEGIN", "INSERT INTO t VALUES (1)", "PREPARE TRANSACTION 'x'")
        database.run("INSERT INTO t VALUES (2)")
        before = told(source)
        source.confirm(_position(source))
        database.run("COMMIT PREPARED 'x'")

        assert [before, told(source)] == [ids(2), ids(1)]


def test_many_writers_whose_commits_overtake_each_other_are_told_once(database: Database) -> None:
    database.run(TABLE)

    def write(first: int) -> None:
        with database.connect() as mine:
            for number in range(first, first + 60, 3):
                mine.execute("BEGIN")
                mine.execute(f"INSERT INTO t VALUES ({number})")
                mine.execute(f"INSERT INTO t VALUES ({number + 1})")
                mine.execute(f"INSERT INTO t VALUES ({number + 2})")
                mine.execute("COMMIT" if number % 2 else "ROLLBACK")

    with following(database) as source, ThreadPoolExecutor(6) as pool:
        writers = [pool.submit(write, 1000 * n) for n in range(6)]
        keys: list[KeyValue] = []
        while not all(writer.done() for writer in writers):
            if (delivery := source.read(0.001)) is not None:
                keys += delivery.keys
                source.confirm(delivery.position)
        keys += told(source)
        there = database.rows("SELECT id::text FROM t")

    assert sorted(keys) == sorted(there)
    assert len(there) == 6 * 30


def test_a_large_look_comes_in_pages_and_passes_with_the_last(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(triggers, "MOST_KEYS", 10)
    database.run(TABLE)

    with following(database) as source:
        start = source.position
        database.run("INSERT INTO t SELECT n FROM generate_series(1, 25) AS n")
        mark = source.mark()
        pages = [source.read(1.0) for _ in range(2)]
        database.run("INSERT INTO t VALUES (26)", "DELETE FROM t WHERE id = 1")
        pages.append(source.read(1.0))
        rest = source.read(1.0)

    assert [page and len(page.keys) for page in pages] == [10, 10, 5]
    assert [page and page.barrier for page in pages[:2]] == [0, 0]
    assert [page and page.position == start for page in pages] == [True, True, False]
    assert pages[2] and pages[2].barrier and pages[2].barrier >= mark
    assert {key for page in pages if page for key in page.keys} == ids(*range(1, 26))
    assert rest and set(rest.keys) == ids(1, 26)


def test_a_large_look_has_what_its_snapshot_shows_and_no_more(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its rows are read a second time when there are too many: later ones are the next look's."""
    monkeypatch.setattr(triggers, "MOST_KEYS", 10)
    database.run(TABLE)

    with following(database) as source:
        declare = source._declare

        def late(look: triggers.Look) -> None:
            database.run("INSERT INTO t VALUES (100)")
            declare(look)

        monkeypatch.setattr(source, "_declare", late)
        database.run("INSERT INTO t SELECT n FROM generate_series(1, 11) AS n")
        first = [source.read(1.0), source.read(1.0)]
        then = source.read(1.0)

    assert sorted(key for page in first if page for key in page.keys) == sorted(ids(*range(1, 12)))
    assert then and set(then.keys) == ids(100)


def test_long_keys_come_in_smaller_deliveries(database: Database) -> None:
    database.run("CREATE TABLE t (id text PRIMARY KEY, v int)")

    with following(database) as source:
        database.run(
            "INSERT INTO t SELECT n || string_agg(md5(n || ' ' || m), '') FROM"
            " generate_series(1, 3000) AS n, generate_series(1, 70) AS m GROUP BY n"
        )
        sizes: list[int] = []
        while sum(sizes) < 3000:
            page = source.read(1.0)
            sizes.append(len(page.keys) if page else 0)

    assert sizes[0] <= triggers.FIRST_KEYS
    assert max(sizes[1:]) <= 1_000_000 // 2240


@pytest.mark.parametrize("rows", [5, 25])
def test_a_look_that_somebody_is_in_the_way_of_is_taken_again(
    database: Database, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    monkeypatch.setattr(triggers, "MOST_KEYS", 10)
    database.run(TABLE)

    with following(database) as source, database.connect() as theirs:
        database.run(f"INSERT INTO t SELECT n FROM generate_series(1, {rows}) AS n")
        if rows > 10:
            source.read(0.0)
        source._session.run("SET lock_timeout = '20ms'")
        theirs.execute("BEGIN; LOCK TABLE osc.changelog_1 IN ACCESS EXCLUSIVE MODE")
        source.confirm(Position(f"{source._incarnation} 999999:999999:"))
        source._look = None
        meanwhile = source.read(0.0)
        theirs.execute("COMMIT")

        assert meanwhile is None
        assert told(source) == ids(*range(1, rows + 1))


@pytest.mark.parametrize("rows", [10, 11, 20])
def test_a_look_that_just_fills_its_deliveries_is_told_once(
    database: Database, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    monkeypatch.setattr(triggers, "MOST_KEYS", 10)
    database.run(TABLE)

    with following(database) as source:
        database.run(f"INSERT INTO t SELECT n FROM generate_series(1, {rows}) AS n")
        keys = read_to(source, source.mark())

        assert sorted(keys) == sorted(ids(*range(1, rows + 1)))
        assert told(source) == ids()


def test_a_look_costs_what_is_new(database: Database) -> None:
    """By the index, whatever is in the table; and no snapshot is held between two deliveries."""
    database.run(TABLE)

    with following(database) as source:
        plan = "\n".join(
            line
            for (line,) in source._session.rows(
                f"EXPLAIN {source._beyond('mishap')}", *triggers._unseen("10:14:11,13")
            )
        )
        database.run("INSERT INTO t SELECT n FROM generate_series(1, 50000) AS n")
        first = source.read(1.0)
        held = database.rows(
            "SELECT backend_xmin, backend_xid FROM pg_stat_activity"
            " WHERE application_name = 'osc changelog' AND datname = current_database()"
        )

    assert plan.count("Index Cond") == 2 and "Seq Scan" not in plan and "Filter" not in plan
    assert first and first.barrier == 0 and held == [(None, None)]


def test_what_is_confirmed_goes_and_nothing_else(database: Database) -> None:
    database.run(TABLE)

    with following(database) as source, database.connect() as late:
        late.execute("BEGIN")
        late.execute("INSERT INTO t VALUES (1)")
        database.run("INSERT INTO t VALUES (2)")
        told(source)
        position = _position(source)
        database.run("INSERT INTO t VALUES (3)")
        told(source)
        late.execute("COMMIT")
        source.confirm(source.position)
        all_of_it = _logged(database)
        source.confirm(position)
        kept = _logged(database)
        told(source)
        source.confirm(_position(source))

        assert [all_of_it, kept, _logged(database)] == [[1, 2, 3], [1, 3], []]


def test_what_is_too_much_to_delete_at_once_goes_another_time(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(triggers, "MOST_DELETED", 4)
    database.run(TABLE)

    with following(database) as source:
        database.run(ROWS)
        told(source)
        left = []
        for _ in range(4):
            source.confirm(_position(source))
            left.append(len(_logged(database)))

    assert left == [6, 2, 0, 0]


def _position(source: TriggerSource) -> Position:
    return source._position


def _logged(database: Database) -> list[int]:
    return [key for (key,) in database.rows("SELECT k0 FROM osc.changelog_1 ORDER BY 1")]
