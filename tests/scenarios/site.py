"""Where a case plays: the original, its twin in a schema of its own, and sessions to reach them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Protocol

Row = tuple[Any, ...]


class SqlError(Exception):
    """The server refused a statement."""

    def __init__(self, code: str, message: str, sql: str) -> None:
        super().__init__(f"{code}: {message}\n    {sql[:500]}")
        self.code = code


class Session(Protocol):
    """One connection in autocommit: transactions are begun and ended in words."""

    def run(self, sql: str) -> Sequence[Row]:
        """The rows of the statement; raises SqlError."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class Place:
    """A table: its schema and name as the catalog has them, and quoted for a statement."""

    schema: str
    name: str
    quoted: str


class Site(Protocol):
    """One server with the two tables of one case; what it tells of them is text to compare."""

    engine: str
    url: str
    original: Place
    twin: Place
    conflicts: frozenset[str]
    """Codes of errors after which an application repeats its transaction."""

    def connect(self, place: Place) -> Session:
        """A session for which the table's plain name means the one at `place`."""
        ...

    def rows(self, place: Place, leave_out: Mapping[str, str]) -> tuple[list[str], list[Row]]:
        """The columns' names and the rows: each value in a form that tells any two apart."""
        ...

    def definition(self, place: Place) -> list[str]:
        """Everything that the catalog says of the table, one line a fact, without the schema."""
        ...

    def inventory(self) -> set[str]:
        """Every object of the server that a migration could leave behind."""
        ...

    def may_stay(self, thing: str, archive: str) -> bool:
        """Whether something new in the inventory is of the ledger or of the archive."""
        ...


def run_script(site: Site, place: Place, script: Sequence[str]) -> None:
    """The statements, one after the other, in one session at `place`."""
    with closing(site.connect(place)) as session:
        for statement in script:
            session.run(statement.replace("{t}", place.quoted))
