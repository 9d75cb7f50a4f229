"""The application's triggers at the swap: whoever dies, each write fires them once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from threading import Thread
from typing import Any, cast

import pytest

from osc import errors
from osc.engine import Job, Session, Statement, Swapper
from osc.mysql import swap
from osc.mysql.catalog import MySQLCatalog
from osc.mysql.noted import Notes
from osc.mysql.session import PACKETS
from osc.mysql.stand_ins import UserTriggers
from tests.conformance.dying import Fate, Mortal
from tests.conformance.place import Place, back, until
from tests.conformance.swapping import PLAIN, everything, new_table_serves
from tests.servers import every_server

CHECKED = (
    "CREATE TABLE orders (id INT PRIMARY KEY, note VARCHAR(20), CONSTRAINT short CHECK (id < 999))"
)
TRIGGERS = (
    "CREATE TRIGGER b AFTER INSERT ON orders FOR EACH ROW INSERT INTO heard VALUES (NEW.id, 'b')",
    "CREATE TRIGGER a AFTER INSERT ON orders FOR EACH ROW PRECEDES b "
    "INSERT INTO heard VALUES (NEW.id, 'a')",
    "CREATE TRIGGER c BEFORE UPDATE ON orders FOR EACH ROW SET NEW.note = concat(OLD.note, 'c')",
)

WAITING = (
    "SELECT 1 FROM information_schema.processlist WHERE id = {} "
    "AND state = 'Waiting for table metadata lock'"
)
on_both = every_server("mysql", "mariadb")


def made(place: Place, create: str = PLAIN) -> Job:
    place.app.run("CREATE TABLE heard (id INT, by_whom VARCHAR(20))")
    job = place.job(create, "FORCE")
    place.app.run("INSERT INTO orders VALUES (1, 'x')", *TRIGGERS)
    place.copy(job)
    return job


def triggers(place: Place) -> list[tuple[object, ...]]:
    """All of the database, with their tables, in the order in which they fire."""
    return place.app.rows(
        "SELECT event_object_table, trigger_name, action_timing, event_manipulation, definer, "
        "sql_mode, action_statement FROM information_schema.triggers "
        "WHERE trigger_schema = DATABASE() ORDER BY event_manipulation, action_order"
    )


def fired(place: Place, key: int) -> list[str]:
    """What one INSERT and one UPDATE set off."""
    place.app.run(
        f"INSERT INTO orders VALUES ({key}, 'x')", f"UPDATE orders SET note = 'y' WHERE id = {key}"
    )
    heard = place.app.rows(f"SELECT by_whom FROM heard WHERE id = {key}")
    note = place.app.rows(f"SELECT note FROM orders WHERE id = {key}")
    place.app.run(f"DELETE FROM orders WHERE id = {key}", f"DELETE FROM heard WHERE id = {key}")
    return [str(row[0]) for row in heard + note]


class Dead(UserTriggers):
    """Of a process that puts nothing back."""

    def restore(self, session: Session) -> None:
        """It is gone."""


def swapper(place: Place, job: Job, fate: Fate) -> Swapper:
    """Its sessions end at the statement that `fate` has chosen, and nobody cleans up after them."""

    def connect(purpose: str) -> Session:
        session = place.engine.connect(purpose)
        return Mortal(session, fate, session.id) if purpose in fate.purposes else session

    return swap.swapper(
        job,
        connect,
        lambda session: MySQLCatalog(session, place.database),
        notes=Notes(job.id, place.database),
        rename_under_lock=place.engine.name == "mysql",
        carried=(Dead(job, place.engine.connect),),
    )


def is_swapped_by(place: Place, job: Job, fate: Fate) -> bool:
    try:
        swapper(place, job, fate).swap(everything(place, job), 5.0)
    except errors.ServerError:
        return False
    return True


MOVING = ("CREATE DEFINER", "DROP TRIGGER", "RENAME", "DROP TABLE", "UNLOCK")
EACH = ["a", "b", "xc"]


@pytest.mark.parametrize(
    ("server", "create"),
    [("mysql-9.7", PLAIN), ("mysql-9.7", CHECKED), ("mariadb-10.11", PLAIN)],
    indirect=["server"],
    ids=["mysql", "mysql-checked", "mariadb"],
)
def test_whoever_dies_at_whichever_statement_each_write_fires_each_trigger_once(
    place: Place, create: str
) -> None:
    job = made(place, create)
    before, fate = triggers(place), Fate(place.end)
    assert is_swapped_by(place, job, fate)
    assert triggers(place) == before
    job = back(job, place)
    moments = [at for at, sql in enumerate(fate.statements) if sql.startswith(MOVING)]
    for at in moments:
        for unanswered in (False, True) if at == moments[0] else (True,):
            fate = Fate(place.end, at, unanswered=unanswered)
            swapped = is_swapped_by(place, job, fate)

            what = f"{'after' if unanswered else 'before'} {fate.statements[at]}"
            assert new_table_serves(place, job) is swapped, what
            assert fired(place, 7) == EACH, what
            place.engine.workshop.sweep(job.original.name, execute=True)
            assert triggers(place) == before, what
            assert fired(place, 7) == EACH, what
            job = back(job, place) if swapped else job
    assert len(moments) >= 2


@on_both
def test_an_attempt_that_is_undone_puts_back_what_it_has_moved(place: Place) -> None:
    job = made(place)
    before, fate = triggers(place), Fate(place.end)
    assert is_swapped_by(place, job, fate)
    job = back(job, place)
    at = max(at for at, sql in enumerate(fate.statements) if sql.startswith("DROP TRIGGER"))
    assert not is_swapped_by(place, job, Fate(place.end, at, unanswered=True))

    assert triggers(place) != before
    assert not place.engine.swapper(job).recover()
    assert triggers(place) == before


@on_both
def test_a_trigger_that_is_made_meanwhile_is_carried_over(place: Place) -> None:
    job = made(place)
    place.app.run(
        "CREATE TRIGGER d AFTER INSERT ON orders FOR EACH ROW FOLLOWS a "
        "INSERT INTO heard VALUES (NEW.id, 'd')"
    )
    before = triggers(place)

    place.engine.swapper(job).swap(everything(place, job), 5.0)

    assert triggers(place) == before
    assert fired(place, 7) == ["a", "d", "b", "xc"]


@every_server("mysql")
def test_what_a_crash_in_the_midst_of_the_packet_takes_is_put_back_from_the_shelf(
    place: Place,
) -> None:
    """The one moment that no statement can bar: the RENAME is done, and no trigger is there."""
    job = made(place, CHECKED)
    before = triggers(place)
    kept = UserTriggers(job, place.engine.connect)
    kept.prepare()
    place.app.run(*(f"DROP TRIGGER {name}" for name in "abc"))

    assert place.engine.workshop.sweep(job.original.name, execute=False) != []
    place.engine.workshop.sweep(job.original.name, execute=True)

    assert triggers(place) == before
    assert place.engine.workshop.sweep(job.original.name, execute=False) == []


@dataclass
class Killed:
    """A session that is killed after so many statements of the packet."""

    session: Session
    packet: Sequence[Statement]
    after: int
    kill: Callable[[int], None]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.session, name)

    def execute(self, statement: Statement) -> int:
        if "RENAME TABLE" not in statement.sql:
            return self.session.execute(statement)
        for one in self.packet[: self.after]:
            self.session.query(one)
        self.kill(self.session.id)
        raise errors.ConnectionLost("killed")


def killed_in_the_packet(place: Place, job: Job, after: int) -> Swapper:
    """Nobody puts back what its attempt leaves, but for the guard."""
    kept = Dead(job, place.engine.connect)

    def connect(purpose: str) -> Session:
        session = place.engine.connect(purpose)
        if purpose != PACKETS:
            return session
        before, then = kept.beside_the_rename()
        packet = (*before, made_of.parts.rename, *then)
        return cast(Session, Killed(session, packet, after, place.end))

    made_of = swap.swapper(
        job,
        connect,
        lambda session: MySQLCatalog(session, place.database),
        notes=Notes(job.id, place.database),
        rename_under_lock=True,
        carried=(kept,),
    )
    return made_of


def overtaken(place: Place, job: Job, writing: Thread, who: int, session: Session) -> None:
    """A drain after which a writer waits behind the lock."""
    everything(place, job)(session)
    writing.start()
    until(lambda: place.app.rows(WAITING.format(who)))


@every_server("mysql")
def test_a_writer_behind_a_session_that_is_killed_in_the_packet_fires_the_triggers(
    place: Place,
) -> None:
    job = made(place, CHECKED)
    before, drops = triggers(place), 3
    for after in (1, drops, drops + 1, drops + 4):
        writer = place.another_app()
        writing = Thread(target=writer.run, args=("INSERT INTO orders VALUES (7, 'x')",))

        drain = partial(overtaken, place, job, writing, writer.id)

        with suppress(errors.ServerError):
            killed_in_the_packet(place, job, after).swap(drain, 5.0)
        writing.join()

        assert [row[0] for row in place.app.rows("SELECT by_whom FROM heard")] == ["a", "b"], after
        assert triggers(place) == before, after
        place.app.run("DELETE FROM heard", "DELETE FROM orders WHERE id = 7")
        job = back(job, place) if new_table_serves(place, job) else job


UNFIT = {
    "DROP COLUMN note": "does not go with the altered table",
    "RENAME COLUMN note TO remark": "does not go with the altered table",
}


@on_both
@pytest.mark.parametrize("clauses", UNFIT)
def test_a_trigger_that_would_fail_after_the_alter_is_a_refusal(place: Place, clauses: str) -> None:
    place.app.run(PLAIN, "CREATE TABLE heard (id INT, by_whom VARCHAR(20))", *TRIGGERS)

    with pytest.raises(errors.Precondition, match=UNFIT[clauses]) as refusal:
        place.job_on("orders", clauses)

    assert "trigger c" in refusal.value.happened
