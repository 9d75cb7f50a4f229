"""A TCP proxy on loopback that loses what a test wants it to lose.

    with Proxy.to(url) as proxy:
        engine = engines.engine_at(proxy.url)
        proxy.plan(Fault(How.RESET, pattern=b"RENAME TABLE", after=True))

A fault strikes once: at a byte pattern, or at the n-th byte of the n-th connection since it was
planned, in one of the two directions. Everything ends with the block.
"""

from __future__ import annotations

import selectors
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlsplit

PIECE = 65_536
MOST_CONNECTIONS = 500
TICK_SECONDS = 0.05


class How(StrEnum):
    """What becomes of the connection."""

    RESET = "reset"
    FINISH = "finish"
    """Both sides read an orderly end."""
    HALF_OPEN = "half-open"
    """Both sockets stay open, and nothing passes any more, in either direction, not even an end."""
    DEAF = "deaf"
    """Half-open in the direction of the fault alone."""
    DELAY = "delay"
    """What comes from here on arrives `seconds` later, even if its sender has gone meanwhile."""


class Way(StrEnum):
    """Which stream a fault looks at."""

    UP = "to the server"
    DOWN = "to the client"


@dataclass(frozen=True)
class Fault:
    """`pattern` strikes on the piece that brings it, wherever that is; without one, `connection`
    and `offset` say where. `after` lets the pattern's piece pass. `all` takes every connection
    along, and those that are yet to come."""

    how: How
    way: Way = Way.UP
    pattern: bytes = b""
    after: bool = False
    connection: int = 0
    offset: int = 0
    all: bool = False
    seconds: float = 0.0

    def __str__(self) -> str:
        if self.pattern:
            where = f"{'after' if self.after else 'before'} {self.pattern.decode()}"
        else:
            where = f"at byte {self.offset} of connection {self.connection}"
        return f"{self.how}{' of all' if self.all else ''} {where} {self.way}"


@dataclass
class Link:
    """One connection: the client's socket, the server's, and what has passed since the plan."""

    client: socket.socket
    server: socket.socket
    number: int = 0
    passed: dict[Way, int] = field(default_factory=lambda: dict.fromkeys(Way, 0))
    tail: dict[Way, bytes] = field(default_factory=lambda: dict.fromkeys(Way, b""))
    shut: set[Way] = field(default_factory=set)
    late: dict[Way, float] = field(default_factory=lambda: dict.fromkeys(Way, 0.0))

    def ends(self, way: Way) -> tuple[socket.socket, socket.socket]:
        """From whom to whom."""
        return (self.client, self.server) if way is Way.UP else (self.server, self.client)

    def close(self, how: How) -> None:
        for end in (self.client, self.server):
            with suppress(OSError):
                if how is How.RESET:
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                else:
                    end.shutdown(socket.SHUT_RDWR)
            end.close()


