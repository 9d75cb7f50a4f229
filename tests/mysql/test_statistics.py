"""What the server was told to learn about columns stays known, as after a native ALTER."""

from __future__ import annotations

import json

from osc.config import settings
from osc.migration import Request, migrate
from osc.model import alter
from osc.model.controls import Controls
from osc.model.progress import Tracker
from tests.conformance.place import Place
from tests.servers import every_server

CLAUSES = "MODIFY a BIGINT, DROP COLUMN gone, RENAME COLUMN b TO bb, ADD COLUMN z INT, ADD KEY (z)"
TABLE = (
    "CREATE TABLE {} (id INT PRIMARY KEY, a INT, b INT, c VARCHAR(9), d INT, gone INT, KEY kc (c), "
    "KEY b (b), CONSTRAINT `{}_up` FOREIGN KEY (d) REFERENCES parent (id))"
)
ROWS = "INSERT INTO {} VALUES (1, 1, 1, 'x', 1, 1), (2, 2, 2, 'x', 2, 2), (3, 3, 3, 'y', NULL, 3)"


def change(place: Place, analyze: str) -> None:
    """The table by osc, its twin natively; the shadow grows among clones of its relatives."""
    place.app.run("CREATE TABLE parent (id INT PRIMARY KEY)", "INSERT INTO parent VALUES (1), (2)")
    for name in ("orders", "twin"):
        place.app.run(TABLE.format(name, name), ROWS.format(name))
        place.app.rows(f"ANALYZE TABLE {name} {analyze}")
    statement = f"ALTER TABLE orders {CLAUSES}"
    request = Request(alter.parse(statement, mysql=True), None, statement, "test")
    migrate(place.engine, request, settings(force_copy=True), Tracker(), Controls())
    place.app.run(f"ALTER TABLE twin {CLAUSES}")


@every_server("mysql")
def test_histograms_are_those_that_a_native_alter_leaves(place: Place) -> None:
    change(place, "UPDATE HISTOGRAM ON a, b, c, d, gone WITH 7 BUCKETS")

    def told(table: str) -> dict[str, object]:
        rows = place.app.rows(
            "SELECT column_name, histogram FROM information_schema.column_statistics "
            f"WHERE schema_name = DATABASE() AND table_name = '{table}'"
        )
        return {name: {**json.loads(text), "last-updated": ""} for name, text in rows}

    assert told("orders") == told("twin")
    assert set(told("orders")) == {"c", "d"}


@every_server("mariadb")
def test_counted_columns_and_indexes_are_counted_again(place: Place) -> None:
    change(place, "PERSISTENT FOR COLUMNS (a, b, c, gone) INDEXES (PRIMARY, kc)")

    def told(table: str) -> list[tuple[object, ...]]:
        return [
            *place.app.rows(
                "SELECT column_name, min_value, max_value, nulls_ratio, avg_frequency "
                f"FROM mysql.column_stats WHERE db_name = DATABASE() AND table_name = '{table}' "
                "ORDER BY 1"
            ),
            *place.app.rows(
                "SELECT index_name, prefix_arity, avg_frequency FROM mysql.index_stats "
                f"WHERE db_name = DATABASE() AND table_name = '{table}' ORDER BY 1, 2"
            ),
        ]

    assert set(told("twin")) <= set(told("orders"))
    assert {row[0] for row in told("orders")} == {"a", "bb", "c", "PRIMARY", "kc"}
