"""Applications that write to a table and to its children in the cut-over: no statement fails."""

from __future__ import annotations

import random
import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

import pytest

from osc import errors
from osc.engine import Session, Statement
from osc.model.table import TableName
from osc.mysql import keeping
from osc.mysql.attempt import Parts
from osc.mysql.carried_keys import CarriedKeys
from osc.mysql.swap import LockedSwapper
from tests.conformance.place import SOON, App, Place, until
from tests.mysql.test_foreign_keys import TABLES, Family, on_both
from tests.servers import every_server

CHILD_FIRST = (
    "INSERT INTO child VALUES (70, NULL, NULL)",
    "INSERT INTO orders VALUES (70, 1, NULL)",
    "INSERT INTO child VALUES (71, 70, NULL)",
)
PARENT_FIRST = (
    "INSERT INTO orders VALUES (70, 1, NULL)",
    "INSERT INTO child VALUES (71, 70, NULL)",
)
WAITING = (
    "SELECT COUNT(*) FROM information_schema.processlist "
    "WHERE state LIKE 'Waiting for table%' AND db = DATABASE()"
)


class Writer:
    """Writes in one transaction; `wrong` is what it was told."""

    def __init__(self, place: Place, statements: tuple[str, ...]) -> None:
        self.wrong: list[Exception] = []
        self._place, self._app = place, place.another_app()
        self._thread = threading.Thread(target=self._write, args=(self._app, statements))

    def begin(self) -> None:
        """Returns when it waits for the lock."""
        self._thread.start()
        state = f"SELECT state FROM information_schema.processlist WHERE id = {self._app.id}"
        until(lambda: "metadata lock" in str(self._place.app.value(state)))

    def end(self) -> None:
        self._thread.join()

    def _write(self, app: App, statements: tuple[str, ...]) -> None:
        try:
            app.run("BEGIN", *statements, "COMMIT")
        except Exception as error:
            self.wrong.append(error)
            app.close()


@every_server("mariadb")
def test_a_child_s_writer_that_stays_in_its_transaction_does_not_keep_the_rename_from_being_done(
    place: Place,
) -> None:
    """Otherwise it waits for a row lock, gives up, and the children are tied to the shadow."""
    family = Family(place)
    writer = Writer(place, CHILD_FIRST)

    family.swapper().swap(_then(family.drain, writer.begin), 5.0)
    writer.end()

    assert writer.wrong == []
    family.require_right(swapped=True, what="swapped")


