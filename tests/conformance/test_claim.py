"""One run on a table at a time; the server itself ends the claim of one that died."""

from __future__ import annotations

import pytest

from osc import engines
from osc.engine import Engine, Sync
from osc.errors import Precondition
from osc.model import alter
from osc.model.table import TableName
from tests.conformance.place import Place, until
from tests.servers import every_server

pytestmark = every_server()


def orders(place: Place) -> TableName:
    return TableName(place.schema, "orders")


def test_a_second_claim_is_refused_and_says_why(place: Place) -> None:
    second = engines.engine_at(place.url)
    with (
        place.engine.claim(orders(place)),
        pytest.raises(Precondition, match="another run") as no,
        second.claim(orders(place)),
    ):
        pass
    second.close()

    assert no.value.still_true == "nothing was touched"


def test_a_claim_is_free_again_after_its_block(place: Place) -> None:
    for _ in range(2):
        with place.engine.claim(orders(place)):
            pass


def test_a_claim_is_free_again_after_an_error(place: Place) -> None:
    with pytest.raises(ValueError), place.engine.claim(orders(place)):
        raise ValueError
    with place.engine.claim(orders(place)):
        pass


@pytest.mark.parametrize("name", ["orders_2", "Orders", "x" * 63])
def test_claims_on_other_tables_are_free(place: Place, name: str) -> None:
    with place.engine.claim(orders(place)), place.engine.claim(TableName(place.schema, name)):
        pass


def test_a_claim_dies_with_its_connection(place: Place) -> None:
    second, before = engines.engine_at(place.url), place.connections()

    with place.engine.claim(orders(place)):
        (holder,) = place.connections() - before
        place.end(holder)
        until(lambda: can_claim(second, orders(place)))
    second.close()


def can_claim(engine: Engine, table: TableName) -> bool:
    try:
        with engine.claim(table):
            return True
    except Precondition:
        return False


def test_the_ledger_tells_a_live_run_from_a_dead_one(place: Place) -> None:
    place.app.run("CREATE TABLE orders (id INT PRIMARY KEY)")
    place.engine.ledger.prepare()
    wanted = alter.parse("ALTER TABLE orders ADD COLUMN x INT", mysql=place.mysql)
    table = place.engine.catalog.find(wanted)
    migration = place.engine.ledger.begin(table, "ALTER", Sync.LOG, "me")

    with place.engine.claim(table.name):
        (running,) = place.engine.ledger.runs(table.name)
    (dead,) = place.engine.ledger.runs(table.name)

    assert (running.id, running.alive, dead.alive) == (migration, True, False)
