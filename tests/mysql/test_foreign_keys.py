"""Foreign keys at the cut-over: wherever it ends, each is there, under its name, and in force."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pymysql
import pytest

from osc import errors
from osc.engine import Job, Session, Statement
from osc.model import alter
from osc.model.table import TableName
from osc.mysql.locking import altered
from osc.mysql.sentry import SentrySwapper
from osc.mysql.session import PACKETS
from osc.mysql.swap import LockedSwapper
from osc.mysql.watchdog import Watchdog
from tests.conformance import dying
from tests.conformance.dying import Fate
from tests.conformance.place import Place, back, until
from tests.servers import every_server

TABLES = (
    "CREATE TABLE parent (id INT PRIMARY KEY)",
    "CREATE TABLE orders (id INT PRIMARY KEY, parent INT, boss INT, KEY by_boss (boss), "
    "CONSTRAINT to_parent FOREIGN KEY (parent) REFERENCES parent (id), "
    "CONSTRAINT to_boss FOREIGN KEY (boss) REFERENCES orders (id))",
    "CREATE TABLE child (id INT PRIMARY KEY, o INT, other INT, "
    "CONSTRAINT to_orders FOREIGN KEY (o) REFERENCES orders (id) ON DELETE CASCADE, "
    "FOREIGN KEY odd (other) REFERENCES orders (id))",
    "INSERT INTO parent VALUES (1), (2), (3)",
    "INSERT INTO orders VALUES (1, 1, NULL), (2, 2, 1), (3, 2, 1)",
    "INSERT INTO child VALUES (1, 2, 3)",
)
NAMES = ("parent", "orders", "child")
REFUSED = (
    "INSERT INTO orders VALUES (9, 99, NULL)",
    "INSERT INTO orders VALUES (9, NULL, 99)",
    "INSERT INTO child VALUES (9, 99, NULL)",
    "INSERT INTO child VALUES (9, NULL, 99)",
    "DELETE FROM parent WHERE id = 1",
    "DELETE FROM orders WHERE id = 1",
    "DELETE FROM orders WHERE id = 3",
    "UPDATE orders SET id = 9 WHERE id = 3",
)
"""Each would leave an orphan."""
FINE = (
    "INSERT INTO parent VALUES (50)",
    "INSERT INTO orders VALUES (50, 50, 50)",
    "INSERT INTO child VALUES (50, 50, 50)",
    "DELETE FROM child WHERE id = 50",
    "UPDATE orders SET boss = NULL WHERE id = 50",
    "DELETE FROM orders WHERE id = 50",
    "DELETE FROM parent WHERE id = 50",
)
"""None refers to what isn't there."""

on_both = every_server("mysql", "mariadb")


class Family:
    """A table with a parent, children and a key to itself, and a job whose shadow is full."""

    def __init__(self, place: Place, *more: str) -> None:
        place.app.run(*TABLES, *more)
        self.place = place
        self.before = self.definitions()
        self.job = place.job_on("orders", "FORCE")
        place.copy(self.job)

    def definitions(self) -> list[str]:
        return [str(self.place.app.rows(f"SHOW CREATE TABLE {name}")[0][1]) for name in NAMES]

    def drain(self, session: Session) -> None:
        shadow, original = self.place.name(self.job), f"{self.place.schema}.orders"
        session.execute(Statement(f"DELETE FROM {shadow}"))
        session.execute(Statement(f"INSERT INTO {shadow} SELECT * FROM {original}"))

    def swapper(self) -> LockedSwapper | SentrySwapper:
        swapper = self.place.engine.swapper(self.job)
        assert isinstance(swapper, LockedSwapper | SentrySwapper)
        return swapper

    def require_right(self, *, swapped: bool, what: str) -> None:
        """As if nobody were here, or as after the native ALTER."""
        serves = self.swapper().was_swapped()
        assert serves is swapped, what
        assert self.definitions() == self.before, what
        self.require_no_orphan()
        self.place.app.run(*FINE)

    def require_no_orphan(self) -> None:
        for sql in REFUSED:
            with pytest.raises(pymysql.err.IntegrityError):
                self.place.app.run(sql)

    def turn_round(self) -> None:
        self.job = back(self.job, self.place)


