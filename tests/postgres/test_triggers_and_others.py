"""The triggers among other people: roles, settings, names, and who alters the table."""

from __future__ import annotations

from contextlib import suppress

import psycopg
import pytest

from osc.engine import Job, Sync
from osc.errors import TableChanged
from osc.model.table import Table
from tests.postgres.conftest import Database, read_to
from tests.postgres.following import ROWS, TABLE, following, ids, told


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
