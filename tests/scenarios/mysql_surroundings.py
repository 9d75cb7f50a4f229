"""Everything in a database beside the table of the case, as text to compare with the twin's.

What is ours is left out: the ledger, and the archives that it names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Protocol

from tests.scenarios.site import Place, Row, SqlError

LEDGER = (
    "_osc_migration", "_osc_chunk", "_osc_fence", "_osc_heartbeat", "_osc_backlog",
    "_osc_beat", "_osc_order", "_osc_report", "_osc_note",
)  # fmt: skip
SHOWN = {
    # The columns of SHOW CREATE that count: not the time at which a thing was made.
    "TRIGGER": slice(0, 6), "PROCEDURE": slice(0, 6), "FUNCTION": slice(0, 6),
    "EVENT": slice(0, 7), "VIEW": slice(0, 4), "TABLE": slice(0, 2),
}  # fmt: skip
COUNTER = re.compile(r" AUTO_INCREMENT=\d+")


class Session(Protocol):
    """A connection whose default database is the one that is read."""

    def run(self, sql: str) -> Sequence[Row]: ...
    def shown(self, sql: str) -> list[str]:
        """The first row of a SHOW, each part as text."""
        ...


def surroundings(session: Session, place: Place) -> Iterator[str]:
    """One line a fact: definitions, privileges, and the rows of the other tables and views."""
    for name, kind in _tables(session, place):
        yield from _created(session, kind, name)
        yield from _rows(session, name)
    yield from _triggers(session)
    for kind, name in session.run(
        "SELECT routine_type, routine_name FROM information_schema.routines "
        "WHERE routine_schema = DATABASE() ORDER BY 1, 2"
    ):
        yield from _created(session, str(kind), str(name))
    for (name,) in session.run(
        "SELECT event_name FROM information_schema.events "
        "WHERE event_schema = DATABASE() ORDER BY 1"
    ):
        yield from _created(session, "EVENT", str(name))
    yield from _privileges(session)


def _tables(session: Session, place: Place) -> list[tuple[str, str]]:
    """Names and kinds, without the case's own table and without what is ours."""
    found = session.run(
        "SELECT table_name, IF(table_type = 'VIEW', 'VIEW', 'TABLE') "
        "FROM information_schema.tables WHERE table_schema = DATABASE() ORDER BY 1"
    )
    ours = {place.name, *LEDGER, *_archives(session, {str(name) for name, _ in found})}
    return [(str(name), str(kind)) for name, kind in found if name not in ours]


def _archives(session: Session, tables: set[str]) -> set[str]:
    if LEDGER[0] not in tables:
        return set()
    rows = session.run(f"SELECT archive FROM {LEDGER[0]}")
    return {str(row[0]).rpartition(".")[2] for row in rows}


def _created(session: Session, kind: str, name: str) -> Iterator[str]:
    try:
        shown = session.shown(f"SHOW CREATE {kind} {_quoted(name)}")[SHOWN[kind]]
    except SqlError as error:
        shown = [name, f"error {error.code}"]
    for part in shown:
        for line in str(part).splitlines():
            yield f"{kind.lower()} {name}: {COUNTER.sub('', line)}"


def _triggers(session: Session) -> Iterator[str]:
    """MariaDB keeps the head of a CREATE TRIGGER as it was typed, but for the table's name, which
    a RENAME writes anew: so what it shows is not compared, and what it means is."""
    rows = session.run(
        "SELECT trigger_name, event_object_table, action_timing, event_manipulation, "
        "action_order, definer, sql_mode, character_set_client, collation_connection, "
        "database_collation, action_statement FROM information_schema.triggers "
        "WHERE trigger_schema = DATABASE() ORDER BY 1"
    )
    for row in rows:
        yield f"trigger {row}"
        if "MariaDB" not in str(session.run("SELECT VERSION()")[0][0]):
            yield from _created(session, "TRIGGER", str(row[0]))


def _rows(session: Session, name: str) -> Iterator[str]:
    """As a multiset and without counters, whose values depend on who came first."""
    columns = session.run(
        "SELECT column_name FROM information_schema.columns WHERE table_schema = DATABASE() "
        f"AND table_name = x'{name.encode().hex()}' AND extra NOT LIKE '%auto_increment%' "
        "ORDER BY ordinal_position"
    )
    names = ", ".join(_quoted(str(column)) for (column,) in columns)
    if not names:
        return
    try:
        found = session.run(f"SELECT {names}, COUNT(*) FROM {_quoted(name)} GROUP BY {names}")
    except SqlError as error:
        yield f"rows of {name}: error {error.code}"
    else:
        yield from sorted(f"row of {name}: {row[:-1]!r} × {row[-1]}" for row in found)


def _privileges(session: Session) -> Iterator[str]:
    for what, sql in {
        "table": "SELECT host, user, table_name, table_priv, column_priv, grantor "
        "FROM mysql.tables_priv WHERE db = DATABASE()",
        "column": "SELECT host, user, table_name, column_name, column_priv "
        "FROM mysql.columns_priv WHERE db = DATABASE()",
    }.items():
        yield from sorted(f"privilege on a {what}: {row}" for row in session.run(sql))


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"
