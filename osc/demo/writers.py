"""Applications that go on writing while the table changes, and keep a journal of it.

Open loop: each statement is due at its own time, whatever became of the one before. A server that
stands still for a second is seen by all statements that were due in it, as real users would see it.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from osc.demo.client import Client, Refused, connect
from osc.demo.journal import Journal, Row
from osc.demo.shop import Shop

UPDATE = "UPDATE orders SET customer = %s, amount = %s, status = %s WHERE id = %s"
MOVE = "UPDATE orders SET id = %s, customer = %s, amount = %s, status = %s WHERE id = %s"
DELETE = "DELETE FROM orders WHERE id = %s"
SHARES = {"update": 50, "insert": 25, "key change": 10, "delete": 15}
STATUSES = ("open", "paid", "packed", "sent", "returned", "größer")
TRIES = 1_000


class Gone(Exception):
    """A row that the writer owns was not there: a write before this one was lost."""


class Writer:
    """Owns the rows whose id leaves `number` when divided by `of`, and those that it inserts.

    An update names every column, so that the journal knows whole rows. A moved key turns its sign:
    negative ids are free, and the server never gives them out by itself.
    """

    def __init__(self, shop: Shop, url: str, number: int, of: int, rows: int, rate: float) -> None:
        self.journal = Journal()
        self._shop, self._url = shop, url
        self._random = random.Random(number)
        self._owned = range(number or of, rows + 1, of)
        self._inserted: list[int] = []
        self._between = of / rate
        self._client: Client | None = None
        self._actions: dict[str, Callable[[], None]] = {
            "update": self._update,
            "insert": self._insert,
            "key change": self._move,
            "delete": self._delete,
        }

    def run(self, stopped: threading.Event) -> None:
        """Writes until `stopped`, or until the main thread is gone."""
        due = time.monotonic() + self._random.random() * self._between
        while not stopped.wait(max(due - time.monotonic(), 0)):
            if not threading.main_thread().is_alive():
                break
            self._one(due)
            due += self._between
        self._disconnect()

    def _one(self, due: float) -> None:
        action = self._random.choices(list(SHARES), list(SHARES.values()))[0]
        try:
            self._actions[action]()
        except (*Refused, OSError, Gone) as error:
            self.journal.failures.append(f"{action}: {type(error).__name__}: {error}")
            if not isinstance(error, Gone):
                self._disconnect()
        self.journal.answered(action, due)

    def _execute(self, sql: str, parameters: Row, key: int | None = None) -> int:
        """Runs one statement; gives the id of an inserted row, checks the count of any other."""
        if self._client is None:
            self._client = connect(self._url)
        cursor = self._client.cursor()
        if key is not None:
            self.journal.uncertain.add(key)
        cursor.execute(sql, parameters)
        if key is None:
            return _inserted_id(cursor)
        self.journal.uncertain.discard(key)
        if cursor.rowcount != 1:
            raise Gone(f"id {key} was not there")
        return key

    def _update(self) -> None:
        key, row = self._some_key(), self._new_row()
        self._execute(UPDATE, (*row, key), key)
        self.journal.rows[key] = row

    def _insert(self) -> None:
        row = self._new_row()
        key = self._execute(self._shop.insert, row)
        self.journal.rows[key] = row
        self._inserted.append(key)

    def _move(self) -> None:
        key, row = self._some_key(), self._new_row()
        self._execute(MOVE, (-key, *row, key), key)
        self.journal.rows[key] = None
        self.journal.rows[-key] = row

    def _delete(self) -> None:
        key = self._some_key()
        self._execute(DELETE, (key,), key)
        self.journal.rows[key] = None

    def _some_key(self) -> int:
        """A key of ours that is there: half of them new ones, whose rows are hot."""
        for _ in range(TRIES):
            hot = self._inserted and self._random.random() < 0.5
            key = self._random.choice(self._inserted if hot else self._owned)
            for candidate in (key, -key):
                if self._is_there(candidate):
                    return candidate
        raise Gone("no row that this writer may touch is left")

    def _is_there(self, key: int) -> bool:
        if key in self.journal.uncertain:
            return False
        if key in self.journal.rows:
            return self.journal.rows[key] is not None
        return key > 0

    def _new_row(self) -> Row:
        amount = f"{self._random.randrange(10_000_000) / 100:.2f}"
        return (self._random.randrange(1, 50_000), amount, self._random.choice(STATUSES))

    def _disconnect(self) -> None:
        if self._client is not None:
            with suppress(*Refused, OSError):
                self._client.close()
            self._client = None


def _inserted_id(cursor: object) -> int:
    """MySQL's drivers keep the number at hand, PostgreSQL's answer has it as a row."""
    last = getattr(cursor, "lastrowid", None)
    return int(last if last is not None else cursor.fetchone()[0])  # type: ignore[attr-defined]


@contextmanager
def writing(
    shop: Shop, url: str, rows: int, rate: float, writers: int = 4
) -> Iterator[list[Journal]]:
    """Writers at work until the block ends; their journals are whole when it has ended."""
    stopped = threading.Event()
    crew = [Writer(shop, url, number, writers, rows, rate) for number in range(writers)]
    threads = [
        threading.Thread(target=writer.run, args=(stopped,), name=f"writer {at}", daemon=True)
        for at, writer in enumerate(crew)
    ]
    for thread in threads:
        thread.start()
    try:
        yield [writer.journal for writer in crew]
    finally:
        stopped.set()
        for thread in threads:
            thread.join()
