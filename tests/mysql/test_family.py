"""The ALTER among relatives: judged as the server judges it, and what becomes of the others."""

from __future__ import annotations

import pymysql
import pytest

from osc import errors
from osc.model import alter
from tests.conformance.place import Place
from tests.servers import every_server

TABLES = (
    "CREATE TABLE parent (id INT PRIMARY KEY, code CHAR(3) UNIQUE)",
    "CREATE TABLE orders (id INT PRIMARY KEY, parent INT, boss INT, note INT, KEY noted (note), "
    "CONSTRAINT to_parent FOREIGN KEY (parent) REFERENCES parent (id), "
    "FOREIGN KEY odd (boss) REFERENCES orders (id), KEY behind (note, id))",
    "CREATE TABLE child (o INT, CONSTRAINT to_orders FOREIGN KEY (o) REFERENCES orders (id))",
    "INSERT INTO parent VALUES (1, 'x')",
    "INSERT INTO orders VALUES (1, 1, NULL, 1)",
    "INSERT INTO child VALUES (1)",
)
CHECKED = tuple(sql.replace("KEY behind", "CHECK (id > 0), KEY behind") for sql in TABLES)
"""Such a clone is not made by LIKE."""
REFUSED = (
    "MODIFY id BIGINT NOT NULL",
    "MODIFY parent BIGINT",
    "DROP COLUMN parent",
    "DROP INDEX to_parent",
    "DROP FOREIGN KEY nobody",
    "ADD CONSTRAINT to_nowhere FOREIGN KEY (note) REFERENCES nowhere (id)",
    "ADD CONSTRAINT to_parent FOREIGN KEY (note) REFERENCES parent (id)",
    "ADD FOREIGN KEY (note) REFERENCES parent (code)",
)
DONE = (
    "ADD INDEX wide (parent, note)",
    "ADD INDEX wide (boss, note), ADD INDEX other (note, parent)",
    "ADD FOREIGN KEY (note) REFERENCES parent (id)",
    "ADD COLUMN more INT, ADD CONSTRAINT more FOREIGN KEY (more) REFERENCES parent (id)",
    "DROP FOREIGN KEY to_parent",
    "DROP FOREIGN KEY to_parent, DROP COLUMN parent",
    "DROP FOREIGN KEY to_parent, ADD CONSTRAINT again FOREIGN KEY (parent) REFERENCES parent (id)",
    "CHANGE id ident INT NOT NULL, CHANGE parent par INT",
)

on_both = every_server("mysql", "mariadb")


@on_both
def test_what_the_server_refuses_because_of_a_relative_is_refused(place: Place) -> None:
    place.app.run(*TABLES)
    for clauses in REFUSED:
        with pytest.raises(errors.Precondition, match="the server refuses"):
            _rehearsed(place, clauses)
        with pytest.raises(pymysql.err.MySQLError):
            place.app.run(f"ALTER TABLE orders {clauses}")


@on_both
def test_what_it_does_is_foretold_of_the_table_and_of_its_children(place: Place) -> None:
    """Indexes that the server has made for a key give way to wider ones."""
    for tables, clauses in [(TABLES, one) for one in DONE] + [(CHECKED, one) for one in DONE[:2]]:
        place.app.run(*tables)
        table = place.engine.catalog.find(_alter(place, clauses))
        foretold = place.engine.workshop.definition_after(  # type: ignore[attr-defined]
            table, _alter(place, clauses), table.name
        )
        relations = place.engine.workshop.rehearse(table, _alter(place, clauses)).relations

        place.app.run(f"ALTER TABLE orders {clauses}")

        made = str(place.app.rows("SHOW CREATE TABLE orders")[0][1])
        assert _without_keys(made) == foretold.splitlines(), clauses
        for key in relations.own:
            assert f"CONSTRAINT `{key.name}` FOREIGN KEY (`{key.columns[0]}`)" in made, clauses
        assert made.count("FOREIGN KEY") == len(relations.own), clauses
        child = str(place.app.rows("SHOW CREATE TABLE child")[0][1])
        (key,) = relations.children
        assert f"REFERENCES `orders` (`{key.referenced[0]}`)" in child, clauses
        place.app.run("DROP TABLE child", "DROP TABLE orders", "DROP TABLE parent")


@on_both
def test_a_clone_whose_row_has_no_parent_is_altered_again(place: Place) -> None:
    """The ALTER itself looks at no row; one that copies the clone, for its index, would."""
    with_text = CHECKED[1].replace("note INT", "note INT, words TEXT, FULLTEXT (words)")
    place.app.run(CHECKED[0], with_text)
    place.app.run(
        "INSERT INTO parent VALUES (1, 'x')", "INSERT INTO orders (id, parent) VALUES (1, 1)"
    )

    _rehearsed(place, "ALTER note SET DEFAULT 3")


@on_both
def test_a_rehearsal_leaves_no_table_and_no_database(place: Place) -> None:
    place.app.run(*TABLES)

    _rehearsed(place, "MODIFY note BIGINT")

    found = place.app.rows("SHOW DATABASES")
    assert [name for (name,) in found if name.startswith("_osc_try_")] == []


def _alter(place: Place, clauses: str) -> alter.Alter:
    return alter.parse(f"ALTER TABLE {place.database}.orders {clauses}", mysql=True)


def _rehearsed(place: Place, clauses: str) -> None:
    made = _alter(place, clauses)
    place.engine.workshop.rehearse(place.engine.catalog.find(made), made)


def _without_keys(definition: str) -> list[str]:
    lines = [line for line in definition.splitlines() if "FOREIGN KEY" not in line]
    lines[-2] = lines[-2].removesuffix(",")
    return lines
