"""Sessions that are used again: nothing of the one before is left."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from osc.errors import ServerError
from osc.postgres.reuse import Sessions
from osc.postgres.session import address
from tests.servers import Lease, every_server

pytestmark = every_server("postgres")


@pytest.fixture
def sessions(server: Lease) -> Iterator[Sessions]:
    with closing(Sessions(address(server.url("postgres")))) as made:
        yield made


def test_a_reader_is_used_again_and_has_nothing_of_what_it_did(sessions: Sessions) -> None:
    with sessions.opened("catalog") as before:
        before.run("SET search_path = pg_catalog")
        before.run("SET lock_timeout = '7s'")
        before.run("SET ROLE pg_read_all_data")
        before.value("SELECT pg_advisory_lock(7)")
    with sessions.opened("checks") as again:
        assert again.id == before.id
        assert again.rows(
            "SELECT current_setting('search_path'), current_setting('lock_timeout'),"
            " current_user = session_user, current_setting('application_name'),"
            " (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = $1)",
            again.id,
        ) == [('"$user", public', "5s", True, "osc checks", 0)]


def test_a_temporary_table_is_gone(sessions: Sessions) -> None:
    with sessions.opened("rehearsal") as before:
        before.run("CREATE TEMPORARY TABLE double (id int)")
    with sessions.opened("rehearsal") as again:
        assert again.id == before.id
        assert again.value("SELECT to_regclass('pg_temp.double')") is None


def test_one_that_had_an_error_is_not_used_again(sessions: Sessions) -> None:
    with pytest.raises(ServerError), sessions.opened("catalog") as before:
        before.run("SELECT nothing")
    with sessions.opened("catalog") as again:
        assert again.id != before.id


def test_who_writes_has_a_session_of_its_own(sessions: Sessions) -> None:
    with sessions.opened("catalog") as reader:
        pass
    with sessions.opened("cut-over") as writer:
        assert writer.id != reader.id


def test_one_that_the_server_has_ended_meanwhile_is_replaced(sessions: Sessions) -> None:
    with sessions.opened("catalog") as before:
        pass
    with sessions.opened("cut-over") as other:
        other.value("SELECT pg_terminate_backend($1, 5000)", before.id)
    with sessions.opened("catalog") as again:
        assert again.value("SELECT 1") == 1
