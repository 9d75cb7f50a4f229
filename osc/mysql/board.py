"""What operators say to a run, from whatever host, and what the run shows of itself."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from osc import errors
from osc.engine import Order, Said, Session, Statement
from osc.mysql.books import OWN, OWN_ORDER, Books
from osc.mysql.lasting import LastingSession
from osc.mysql.ledger import ORDER, REPORT


class MySQLBoard:
    """The port `Board`."""

    def __init__(self, connect: Callable[[str], Session], books: Books) -> None:
        self._connect = connect
        self._books = books
        self._lock = threading.Lock()
        self._own: Session | None = None

    def _session(self) -> Session:
        if self._own is None:
            self._own = LastingSession(lambda: self._connect("board"))
        return self._own

    def _orders(self, migration: int) -> str:
        return self._books.quoted(ORDER, migration)

    def _orders_with(self, number: int) -> str:
        return self._orders(OWN if number >= OWN_ORDER else 0)

    def _reports(self, migration: int) -> str:
        return self._books.quoted(REPORT, migration)

    def _execute(self, sql: str, *parameters: Any) -> int:
        with self._lock:
            return self._session().execute(Statement(sql, parameters))

    def _query(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._session().query(Statement(sql, parameters))

    def order(self, migration: int, words: str, by: str) -> int:
        with self._lock:
            session = self._session()
            with session.transaction():
                session.execute(
                    Statement(
                        f"INSERT INTO {self._orders(migration)} "
                        "(migration, words, ordered_by, ordered_at) "
                        "VALUES (%s, %s, %s, SYSDATE(3))",
                        (migration, words, by),
                    )
                )
                return int(session.query(Statement("SELECT LAST_INSERT_ID()"))[0][0])

    def orders(self, migration: int) -> list[Order]:
        found = self._query(
            f"SELECT number, words, ordered_by FROM {self._orders(migration)} "
            "WHERE migration = %s AND answer IS NULL ORDER BY number",
            migration,
        )
        return [Order(int(number), str(words), str(by)) for number, words, by in found]

    def answer(self, number: int, text: str) -> None:
        self._execute(
            f"UPDATE {self._orders_with(number)} SET answer = %s WHERE number = %s", text, number
        )

    def answered(self, number: int) -> str | None:
        found = self._query(
            f"SELECT answer FROM {self._orders_with(number)} WHERE number = %s", number
        )
        return str(found[0][0]) if found and found[0][0] is not None else None

    def note(self, migration: int, words: str, by: str, answer: str) -> None:
        self._execute(
            f"INSERT INTO {self._orders(migration)} "
            "(migration, words, ordered_by, answer, ordered_at) "
            "VALUES (%s, %s, %s, %s, SYSDATE(3))",
            migration, words, by, answer,
        )  # fmt: skip

    def said(self, migration: int) -> list[Said]:
        found = self._query(
            "SELECT words, ordered_by, CAST(ordered_at AS CHAR), answer "
            f"FROM {self._orders(migration)} "
            "WHERE migration = %s AND answer IS NOT NULL ORDER BY number",
            migration,
        )
        return [Said(*map(str, row)) for row in found]

    def show(self, migration: int, record: str) -> None:
        self._execute(
            f"INSERT INTO {self._reports(migration)} VALUES (%s, %s, SYSDATE(3)) "
            "ON DUPLICATE KEY UPDATE record = %s, shown_at = SYSDATE(3)",
            migration, record, record,
        )  # fmt: skip

    def shown(self, migration: int) -> tuple[str, float] | None:
        found = self._query(
            "SELECT record, TIMESTAMPDIFF(MICROSECOND, shown_at, SYSDATE(3)) / 1e6 "
            f"FROM {self._reports(migration)} WHERE migration = %s",
            migration,
        )
        return (str(found[0][0]), float(found[0][1])) if found else None

    def clear(self, migration: int) -> None:
        self._execute(f"DELETE FROM {self._reports(migration)} WHERE migration = %s", migration)

    def close(self) -> None:
        with self._lock, suppress(errors.ServerError):
            if self._own is not None:
                self._own.close()
                self._own = None
