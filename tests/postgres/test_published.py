"""Publications of all tables, and who reads them: he is sent nothing that he doesn't know."""

from __future__ import annotations

import time
from collections.abc import Iterator

import psycopg
import pytest

from osc import migration
from osc.config import settings
from osc.engine import Sync
from osc.errors import Precondition
from osc.migration import Request
from osc.model.alter import parse
from osc.model.controls import Controls
from osc.model.progress import Tracker
from tests.postgres.conftest import Database, drop_slots

pytestmark = pytest.mark.parametrize("server_name", ["postgres-18"])
WAIT_SECONDS = 30
TABLE = "CREATE TABLE t (id int PRIMARY KEY, v int)"
SENT = "SELECT (SELECT count(*) FROM t), (SELECT sum(v) FROM t)"
FAILED = "SELECT apply_error_count + sync_error_count FROM pg_stat_subscription_stats"


class Subscriber:
    """A database beside the publisher's, on the same server, that is sent what it publishes."""

    def __init__(self, database: Database, publication: str) -> None:
        self.publisher, self.name = database, f"{database.name}_there"
        database.run(f"CREATE DATABASE {self.name}")
        database.run(f"SELECT pg_create_logical_replication_slot('{self.name}', 'pgoutput')")
        url = database.lease.url(self.name)
        self.application = psycopg.connect(url, autocommit=True)
        self.run(TABLE)
        self.run(
            f"CREATE SUBSCRIPTION s CONNECTION '{database.url}' PUBLICATION {publication}"
            f" WITH (create_slot = false, slot_name = '{self.name}')"
        )

    def run(self, statement: str) -> None:
        self.application.execute(statement)

    def await_all(self) -> None:
        """Until it has all that the publisher has."""
        wanted, deadline = self.publisher.rows(SENT), time.monotonic() + WAIT_SECONDS
        while self.application.execute(SENT).fetchall() != wanted:
            assert self.application.execute(FAILED).fetchall() == [(0,)], "the subscription stops"
            assert time.monotonic() < deadline, "it is not told of all rows"

    def close(self) -> None:
        for end in ("DISABLE", "SET (slot_name = NONE)"):
            self.run(f"ALTER SUBSCRIPTION s {end}")
        self.run("DROP SUBSCRIPTION s")
        self.application.close()
        drop_slots(self.publisher.application, self.publisher.name)
        self.publisher.run(f"DROP DATABASE {self.name} WITH (FORCE)")


@pytest.fixture
def subscriber(database: Database) -> Iterator[Subscriber]:
    database.run(
        TABLE,
        "INSERT INTO t SELECT n, n FROM generate_series(1, 1000) AS n",
        "CREATE PUBLICATION everything FOR ALL TABLES",
    )
    found = Subscriber(database, "everything")
    try:
        yield found
    finally:
        found.close()


def migrate(database: Database, clauses: str, *, force: bool = False, publish: bool = False) -> str:
    statement = f"ALTER TABLE t {clauses}"
    request = Request(parse(statement, mysql=False), Sync.LOG, statement, "tests")
    wanted = settings(force_copy=force, publish_shadow=publish)
    return migration.migrate(database.engine, request, wanted, Tracker(), Controls()).archive


@pytest.mark.parametrize("force", [False, True])
def test_a_reader_of_all_tables_is_named_with_the_way_out(
    database: Database, subscriber: Subscriber, force: bool
) -> None:
    with pytest.raises(Precondition, match=f"everything is FOR ALL.*slot {subscriber.name}") as no:
        migrate(database, "ADD COLUMN w int", force=force)

    assert "FOR TABLES IN SCHEMA" in no.value.todo and "--publish-shadow" in no.value.todo
    assert database.rows("SELECT to_regnamespace('osc')") == [(None,)]


def test_the_way_out_keeps_the_subscriber_up_to_date(
    database: Database, subscriber: Subscriber
) -> None:
    database.run("CREATE PUBLICATION of_public FOR TABLES IN SCHEMA public")
    database.run("INSERT INTO t VALUES (2000, 1)")
    subscriber.await_all()
    subscriber.run("ALTER SUBSCRIPTION s SET PUBLICATION of_public WITH (copy_data = false)")
    database.run("DROP PUBLICATION everything")

    migrate(database, "ALTER v SET DEFAULT 5")
    migrate(database, "ALTER v TYPE bigint", force=True)

    database.run("INSERT INTO t VALUES (3000, 1)", "UPDATE t SET v = 7 WHERE id = 3")
    subscriber.await_all()


def test_without_a_reader_a_publication_of_all_tables_is_no_matter(database: Database) -> None:
    database.run(TABLE, "CREATE PUBLICATION everything FOR ALL TABLES")

    assert migrate(database, "ALTER v TYPE bigint", force=True)


def test_a_reader_that_copes_is_sent_the_new_table_where_that_is_allowed(
    database: Database,
) -> None:
    database.run(TABLE, "CREATE PUBLICATION everything FOR ALL TABLES")
    database.run("SELECT pg_create_logical_replication_slot('copes', 'pgoutput')")

    assert migrate(database, "ALTER v TYPE bigint", force=True, publish=True)
