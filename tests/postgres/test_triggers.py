"""Changes by statement triggers: every key, whatever wrote it; and the application can't tell."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

import psycopg
import pytest

from osc.engine import Job, Sync
from osc.errors import TableChanged
from osc.model.change import KeyValue, Position
from osc.model.table import Table
from osc.postgres import triggers
from osc.postgres.triggers import TriggerSource
from tests.postgres.conftest import Database, read_to

TABLE = "CREATE TABLE t (id int PRIMARY KEY, v int)"
ROWS = "INSERT INTO t SELECT n, n FROM generate_series(1, 10) AS n"


@contextmanager
def following(database: Database, job: Job | None = None) -> Iterator[TriggerSource]:
    found = job or database.job()
    database.engine.ledger.prepare()
    source = database.engine.sources[Sync.TRIGGERS](found, None)
    assert isinstance(source, TriggerSource)
    try:
        yield source
    finally:
        source.close()
        database.engine.workshop.sweep(found.original.name, execute=True)


def told(source: TriggerSource) -> set[KeyValue]:
    return set(read_to(source, source.mark()))


def ids(*numbers: int) -> set[KeyValue]:
    return {(str(number),) for number in numbers}


# Whatever writes a row.


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


# Low numbers that commit after higher ones.


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


# Looks that are too large for one delivery.


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


# What may go.


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


# The application can't tell.


def test_lastval_is_the_applications(database: Database) -> None:
    """A sequence in the trigger would answer it: with another number, or with an error."""
    database.run("CREATE TABLE t (id serial PRIMARY KEY, v int)", "INSERT INTO t (v) VALUES (1)")

    with following(database):
        database.run("INSERT INTO t (v) VALUES (2)")

        assert database.rows("SELECT lastval()") == [(2,)]


def test_a_role_that_may_only_write_the_table_needs_no_more(database: Database) -> None:
    database.run(TABLE, ROWS, "DROP ROLE IF EXISTS osc_writer", "CREATE ROLE osc_writer")
    database.run("GRANT INSERT, UPDATE, DELETE, SELECT, TRUNCATE ON t TO osc_writer")

    with following(database) as source, database.connect() as app:
        notices: list[psycopg.errors.Diagnostic] = []
        app.add_notice_handler(notices.append)
        app.execute("SET ROLE osc_writer")
        app.execute("SET search_path = ''; SET row_security = off; SET check_function_bodies = on")
        app.execute("SET default_transaction_read_only = on; SET client_min_messages = debug1")
        with suppress(psycopg.Error):
            app.execute("SET plpgsql.extra_errors = 'all'")
        app.execute("BEGIN ISOLATION LEVEL SERIALIZABLE READ WRITE")
        counts = [
            app.execute(write).rowcount
            for write in (
                "INSERT INTO public.t VALUES (11), (12)",
                "UPDATE public.t SET v = 0 WHERE id < 4",
                "DELETE FROM public.t WHERE id = 5",
            )
        ]
        app.execute("COMMIT")

        assert counts == [2, 3, 1]
        assert told(source) == ids(11, 12, 1, 2, 3, 5)
        assert [n.message_primary for n in notices if "osc" in (n.message_primary or "")] == []
    database.run("DROP OWNED BY osc_writer", "DROP ROLE osc_writer")


def test_two_serializable_writers_do_not_meet_in_the_changelog(database: Database) -> None:
    database.run(TABLE, "CREATE TABLE other (id int PRIMARY KEY)")

    with following(database) as source, database.connect() as one, database.connect() as two:
        for app, number in ((one, 1), (two, 2)):
            app.execute("BEGIN ISOLATION LEVEL SERIALIZABLE")
            app.execute(f"INSERT INTO t VALUES ({number})")
        mine = source.mark()
        for app in (one, two):
            app.execute("SELECT count(*) FROM other")
            app.execute("COMMIT")

        assert set(read_to(source, mine)) | told(source) == ids(1, 2)


def test_the_function_is_nobodys_but_ours(database: Database) -> None:
    """It runs as us: nobody else may put it on his table, or tell it what a name means."""
    database.run(
        TABLE,
        "DROP ROLE IF EXISTS osc_writer",
        "CREATE ROLE osc_writer",
        "CREATE SCHEMA evil",
        "CREATE FUNCTION evil.never(text, text) RETURNS bool LANGUAGE sql AS 'SELECT false'",
        "CREATE OPERATOR evil.= (FUNCTION = evil.never, LEFTARG = text, RIGHTARG = text)",
        "CREATE TABLE evil.pg_attribute (attrelid oid)",
    )

    with following(database) as source:
        may = database.rows(
            "SELECT has_function_privilege('osc_writer', 'osc.changelog_1()', 'EXECUTE')"
        )
        database.run("SET search_path = evil, pg_catalog", "INSERT INTO public.t VALUES (1)")
        database.run("UPDATE public.t SET v = 0", "RESET search_path")

        assert may == [(False,)]
        assert told(source) == ids(1)
    database.run("DROP ROLE osc_writer")


def test_an_event_trigger_that_forces_row_security_on_new_tables_is_no_matter(
    database: Database,
) -> None:
    """A superuser has no policies; so the changelog is an ordinary role's here."""
    database.run(
        TABLE,
        "CREATE FUNCTION force() RETURNS event_trigger LANGUAGE plpgsql AS $$ DECLARE r record;"
        " BEGIN FOR r IN SELECT * FROM pg_event_trigger_ddl_commands() WHERE"
        " object_type = 'table' AND object_identity LIKE 'osc.changelog%' LOOP EXECUTE format("
        "'ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY',"
        " r.object_identity); END LOOP; END $$",
        "CREATE EVENT TRIGGER forced ON ddl_command_end WHEN TAG IN ('CREATE TABLE')"
        " EXECUTE FUNCTION force()",
    )

    with following(database):
        found = database.rows(
            "SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE relname = 'changelog_1'"
        )
        database.run("DROP EVENT TRIGGER forced")

    assert found == [(False, False)]


