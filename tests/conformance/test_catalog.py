"""What the server knows of a table, in the model's words."""

from __future__ import annotations

import pytest

from osc.errors import Precondition
from osc.model import alter
from osc.model.table import Table, TableName
from tests.conformance.place import Place
from tests.servers import every_server

pytestmark = every_server()


def find(place: Place, table: str = "orders") -> Table:
    return place.engine.catalog.find(
        alter.parse(f"ALTER TABLE {table} ADD x INT", mysql=place.mysql)
    )


def quoted(place: Place, name: str) -> str:
    return f"`{name}`" if place.mysql else f'"{name}"'


def test_a_table_is_found_in_the_urls_own_database(place: Place) -> None:
    place.app.run("CREATE TABLE orders (id INT PRIMARY KEY, note VARCHAR(20) NOT NULL, x INT)")

    found = find(place)

    assert found.name == TableName(place.schema, "orders")
    assert [(one.name, one.nullable) for one in found.columns] == [
        ("id", False),
        ("note", False),
        ("x", True),
    ]
    assert [one.ordinal for one in found.columns] == [1, 2, 3]


def test_a_table_is_found_by_its_whole_name(place: Place) -> None:
    place.app.run("CREATE TABLE orders (id INT PRIMARY KEY)")

    assert find(place, f"{place.schema}.orders") == find(place)


@pytest.mark.parametrize("name", ["Mixed Case", "a.b", "ünïcode", "select", "quo'te", "100%"])
def test_a_table_of_any_name_is_found(place: Place, name: str) -> None:
    place.app.run(f"CREATE TABLE {quoted(place, name)} (id INT PRIMARY KEY)")

    assert find(place, quoted(place, name)).name.name == name


def test_a_table_that_is_not_there_is_refused(place: Place) -> None:
    with pytest.raises(Precondition, match="no table"):
        find(place, "nowhere")


def test_a_view_is_no_table(place: Place) -> None:
    place.app.run("CREATE TABLE t (id INT PRIMARY KEY)", "CREATE VIEW orders AS SELECT * FROM t")

    with pytest.raises(Precondition, match="view"):
        find(place)


def test_the_primary_key_comes_first(place: Place) -> None:
    place.app.run(
        "CREATE TABLE orders (code INT NOT NULL, a INT NOT NULL, b INT NOT NULL, id INT, "
        "CONSTRAINT c UNIQUE (code), PRIMARY KEY (a, b))"
    )

    best = find(place).keys[0]

    assert (best.columns, best.primary) == (("a", "b"), True)


@pytest.mark.parametrize(
    "definition",
    [
        "id INT, note INT",
        "id INT UNIQUE, note INT",
        "id INT NOT NULL, note INT, UNIQUE (id, note)",
    ],
)
def test_a_key_that_may_hold_nulls_tells_no_rows_apart(place: Place, definition: str) -> None:
    place.app.run(f"CREATE TABLE orders ({definition})")

    assert find(place).keys == ()


def test_a_partial_key_tells_no_rows_apart(place: Place) -> None:
    if place.mysql:
        place.app.run("CREATE TABLE orders (note VARCHAR(20) NOT NULL, UNIQUE (note(5)))")
    else:
        place.app.run(
            "CREATE TABLE orders (note VARCHAR(20) NOT NULL)",
            "CREATE UNIQUE INDEX ON orders (note) WHERE note <> ''",
            "CREATE UNIQUE INDEX ON orders (lower(note))",
        )

    assert find(place).keys == ()


def test_a_generated_column_is_told(place: Place) -> None:
    place.app.run(
        "CREATE TABLE orders (id INT PRIMARY KEY, n INT GENERATED ALWAYS AS (id * 2) STORED)"
    )

    assert [one.generated for one in find(place).columns] == [False, True]


def test_the_identity_stays_while_rows_come_and_go(place: Place) -> None:
    place.app.run("CREATE TABLE orders (id INT PRIMARY KEY)")
    before = find(place).identity

    place.app.run("INSERT INTO orders VALUES (1)", "DELETE FROM orders")

    assert place.engine.catalog.identity(TableName(place.schema, "orders")) == before


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE orders ADD COLUMN other INT",
        "ALTER TABLE orders ADD CONSTRAINT c CHECK (id > 0)",
        "CREATE INDEX i ON orders (note)",
        "TRUNCATE TABLE orders",
        "trigger",
    ],
)
def test_the_identity_changes_with_the_definition(place: Place, change: str) -> None:
    place.app.run("CREATE TABLE orders (id INT PRIMARY KEY, note INT)")
    before = find(place).identity

    place.app.run(*([change] if change != "trigger" else trigger(place)))

    assert find(place).identity != before


def trigger(place: Place) -> list[str]:
    if place.mysql:
        return ["ALTER TABLE orders COMMENT 'MySQL carries triggers over as they are then'"]
    return [
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        "CREATE TRIGGER t BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION f()",
    ]


def test_a_table_that_is_gone_has_no_identity(place: Place) -> None:
    assert place.engine.catalog.identity(TableName(place.schema, "orders")) is None


def test_rows_and_bytes_are_estimates_and_never_negative(place: Place) -> None:
    place.app.run("CREATE TABLE orders (id INT PRIMARY KEY)")

    found = find(place)

    assert found.rows >= 0
    assert found.bytes >= 0