@on_both
def test_where_a_statement_of_the_packet_fails_nobody_is_held_to_the_shadow(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    family = Family(place)
    writer = Writer(place, PARENT_FIRST)
    swapper = family.swapper()
    sent = "packet" if isinstance(swapper, LockedSwapper) else "letting_go"
    packet = getattr(swapper.parts, sent).sql
    bad = re.sub("; (?=RENAME TABLE|DROP TABLE)", "; SIGNAL SQLSTATE '45000'; ", packet, count=1)
    assert bad != packet
    monkeypatch.setattr(Parts, sent, property(lambda parts: Statement(bad)))

    with _settling_after(writer.end, monkeypatch), pytest.raises(errors.ServerError):
        swapper.swap(_then(family.drain, writer.begin), 5.0)

    assert writer.wrong == []
    family.require_right(swapped=False, what="undone")


@on_both
def test_a_writer_who_goes_from_the_parent_to_the_child_is_not_ended_for_our_lock(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or he would be, with error 1213, by whoever had the child and waited for the parent."""
    family = Family(place)

    _swapped_beside(place, family, PARENT_FIRST, 5.0, monkeypatch)

    family.require_right(swapped=True, what="swapped")


@on_both
def test_nor_is_he_when_the_keys_get_their_names_back(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    family, writer, alter = Family(place), place.another_app(), CarriedKeys._alter
    altered: list[str] = []

    def beside(keys: CarriedKeys, table: TableName, clauses: list[str]) -> None:
        if table.name != "child" or not clauses:
            return alter(keys, table, clauses)
        altered.append(table.name)
        writer.run("BEGIN", PARENT_FIRST[0])
        with ThreadPoolExecutor() as pool:
            altering = pool.submit(alter, keys, table, clauses)
            until(lambda: place.app.value(WAITING))
            writer.run(PARENT_FIRST[1], "COMMIT")
            return altering.result()

    monkeypatch.setattr(CarriedKeys, "_alter", beside)
    family.swapper().swap(family.drain, 5.0)

    assert altered == ["child"]
    family.require_right(swapped=True, what="swapped and completed")


@on_both
def test_a_relative_with_a_fulltext_index_is_locked_like_any_other(place: Place) -> None:
    family = Family(place)
    place.app.run("ALTER TABLE parent ADD words TEXT, ADD FULLTEXT (words)")

    family.swapper().swap(family.drain, 5.0)

    assert family.swapper().was_swapped()
    family.require_no_orphan()


@every_server("mariadb")
def test_keys_get_their_names_back_where_a_sequence_gives_a_default(place: Place) -> None:
    """An ALTER under LOCK TABLES opens the sequence, and it isn't locked (1100)."""
    family = Family(
        place, "CREATE SEQUENCE numbers", "ALTER TABLE orders ADD n INT DEFAULT NEXTVAL(numbers)"
    )

    family.swapper().swap(family.drain, 5.0)

    assert family.swapper().was_swapped()
    assert family.definitions() == family.before


@every_server("mariadb")
def test_a_child_whose_default_is_a_sequence_is_refused_before_the_copy(place: Place) -> None:
    """No attempt at the cut-over could succeed (1100)."""
    place.app.run(
        *TABLES, "CREATE SEQUENCE numbers", "ALTER TABLE child ADD n INT DEFAULT NEXTVAL(numbers)"
    )

    with pytest.raises(errors.Precondition, match=r"child refers to .*orders and has"):
        place.job_on("orders", "FORCE")


@on_both
def test_a_writer_who_goes_the_other_way_waits_until_the_budget_is_over(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    family = Family(place)

    with pytest.raises(errors.LockTimeout):
        _swapped_beside(place, family, CHILD_FIRST, 1.0, monkeypatch)

    family.swapper().swap(family.drain, 5.0)
    family.require_right(swapped=True, what="at the second attempt")


@every_server("mariadb")
def test_the_lock_is_not_held_for_somebody_who_can_t_keep_writers_out(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "QUEUED_SECONDS", SOON)
    keepers = keeping.Keepers(place.engine.connect, [TableName(place.schema, "gone")])

    began = time.monotonic()
    with place.session() as observer, closing(keepers), pytest.raises(errors.LockTimeout):
        keepers.queue(observer)
    assert time.monotonic() - began < SOON / 2


def _swapped_beside(
    place: Place,
    family: Family,
    statements: tuple[str, ...],
    budget_seconds: float,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A swap whose lock is asked for, parents first, when a writer has done his first statement."""
    monkeypatch.setattr(random, "random", lambda: 1.0)
    app = place.another_app()
    app.run("BEGIN", statements[0])
    with ThreadPoolExecutor(1) as beside:
        swap = beside.submit(family.swapper().swap, family.drain, budget_seconds)
        until(lambda: place.app.value(WAITING) or swap.done())
        app.run(*statements[1:], "COMMIT")
        swap.result()


def _then(drain: Callable[[Session], None], also: Callable[[], None]) -> Callable[[Session], None]:
    def both(session: Session) -> None:
        drain(session)
        also()

    return both


@contextmanager
def _settling_after(writers: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whatever is only put right when the lock is gone comes too late."""
    settle = Parts.settle

    def late(parts: Parts, *arguments: object, **more: object) -> None:
        writers()
        settle(parts, *arguments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Parts, "settle", late)
    yield