@on_both
def test_wherever_it_ends_among_the_statements_under_the_lock_a_recovery_makes_it_right(
    place: Place,
) -> None:
    """MySQL does all of them in one packet; with a KILL or a crash it can end between any two."""
    family = Family(place)
    for reached in range(_how_many(family) + 1):
        _break_off(family, reached)
        family.require_no_orphan()
        if reached == _how_many(family):
            place.app.run(*FINE)  # The lock is gone; nobody waits for the names.
        swapped = family.swapper().recover()

        family.require_right(swapped=swapped, what=f"ended after {reached} statements")
        assert swapped is (reached > _at_the_rename(family)), reached
        if swapped:
            family.turn_round()


def _statements(family: Family) -> list[str]:
    parts = family.swapper().parts
    if isinstance(family.swapper(), LockedSwapper):
        return parts.packet.sql.split("; ")
    return parts.letting_go.sql.split("; ")


def _how_many(family: Family) -> int:
    return len(_statements(family))


def _at_the_rename(family: Family) -> int:
    """The index of the statement that decides: MariaDB's RENAME waits for the sentry's end."""
    decides = ("RENAME", "DROP TABLE")
    return next(at for at, sql in enumerate(_statements(family)) if sql.startswith(decides))


def _break_off(family: Family, reached: int) -> None:
    """An attempt whose session is killed after so many of these statements."""
    swapper, place = family.swapper(), family.place
    if isinstance(swapper, SentrySwapper):
        with place.session() as maker:
            swapper._create_sentry(maker)
    with place.session(PACKETS) as session:
        more = [family.job.names.archive] if isinstance(swapper, SentrySwapper) else []
        session.execute(swapper.parts.lock(*more))
        swapper.parts.drain(session, family.drain)
        swapper.parts.move(session)
        renaming = _renaming(family) if more else None
        for sql in _statements(family)[:reached]:
            session.execute(Statement(sql))
        place.end(session.id)
        if renaming:
            renaming.join()


def _renaming(family: Family) -> threading.Thread:
    """MariaDB's second session, in the queue when this returns."""
    place, rename = family.place, family.swapper().parts.rename
    app = place.another_app()

    def run() -> None:
        with suppress(pymysql.err.OperationalError):  # it meets the sentry
            app.run(rename.sql)

    thread = threading.Thread(target=run)
    thread.start()
    state = f"SELECT state FROM information_schema.processlist WHERE id = {app.id}"
    until(lambda: str(place.app.value(state)).startswith("Waiting for table metadata lock"))
    return thread


@every_server("mariadb")
def test_a_rename_that_is_killed_as_the_lock_is_let_go_gets_the_old_keys_back(
    place: Place,
) -> None:
    family = Family(place)
    swapper = family.swapper()
    assert isinstance(swapper, SentrySwapper)
    with place.session() as maker, place.session(PACKETS) as session:
        swapper._create_sentry(maker)
        session.execute(swapper.parts.lock(family.job.names.archive))
        swapper.parts.drain(session, family.drain)
        swapper.parts.move(session)
        session.execute(swapper.parts.letting_go)

    assert family.swapper().recover() is False
    family.require_right(swapped=False, what="nobody renamed")


@on_both
def test_whatever_statement_of_the_attempt_the_connection_ends_at(place: Place) -> None:
    family = Family(place)
    rehearsed = Fate(place.end)
    _swap(family, rehearsed)
    family.turn_round()
    for at in range(len(rehearsed.statements)):
        for unanswered in (False, True):
            fate = Fate(place.end, at, unanswered=unanswered)
            try:
                _swap(family, fate)
                said = True
            except errors.ServerError:
                said = False
            what = f"{'after' if unanswered else 'before'} {fate.statements[-1:]} ({at})"
            family.require_right(swapped=said, what=what)
            if said:
                family.turn_round()