class Proxy:
    """Two threads a connection; `struck` tells that the fault has come to pass."""

    def __init__(self, host: str, port: int) -> None:
        self._upstream = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(TICK_SECONDS)
        self.port: int = self._listener.getsockname()[1]
        self.url = ""
        self.links: list[Link] = []
        self.struck = threading.Event()
        self._fault: Fault | None = None
        self._dead: How | None = None
        self._first = 0
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._threads: list[threading.Thread] = []
        self._start("accept", self._accept)

    @classmethod
    @contextmanager
    def to(cls, url: str) -> Iterator[Proxy]:
        """`proxy.url` is the server's own with our port; TLS would hide the patterns."""
        parts = urlsplit(url)
        mysql = parts.scheme == "mysql"
        proxy = cls(parts.hostname or "127.0.0.1", parts.port or (3306 if mysql else 5432))
        user, at, _ = parts.netloc.rpartition("@")
        proxy.url = parts._replace(
            netloc=f"{user}{at}127.0.0.1:{proxy.port}",
            query="ssl_disabled=1" if mysql else "sslmode=disable&gssencmode=disable",
        ).geturl()
        try:
            yield proxy
        finally:
            proxy.close()

    def plan(self, fault: Fault | None) -> None:
        """From now on; connections are counted from here, and None heals what was lost for all."""
        with self._lock:
            self._fault, self._dead = fault, None
            self._first = len(self.links)
            self.struck.clear()
            for link in self.links:
                link.tail = dict.fromkeys(Way, b"")

    def passed(self) -> list[dict[Way, int]]:
        """For each connection since the plan, how many bytes went each way."""
        with self._lock:
            return [dict(link.passed) for link in self.links[self._first :]]

    @property
    def late(self) -> float:
        """Seconds by which something is held back still; 0.0 where all has been passed on."""
        return max((late for link in self.links for late in link.late.values()), default=0.0)

    def close(self) -> None:
        self._stopped.set()
        for link in self.links:
            link.close(How.FINISH)
        for thread in self._threads:
            thread.join(5)
        self._listener.close()

    def _start(self, name: str, body: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=body, args=arguments, name=f"proxy {name}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._stopped.is_set():
            try:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._upstream, 5)
            except TimeoutError:
                continue
            except OSError:
                return
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                end.settimeout(None)
            with self._lock:
                link = Link(client, server, len(self.links))
                self.links.append(link)
                if self._dead is not None:
                    _lose(link, self._dead, Way.UP, 0.0)
            assert len(self.links) <= MOST_CONNECTIONS
            for way in Way:
                self._start(f"{link.number} {way}", self._pump, link, way)

    def _pump(self, link: Link, way: Way) -> None:
        """Passes on what comes, until one side ends, the fault strikes or the proxy closes."""
        source, sink = link.ends(way)
        with suppress(OSError, ValueError), selectors.DefaultSelector() as selector:
            selector.register(source, selectors.EVENT_READ)
            while not self._stopped.is_set():
                if not selector.select(TICK_SECONDS):
                    continue
                piece = source.recv(PIECE)
                if not self._pass(link, way, sink, piece) or not piece:
                    return

    def _pass(self, link: Link, way: Way, sink: socket.socket, piece: bytes) -> bool:
        """False: this direction is over."""
        if way in link.shut:
            return True
        fault, now = self._hit(link, way, piece)
        if fault is not None:
            if fault.how in (How.RESET, How.FINISH, How.HALF_OPEN):
                link.shut.add(Way.DOWN if way is Way.UP else Way.UP)  # no answer to this piece
            sink.sendall(piece[:now])
            self._strike(link, way, fault)
            piece = piece[now:]
            if fault.how is not How.DELAY or not piece:
                return fault.how not in (How.RESET, How.FINISH)
        if link.late[way]:
            self._stopped.wait(link.late[way])
        if not piece:
            with suppress(OSError):
                sink.shutdown(socket.SHUT_WR)
            return False
        with self._lock:
            link.passed[way] += len(piece)
        try:
            sink.sendall(piece)
        finally:
            link.late[way] = 0.0
        return True

    def _hit(self, link: Link, way: Way, piece: bytes) -> tuple[Fault | None, int]:
        """The fault, if this piece is what it waits for, and how much of the piece still passes."""
        with self._lock:
            fault = self._fault
            if fault is None or self.struck.is_set() or way is not fault.way:
                return None, 0
            if fault.pattern:
                seen = link.tail[way] + piece
                link.tail[way] = seen[-len(fault.pattern) + 1 :]
                if fault.pattern not in seen:
                    return None, 0
                cut = len(piece) if fault.after else 0
            else:
                cut = fault.offset - link.passed[way]
                if link.number - self._first != fault.connection or not 0 <= cut < len(piece):
                    return None, 0
            self.struck.set()
            return fault, cut

    def _strike(self, link: Link, way: Way, fault: Fault) -> None:
        with self._lock:
            if fault.all:
                self._dead = fault.how
            for one in self.links if fault.all else [link]:
                _lose(one, fault.how, way, fault.seconds)


def _lose(link: Link, how: How, way: Way, seconds: float) -> None:
    if how is How.DELAY:
        link.late[way] = seconds
    elif how is How.DEAF:
        link.shut.add(way)
    else:
        link.shut |= set(Way)
        if how is not How.HALF_OPEN:
            link.close(how)
