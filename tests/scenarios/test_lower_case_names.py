"""A server that stores names in lower case is asked in any letter case."""

from __future__ import annotations

from osc.config import settings
from osc.engine import Statement
from osc.engines import engine_at
from osc.migration import Request, migrate
from osc.model.alter import parse
from osc.model.controls import Controls
from osc.model.progress import Tracker
from osc.sandbox import mariadb

ALTERS = ("ALTER TABLE Orders MODIFY V BIGINT", "ALTER TABLE ORDERS ADD COLUMN Note VARCHAR(9)")


def test_a_table_named_in_another_letter_case_is_migrated_again_and_again() -> None:
    with mariadb.start(settings={"lower_case_table_names": "1"}) as running:
        engine = engine_at(running.url("mysql"))
        session = engine.connect("test")
        session.execute(Statement("CREATE DATABASE Shop"))
        session.execute(Statement("CREATE TABLE Shop.Orders (Id INT PRIMARY KEY, v INT)"))
        session.execute(Statement("INSERT INTO Shop.Orders VALUES (1, 2)"))

        archives = [migrated(running.url("Shop"), sql) for sql in ALTERS]

        assert session.query(Statement("SELECT Id, v, Note FROM shop.orders")) == [(1, 2, None)]
        assert archives == ["shop.orders_osc_old", "shop.orders_osc_old2"]
        session.close()
        engine.close()


def migrated(url: str, sql: str) -> str:
    engine = engine_at(url)
    request = Request(alter=parse(sql, mysql=True), sync=None, statement=sql, by="tests")
    report = migrate(engine, request, settings(force_copy=True), Tracker(), Controls())
    engine.close()
    return report.archive