def _swap(family: Family, fate: Fate) -> None:
    target: Callable[[Job, Fate], object] = dying.swappers(family.place, family.job)
    swapper = target(family.job, fate)
    assert isinstance(swapper, LockedSwapper | SentrySwapper)
    swapper.swap(family.drain, 5.0)


@on_both
def test_nothing_refers_to_the_archive_any_more(place: Place) -> None:
    family = Family(place)

    family.swapper().swap(family.drain, 5.0)

    archive = family.job.names.archive
    place.app.run("SET SESSION foreign_key_checks = 1", f"DROP TABLE {archive}")


@on_both
def test_relatives_in_other_databases_are_carried_over_too(place: Place) -> None:
    far = f"{place.database}_far"
    place.app.run(
        f"CREATE DATABASE {far}",
        f"CREATE TABLE {far}.orders (id INT PRIMARY KEY)",
        f"INSERT INTO {far}.orders VALUES (1)",
        f"CREATE TABLE orders (id INT PRIMARY KEY, far INT, "
        f"CONSTRAINT to_far FOREIGN KEY (far) REFERENCES {far}.orders (id))",
        "INSERT INTO orders VALUES (1, 1)",
        f"CREATE TABLE {far}.child (o INT, CONSTRAINT to_near FOREIGN KEY (o) "
        f"REFERENCES {place.database}.orders (id))",
        f"INSERT INTO {far}.child VALUES (1)",
    )
    try:
        tables = ("orders", f"{far}.child", f"{far}.orders")
        before = [place.app.rows(f"SHOW CREATE TABLE {name}")[0][1] for name in tables]
        job = place.job_on("orders", "FORCE")
        place.copy(job)

        place.engine.swapper(job).swap(lambda session: None, 5.0)

        assert [place.app.rows(f"SHOW CREATE TABLE {name}")[0][1] for name in tables] == before
        place.app.run(f"DROP TABLE {job.names.archive}")
    finally:
        place.app.run("SET SESSION foreign_key_checks = 0", f"DROP DATABASE {far}")


@every_server("mysql")
def test_an_alter_that_is_done_a_moment_too_late_is_not_tried_again(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would end with error 1091, after the swap with exit code 13."""
    place.app.run("CREATE TABLE orders (id INT PRIMARY KEY, v INT, KEY by_v (v))")
    orders = TableName(place.database, "orders")

    @contextmanager
    def late(watchdog: Watchdog, session: Session, budget_seconds: float) -> Iterator[None]:
        yield
        raise errors.LockTimeout("no lock")

    monkeypatch.setattr(Watchdog, "over", late)
    alter = Statement(f"ALTER TABLE {place.database}.orders DROP KEY by_v, ALGORITHM=INPLACE")
    altered(place.engine.connect, orders, 0.25, alter)

    assert "by_v" not in place.app.rows("SHOW CREATE TABLE orders")[0][1]


@every_server("mysql")
def test_a_key_to_columns_that_are_not_unique_is_refused_with_the_way_out(place: Place) -> None:
    """Tables of MySQL 8.0 may have such; 8.4 and later let nobody add them, unless told to."""
    off, on = (f"SET GLOBAL restrict_fk_on_non_standard_key = {word}" for word in ("OFF", "ON"))
    made = (
        "CREATE TABLE parent (id INT PRIMARY KEY, a INT, KEY by_a (a))",
        "CREATE TABLE orders (id INT PRIMARY KEY, a INT, CONSTRAINT to_a FOREIGN KEY (a) "
        "REFERENCES parent (a))",
    )
    place.app.run("SET SESSION restrict_fk_on_non_standard_key = OFF", *made)
    wanted = alter.parse("ALTER TABLE orders MODIFY id BIGINT", mysql=True)
    table = place.engine.catalog.find(wanted)

    with pytest.raises(errors.Precondition) as refused:
        place.engine.workshop.rehearse(table, wanted)

    assert off in refused.value.todo
    place.app.run(off)
    try:
        assert place.engine.workshop.rehearse(table, wanted).relations.own
    finally:
        place.app.run(on)
