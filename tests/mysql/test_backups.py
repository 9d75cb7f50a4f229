"""A backup that lets nobody alter a table: the cut-over never waits for it under the lock."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from osc import errors
from osc.engine import Session
from osc.model import alter as alters
from osc.model.table import TableName
from osc.mysql import backups, session, uncounted
from osc.threads import heeding
from tests.conformance.place import Place, until
from tests.conformance.swapping import made, new_table_serves, no_drain
from tests.conformance.writing import writing
from tests.servers import every_server

BEGIN, END = "LOCK INSTANCE FOR BACKUP", "UNLOCK INSTANCE"
BEGIN_ON_MARIADB = ("BACKUP STAGE START", "BACKUP STAGE FLUSH", "BACKUP STAGE BLOCK_DDL")
END_ON_MARIADB = "BACKUP STAGE END"
SOON_SECONDS = 1.0


def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits for a lock gives up after 1 s, not 5."""
    usual = session.settings

    def settings(*, is_mariadb: bool) -> list[str]:
        return [*usual(is_mariadb=is_mariadb), "lock_wait_timeout = 1"]

    monkeypatch.setattr(session, "settings", settings)


@every_server("mysql")
def test_one_that_begins_under_the_lock_undoes_the_attempt_at_once(place: Place) -> None:
    job = made(place)
    backup, swapper = place.another_app(), place.engine.swapper(job)

    def drain(locked: Session) -> None:
        backup.run(BEGIN)

    with writing(place) as writers:
        until(lambda: all(writer.wrote for writer in writers))
        began = time.monotonic()
        with pytest.raises(errors.LockTimeout, match="backup"):
            swapper.swap(drain, 1.0)
        undone = time.monotonic() - began
        backup.run(END)

    assert undone < SOON_SECONDS
    assert [error for writer in writers for error in writer.failed] == []
    assert not new_table_serves(place, job)
    swapper.swap(no_drain, 1.0)
    assert new_table_serves(place, job)


@every_server("mariadb")
def test_on_mariadb_one_that_begins_under_the_lock_waits_for_us(place: Place) -> None:
    job, backup = made(place), place.another_app()
    beginning = threading.Thread(target=backup.run, args=BEGIN_ON_MARIADB)

    def drain(locked: Session) -> None:
        beginning.start()
        state = f"SELECT state FROM information_schema.processlist WHERE id = {backup.id}"
        until(lambda: str(place.app.value(state)).startswith(backups.STATE))

    place.engine.swapper(job).swap(drain, 1.0)
    beginning.join()
    backup.run(END_ON_MARIADB)

    assert new_table_serves(place, job)


@every_server("mysql")
def test_the_cut_over_waits_for_one_that_is_there_before_it_asks_for_the_lock(
    place: Place,
) -> None:
    job = made(place)
    swapper, backup, looks = place.engine.swapper(job), place.another_app(), 0
    backup.run(BEGIN)

    def check() -> None:
        nonlocal looks
        looks += 1
        if looks == 2:
            backup.run(END)

    swapper.prepare(check)

    assert looks == 2


@every_server("mysql")
def test_one_is_named_as_in_the_way_and_never_ended_for_us(place: Place) -> None:
    job = made(place)
    backup = place.another_app()
    backup.run(BEGIN)

    found = place.engine.swapper(job).blockers()
    backup.run(END)

    assert [one.id for one in found] == [backup.id]
    assert found[0].spared


@every_server("mariadb")
def test_who_completes_a_shadow_waits_for_one_longer_than_for_anything_else(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    _impatient(monkeypatch)
    monkeypatch.setattr(uncounted, "WORTHWHILE_ROWS", 0)
    job = place.job(
        "CREATE TABLE orders (id INT AUTO_INCREMENT PRIMARY KEY, a INT)", "MODIFY a INT"
    )
    load, backup = place.engine.load(job), place.another_app()
    load.finish(lambda: None, lambda: None)

    @contextmanager
    def alone() -> Iterator[None]:
        backup.run(*BEGIN_ON_MARIADB)
        threading.Timer(1.5, backup.run, (END_ON_MARIADB,)).start()
        yield

    assert load.complete(alone, lambda: None)
    assert "AUTO_INCREMENT" in place.app.rows(f"SHOW CREATE TABLE {place.name(job)}")[0][1]


FLUSHED = (("FLUSH TABLES WITH READ LOCK",), "UNLOCK TABLES")
LOCKS = {
    "mysql": ((("LOCK INSTANCE FOR BACKUP",), END), FLUSHED),
    "mariadb": ((BEGIN_ON_MARIADB, END_ON_MARIADB), FLUSHED),
}


@every_server("mysql", "mariadb")
def test_a_table_of_ours_is_made_and_dropped_when_a_lock_on_the_whole_server_is_over(
    place: Place, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    _impatient(monkeypatch)
    caplog.set_level("INFO", "osc.server_wide")
    place.app.run("CREATE TABLE orders (id INT PRIMARY KEY, a INT)")
    alter = alters.parse("ALTER TABLE orders MODIFY a BIGINT", mysql=True)
    backup = place.another_app()
    table, workshop = place.engine.catalog.find(alter), place.engine.workshop

    for begin, end in LOCKS[place.engine.name]:
        caplog.clear()
        backup.run(*begin)
        with heeding(partial(backup.run, end)):
            rehearsal = workshop.rehearse(table, alter)

        assert rehearsal.table.column("a").type.startswith("bigint")
        assert [one.message[:20] for one in caplog.records] == ["waiting for a backup"]


@every_server("mysql", "mariadb")
def test_a_signal_ends_the_waiting_for_one(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    _impatient(monkeypatch)
    backup = place.another_app()

    def interrupted() -> None:
        raise errors.Interrupted(15)

    for begin, end in LOCKS[place.engine.name]:
        backup.run(*begin)
        with heeding(interrupted), pytest.raises(errors.Interrupted):
            place.engine.workshop.drop([TableName(place.database, "_orders_new")])
        backup.run(end)


@every_server("mysql")
def test_who_holds_the_table_alone_is_not_waited_for_again_and_again(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    _impatient(monkeypatch)
    place.app.run("CREATE TABLE orders (id INT PRIMARY KEY)")
    place.another_app().run("LOCK TABLES orders WRITE")

    with pytest.raises(errors.Conflict):
        place.engine.workshop.drop([TableName(place.database, "orders")])
