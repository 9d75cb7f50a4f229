"""The proxy loses what it is told to lose, and nothing else."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress

import pytest

from tests.proxy import Fault, How, Proxy, Way


@pytest.fixture
def echo() -> Iterator[str]:
    """A server that answers each piece with itself; the end of a stream with an end."""
    listener = socket.create_server(("127.0.0.1", 0))
    heard: list[bytes] = []

    def answer(client: socket.socket) -> None:
        with client, suppress(OSError):
            while piece := client.recv(1000):
                heard.append(piece)
                client.sendall(piece)

    def serve() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=answer, args=listener.accept()[:1], daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    yield f"mysql://127.0.0.1:{listener.getsockname()[1]}/x"
    listener.close()


@pytest.fixture
def proxy(echo: str) -> Iterator[Proxy]:
    with Proxy.to(echo) as proxy:
        yield proxy


def client(proxy: Proxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), 2)


def said(to: socket.socket, text: bytes) -> bytes:
    to.sendall(text)
    return to.recv(1000)


def silent(line: socket.socket) -> bool:
    line.settimeout(0.2)
    try:
        line.recv(1000)
    except TimeoutError:
        return True
    return False


def test_without_a_fault_all_passes_and_is_counted(proxy: Proxy) -> None:
    with closing(client(proxy)) as line:
        assert said(line, b"hello") == b"hello"
        assert said(line, b"again") == b"again"

    assert proxy.passed() == [{Way.UP: 10, Way.DOWN: 10}]


def test_a_url_leads_through_it_and_forbids_tls(proxy: Proxy) -> None:
    assert proxy.url == f"mysql://127.0.0.1:{proxy.port}/x?ssl_disabled=1"
    with Proxy.to("postgresql://me@127.0.0.1:1/x") as other:
        assert other.url.startswith(f"postgresql://me@127.0.0.1:{other.port}/x?sslmode=disable")


def test_an_end_of_one_side_reaches_the_other(proxy: Proxy) -> None:
    with closing(client(proxy)) as line:
        line.shutdown(socket.SHUT_WR)

        assert line.recv(10) == b""


@pytest.mark.parametrize("after", [False, True])
def test_a_reset_at_a_pattern_before_or_after_it_has_passed(proxy: Proxy, after: bool) -> None:
    proxy.plan(Fault(How.RESET, pattern=b"COMMIT", after=after))
    with closing(client(proxy)) as line:
        assert said(line, b"BEGIN") == b"BEGIN"
        with pytest.raises(ConnectionResetError):
            said(line, b"COMMIT")

    assert proxy.struck.is_set()


def test_a_pattern_in_two_pieces_is_found(proxy: Proxy) -> None:
    proxy.plan(Fault(How.RESET, pattern=b"COMMIT"))
    with closing(client(proxy)) as line:
        assert said(line, b"xCOM") == b"xCOM"
        with pytest.raises(ConnectionResetError):
            said(line, b"MIT")


def test_a_finish_is_an_orderly_end(proxy: Proxy) -> None:
    proxy.plan(Fault(How.FINISH, Way.DOWN, offset=3))
    with closing(client(proxy)) as line:
        line.sendall(b"hello")
        found = b"".join(iter(lambda: line.recv(10), b""))

    assert found == b"hel"


def test_the_fault_is_of_one_connection(proxy: Proxy) -> None:
    proxy.plan(Fault(How.HALF_OPEN, connection=1, offset=0))
    with closing(client(proxy)) as first, closing(client(proxy)) as second:
        assert said(first, b"a") == b"a"
        second.sendall(b"b")
        assert silent(second)
        assert said(first, b"c") == b"c"


def test_half_open_tells_not_even_the_end(proxy: Proxy) -> None:
    proxy.plan(Fault(How.HALF_OPEN, pattern=b"x", after=True))
    with closing(client(proxy)) as line:
        line.sendall(b"x")
        line.shutdown(socket.SHUT_WR)

        assert silent(line)


def test_deaf_in_one_direction_lets_the_other_pass(proxy: Proxy) -> None:
    proxy.plan(Fault(How.DEAF, Way.DOWN, offset=2))
    with closing(client(proxy)) as line:
        line.sendall(b"hello")
        found = line.recv(10)

        assert found == b"he"
        assert silent(line)
    assert proxy.passed()[0][Way.UP] == 5


def test_a_delayed_piece_arrives_although_its_sender_has_gone(proxy: Proxy) -> None:
    proxy.plan(Fault(How.DELAY, pattern=b"late", seconds=0.3))
    started = time.monotonic()
    line = client(proxy)
    line.sendall(b"late")
    line.close()

    while not any(passed[Way.UP] for passed in proxy.passed()):
        assert time.monotonic() < started + 5
        threading.Event().wait(0.01)
    assert time.monotonic() - started >= 0.3
    assert proxy.passed()[0][Way.UP] == 4


def test_all_connections_are_lost_until_it_is_healed(proxy: Proxy) -> None:
    proxy.plan(Fault(How.HALF_OPEN, pattern=b"x", all=True))
    with closing(client(proxy)) as first, closing(client(proxy)) as second:
        assert said(first, b"a") == b"a"
        second.sendall(b"x")
        assert silent(second)
        first.sendall(b"a")
        assert silent(first)
        with closing(client(proxy)) as third:
            third.sendall(b"a")
            assert silent(third)
        proxy.plan(None)
        with closing(client(proxy)) as fourth:
            assert said(fourth, b"a") == b"a"


def test_it_stops_by_itself_with_connections_open(echo: str) -> None:
    with Proxy.to(echo) as proxy:
        line = client(proxy)
        assert said(line, b"a") == b"a"
    line.close()

    assert not [one for one in threading.enumerate() if one.name.startswith("proxy ")]
