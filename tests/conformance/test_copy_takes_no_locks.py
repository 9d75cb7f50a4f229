"""INSERT … SELECT under READ COMMITTED locks no row of the original."""

from __future__ import annotations

import threading

from osc.engine import Statement
from osc.model.chunk import Chunk
from tests.conformance.place import Place
from tests.servers import every_server

PLAIN = "CREATE TABLE orders (id INT PRIMARY KEY, note VARCHAR(20))"


def locks_on(place: Place, table: str) -> list[str]:
    """Row locks; the intention lock on the table itself keeps only DDL away.

    MariaDB shows a lock only while somebody waits for it: a writer that got through is the proof.
    """
    if place.engine.name == "mariadb":
        sql = (
            "SELECT lock_mode FROM information_schema.innodb_locks "
            f"WHERE lock_table LIKE '%`{table}`'"
        )
    else:
        sql = (
            "SELECT lock_mode FROM performance_schema.data_locks WHERE lock_type = 'RECORD' "
            f"AND object_schema = DATABASE() AND object_name = '{table}'"
        )
    return [str(mode) for (mode,) in place.app.rows(sql)]


@every_server("mysql", "mariadb")
def test_a_chunk_under_way_locks_the_shadow_alone(place: Place) -> None:
    job = place.job(PLAIN)
    dialect = place.engine.dialect(job)
    place.app.run("INSERT INTO orders VALUES (1, 'a'), (2, 'b'), (3, 'c')")

    with place.session("copy", dialect) as session, session.transaction():
        session.execute(dialect.copy_chunk(Chunk(1, None, None)))
        place.app.run(
            "SET innodb_lock_wait_timeout = 1",
            "UPDATE orders SET note = 'x' WHERE id = 2",
            "DELETE FROM orders WHERE id = 3",
            "INSERT INTO orders VALUES (4, 'd')",
        )
        original, shadow = locks_on(place, "orders"), locks_on(place, job.shadow.name.name)

    assert original == []
    assert shadow == [] or place.engine.name == "mysql"


@every_server("mysql", "mariadb")
def test_acting_on_a_key_locks_the_shadow_alone(place: Place) -> None:
    job = place.job(PLAIN)
    dialect = place.engine.dialect(job)
    place.app.run("INSERT INTO orders VALUES (1, 'a')")

    with place.session("apply", dialect) as session, session.transaction():
        session.execute(dialect.delete_keys([(1,), (2,)]))
        session.execute(dialect.insert_keys([(1,), (2,)]))
        place.app.run(
            "SET innodb_lock_wait_timeout = 1",
            "UPDATE orders SET note = 'x' WHERE id = 1",
            "INSERT INTO orders VALUES (2, 'b')",
        )


@every_server("mysql", "mariadb")
def test_a_row_that_an_application_has_locked_does_not_stop_the_copy(place: Place) -> None:
    job = place.job(PLAIN)
    dialect = place.engine.dialect(job)
    place.app.run("INSERT INTO orders VALUES (1, 'a'), (2, 'b')")
    place.app.run("BEGIN", "UPDATE orders SET note = 'x'")

    with place.session("copy", dialect) as session:
        assert session.execute(dialect.copy_chunk(Chunk(1, None, None))) == 2

    assert {note for (note,) in place.app.rows(f"SELECT note FROM {place.name(job)}")} == {"a", "b"}


@every_server("mysql", "mariadb")
def test_under_repeatable_read_it_would_lock(place: Place) -> None:
    """What shows that the tests above can see a lock at all."""
    job = place.job(PLAIN)
    dialect = place.engine.dialect(job)
    place.app.run("INSERT INTO orders VALUES (1, 'a'), (2, 'b')")
    writer = place.another_app()
    writing = threading.Thread(target=lambda: writer.run("UPDATE orders SET note = 'x'"))

    with place.session("copy", dialect) as session:
        session.query(Statement("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        with session.transaction():
            session.execute(dialect.copy_chunk(Chunk(1, None, None)))
            writing.start()
            place.await_waiting(writer.id)
            assert locks_on(place, "orders") != []
    writing.join()


@every_server("postgres")
def test_a_chunk_of_postgres_keeps_no_writer_waiting(place: Place) -> None:
    job = place.job(PLAIN)
    dialect = place.engine.dialect(job)
    place.app.run("INSERT INTO orders VALUES (1, 'a'), (2, 'b')")

    with place.session("copy", dialect) as session, session.transaction():
        session.execute(dialect.copy_chunk(Chunk(1, None, None)))
        place.app.run(
            "SET lock_timeout = '1s'", "UPDATE orders SET note = 'x'", "DELETE FROM orders"
        )
