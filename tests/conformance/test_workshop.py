"""Tables that are ours: made whole, found again, and gone without a trace."""

from __future__ import annotations

import pytest

from osc.engine import Names, Rehearsal
from osc.errors import DataWouldBeLost, OscError, Precondition, Stopped
from osc.model import alter
from osc.model.alter import Alter
from osc.model.table import Table
from tests.conformance.place import Place
from tests.servers import every_server

pytestmark = every_server()

PLAIN = "CREATE TABLE orders (id INT PRIMARY KEY, note VARCHAR(20), n INT)"
ADD_UNIQUE = "ADD CONSTRAINT u UNIQUE (n)"


def asked(place: Place, clauses: str) -> tuple[Table, Alter]:
    wanted = alter.parse(f"ALTER TABLE orders {clauses}", mysql=place.mysql)
    return place.engine.catalog.find(wanted), wanted


def rehearsed(place: Place, clauses: str) -> tuple[Table, Rehearsal]:
    table, wanted = asked(place, clauses)
    return table, place.engine.workshop.rehearse(table, wanted)


def tables(place: Place) -> set[tuple[str, str]]:
    """Schemas and tables that somebody made; on MySQL a schema is a database."""
    if place.mysql:
        return set(
            place.app.rows(
                "SELECT table_schema, table_name FROM information_schema.tables "
                "WHERE table_schema NOT IN ('mysql', 'sys') AND table_schema NOT LIKE '%schema'"
            )
        )
    return set(
        place.app.rows(
            "SELECT n.nspname::text, c.relname::text FROM pg_namespace n "
            "LEFT JOIN pg_class c ON c.relnamespace = n.oid "
            "WHERE n.nspname NOT LIKE 'pg_%' AND n.nspname <> 'information_schema'"
        )
    )


def test_a_rehearsal_tells_what_the_alter_makes_and_leaves_nothing(place: Place) -> None:
    place.app.run(PLAIN, "INSERT INTO orders VALUES (1, 'a', 1)")
    before = tables(place)

    table, found = rehearsed(place, "ADD COLUMN extra INT, DROP COLUMN n")

    assert [one.name for one in found.table.columns] == ["id", "note", "extra"]
    assert {pair.target: pair.source for pair in found.columns.pairs if pair.source} == {
        "id": "id",
        "note": "note",
    }
    assert (found.columns.key, found.key) == (("id",), table.keys[0])
    assert tables(place) == before
    assert place.app.rows("SELECT * FROM orders") == [(1, "a", 1)]


@pytest.mark.parametrize(
    "clauses", ["ADD COLUMN", "DROP COLUMN nothing", "ADD COLUMN note INT", "SELEKT 1"]
)
def test_an_alter_that_the_server_refuses_is_refused_with_its_words(
    place: Place, clauses: str
) -> None:
    place.app.run(PLAIN)
    before = tables(place)

    with pytest.raises(OscError) as refusal:
        rehearsed(place, clauses)

    assert refusal.value.exit_code in (2, 3)
    assert tables(place) == before


def test_an_alter_that_leaves_no_key_is_refused_where_none_can_be_lent(place: Place) -> None:
    """On MySQL and MariaDB the shadow bears the old key in columns of ours until the swap."""
    place.app.run(PLAIN)

    if place.mysql:
        assert "columns of ours" in rehearsed(place, "DROP PRIMARY KEY")[1].findings[0]
        return
    with pytest.raises(Precondition, match="key"):
        rehearsed(place, "DROP CONSTRAINT orders_pkey")


def made(place: Place) -> tuple[Table, Names]:
    place.app.run(PLAIN)
    table, wanted = asked(place, "ADD COLUMN extra INT")
    names = place.engine.workshop.names(table)
    place.engine.workshop.create(table, wanted, names)
    return table, names


def test_a_shadow_is_made_empty_with_the_alter_applied(place: Place) -> None:
    place.app.run(PLAIN, "INSERT INTO orders VALUES (1, 'a', 1)")
    table, wanted = asked(place, "ADD COLUMN extra INT")
    names = place.engine.workshop.names(table)

    shadow = place.engine.workshop.create(table, wanted, names)

    assert shadow.name == names.shadow
    assert [one.name for one in shadow.columns] == ["id", "note", "n", "extra"]
    quote = "`" if place.mysql else '"'
    name = ".".join(f"{quote}{part}{quote}" for part in (shadow.name.schema, shadow.name.name))
    assert place.app.value(f"SELECT count(*) FROM {name}") == 0


def test_a_shadow_that_cannot_be_made_leaves_nothing(place: Place) -> None:
    place.app.run(PLAIN)
    before = tables(place)
    table, wanted = asked(place, "DROP COLUMN nothing")

    with pytest.raises(OscError):
        place.engine.workshop.create(table, wanted, place.engine.workshop.names(table))

    assert tables(place) == before


