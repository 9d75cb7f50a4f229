"""Locks on the original that nobody waits long for: what holds them, and what ends the waiting."""

from __future__ import annotations

import itertools
import math
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from functools import partial

from osc import errors
from osc.engine import Session, Statement
from osc.model.table import TableName
from osc.mysql import quoting
from osc.mysql.blockers import blockers
from osc.mysql.gates import GATED_ATTEMPTS, Gates
from osc.mysql.watchdog import Watchdog

LONGEST_HELD_SECONDS = 5
"""A lock that is held longer is taken from us, by the watchdog or by the server's own timeouts."""
ATTEMPTS = 30
LONGEST_BACK_OFF_SECONDS = 3.0
_NOT_LOCKED = "1100"
AGAIN = "osc_again"
"""The second name of a table that is read beside itself."""


def lock(*tables: TableName, again: Iterable[TableName] = ()) -> Statement:
    """A locked table can be read twice in one statement only where both its names are locked."""
    locks = [f"{quoting.table(name)} WRITE" for name in tables]
    locks += [f"{quoting.table(name)} AS {AGAIN} READ" for name in again]
    return Statement(f"LOCK TABLES {', '.join(locks)}")


@contextmanager
def locking_session(
    connect: Callable[[str], Session], purpose: str, budget_seconds: float
) -> Iterator[Session]:
    """With autocommit off, as LOCK TABLES wants it for transactional tables (manual, 15.3.6).

    A client that falls silent loses it soon, in the middle of a packet, too.
    """
    session = connect(purpose)
    try:
        limit_silence(session, LONGEST_HELD_SECONDS)
        for setting in (f"lock_wait_timeout = {math.ceil(budget_seconds) + 1}", "autocommit = 0"):
            session.execute(Statement(f"SET SESSION {setting}"))
        yield session
    finally:
        session.close()


def limit_silence(session: Session, seconds: int) -> None:
    """The server ends the session of a client that it doesn't hear: between two statements, in the
    middle of a packet, and in a transaction, where MariaDB has a limit of its own."""
    there = session.query(
        Statement(
            "SHOW SESSION VARIABLES WHERE variable_name IN ('wait_timeout', 'net_read_timeout', "
            "'net_write_timeout', 'idle_transaction_timeout')"
        )
    )
    every = ", ".join(f"SESSION {name} = {seconds}" for name, _ in there)
    session.execute(Statement(f"SET {every}"))


def let_go(session: Session) -> None:
    """The quick way to undo an attempt, where the connection still works."""
    with suppress(errors.ServerError):
        session.execute(Statement("ROLLBACK"))
        session.execute(Statement("UNLOCK TABLES"))


class Lent:
    """The session that holds the lock, lent to whoever has to read behind it.

    LOCK TABLES on a table with triggers locks what these write into as well: the changelog. MySQL
    closes it to every session but the one that has the lock.
    """

    def __init__(self) -> None:
        self.session: Session | None = None

    @contextmanager
    def by(self, session: Session) -> Iterator[None]:
        self.session = session
        try:
            yield
        finally:
            self.session = None


def locked(
    connect: Callable[[str], Session],
    table: TableName,
    budget_seconds: float,
    body: Callable[[Session], None],
    also: Sequence[TableName] = (),
) -> None:
    """Runs `body` in a session that has locked the table; it never queues beyond the budget."""
    once = partial(_locked_once, connect, (table, *also), budget_seconds, body)
    _again_and_again(connect, table, budget_seconds, once, "its triggers")


def altered(
    connect: Callable[[str], Session],
    table: TableName,
    budget_seconds: float,
    alter: Statement,
    among: Sequence[TableName] = (),
) -> None:
    """One ALTER that is no copy and checks no foreign key; it never queues beyond the budget.

    `among` are the tables that it takes as well, parents first and children last, with the table
    itself: one after the other, with what it has in hand, it would have ended with error 1213 who
    writes to one of them after the other (`gates.py`).
    """
    attempts = itertools.count()

    def once() -> None:
        if among:
            shut = among if next(attempts) < GATED_ATTEMPTS else ()
            body = partial(_alter_unchecked, alter)
            try:
                _locked_once(connect, among, budget_seconds, body, shut)
            except errors.BadStatement as error:
                if error.code != _NOT_LOCKED:
                    raise
                # A sequence that gives a default (MariaDB): LOCK TABLES takes it for writers only.
                _altered_once(connect, budget_seconds, alter)
        else:
            _altered_once(connect, budget_seconds, alter)

    _again_and_again(connect, table, budget_seconds, once, "changes of its definition")


def _alter_unchecked(alter: Statement, session: Session) -> None:
    session.execute(Statement("SET SESSION foreign_key_checks = 0"))
    session.execute(alter)


def _again_and_again(
    connect: Callable[[str], Session],
    table: TableName,
    budget_seconds: float,
    once: Callable[[], None],
    what: str,
) -> None:
    """With a jitter, when others are in the way; in the end CutOverNotObtained names them."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return once()
        except (errors.LockTimeout, errors.Conflict):
            in_the_way = blockers(connect, table)
        longest = min(LONGEST_BACK_OFF_SECONDS, 0.1 * 2**attempt)
        time.sleep(random.uniform(longest / 2, longest))
    raise errors.CutOverNotObtained(
        f"{table} could not be locked within {budget_seconds * 1000:.0f} ms in {ATTEMPTS} "
        f"attempts, which {what} need; in the way: {'; '.join(map(str, in_the_way))}",
        still_true=f"{table} still serves and is untouched",
        todo="end these transactions or wait for a quieter hour, then start again",
    )


def _altered_once(
    connect: Callable[[str], Session], budget_seconds: float, alter: Statement
) -> None:
    with (
        closing(Watchdog(connect)) as watchdog,
        locking_session(connect, "foreign keys", budget_seconds) as session,
    ):
        session.execute(Statement("SET SESSION foreign_key_checks = 0"))
        done = False
        try:
            with watchdog.over(session, budget_seconds):
                session.execute(alter)
                done = True
        except errors.LockTimeout:
            if not done:  # It may be done all the same, a moment too late, and can't be done again.
                raise


def _locked_once(
    connect: Callable[[str], Session],
    tables: Sequence[TableName],
    budget_seconds: float,
    body: Callable[[Session], None],
    shut: Sequence[TableName] = (),
) -> None:
    with (
        closing(Watchdog(connect)) as watchdog,
        closing(Gates(connect, shut)) as gates,
        locking_session(connect, "trigger lock", budget_seconds) as session,
    ):
        try:
            gates.lock(session, lock(*tables), watchdog, budget_seconds)
            with watchdog.ending(session, LONGEST_HELD_SECONDS):
                body(session)
        finally:
            let_go(session)
