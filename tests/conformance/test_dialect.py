"""A migration's statements, on real rows: each row exactly once, and every difference found."""

from __future__ import annotations

import pytest

from osc import errors
from osc.engine import Job, Statement
from osc.model.change import KeyValue
from osc.model.chunk import Chunk
from tests.conformance import key_types
from tests.conformance.key_types import Keyed
from tests.conformance.place import Place, every_key, walk
from tests.servers import every_server, names

LONG = {
    "mysql": key_types.MYSQL_LONG,
    "mariadb": key_types.MARIADB_LONG,
    "postgres": key_types.POSTGRES_LONG,
}
PLAIN = "CREATE TABLE orders (id INT PRIMARY KEY, note VARCHAR(20))"
WHOLE = Chunk(1, None, None)


def every_kind() -> list[object]:
    """The same code serves MySQL and MariaDB, and every PostgreSQL: there, a few kinds will do."""
    chosen = []
    for name in names():
        every = LONG[name.split("-")[0]]
        if name in ("postgres-15", "postgres-16"):
            continue
        if name.startswith("mariadb"):
            every = tuple(
                one for one in every if one.columns[0].startswith(("uuid", "varchar", "time"))
            )
        chosen += [(name, keyed) for keyed in every]
    return [pytest.param(name, keyed, id=f"{name}-{keyed}") for name, keyed in chosen]


@pytest.mark.parametrize(("server", "keyed"), every_kind(), indirect=["server"])
def test_each_row_is_walked_copied_and_compared_exactly_once(place: Place, keyed: Keyed) -> None:
    """Also: a difference in any span is found by the key that a source would give."""
    job = place.job(keyed.create)
    place.app.run(keyed.insert)
    dialect = place.engine.dialect(job)

    place.copy(job)

    with place.session("verify", dialect) as session:
        spans = list(walk(session, dialect, 7, dialect.next_key))
        sums = [session.query(dialect.checksum(span))[0] for span in spans]
        everything = every_key(session, dialect)
        place.app.run(f"UPDATE {place.name(job)} SET note = -1 WHERE note IN (3, 33)")
        expected = _keys_where(place, job, "note IN (3, 33)")
        differing = {
            dialect.key_value(row)
            for span in spans
            for row in session.query(dialect.differing_keys(span, 100))
        }
    assert [(row[0], row[1]) for row in sums] == [(row[2], row[3]) for row in sums]
    assert sum(row[0] for row in sums) == len(keyed.rows)
    assert len(set(everything)) == len(keyed.rows)
    assert differing == expected
    assert len(differing) == 2
    assert differing <= set(everything)


def _keys_where(place: Place, job: Job, where: str) -> set[KeyValue]:
    """Keys of the original, selected as `next_key` selects them."""
    dialect = place.engine.dialect(job)
    selected = dialect.next_key(None, 1).sql.partition(" FROM ")[0]
    with place.session("keys", dialect) as session:
        rows = session.query(Statement(f"{selected} FROM orders WHERE {where}"))
        return {dialect.key_value(row) for row in rows}


@every_server()
def test_keys_are_made_equal_by_delete_and_insert(place: Place) -> None:
    job = place.job(PLAIN)
    dialect = place.engine.dialect(job)
    place.app.run("INSERT INTO orders VALUES (1, 'a'), (2, 'b'), (3, 'c')")
    place.copy(job)
    place.app.run(
        "UPDATE orders SET note = 'B' WHERE id = 2",
        "DELETE FROM orders WHERE id = 3",
        "INSERT INTO orders VALUES (4, 'd')",
    )
    changed = [_key(place, number) for number in (2, 3, 4, 5)]

    with place.session("apply", dialect) as session, session.transaction():
        session.execute(dialect.delete_keys(changed))
        written = session.execute(dialect.insert_keys(changed))

    assert written == 2
    assert place.app.rows(f"SELECT id, note FROM {place.name(job)} ORDER BY id") == [
        (1, "a"),
        (2, "B"),
        (4, "d"),
    ]


def _key(place: Place, number: int) -> KeyValue:
    return (number,) if place.mysql else (str(number),)


@every_server()
def test_as_many_keys_as_the_dialect_takes_fit_into_one_statement(place: Place) -> None:
    job = place.job(PLAIN)
    dialect = place.engine.dialect(job)
    place.copy(job)

    with place.session("purge", dialect) as session:
        session.execute(dialect.delete_keys([_key(place, n) for n in range(dialect.most_keys)]))


@every_server()
def test_a_copy_says_how_many_rows_it_wrote(place: Place) -> None:
    job = place.job(PLAIN)
    dialect = place.engine.dialect(job)
    place.app.run("INSERT INTO orders VALUES (1, 'a'), (2, 'b')")

    with place.session("copy", dialect) as session:
        assert session.execute(dialect.copy_chunk(WHOLE)) == 2


