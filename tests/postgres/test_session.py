"""What a session of ours is, and what it need not ask twice."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from osc.errors import ServerError
from osc.postgres.session import SINCE, Address, Connection, names_within, plain_names
from tests.conformance.place import until
from tests.postgres.conftest import Database

SEEN = "SELECT FROM pg_stat_activity"
PATH = "current_setting('search_path')"
COLUMNS = "SELECT attname FROM pg_attribute WHERE attrelid = $1 AND attnum > 0 AND attname <> 'x'"


@pytest.fixture
def session(database: Database) -> Iterator[Connection]:
    database.run("CREATE TABLE t (id int PRIMARY KEY)")
    yield database.session()


def oid(session: Connection, table: str = "t") -> int:
    return int(session.value(f"SELECT '{table}'::regclass::oid::bigint"))


def test_it_knows_every_setting_of_its_release(session: Connection) -> None:
    there = {name for (name,) in session.rows("SELECT name FROM pg_settings")}

    assert there.issuperset(
        name for name, since in SINCE.items() if since <= session.raw.info.server_version
    )
    assert session.value("SELECT current_setting('jit')") == "off"
    if "client_connection_check_interval" in there:
        assert session.value("SELECT current_setting('client_connection_check_interval')") == "1s"


def test_names_are_as_before_behind_a_block_and_behind_one_within_it(session: Connection) -> None:
    before = session.value(f"SELECT {PATH}")

    with plain_names(session):
        with plain_names(session):
            assert session.value(f"SELECT {PATH}") == "pg_catalog"
        assert session.value(f"SELECT {PATH}") == "pg_catalog"
        with names_within(session, "public"):
            assert session.value(f"SELECT {PATH}") == '"public", "pg_catalog"'
            with plain_names(session):
                assert session.value(f"SELECT {PATH}") == "pg_catalog"
        assert session.value(f"SELECT {PATH}") == "pg_catalog"

    assert session.value(f"SELECT {PATH}") == before


def test_names_are_asked_for_anew_after_an_error_in_a_block(session: Connection) -> None:
    before = session.value(f"SELECT {PATH}")

    with pytest.raises(ServerError), session.transaction(), plain_names(session):
        session.run("SELECT nothing")

    assert session.value(f"SELECT {PATH}") == before
    with plain_names(session):
        assert session.value(f"SELECT {PATH}") == "pg_catalog"


def test_a_question_that_is_planned_once_is_answered_as_things_are_now(session: Connection) -> None:
    with session.undone():
        session.run("CREATE TABLE other (a int, b int)")
        assert session.rows_of(oid(session, "other"), COLUMNS) == [("a",), ("b",)]
        session.run("DROP TABLE other")
    assert session.rows_of(oid(session), COLUMNS) == [("id",)]

    session.run("ALTER TABLE t ADD COLUMN more int")

    assert session.rows_of(oid(session), COLUMNS) == [("id",), ("more",)]
    planned = session.rows(
        "SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE name = 'osc_0'"
    )
    assert planned == [(3, 0)]
    assert session.value("SELECT current_setting('plan_cache_mode')") == "auto"


def test_a_session_that_the_server_ends_before_it_is_told_not_to_is_opened_again(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The role's limit is in force from the handshake to our first word, and threads may wait."""
    settle, ended = Address.settle, list[int]()

    def late(self: Address, session: Connection, purpose: str, **settings: str) -> None:
        if not ended:
            ended.append(session.id)
            until(lambda: not database.rows(f"{SEEN} WHERE pid = {session.id}"))
        settle(self, session, purpose, **settings)

    database.run(f"ALTER DATABASE {database.name} SET idle_session_timeout = '100ms'")
    monkeypatch.setattr(Address, "settle", late)

    session = database.session()

    assert session.id not in ended
    assert session.value("SHOW idle_session_timeout") == "0"
