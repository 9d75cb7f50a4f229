"""Our own small tables: what runs, how far it is, and keys that memory has no room for."""

from __future__ import annotations

import pytest

from osc.engine import Ledger, Sync
from osc.model import alter
from osc.model.change import KeyValue
from osc.model.chunk import Chunk
from osc.model.table import Table, TableName
from tests.conformance.place import Place
from tests.servers import every_server

pytestmark = every_server()


@pytest.fixture
def orders(place: Place) -> Table:
    place.app.run("CREATE TABLE orders (id INT PRIMARY KEY)")
    place.engine.ledger.prepare()
    return place.engine.catalog.find(alter.parse("ALTER TABLE orders ADD x INT", mysql=place.mysql))


@pytest.fixture
def ledger(place: Place) -> Ledger:
    return place.engine.ledger


def begun(ledger: Ledger, orders: Table) -> int:
    return ledger.begin(orders, "ALTER TABLE orders ADD x INT DEFAULT '%s'", Sync.LOG, "me@here")


def test_without_tables_of_ours_nothing_has_run(ledger: Ledger) -> None:
    assert ledger.runs() == []


def test_preparing_twice_keeps_what_is_there(ledger: Ledger, orders: Table) -> None:
    migration = begun(ledger, orders)

    ledger.prepare()

    assert [run.id for run in ledger.runs()] == [migration]


def test_a_run_is_remembered_as_it_was_begun(ledger: Ledger, orders: Table) -> None:
    migration = begun(ledger, orders)

    (run,) = ledger.runs()

    assert (run.id, run.table, run.statement) == (
        migration,
        orders.name,
        "ALTER TABLE orders ADD x INT DEFAULT '%s'",
    )
    assert (run.sync, run.by, run.finished_at) == ("log", "me@here", None)
    assert run.started_at
    assert run.updated_at


def test_runs_have_numbers_of_their_own(ledger: Ledger, orders: Table) -> None:
    assert begun(ledger, orders) < begun(ledger, orders)


def test_what_is_saved_is_there_for_the_next_reader(ledger: Ledger, orders: Table) -> None:
    migration = begun(ledger, orders)

    ledger.save(migration, phase="copy", position="bin.1:4", rows_copied=12)
    ledger.save(migration, message='it\'s "gone" \\ 100%', archive="a.b")

    (run,) = ledger.runs()
    assert (run.phase, run.rows_copied, run.message, run.archive) == (
        "copy",
        12,
        'it\'s "gone" \\ 100%',
        "a.b",
    )


def test_a_finished_run_says_when_it_ended(ledger: Ledger, orders: Table) -> None:
    migration = begun(ledger, orders)

    ledger.save(migration, phase="done", finished=True)

    (run,) = ledger.runs()
    assert run.finished_at
    assert not run.alive


def test_saving_one_run_leaves_the_others(ledger: Ledger, orders: Table) -> None:
    one, two = begun(ledger, orders), begun(ledger, orders)

    ledger.save(two, phase="copy")

    assert [run.phase for run in ledger.runs()] == ["plan", "copy"]
    assert one != two


def test_runs_can_be_asked_for_by_table(ledger: Ledger, orders: Table) -> None:
    begun(ledger, orders)

    assert len(ledger.runs(orders.name)) == 1
    assert ledger.runs(TableName(orders.name.schema, "other")) == []


def test_a_chunk_is_recorded_in_the_transaction_that_copies_it(
    ledger: Ledger, orders: Table, place: Place
) -> None:
    migration = begun(ledger, orders)
    chunks = "_osc_chunk" if place.mysql else "osc.chunk"
    bounds: list[tuple[KeyValue | None, KeyValue | None]] = [
        (None, (1,)),
        ((1,), ("ü'\"", 2)),
        (("x", 2), None),
    ]

    with place.session() as session:
        for number, (lower, upper) in enumerate(bounds, 1):
            with session.transaction():
                session.execute(ledger.chunk_copied(migration, Chunk(number, lower, upper), 10))
                inside = place.app.value(f"SELECT count(*) FROM {chunks}")
            assert inside == number - 1
        with pytest.raises(ValueError), session.transaction():
            session.execute(ledger.chunk_copied(migration, Chunk(9, None, None), 1))
            raise ValueError

    assert place.app.value(f"SELECT count(*) FROM {chunks}") == 3


def test_spilled_keys_come_back_in_order_as_they_were(
    ledger: Ledger, orders: Table, place: Place
) -> None:
    migration = begun(ledger, orders)
    keys: list[KeyValue] = [("a", 'it\'s \\ "x" {} , NULL'), ("", "ü\U0001f600\n\t"), ("NULL", "1")]
    if place.mysql:
        keys += [(1, b"\x00\xff'"), (-(2**63), b""), (2**64 - 1, "2024-01-01")]

    ledger.spill(migration, keys[:2])
    ledger.spill(migration, keys[2:])

    found = ledger.spilled(migration, 0, 100)
    assert [key for _, key in found] == keys
    assert [number for number, _ in found] == sorted({number for number, _ in found})


def test_spilled_keys_come_in_pages(ledger: Ledger, orders: Table) -> None:
    migration = begun(ledger, orders)
    keys: list[KeyValue] = [(str(n),) for n in range(12_000)]
    ledger.spill(migration, keys)

    found: list[KeyValue] = []
    after = 0
    while page := ledger.spilled(migration, after, 5_000):
        after = page[-1][0]
        found += [key for _, key in page]

    assert found == keys


def test_what_was_acted_on_is_forgotten_and_the_rest_stays(ledger: Ledger, orders: Table) -> None:
    migration, other = begun(ledger, orders), begun(ledger, orders)
    ledger.spill(migration, [("1",), ("2",), ("3",)])
    ledger.spill(other, [("9",)])
    (first, _), (second, _) = ledger.spilled(migration, 0, 2)

    ledger.unspill(migration, first, second)

    assert [key for _, key in ledger.spilled(migration, 0, 9)] == [("1",), ("3",)]
    assert [key for _, key in ledger.spilled(other, 0, 9)] == [("9",)]
