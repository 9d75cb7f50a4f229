"""Two sessions and an atomic RENAME: nobody gets in between, and no row is buried."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any

import pytest

from osc import errors
from osc.engine import Names, Session, Statement
from osc.model.table import TableName
from osc.mysql import swap
from osc.mysql.catalog import MySQLCatalog
from osc.mysql.noted import Notes
from tests.conformance.place import Place, until
from tests.conformance.swapping import (
    PLAIN,
    assert_untouched,
    is_queued,
    made,
    no_drain,
)
from tests.servers import every_server


def buried(place: Place, ours: Names, rounds: int) -> int:
    """How many rows a writer that waits behind the lock writes into the table that is renamed
    away, although the drain is over."""
    place.app.run(PLAIN)
    place.engine.ledger.prepare()
    return sum(_buried_in_one_swap(place, ours, number) for number in range(rounds))


def _buried_in_one_swap(place: Place, ours: Names, number: int) -> int:
    place.app.run(f"CREATE TABLE {ours.shadow.name} LIKE orders")
    job = place.reading("orders")
    job = replace(job, shadow=replace(job.shadow, name=ours.shadow), names=ours)
    swapper = swap.swapper(
        job,
        place.engine.connect,
        lambda session: MySQLCatalog(session, place.database),
        notes=Notes(job.id, place.database),
        rename_under_lock=False,
    )
    writer = place.another_app()
    waiting = threading.Thread(
        target=lambda: writer.run(f"INSERT INTO orders VALUES ({number}, 'x')")
    )

    def drain(session: Session) -> None:
        waiting.start()
        until(lambda: is_queued(place, writer.id))

    swapper.swap(drain, 5.0)
    waiting.join()
    found = int(place.app.value(f"SELECT count(*) FROM {ours.archive.name}"))
    place.app.run(f"DROP TABLE {ours.archive.name}", "TRUNCATE TABLE orders")
    return found


def named(place: Place, shadow: str, archive: str) -> Names:
    return Names(TableName(place.database, shadow), TableName(place.database, archive))


@every_server("mariadb")
def test_names_that_sort_after_the_originals_let_nobody_in_between(place: Place) -> None:
    assert buried(place, named(place, "orders_osc_new", "orders_osc_old"), 20) == 0


@every_server("mariadb")
def test_names_that_sort_before_the_originals_bury_rows_in_the_archive(place: Place) -> None:
    """The RENAME waits for `_orders_new` first, and so is not in the queue of `orders` when the
    lock is let go: whoever waits there gets its turn, in the old table."""
    assert buried(place, named(place, "_orders_new", "_orders_old"), 20) > 0


@every_server("mariadb")
def test_the_lock_is_not_let_go_before_the_rename_is_seen_waiting(place: Place) -> None:
    """A RENAME that comes late finds nobody in its way, and the writers are back already."""
    job = made(place)
    late = threading.Event()

    def connect(purpose: str) -> Session:
        session = place.engine.connect(purpose)
        if purpose != "cut-over rename":
            return session
        slow: Session = Slow(session, late, session.id)
        return slow

    swapper = swap.swapper(
        job,
        connect,
        lambda session: MySQLCatalog(session, place.database),
        notes=Notes(job.id, place.database),
        rename_under_lock=False,
    )
    with pytest.raises(errors.LockTimeout, match="not seen waiting"):
        swapper.swap(no_drain, 1.0)

    assert_untouched(place, job)


@dataclass
class Slow:
    """The port `Session`, whose statements arrive late."""

    session: Session
    never: threading.Event
    id: int

    def execute(self, statement: Statement) -> int:
        if statement.sql.startswith("RENAME"):
            self.never.wait(2.5)
        return self.session.execute(statement)

    def query(self, statement: Statement) -> list[tuple[Any, ...]]:
        return self.session.query(statement)

    def transaction(self) -> AbstractContextManager[None]:
        return self.session.transaction()

    def close(self) -> None:
        self.session.close()