@pytest.mark.parametrize("name", ["found", "old", "new", "tg_op", "r", "k0", "xact", 'a "b"\\'])
def test_a_key_may_have_any_name(database: Database, name: str) -> None:
    """PL/pgSQL has variables of its own, and an ambiguous name fails the application's write."""
    column = '"' + name.replace('"', '""') + '"'
    database.run(f"CREATE TABLE t ({column} int PRIMARY KEY, v int)")

    with following(database) as source:
        database.run("INSERT INTO t VALUES (1)", f"UPDATE t SET {column} = 2", "DELETE FROM t")

        assert told(source) == ids(1, 2)


def test_the_text_of_a_key_is_ours_whatever_the_session_has_set(database: Database) -> None:
    database.run(
        "CREATE TABLE t (i interval, z timestamptz, b bytea, d date, c char(3), n numeric, v int,"
        " PRIMARY KEY (i, z, b, d, c, n))"
    )

    with following(database) as source:
        database.run(
            "SET intervalstyle = iso_8601; SET datestyle = German; SET bytea_output = escape",
            "SET timezone = 'Asia/Kolkata'; SET extra_float_digits = -15; SET lc_numeric = 'C'",
            "INSERT INTO t VALUES ('1 day 2:00', '2024-02-29 12:00+00', 'a\\001', '2024-02-01',"
            " 'x', 1.50)",
        )

        assert told(source) == {
            ("1 day 02:00:00", "2024-02-29 12:00:00+00", "\\x6101", "2024-02-01", "x  ", "1.50")
        }


def test_a_key_of_a_domain_that_refuses_null_can_still_be_truncated(database: Database) -> None:
    database.run(
        "CREATE DOMAIN few AS char(3) NOT NULL CHECK (VALUE <> '')",
        "CREATE DOMAIN fewer AS few",
        "CREATE TABLE t (id fewer PRIMARY KEY, v int)",
    )

    with following(database) as source:
        database.run("INSERT INTO t VALUES ('ab')")
        assert told(source) == {("ab ",)}
        database.run("TRUNCATE t")

        with pytest.raises(TableChanged):
            told(source)


# Somebody else alters the table.


