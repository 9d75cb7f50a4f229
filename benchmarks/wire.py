"""Connections that send a statement and learn later that it is done, without a thread for each.

A load writer must not be what is measured. One loop over non-blocking sockets costs some 20 µs a
statement, and no thread ever waits for the interpreter's lock; a driver's cursor costs five to ten
times as much on the core that the server needs.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import Any, Protocol
from urllib.parse import urlsplit

import psycopg
import pymysql
from psycopg import pq

COM_QUERY = b"\x03"
LARGEST_ANSWER = 65_536
GONE = "connection gone"
PASSING = frozenset({"1213", "1205", "1062", "40P01", "40001", "55P03", "23505"})
"""Deadlocks and lock timeouts, and a row that somebody else deleted and inserted between our own
two statements: an application tries such a transaction again."""


class Wire(Protocol):
    """One connection. `send` one statement that returns no rows, wait until `fileno` is readable,
    then ask `answer` until it is not None: "" for done, else the server's error code."""

    def fileno(self) -> int: ...
    def send(self, sql: str) -> None: ...
    def answer(self) -> str | None: ...
    def close(self) -> None: ...


class MySQLWire:
    """COM_QUERY and its OK or error packet, on the socket of a connection that PyMySQL opened."""

    def __init__(self, url: str) -> None:
        at = urlsplit(url)
        connection: Any = pymysql.connect(
            host=at.hostname,
            port=at.port or 3306,
            user=at.username,
            password=at.password or "",
            database=at.path[1:],
            autocommit=True,
        )
        self._socket: socket.socket = connection._sock
        self._connection = connection
        self._socket.setblocking(False)
        self._received = b""

    def fileno(self) -> int:
        return self._socket.fileno()

    def send(self, sql: str) -> None:
        body = COM_QUERY + sql.encode()
        with suppress(OSError):  # The answer will tell that nobody listens.
            self._socket.sendall(len(body).to_bytes(3, "little") + b"\0" + body)

    def answer(self) -> str | None:
        try:
            arrived = self._socket.recv(LARGEST_ANSWER)
        except BlockingIOError:
            return None
        except OSError:
            arrived = b""
        if not arrived:
            return GONE
        self._received += arrived
        length = 4 + int.from_bytes(self._received[:3], "little")
        if len(self._received) < max(length, 5):
            return None
        packet, self._received = self._received, b""
        if packet[4] == 0xFF:
            return str(int.from_bytes(packet[5:7], "little"))
        return ""

    def close(self) -> None:
        self._connection._force_close()


class PostgresWire:
    """libpq's own asynchronous calls."""

    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(url, autocommit=True)
        self._pgconn = self._connection.pgconn

    def fileno(self) -> int:
        return self._pgconn.socket

    def send(self, sql: str) -> None:
        with suppress(psycopg.Error):  # The answer will tell that nobody listens.
            self._pgconn.send_query(sql.encode())
            self._pgconn.flush()

    def answer(self) -> str | None:
        try:
            self._pgconn.consume_input()
        except psycopg.Error:
            return GONE
        if self._pgconn.is_busy():
            return None
        code = ""
        while (result := self._pgconn.get_result()) is not None:
            if result.status == pq.ExecStatus.FATAL_ERROR:
                state = result.error_field(pq.DiagnosticField.SQLSTATE)
                code = state.decode() if state else GONE
        return code

    def close(self) -> None:
        self._connection.close()


def connect(url: str) -> Wire:
    """A connection for `mysql://…` or `postgresql://…`."""
    return PostgresWire(url) if url.startswith("postgres") else MySQLWire(url)
