"""What --sync triggers needs is asked for before anything is touched."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from osc import engines, errors
from osc.engine import Engine, Sync
from osc.model import alter
from osc.mysql import privileges
from osc.stages import plan
from tests.conformance.place import Place
from tests.servers import every_server

pytestmark = every_server("mysql", "mariadb")

ALTER = alter.parse("ALTER TABLE orders ADD COLUMN extra INT", mysql=True)
TABLES = "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, ALTER, INDEX, LOCK TABLES"


@contextmanager
def engine_of(place: Place, grants: str, everywhere: str = "") -> Iterator[Engine]:
    """As a user with these privileges on the database, and those on the server."""
    user = f"u_{place.database}"
    place.app.run(
        f"CREATE USER {user}@'%' IDENTIFIED BY 'x'",
        f"GRANT {grants} ON {place.database}.* TO {user}@'%'",
        *([f"GRANT {everywhere} ON *.* TO {user}@'%'"] if everywhere else []),
    )
    try:
        with closing(engines.engine_at(place.url.replace("root@", f"{user}:x@"))) as engine:
            yield engine
    finally:
        place.app.run(f"DROP USER {user}@'%'")


@contextmanager
def variable(place: Place, name: str, value: str) -> Iterator[None]:
    before = place.app.value(f"SELECT @@GLOBAL.{name}")
    place.app.run(f"SET GLOBAL {name} = {value}")
    try:
        yield
    finally:
        place.app.run(
            f"SET GLOBAL {name} = '{before}'"
            if isinstance(before, str)
            else f"SET GLOBAL {name} = {before}"
        )


def check(engine: Engine) -> None:
    engine.checks.server(Sync.TRIGGERS)
    engine.checks.table(engine.catalog.find(ALTER), ALTER, Sync.TRIGGERS)


@pytest.fixture(autouse=True)
def orders(place: Place) -> None:
    place.app.run("CREATE TABLE orders (id INT PRIMARY KEY, note INT)")


def objects(place: Place) -> set[str]:
    return {
        str(row[0]) for row in (*place.app.rows("SHOW TABLES"), *place.app.rows("SHOW TRIGGERS"))
    }


def test_few_privileges_are_enough_where_the_server_trusts(place: Place) -> None:
    with (
        variable(place, "log_bin_trust_function_creators", "1"),
        engine_of(place, f"{TABLES}, TRIGGER", "PROCESS") as engine,
    ):
        check(engine)

        assert objects(place) == {"orders"}


def test_a_server_that_wants_super_for_triggers_is_refused_in_words(place: Place) -> None:
    with engine_of(place, f"{TABLES}, TRIGGER", "PROCESS") as engine:
        with pytest.raises(errors.Precondition, match="1419") as raised:
            check(engine)

        assert "log_bin_trust_function_creators" in raised.value.todo
        assert objects(place) == {"orders"}


def test_that_an_applications_trigger_can_t_be_made_without_super_is_no_fault_of_the_trigger(
    place: Place,
) -> None:
    place.app.run("CREATE TRIGGER hers AFTER INSERT ON orders FOR EACH ROW SET @a = 1")
    setting = "SET USER" if place.engine.name == "mariadb" else "SET_ANY_DEFINER"
    with engine_of(place, f"{TABLES}, TRIGGER", f"PROCESS, {setting}") as engine:
        altered = alter.parse("ALTER TABLE orders MODIFY note BIGINT", mysql=True)

        with pytest.raises(errors.Precondition, match="SUPER") as raised:
            engine.workshop.rehearse(engine.catalog.find(altered), altered)

        assert "log_bin_trust_function_creators" in raised.value.todo


def test_a_missing_trigger_privilege_is_told_with_its_grant(place: Place) -> None:
    with (
        variable(place, "log_bin_trust_function_creators", "1"),
        engine_of(place, TABLES, "PROCESS") as engine,
    ):
        with pytest.raises(errors.NotAllowed) as raised:
            check(engine)

        assert "GRANT TRIGGER" in raised.value.todo
        assert objects(place) == {"orders"}


def test_a_missing_process_privilege_is_told_with_its_grant(place: Place) -> None:
    with (
        variable(place, "log_bin_trust_function_creators", "1"),
        engine_of(place, f"{TABLES}, TRIGGER") as engine,
        pytest.raises(errors.NotAllowed, match="TRUNCATE") as raised,
    ):
        check(engine)

    assert "GRANT PROCESS" in raised.value.todo


@pytest.mark.parametrize("format", ["STATEMENT", "MIXED"])
def test_only_statements_in_the_log_are_refused(place: Place, format: str) -> None:
    with variable(place, "binlog_format", f"'{format}'"):
        if format == "MIXED":
            check(place.engine)
            return
        with pytest.raises(errors.Precondition, match="STATEMENT"):
            check(place.engine)


def test_neither_our_triggers_nor_those_of_others_are_refused(place: Place) -> None:
    job = place.job_on("orders", "ADD COLUMN extra INT")
    with place.source(job, Sync.TRIGGERS):
        place.app.run("CREATE TRIGGER theirs AFTER INSERT ON orders FOR EACH ROW SET @a = 1")

        check(place.engine)


@pytest.mark.parametrize("reason", ["format", "privilege"])
def test_where_the_log_cannot_be_used_triggers_are(place: Place, reason: str) -> None:
    if reason == "format":
        with variable(place, "binlog_format", "'MIXED'"):
            choice = chosen(place.engine)
    else:
        with (
            variable(place, "log_bin_trust_function_creators", "1"),
            engine_of(place, f"{TABLES}, TRIGGER", "PROCESS") as engine,
        ):
            choice = chosen(engine)

    assert choice.sync is Sync.TRIGGERS
    assert "triggers" in choice.findings[0]
    assert chosen(place.engine) == plan.Choice(Sync.LOG)


def chosen(engine: Engine) -> plan.Choice:
    return plan.choose_sync(engine, engine.catalog.find(ALTER), ALTER, None)


def test_a_child_that_this_user_may_not_see_is_counted_all_the_same(place: Place) -> None:
    """It would go on referring to the old table."""
    far = f"{place.database}_far"
    key = f"FOREIGN KEY (o) REFERENCES {place.database}.orders (id)"
    with (
        variable(place, "log_bin_trust_function_creators", "ON"),
        engine_of(place, f"{TABLES}, TRIGGER", everywhere="PROCESS") as engine,
    ):
        check(engine)
        place.app.run(f"CREATE DATABASE {far}", f"CREATE TABLE {far}.child (o INT, {key})")
        try:
            with pytest.raises(errors.NotAllowed, match="may not see: there are 1"):
                check(engine)
        finally:
            place.app.run(f"DROP DATABASE {far}")


def test_a_procedure_whose_call_would_fail_while_triggers_are_made_is_named(place: Place) -> None:
    place.app.run(
        "CREATE TABLE heard (id INT)",
        "CREATE PROCEDURE more () UPDATE orders SET note = note + 1",
        "CREATE PROCEDURE less () UPDATE heard SET id = id + 1 -- not of my_orders",
    )
    with closing(engines.engine_at(place.url)) as engine:
        check(engine)
        place.app.run("CREATE TRIGGER own AFTER UPDATE ON orders FOR EACH ROW DELETE FROM heard")
        if place.engine.name == "mysql":
            check(engine)
        else:
            with pytest.raises(errors.Precondition, match=r"procedures name it \(\w+\.more\)"):
                check(engine)
        engine.checks.table(engine.catalog.find(ALTER), ALTER, Sync.LOG)


def test_all_that_is_missing_is_told_at_once(place: Place) -> None:
    with engine_of(place, "SELECT, ALTER", "REPLICATION CLIENT") as engine:
        with pytest.raises(errors.NotAllowed, match="REPLICATION SLAVE") as raised:
            engine.checks.server(Sync.LOG)

        first, second = raised.value.todo.split("; ")
        assert first.startswith("GRANT REPLICATION SLAVE, PROCESS ON *.* TO ")
        assert second.startswith(
            "GRANT INSERT, UPDATE, DELETE, CREATE, DROP, INDEX, TRIGGER, LOCK "
        )
        place.app.run(first, second)
        with closing(engine.connect("look")) as session:
            assert privileges.lacking(session, place.database, Sync.LOG) == ""


READS_THE_LOG = "PROCESS, REPLICATION SLAVE, REPLICATION CLIENT"


def test_whoever_may_not_see_triggers_is_refused_though_the_log_needs_none(place: Place) -> None:
    place.app.run("CREATE TRIGGER theirs AFTER INSERT ON orders FOR EACH ROW SET @a = 1")

    with engine_of(place, TABLES, READS_THE_LOG) as engine:
        with pytest.raises(errors.NotAllowed, match="TRIGGER privilege") as raised:
            engine.checks.table(engine.catalog.find(ALTER), ALTER, Sync.LOG)

        assert "GRANT TRIGGER" in raised.value.todo
    with engine_of(place, f"{TABLES}, TRIGGER", READS_THE_LOG) as engine:
        engine.checks.table(engine.catalog.find(ALTER), ALTER, Sync.LOG)