def test_a_shadow_is_found_again_and_dropped(place: Place) -> None:
    table, names = made(place)
    workshop = place.engine.workshop

    assert workshop.leftovers(table.name) == [names.shadow]
    workshop.drop([names.shadow, names.archive])

    assert workshop.leftovers(table.name) == []


def test_dropping_twice_is_fine(place: Place) -> None:
    _, names = made(place)

    for _ in range(2):
        place.engine.workshop.drop([names.shadow, names.archive])


def test_dropping_what_is_ours_leaves_nothing_of_it(place: Place) -> None:
    place.app.run(PLAIN)
    before = tables(place)
    table, wanted = asked(place, "ADD COLUMN extra INT")
    names = place.engine.workshop.names(table)
    place.engine.workshop.create(table, wanted, names)

    place.engine.workshop.drop([names.shadow, names.archive])

    assert {one for one in tables(place) if one[1]} == {one for one in before if one[1]}


def test_leftovers_of_one_table_are_none_of_another(place: Place) -> None:
    made(place)
    place.app.run("CREATE TABLE orders_2 (id INT PRIMARY KEY)")
    other = place.engine.catalog.find(
        alter.parse("ALTER TABLE orders_2 ADD x INT", mysql=place.mysql)
    )

    assert place.engine.workshop.leftovers(other.name) == []


def test_names_do_not_depend_on_the_run(place: Place) -> None:
    """What a dead run left must be found by the next."""
    place.app.run(PLAIN)
    table, _ = asked(place, "ADD COLUMN extra INT")

    assert place.engine.workshop.names(table) == place.engine.workshop.names(table)


def typed(place: Place, column: str, kind: str) -> str:
    return f"MODIFY {column} {kind}" if place.mysql else f"ALTER COLUMN {column} TYPE {kind}"


def not_null(place: Place) -> str:
    return "MODIFY n INT NOT NULL" if place.mysql else "ALTER COLUMN n SET NOT NULL"


def test_a_probe_finds_what_the_new_definition_has_no_room_for(place: Place) -> None:
    place.app.run(
        PLAIN,
        "INSERT INTO orders VALUES (1, 'a', 1), (2, 'a', 2)",
        "INSERT INTO orders VALUES (3, 'a longer one', 70000), (4, 'd', NULL)",
    )

    for clauses, row in [
        (not_null(place), "4"),
        (typed(place, "note", "VARCHAR(5)"), "3"),
        (typed(place, "n", "SMALLINT"), "3"),
        ("ADD CONSTRAINT u UNIQUE (note)", "a"),
    ]:
        table, found = rehearsed(place, clauses)
        with pytest.raises(DataWouldBeLost, match=row) as lost:
            place.engine.workshop.probe(table, found)
        assert lost.value.still_true == "nothing was touched", clauses


def test_a_probe_lets_pass_what_fits(place: Place) -> None:
    place.app.run(PLAIN, "INSERT INTO orders VALUES (1, 'a', 1), (2, 'b', 2), (3, NULL, 3)")

    for clauses in [
        not_null(place),
        typed(place, "note", "VARCHAR(1)"),
        typed(place, "n", "SMALLINT"),
        "ADD CONSTRAINT u UNIQUE (note)",
        "ADD CONSTRAINT u UNIQUE (note, n)",
    ]:
        place.engine.workshop.probe(*rehearsed(place, clauses))


def test_a_rehearsal_tells_what_changes_in_the_server_s_words(place: Place) -> None:
    place.app.run(PLAIN, "CREATE INDEX by_n ON orders (n)")
    rebuild = "FORCE" if place.mysql else "ALTER n TYPE int"

    _, changed = rehearsed(place, "ADD COLUMN extra INT, DROP COLUMN note")
    _, same = rehearsed(place, rebuild)

    assert any("extra" in line for line in changed.diff.added), changed.diff
    assert any("note" in line for line in changed.diff.removed), changed.diff
    assert not any("by_n" in line for line in (*changed.diff.added, *changed.diff.removed))
    assert not same.diff, same.diff


def test_a_question_to_all_rows_is_broken_off_for_who_is_to_stop(place: Place) -> None:
    place.app.run(PLAIN)
    table, rehearsal = rehearsed(place, ADD_UNIQUE)
    lock = ["LOCK TABLES orders WRITE"] if place.mysql else ["BEGIN", "LOCK TABLE orders"]
    place.another_app().run(*lock)  # As long as this, a question takes for ever.
    looks: list[int] = []

    def check() -> None:
        looks.append(1)
        if len(looks) > 1:
            raise Stopped("stopped by ann")

    with pytest.raises(Stopped, match="by ann"):
        place.engine.workshop.probe(table, rehearsal, check)
