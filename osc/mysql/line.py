"""The line to a MySQL or MariaDB server: TLS where there is some, and never silent for ever."""

from __future__ import annotations

import socket
import ssl
from functools import cache
from typing import Any

import pymysql

from osc.model import patience


class Connection(pymysql.connections.Connection):
    """PyMySQL's, with one TLS context for all: to make one costs 40 ms of a core.

    Without options TLS is used where the server has it, and its certificate is not checked.
    """

    _sock: socket.socket | None
    _read_timeout: float | None
    _write_timeout: float | None

    def connect(self, sock: socket.socket | None = None) -> None:
        super().connect(sock)
        if self._sock is not None and self._sock.family != socket.AF_UNIX:
            _watch(self._sock)

    def wait_at_most(self, seconds: float | None) -> None:
        """How long the server may be silent (error 2013); the handshake has its own limit."""
        self._read_timeout = self._write_timeout = seconds

    def _create_ssl_ctx(self, sslp: Any) -> Any:
        return super()._create_ssl_ctx(sslp) if sslp else _opportunistic_tls()  # type: ignore[misc]


def _watch(sock: socket.socket) -> None:
    """What this system knows of it: TCP_USER_TIMEOUT is Linux's own."""
    for name, value in (
        ("TCP_KEEPIDLE", patience.KEEPALIVE_IDLE_SECONDS),
        ("TCP_KEEPINTVL", patience.KEEPALIVE_INTERVAL_SECONDS),
        ("TCP_KEEPCNT", patience.KEEPALIVE_COUNT),
        ("TCP_USER_TIMEOUT", patience.UNACKNOWLEDGED_SECONDS * 1000),
    ):
        option = getattr(socket, name, None)
        if option is not None:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)


@cache
def _opportunistic_tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
