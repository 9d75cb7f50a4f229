"""The table as it must be: the same rows, what the writers wrote, and the server's own ALTER."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from osc.demo.client import Cursor, connect
from osc.demo.journal import Journal, Row
from osc.demo.shop import COLUMNS, Shop

BATCH = 2_000
DESCRIPTION = (
    "SELECT column_name, data_type, is_nullable, character_maximum_length, numeric_precision "
    "FROM information_schema.columns WHERE table_schema = %s AND table_name = %s "
    "ORDER BY ordinal_position"
)


@dataclass(frozen=True)
class Comparison:
    """How the changed table differs from its twin, and how long the server's own ALTER took."""

    rows: int
    differing: tuple[int, ...]
    same_schema: bool
    native_seconds: float


def compare(shop: Shop, url: str, journals: Sequence[Journal]) -> Comparison:
    """Brings the twin up to date and compares both tables row by row, on the server."""
    client = connect(url)
    try:
        cursor = client.cursor()
        _write_journals(cursor, journals)
        began = time.monotonic()
        cursor.execute(shop.change_of_twin)
        native_seconds = time.monotonic() - began
        cursor.execute(shop.differences)
        differing = {int(row[0]) for row in cursor.fetchall()}
        # A statement that broke off may have been done, and it may have been a change of the key.
        unknown = {
            sign * key for journal in journals for key in journal.uncertain for sign in (1, -1)
        }
        cursor.execute("SELECT count(*) FROM orders")
        return Comparison(
            rows=int(cursor.fetchone()[0]),
            differing=tuple(sorted(differing - unknown)),
            same_schema=_columns(cursor, shop.schema, "orders")
            == _columns(cursor, shop.schema, "orders_twin"),
            native_seconds=native_seconds,
        )
    finally:
        client.close()


def _write_journals(cursor: Cursor, journals: Sequence[Journal]) -> None:
    """Only the last word on each key counts: out with the old row, in with what it must be."""
    last: dict[int, Row | None] = {}
    for journal in journals:
        last |= journal.rows
    touched = [(key,) for key in last]
    there = [(key, *row) for key, row in last.items() if row is not None]
    cursor.execute("BEGIN")
    _many(cursor, "DELETE FROM orders_twin WHERE id = %s", touched)
    names = ", ".join(("id", *COLUMNS))
    _many(cursor, f"INSERT INTO orders_twin ({names}) VALUES (%s, %s, %s, %s)", there)
    cursor.execute("COMMIT")


def _many(cursor: Cursor, sql: str, rows: list[Row]) -> None:
    for at in range(0, len(rows), BATCH):
        cursor.executemany(sql, rows[at : at + BATCH])


def _columns(cursor: Cursor, schema: str, table: str) -> list[Row]:
    cursor.execute(DESCRIPTION, (schema, table))
    return [tuple(row) for row in cursor.fetchall()]