DIFFERENCES: tuple[tuple[str, set[int]], ...] = (
    ("UPDATE {shadow} SET note = 'x' WHERE id = 2", {2}),
    ("UPDATE {shadow} SET note = NULL WHERE id = 2", {2}),
    ("UPDATE {shadow} SET note = '' WHERE id = 3", {3}),
    ("UPDATE {shadow} SET note = 'A' WHERE id = 1", {1}),
    ("UPDATE {shadow} SET note = 'a ' WHERE id = 1", {1}),
    ("UPDATE {shadow} SET id = 9 WHERE id = 2", {2, 9}),
    ("DELETE FROM {shadow} WHERE id = 2", {2}),
    ("INSERT INTO {shadow} (id, note) VALUES (9, 'new')", {9}),
    ("DELETE FROM {shadow}", {1, 2, 3}),
    ("UPDATE {shadow} SET extra = 5", set()),
)


@every_server()
def test_rows_that_are_altered_missing_or_too_many_are_found(place: Place) -> None:
    """Each change is undone again. The column that only the shadow has is told as not compared."""
    job = place.job(PLAIN)
    dialect, app, shadow = place.engine.dialect(job), place.app, place.name(job)
    app.run("INSERT INTO orders VALUES (1, 'a'), (2, 'b'), (3, NULL)")
    place.copy(job)
    found: list[tuple[str, set[int]]] = []
    equal: list[bool] = []

    with place.session("verify", dialect) as session:
        for change, _ in DIFFERENCES:
            app.run(change.format(shadow=shadow))
            ((rows, original, shadow_rows, summed),) = session.query(dialect.checksum(WHOLE))
            equal.append((rows, original) == (shadow_rows, summed))
            keys = session.query(dialect.differing_keys(WHOLE, 10))
            found.append((change, {int(dialect.key_value(row)[0]) for row in keys}))
            app.run(f"DELETE FROM {shadow}")
            session.execute(dialect.copy_chunk(WHOLE))

    assert found == list(DIFFERENCES)
    assert equal == [not expected for _, expected in DIFFERENCES]
    assert dialect.not_compared == ("extra",)


@every_server()
def test_values_that_change_their_columns_are_a_difference(place: Place) -> None:
    """'ab', '' and 'a', 'b' are not the same row, nor are NULL, 'x' and 'x', NULL."""
    job = place.job("CREATE TABLE orders (id INT PRIMARY KEY, a VARCHAR(9), b VARCHAR(9))")
    dialect = place.engine.dialect(job)
    place.app.run("INSERT INTO orders VALUES (1, 'ab', ''), (2, NULL, 'x'), (3, '1#2', '3')")
    place.copy(job)
    shadow = place.name(job)
    place.app.run(
        f"UPDATE {shadow} SET a = 'a', b = 'b' WHERE id = 1",
        f"UPDATE {shadow} SET a = 'x', b = NULL WHERE id = 2",
        f"UPDATE {shadow} SET a = '1', b = '2#3' WHERE id = 3",
    )

    with place.session("verify", dialect) as session:
        found = session.query(dialect.differing_keys(WHOLE, 10))

    assert {int(dialect.key_value(row)[0]) for row in found} == {1, 2, 3}


@every_server()
def test_a_renamed_key_is_followed(place: Place) -> None:
    job = place.job(PLAIN, "RENAME COLUMN id TO number")
    dialect = place.engine.dialect(job)
    place.app.run("INSERT INTO orders VALUES (1, 'a'), (2, 'b')")
    place.copy(job)
    place.app.run(
        "UPDATE orders SET note = 'B' WHERE id = 2",
        f"UPDATE {place.name(job)} SET note = 'A' WHERE number = 1",
    )

    with place.session("apply", dialect) as session:
        session.execute(dialect.delete_keys([_key(place, 2)]))
        session.execute(dialect.insert_keys([_key(place, 2)]))
        found = session.query(dialect.differing_keys(WHOLE, 10))

    assert [dialect.key_value(row) for row in dict.fromkeys(found)] == [_key(place, 1)]


@every_server()
def test_an_empty_table_has_no_bound_and_equal_sums(place: Place) -> None:
    job = place.job(PLAIN)
    dialect = place.engine.dialect(job)

    chunks = place.copy(job)

    with place.session("verify", dialect) as session:
        assert session.query(dialect.next_key(None, 5)) == []
        ((rows, original, shadow_rows, shadow),) = session.query(dialect.checksum(WHOLE))
    assert chunks == [WHOLE]
    assert (rows, original) == (shadow_rows, shadow)


@every_server()
def test_a_query_that_lasts_longer_than_its_limit_is_given_up(place: Place) -> None:
    """With an error that says that it may be asked again; and the session is as good as before."""
    job = place.job(PLAIN)
    dialect = place.engine.dialect(job)
    place.app.run("INSERT INTO orders VALUES (0, 'a')")
    for doubled in range(15):
        place.app.run(f"INSERT INTO orders SELECT id + {2**doubled}, note FROM orders")
    place.copy(job, size=10_000)

    with place.session("verify", dialect) as session:
        session.execute(dialect.time_limit(0.001))
        with pytest.raises(errors.Conflict):
            session.query(dialect.checksum(WHOLE))
        session.execute(dialect.time_limit(0))
        ((rows, *_),) = session.query(dialect.checksum(WHOLE))
    assert rows == 2**15
