"""A connection as an application has it: a plain driver, autocommit, nothing of osc's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

import psycopg
import pymysql
from pymysql.constants import CLIENT

Refused = (psycopg.Error, pymysql.Error)


class Cursor(Protocol):
    """What both drivers' cursors can do, and all that the demo asks of them."""

    @property
    def rowcount(self) -> int: ...
    def execute(self, sql: str, parameters: Sequence[Any] = ...) -> Any: ...
    def executemany(self, sql: str, rows: Sequence[Sequence[Any]]) -> Any: ...
    def fetchone(self) -> Any: ...
    def fetchall(self) -> Any: ...


class Client(Protocol):
    """What both drivers' connections can do."""

    def cursor(self) -> Cursor: ...
    def close(self) -> None: ...


def connect(url: str) -> Client:
    client: Client
    if urlsplit(url).scheme == "postgresql":
        client = psycopg.connect(url, autocommit=True)
        return client
    parts = urlsplit(url)
    client = pymysql.connect(  # type: ignore[assignment]  # its stubs overload cursor()
        host=parts.hostname or "127.0.0.1",
        port=parts.port or 3306,
        user=unquote(parts.username or "root"),
        password=unquote(parts.password or ""),
        database=parts.path.removeprefix("/") or None,
        autocommit=True,
        client_flag=CLIENT.FOUND_ROWS,  # an update that changes no value has found its row, too
    )
    return client


def run(url: str, *statements: str) -> None:
    """Runs statements one after the other on a connection of their own."""
    client = connect(url)
    try:
        cursor = client.cursor()
        for statement in statements:
            cursor.execute(statement)
    finally:
        client.close()
