"""A later process waits for what an earlier one still has running, and asks what it has done."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

import psycopg
import pymysql
import pytest

from osc import engines
from osc.engine import Job
from osc.model import patience
from osc.mysql.attempt import SENTRY
from tests.conformance.place import App, Place, until
from tests.conformance.swapping import is_queued, made, no_drain
from tests.servers import every_server

A_MOMENT = 0.3


@contextmanager
def awaiting_quiet(place: Place, job: Job) -> Iterator[threading.Event]:
    """Set once `await_quiet` has returned; joined at the end of the block."""
    done = threading.Event()

    def wait() -> None:
        place.engine.workshop.await_quiet(job.shadow.name)
        done.set()

    thread = threading.Thread(target=wait)
    thread.start()
    try:
        yield done
    finally:
        thread.join(30)
    assert done.is_set()


def running(app: App, sql: str) -> threading.Thread:
    def run() -> None:
        with suppress(pymysql.err.Error, psycopg.Error):
            app.run(sql)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


@every_server()
def test_a_quiet_shadow_and_one_that_is_gone_are_not_waited_for(place: Place) -> None:
    job = made(place)

    place.engine.workshop.await_quiet(job.shadow.name)
    place.app.run(f"DROP TABLE {place.name(job)}")
    place.engine.workshop.await_quiet(job.shadow.name)
    place.engine.workshop.await_quiet(replace(job.shadow.name, schema="no_such_schema"))


@every_server()
def test_an_open_transaction_on_the_shadow_is_waited_for(place: Place) -> None:
    job = made(place)
    zombie = place.another_app()
    zombie.run("BEGIN", f"DELETE FROM {place.name(job)}")

    with awaiting_quiet(place, job) as done:
        assert not done.wait(A_MOMENT)
        zombie.run("ROLLBACK")

    assert place.app.value(f"SELECT count(*) FROM {place.name(job)}") == 3


@every_server()
def test_ddl_on_the_shadow_is_waited_for(place: Place) -> None:
    """It waits itself, for a reader of the shadow, so that it takes as long as we like."""
    job = made(place)
    reader, zombie = place.another_app(), place.another_app()
    reader.run("BEGIN")
    reader.rows(f"SELECT * FROM {place.name(job)}")
    ddl = running(zombie, f"ALTER TABLE {place.name(job)} ADD COLUMN late INT")
    until(lambda: is_waiting(place, zombie))

    with awaiting_quiet(place, job) as done:
        assert not done.wait(A_MOMENT)
        reader.run("COMMIT")
    ddl.join()

    assert place.app.rows(f"SELECT late FROM {place.name(job)}")


def is_waiting(place: Place, app: App) -> bool:
    if place.mysql:
        return is_queued(place, app.id)
    sql = f"SELECT 1 FROM pg_stat_activity WHERE pid = {app.id} AND wait_event_type = 'Lock'"
    return bool(place.app.rows(sql))


@every_server("mysql", "mariadb")
def test_a_rename_that_waits_for_the_original_is_waited_for(place: Place) -> None:
    """It has no lock on the shadow yet."""
    job = made(place)
    reader, zombie = place.another_app(), place.another_app()
    reader.run("BEGIN")
    reader.rows("SELECT * FROM orders")
    orders, old = f"`{place.schema}`.`orders`", f"`{place.schema}`.`z_old`"
    rename = running(zombie, f"RENAME TABLE {orders} TO {old}, {place.name(job)} TO {orders}")
    until(lambda: is_queued(place, zombie.id))

    with awaiting_quiet(place, job) as done:
        assert not done.wait(A_MOMENT)
        reader.run("COMMIT")
    rename.join()

    assert place.app.value("SELECT count(*) FROM z_old") == 3


@every_server("mysql")
def test_a_transaction_whose_client_vanished_long_ago_is_ended(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MariaDB and PostgreSQL end it by themselves."""
    monkeypatch.setattr(patience, "CLAIM_SECONDS", 0)
    job = made(place)
    zombie = place.another_app()
    zombie.run("BEGIN", f"DELETE FROM {place.name(job)}")

    with awaiting_quiet(place, job):
        pass

    assert zombie.id not in place.connections()
    assert place.app.value(f"SELECT count(*) FROM {place.name(job)}") == 3


@every_server()
def test_another_process_learns_whether_it_was_swapped(place: Place) -> None:
    job = made(place)
    later = engines.engine_at(place.url)
    before = later.swapper(job).was_swapped()
    place.engine.swapper(job).swap(no_drain, 1.0)

    assert (before, later.swapper(job).was_swapped()) == (False, True)
    later.close()


@every_server("mariadb")
def test_a_sentry_that_stayed_is_no_swap_no_archive_and_in_nobodys_way(place: Place) -> None:
    job = made(place)
    archive = f"`{place.schema}`.`{job.names.archive.name}`"
    left = f"CREATE TABLE {archive} (id INT PRIMARY KEY) COMMENT = '{SENTRY}'"
    place.app.run(left)
    workshop = place.engine.workshop

    assert not place.engine.swapper(job).was_swapped()
    assert workshop.archives(job.original.name) == []
    assert workshop.sweep(job.original.name, execute=False) == [f"sentry table {job.names.archive}"]
    workshop.sweep(job.original.name, execute=True)
    assert workshop.sweep(job.original.name, execute=False) == []
    place.app.run(left)
    place.engine.swapper(job).swap(no_drain, 1.0)
    assert place.engine.swapper(job).was_swapped()