@pytest.mark.parametrize("write", ["TRUNCATE t", "TRUNCATE parent CASCADE"])
def test_a_truncate_is_told_and_never_forgotten(database: Database, write: str) -> None:
    database.run(TABLE, ROWS)

    with following(database) as source:
        database.run("CREATE TABLE parent (id int PRIMARY KEY)", "INSERT INTO parent VALUES (1)")
        database.run("ALTER TABLE t ADD FOREIGN KEY (v) REFERENCES parent NOT VALID", write)

        for _ in range(2):
            with pytest.raises(TableChanged, match="truncated"):
                told(source)


@pytest.mark.parametrize(
    "alter", ["RENAME id TO other", "DROP id", "ALTER id TYPE bigint", "ALTER id TYPE text"]
)
def test_who_alters_the_key_is_told_of_and_the_application_goes_on(
    database: Database, alter: str
) -> None:
    database.run(TABLE, ROWS)

    with following(database) as source:
        database.run("UPDATE t SET v = 0", f"ALTER TABLE t {alter}", "UPDATE t SET v = 1")

        with pytest.raises(TableChanged, match="altered"):
            told(source)


@pytest.mark.parametrize("alter", ["DROP old", "ADD new int", "RENAME v TO w", "RENAME TO u"])
def test_who_alters_something_else_is_no_business_of_the_triggers(
    database: Database, alter: str
) -> None:
    """The swap asks for the table's identity (`require_unchanged`)."""
    database.run("CREATE TABLE t (old int, id int PRIMARY KEY, v int)")

    with following(database) as source:
        database.run(f"ALTER TABLE t {alter}")
        database.run(f"INSERT INTO {'u' if 'TO u' in alter else 't'} (id) VALUES (1)")

        assert told(source) == ids(1)


# Ours and theirs.


def test_the_tables_identity_does_not_know_our_triggers(database: Database) -> None:
    database.run(TABLE)
    job = database.job()

    with following(database, job):
        mine = database.engine.catalog.identity(job.original.name)
        assert database.rows("SELECT count(*) FROM pg_trigger WHERE tgrelid = 't'::regclass") == [
            (4,)
        ]
        database.run(
            "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
            "CREATE TRIGGER _osc_1_insert2 AFTER INSERT ON t EXECUTE FUNCTION f()",
        )
        theirs = database.engine.catalog.identity(job.original.name)
        database.run("DROP TRIGGER _osc_1_insert2 ON t")
        database.run("CREATE TRIGGER _osc_2_insert AFTER INSERT ON t EXECUTE FUNCTION f()")
        disguised = database.engine.catalog.identity(job.original.name)

    assert mine == job.original.identity
    assert job.original.identity not in (theirs, disguised)


def test_a_table_without_replica_identity_can_be_followed(database: Database) -> None:
    database.run(
        "CREATE TABLE t (id int NOT NULL UNIQUE, v int)", "ALTER TABLE t REPLICA IDENTITY NOTHING"
    )
    alter = database.alter("ALTER v TYPE bigint")
    found: Table = database.engine.catalog.find(alter, Sync.TRIGGERS)
    database.engine.checks.table(found, alter, Sync.TRIGGERS)
    rehearsal = database.engine.workshop.rehearse(found, alter)
    names = database.engine.workshop.names(found)
    shadow = database.engine.workshop.create(found, alter, names)
    job = Job(1, found, shadow, names, alter, rehearsal.columns, rehearsal.key, False)

    with following(database, job) as source:
        database.run("INSERT INTO t VALUES (1)")

        assert told(source) == ids(1)


def test_a_vacuum_of_the_changelog_never_locks_it_against_applications(
    database: Database,
) -> None:
    database.run(TABLE)

    with following(database):
        options = dict(
            database.rows(
                "SELECT option_name, option_value FROM pg_class, pg_options_to_table(reloptions)"
                " WHERE oid = 'osc.changelog_1'::regclass"
            )
        )

    assert options == {
        "vacuum_truncate": "off",
        "autovacuum_vacuum_scale_factor": "0",
        "autovacuum_vacuum_threshold": "20000",
        "autovacuum_vacuum_insert_threshold": "-1",
    }
