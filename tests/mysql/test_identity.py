"""A table's identity on MySQL and MariaDB: InnoDB's own numbers are in it, triggers are not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest

from osc.engine import Session, Statement, Sync
from osc.model.table import TableName
from osc.mysql import innodb
from osc.mysql.catalog import MySQLCatalog
from osc.mysql.session import Connector, address
from tests.conformance.place import Place
from tests.servers import every_server

pytestmark = every_server("mysql", "mariadb")

PLAIN = "CREATE TABLE orders (id INT PRIMARY KEY, note INT)"
PARTITIONED = (
    f"{PLAIN} PARTITION BY RANGE (id) "
    "(PARTITION p0 VALUES LESS THAN (9), PARTITION p1 VALUES LESS THAN MAXVALUE)"
)


def identity(place: Place, table: str = "orders") -> str | None:
    return place.engine.catalog.identity(TableName(place.database, table))


def test_our_own_triggers_are_not_in_it(place: Place) -> None:
    job = place.job(PLAIN)
    with place.source(job, Sync.TRIGGERS):
        assert identity(place) == job.original.identity


def test_nor_are_those_of_others_which_are_carried_over_as_they_are_at_the_swap(
    place: Place,
) -> None:
    job = place.job(PLAIN)
    with place.source(job, Sync.TRIGGERS):
        place.app.run("CREATE TRIGGER _osc_theirs AFTER INSERT ON orders FOR EACH ROW SET @a = 1")

        assert identity(place) == job.original.identity


@pytest.mark.parametrize(
    "change", ["TRUNCATE TABLE orders", "ALTER TABLE orders TRUNCATE PARTITION p1"]
)
def test_a_partition_that_is_emptied_changes_it(place: Place, change: str) -> None:
    place.app.run(PARTITIONED)
    before = identity(place)

    place.app.run(change)

    assert identity(place) != before


@pytest.mark.parametrize("name", ["orders", "Mixed Case", "a.b-c", "100%_x", "ünï", "a#p#b", "a$b"])
def test_a_truncate_changes_a_table_of_any_name_and_none_beside_it(place: Place, name: str) -> None:
    neighbours = [f"{name}x", f"x{name}", name.replace("_", "-") + "_", f"{name}#p#x"]
    for table in (name, *neighbours):
        place.app.run(PLAIN.replace("orders", f"`{table}`"))
    before = identity(place, name)

    place.app.run(*(f"TRUNCATE TABLE `{table}`" for table in neighbours))
    beside = identity(place, name)
    place.app.run(f"TRUNCATE TABLE `{name}`")

    assert beside == before
    assert identity(place, name) != before


def test_a_table_of_any_name_has_one_number(place: Place) -> None:
    for name in ("orders", "a.b-c", "ünï", "a#p#b"):
        place.app.run(PLAIN.replace("orders", f"`{name}`"))
        session = place.engine.connect("test")
        assert len(innodb.table_ids(session, TableName(place.database, name))) == 1, name
        session.close()


def test_without_the_process_privilege_it_stays_what_it_is(place: Place) -> None:
    """A log tells of the TRUNCATE, and triggers are not taken then: `test_checks.py`."""
    place.app.run(PLAIN)
    user = f"u_{place.database}"
    place.app.run(
        f"CREATE USER {user}@'%' IDENTIFIED BY 'x'",
        f"GRANT ALL ON {place.database}.* TO {user}@'%'",
    )
    try:
        to = address(place.url.replace("root@", f"{user}:x@"))
        session = Connector(to, is_mariadb=place.engine.name == "mariadb")("test")
        catalog = MySQLCatalog(session, place.database)
        before = catalog.identity(TableName(place.database, "orders"))
        place.app.run("INSERT INTO orders VALUES (1, 1)")

        assert catalog.identity(TableName(place.database, "orders")) == before
        session.close()
    finally:
        place.app.run(f"DROP USER {user}@'%'")


class Forgetful:
    """A session to which the server does not say when a table was made."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def query(self, statement: Statement) -> list[tuple[Any, ...]]:
        hidden = statement.sql.replace("SELECT create_time", "SELECT NULL")
        return self._session.query(replace(statement, sql=hidden))


def test_when_the_table_was_made_is_not_in_it_which_mariadb_does_not_always_tell(
    place: Place,
) -> None:
    place.app.run(PLAIN)
    session = place.engine.connect("test")
    catalog = MySQLCatalog(cast(Session, Forgetful(session)), place.database)

    assert catalog.identity(TableName(place.database, "orders")) == identity(place)
    session.close()
