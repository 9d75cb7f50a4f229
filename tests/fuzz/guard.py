"""Applications that stop writing in the transaction in which they see the new table.

Until then original and twin have the same definition, so that a write means the same on both. From
the swap on it may not: a column is gone, a default is another. A transaction takes the lock that
its first write would take, and looks which table it has got: the name's meaning can't change then
until it ends. So every write counts that the old table took, up to the last one before the swap.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from tests.scenarios.site import Place, Row, Session, Site, SqlError

ENDS = re.compile(r"COMMIT|ROLLBACK$")
LOCK = {
    "mysql": "SELECT 1 FROM {t} LIMIT 0",
    "postgres": "LOCK TABLE {t} IN ROW EXCLUSIVE MODE",
}
IDENTITY = {
    "mysql": "SELECT table_id FROM information_schema.innodb_tables WHERE name = '{name}'",
    "mariadb": "SELECT table_id FROM information_schema.innodb_sys_tables WHERE name = '{name}'",
    "postgres": "SELECT '{t}'::regclass::oid",
}


class UntilTheSwap:
    """A site whose sessions at the original stop there; it is a `Site` otherwise."""

    def __init__(self, site: Site, duplicate: str) -> None:
        self._site, self._duplicate = site, duplicate
        self.turned_down: list[str] = []
        place, words = site.original, LOCK.get(site.engine, LOCK["mysql"])
        self._lock = words.replace("{t}", place.quoted)
        self._identity = (
            IDENTITY[site.engine]
            .replace("{t}", place.quoted)
            .replace("{name}", f"{place.schema}/{place.name}")
        )
        session = site.connect(place)
        self._first = session.run(self._identity)
        session.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._site, name)

    def connect(self, place: Place) -> Session:
        session = self._site.connect(place)
        if place != self._site.original:
            return session
        return _Careful(session, self._is_first, self._turned_down)

    def _is_first(self, session: Session) -> bool:
        session.run(self._lock)
        return session.run(self._identity) == self._first

    def _turned_down(self, error: SqlError) -> bool:
        """A duplicate of the writer's own making is the application's to live with."""
        if error.code != self._duplicate:
            return False
        self.turned_down.append(str(error))
        return True


@dataclass
class _Careful:
    """A session that skips what is left of a transaction that it gave up."""

    session: Session
    is_first: Callable[[Session], bool]
    turned_down: Callable[[SqlError], bool]
    skips: bool = field(default=False)

    def run(self, sql: str) -> Sequence[Row]:
        if sql == "BEGIN":
            self.session.run(sql)
            self._skip(not self.is_first(self.session))
            return []
        if self.skips:
            self.skips = not ENDS.fullmatch(sql)
            return []
        try:
            return self.session.run(sql)
        except SqlError as error:
            if not self.turned_down(error):
                raise
            self._skip(True)
            return []

    def _skip(self, skips: bool) -> None:
        self.skips = skips
        if skips:
            with suppress(SqlError):
                self.session.run("ROLLBACK")

    def close(self) -> None:
        self.session.close()
