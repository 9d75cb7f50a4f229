"""An old table goes in steps, and whoever steers the run may stop between two of them."""

from __future__ import annotations

import pytest

from osc import errors
from osc.model.table import TableName
from osc.mysql import retiring
from tests.conformance.place import Place
from tests.servers import every_server

pytestmark = every_server("mysql", "mariadb")

OLD = """CREATE TABLE _orders_old (id INT PRIMARY KEY, note INT)
PARTITION BY RANGE (id) SUBPARTITION BY HASH (id) SUBPARTITIONS 2
(PARTITION one VALUES LESS THAN (10), PARTITION `the ``rest` VALUES LESS THAN MAXVALUE)"""


def test_it_stops_between_two_partitions_goes_on_and_is_gone(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.app.run(OLD, "INSERT INTO _orders_old VALUES (1, 1), (20, 2)")
    monkeypatch.setattr(retiring, "LARGE_BYTES", 1)
    archive = TableName(place.database, "_orders_old")
    calls: list[int] = []

    def stop_at_the_second() -> None:
        calls.append(place.app.value("SELECT COUNT(*) FROM _orders_old"))
        if len(calls) == 2:
            raise errors.Interrupted(15)

    with pytest.raises(errors.Interrupted):
        place.engine.workshop.retire(archive, stop_at_the_second)
    left = place.app.value("SELECT MAX(id) FROM _orders_old")
    place.engine.workshop.retire(archive, lambda: None)
    place.engine.workshop.retire(archive, lambda: None)

    assert calls == [2, 1]
    assert left == 20
    assert place.engine.catalog.identity(archive) is None


def test_a_small_one_costs_no_more_than_its_drop(place: Place) -> None:
    place.app.run(OLD)
    calls: list[None] = []

    place.engine.workshop.retire(
        TableName(place.database, "_orders_old"), lambda: calls.append(None)
    )

    assert len(calls) == 1
    assert place.engine.catalog.identity(TableName(place.database, "_orders_old")) is None
