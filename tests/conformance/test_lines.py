"""A line that is dead is found to be dead, and one that is only idle stays."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator

import pytest

from osc import engines
from osc.engine import Session, Statement, Sync
from osc.errors import ConnectionLost, ServerError, Unreachable
from osc.model import patience
from osc.mysql.session import MySQLSession
from osc.postgres.session import Connection
from tests.conformance.losing import hurry
from tests.conformance.place import Place, until
from tests.proxy import Fault, How, Proxy, Way
from tests.servers import every_server

pytestmark = every_server()

TEN_DAYS = 10 * 24 * 3600


@pytest.fixture
def proxy(place: Place) -> Iterator[Proxy]:
    with Proxy.to(place.url) as proxy:
        yield proxy


def options(session: Session) -> dict[str, int]:
    if isinstance(session, Connection):
        number = session.raw.pgconn.socket
    else:
        assert isinstance(session, MySQLSession)
        number = session._connection._sock.fileno()  # type: ignore[attr-defined]
    sock = socket.socket(fileno=os.dup(number))
    wanted = ("TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT", "TCP_USER_TIMEOUT")
    with sock:
        found = {one: sock.getsockopt(socket.IPPROTO_TCP, getattr(socket, one)) for one in wanted}
        found["SO_KEEPALIVE"] = sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    return found


def test_tcp_looks_after_each_line(place: Place) -> None:
    with place.session() as session:
        found = options(session)

    assert found == {
        "SO_KEEPALIVE": 1,
        "TCP_KEEPIDLE": 10,
        "TCP_KEEPINTVL": 5,
        "TCP_KEEPCNT": 3,
        "TCP_USER_TIMEOUT": 30_000,
    }


def test_the_server_keeps_an_idle_session_for_ten_days(place: Place) -> None:
    with place.session() as session:
        if place.mysql:
            [(seconds,)] = session.query(Statement("SELECT @@SESSION.wait_timeout"))
            assert seconds > TEN_DAYS
        else:
            assert session.query(Statement("SHOW idle_session_timeout")) == [("0",)]


@pytest.mark.parametrize("how", [How.HALF_OPEN, How.DEAF])
@pytest.mark.parametrize("way", list(Way))
def test_a_silent_server_is_a_lost_connection(
    place: Place, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, how: How, way: Way
) -> None:
    hurry(monkeypatch)
    engine = engines.engine_at(proxy.url)
    session = engine.connect("cut-over test")
    proxy.plan(Fault(how, way, pattern=b"lost here"))
    started = time.monotonic()

    with pytest.raises(ConnectionLost):
        session.query(Statement("SELECT 'lost here'"))

    assert time.monotonic() - started < 5
    session.close()
    engine.close()


def test_a_silent_server_is_given_up_in_the_handshake_too(
    place: Place, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    hurry(monkeypatch)
    engine = engines.engine_at(proxy.url)
    proxy.plan(Fault(How.DEAF, Way.DOWN, connection=0, offset=0, all=True))
    started = time.monotonic()

    with pytest.raises(Unreachable):
        engine.connect("cut-over test")

    assert time.monotonic() - started < 15
    engine.close()


def test_a_change_stream_that_has_gone_silent_is_noticed(
    place: Place, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the stream's own line is lost: marks and all others still come through."""
    monkeypatch.setattr(patience, "STREAM_SECONDS", 7)
    engine = engines.engine_at(proxy.url)
    job = place.job("CREATE TABLE orders (id VARCHAR(20) PRIMARY KEY)")
    source = engine.sources[Sync.LOG](job, None)
    try:
        proxy.plan(Fault(How.HALF_OPEN, Way.DOWN, pattern=b"lost here"))
        place.app.run("INSERT INTO orders VALUES ('lost here')")
        until(proxy.struck.is_set)
        started = time.monotonic()
        with pytest.raises(ConnectionLost):
            while time.monotonic() - started < 30:
                source.read(0.5)

        assert time.monotonic() - started < 15
    finally:
        source.close()
        engine.close()


def test_an_idle_change_stream_stays(
    place: Place, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "STREAM_SECONDS", 7)
    engine = engines.engine_at(proxy.url)
    job = place.job("CREATE TABLE orders (id VARCHAR(20) PRIMARY KEY)")
    source = engine.sources[Sync.LOG](job, None)
    try:
        started = time.monotonic()
        while time.monotonic() - started < 9:
            source.read(0.5)
    finally:
        source.close()
        engine.close()


def test_a_statement_ends_with_its_client_where_the_server_looks(
    place: Place, proxy: Proxy
) -> None:
    if place.mysql:
        pytest.skip("MySQL and MariaDB do not look; `Workshop.await_quiet` waits for it")
    engine = engines.engine_at(proxy.url)
    session = engine.connect("copy")
    proxy.plan(Fault(How.RESET, pattern=b"pg_sleep(60)", after=True))

    with pytest.raises(ServerError):
        session.query(Statement("SELECT pg_sleep(60)"))

    until(lambda: session.id not in place.connections(), seconds=10)
    session.close()
    engine.close()
