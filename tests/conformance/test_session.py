"""A session: errors in our words, transactions that are whole, and no swallowed warning."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from urllib.parse import urlsplit

import pytest

from osc import engines, errors
from osc.engine import Session, Statement
from tests.conformance.place import Place, until
from tests.servers import every_server

pytestmark = every_server()


@pytest.fixture
def session(place: Place) -> Iterator[Session]:
    place.app.run(
        "CREATE TABLE t (id INT PRIMARY KEY, note VARCHAR(5) NOT NULL, small SMALLINT, "
        "CONSTRAINT positive CHECK (small > 0))",
        "INSERT INTO t VALUES (1, 'a', 1), (2, 'b', 2)",
    )
    with place.session() as session:
        yield session


def run(session: Session, sql: str) -> int:
    return session.execute(Statement(sql))


def test_a_statement_says_how_many_rows_it_wrote(session: Session) -> None:
    assert run(session, "UPDATE t SET note = 'x'") == 2
    assert run(session, "DELETE FROM t WHERE id > 5") == 0
    assert run(session, "INSERT INTO t VALUES (3, 'c', 3)") == 1


def test_a_query_gives_its_rows(session: Session) -> None:
    assert session.query(Statement("SELECT id, note FROM t ORDER BY id")) == [(1, "a"), (2, "b")]


def test_a_percent_sign_without_parameters_is_only_that(session: Session) -> None:
    assert session.query(Statement("SELECT id FROM t WHERE note LIKE 'a%'")) == [(1,)]


def test_outside_of_a_transaction_each_statement_commits(session: Session, place: Place) -> None:
    run(session, "INSERT INTO t VALUES (3, 'c', 3)")

    assert place.app.value("SELECT count(*) FROM t") == 3


def test_a_transaction_commits_at_the_end_of_its_block(session: Session, place: Place) -> None:
    with session.transaction():
        run(session, "INSERT INTO t VALUES (3, 'c', 3)")
        inside = place.app.value("SELECT count(*) FROM t")

    assert (inside, place.app.value("SELECT count(*) FROM t")) == (2, 3)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_in_the_block_rolls_everything_back(
    session: Session, place: Place, error: type[BaseException]
) -> None:
    with pytest.raises(error), session.transaction():
        run(session, "INSERT INTO t VALUES (3, 'c', 3)")
        raise error

    assert place.app.value("SELECT count(*) FROM t") == 2
    assert run(session, "INSERT INTO t VALUES (3, 'c', 3)") == 1


def test_a_failed_statement_rolls_the_transaction_back(session: Session, place: Place) -> None:
    with pytest.raises(errors.DuplicateKey), session.transaction():
        run(session, "INSERT INTO t VALUES (3, 'c', 3)")
        run(session, "INSERT INTO t VALUES (1, 'again', 1)")

    assert place.app.value("SELECT count(*) FROM t") == 2


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("INSERT INTO t VALUES (1, 'x', 1)", errors.DuplicateKey),
        ("INSERT INTO t VALUES (9, NULL, 1)", errors.BadValue),
        ("INSERT INTO t VALUES (9, 'too long', 1)", errors.BadValue),
        ("INSERT INTO t VALUES (9, 'x', 99999)", errors.BadValue),
        ("INSERT INTO t VALUES (9, 'x', -1)", errors.BadValue),
        ("SELEKT 1", errors.BadStatement),
        ("INSERT INTO nowhere VALUES (1)", errors.BadStatement),
        ("UPDATE t SET nothing = 1", errors.BadStatement),
    ],
)
def test_each_kind_of_error_has_its_name(
    session: Session, sql: str, kind: type[errors.ServerError]
) -> None:
    with pytest.raises(kind) as found:
        run(session, sql)

    assert type(found.value) is kind
    assert found.value.code
    assert found.value.__cause__ is not None


def test_after_an_error_the_session_goes_on(session: Session) -> None:
    with suppress(errors.ServerError):
        run(session, "SELEKT 1")

    assert session.query(Statement("SELECT 1")) == [(1,)]


def test_a_deadlock_is_a_conflict_that_may_be_repeated(session: Session, place: Place) -> None:
    """The server ends whoever has written less (InnoDB), or whoever looks first (PostgreSQL): ours,
    since the other has waited already and would look for a deadlock in a minute."""
    other = place.another_app()
    if not place.mysql:
        other.run("SET deadlock_timeout = '60s'")
    rows = ", ".join(f"({n}, 'x', 1)" for n in range(10, 40))
    other.run("BEGIN", f"INSERT INTO t VALUES {rows}", "UPDATE t SET note = 'x' WHERE id = 2")

    def cross() -> None:
        other.run("UPDATE t SET note = 'x' WHERE id = 1", "COMMIT")

    crossing = threading.Thread(target=cross)
    with pytest.raises(errors.Conflict), session.transaction():
        run(session, "UPDATE t SET note = 'z' WHERE id = 1")
        crossing.start()
        place.await_waiting(other.id)
        run(session, "UPDATE t SET note = 'z' WHERE id = 2")
    crossing.join()

    assert run(session, "UPDATE t SET note = 'z' WHERE id = 2") == 1


def test_a_row_that_stays_locked_is_a_conflict_or_a_lock_timeout(
    session: Session, place: Place
) -> None:
    other = place.another_app()
    other.run("BEGIN", "UPDATE t SET note = 'x' WHERE id = 1")
    run(
        session, "SET innodb_lock_wait_timeout = 1" if place.mysql else "SET lock_timeout = '100ms'"
    )

    with pytest.raises((errors.Conflict, errors.LockTimeout)):
        run(session, "UPDATE t SET note = 'y' WHERE id = 1")


def test_a_connection_that_was_ended_is_lost(session: Session, place: Place) -> None:
    place.end(session.id)

    with pytest.raises(errors.ConnectionLost):
        run(session, "UPDATE t SET note = 'y' WHERE id = 1")
    with pytest.raises(errors.ConnectionLost):
        session.query(Statement("SELECT 1"))
    session.close()


def test_a_connection_that_ends_in_a_transaction_is_lost(session: Session, place: Place) -> None:
    with pytest.raises(errors.ConnectionLost), session.transaction():
        run(session, "INSERT INTO t VALUES (3, 'c', 3)")
        place.end(session.id)
        run(session, "INSERT INTO t VALUES (4, 'c', 3)")

    until(lambda: place.app.value("SELECT count(*) FROM t") == 2)


def test_a_missing_privilege_has_its_name(place: Place) -> None:
    name = place.database
    place.app.run("CREATE TABLE t (id INT PRIMARY KEY)")
    if place.mysql:
        place.app.run(
            f"CREATE USER {name} IDENTIFIED BY 'x'", f"GRANT SELECT ON {name}.* TO {name}"
        )
    else:
        place.app.run(f"CREATE ROLE {name} LOGIN PASSWORD 'x'", f"GRANT SELECT ON t TO {name}")
    scheme, _, rest = place.url.partition("://")
    engine = engines.engine_at(f"{scheme}://{name}:x@{rest.partition('@')[2]}")
    session = engine.connect("weak")
    try:
        with pytest.raises(errors.NotAllowed):
            run(session, "INSERT INTO t VALUES (1)")
    finally:
        session.close()
        engine.close()
        place.app.run(f"DROP USER {name}" if place.mysql else f"DROP OWNED BY {name}")
        if not place.mysql:
            place.app.run(f"DROP ROLE {name}")


def test_what_the_server_only_warns_of_is_an_error(session: Session, place: Place) -> None:
    """On PostgreSQL nothing that alters a value is a warning."""
    if not place.mysql:
        return
    run(session, "SET sql_mode = ''")

    with pytest.raises(errors.BadValue, match="warning"):
        run(session, "INSERT INTO t VALUES (9, 'too long', 1)")


def test_a_session_ends_with_close_and_may_be_closed_twice(session: Session, place: Place) -> None:
    session.close()
    session.close()

    until(lambda: session.id not in place.connections())


def test_a_server_that_is_full_says_so_and_who_can_make_room(place: Place) -> None:
    """Host and port are right."""
    name, url = place.database, urlsplit(place.url)
    make = f"CREATE USER {name} IDENTIFIED BY 'x' WITH MAX_USER_CONNECTIONS 4"
    if not place.mysql:
        make = f"CREATE USER {name} PASSWORD 'x' CONNECTION LIMIT 4"
    on = f"{name}.*" if place.mysql else f"DATABASE {name}"
    place.app.run(make, f"GRANT ALL ON {on} TO {name}")
    where = url._replace(netloc=f"{name}:x@{url.hostname}:{url.port}").geturl()
    try:
        with (
            ExitStack() as held,
            closing(engines.engine_at(where)) as engine,
            pytest.raises(errors.Unreachable, match=r"onnection|exceeded") as told,
        ):
            for _ in range(5):
                held.enter_context(closing(engine.connect("one")))
    finally:
        place.app.run(*([] if place.mysql else [f"DROP OWNED BY {name}"]), f"DROP USER {name}")

    assert "max_connections" in told.value.todo and "port" not in told.value.todo
