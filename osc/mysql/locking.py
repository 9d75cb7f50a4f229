"""Locks on the original that nobody waits long for: what holds them, and what ends the waiting."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress

from osc import errors
from osc.engine import Session, Statement
from osc.model.table import TableName
from osc.mysql import quoting
from osc.mysql.watchdog import Watchdog

LONGEST_HELD_SECONDS = 5
"""A lock that is held longer is taken from us, by the watchdog or by the server's own timeouts."""
ATTEMPTS = 30
LONGEST_BACK_OFF_SECONDS = 3.0


def lock(*tables: TableName) -> Statement:
    return Statement(f"LOCK TABLES {', '.join(f'{quoting.table(name)} WRITE' for name in tables)}")


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


def blockers(connect: Callable[[str], Session]) -> list[str]:
    """Who has had a transaction open for a while; metadata locks outlive statements in it."""
    session = connect("blockers")
    try:
        rows = session.query(
            Statement(
                "SELECT p.id, p.user, p.host, p.command, t.trx_started, "
                "TIMESTAMPDIFF(SECOND, t.trx_started, SYSDATE()), LEFT(COALESCE(p.info, ''), 80) "
                "FROM information_schema.innodb_trx t "
                "JOIN information_schema.processlist p ON p.id = t.trx_mysql_thread_id "
                "WHERE p.id <> CONNECTION_ID() ORDER BY t.trx_started LIMIT 5"
            )
        )
    except errors.NotAllowed:
        return ["(the PROCESS privilege is needed to name them)"]
    finally:
        session.close()
    return [
        f"connection {identity} ({user}@{host}, {command}), in a transaction since {seconds} s"
        + (f": {statement}" if statement else "")
        for identity, user, host, command, _, seconds, statement in rows
    ]


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
    """Runs `body` in a session that has locked the table; it never queues beyond the budget.

    Tried again, with a jitter, when others are in the way; then CutOverNotObtained names them.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            _locked_once(connect, (table, *also), budget_seconds, body)
            return
        except (errors.LockTimeout, errors.Conflict):
            in_the_way = blockers(connect)
        longest = min(LONGEST_BACK_OFF_SECONDS, 0.1 * 2**attempt)
        time.sleep(random.uniform(longest / 2, longest))
    raise errors.CutOverNotObtained(
        f"{table} could not be locked within {budget_seconds * 1000:.0f} ms in {ATTEMPTS} "
        f"attempts, which its triggers need; in the way: {'; '.join(in_the_way)}",
        still_true=f"{table} still serves and is untouched",
        todo="end these transactions or wait for a quieter hour, then start again",
    )


def _locked_once(
    connect: Callable[[str], Session],
    tables: Sequence[TableName],
    budget_seconds: float,
    body: Callable[[Session], None],
) -> None:
    with (
        closing(Watchdog(connect)) as watchdog,
        locking_session(connect, "trigger lock", budget_seconds) as session,
    ):
        try:
            with watchdog.over(session, budget_seconds):
                session.execute(lock(*tables))
            with watchdog.ending(session, LONGEST_HELD_SECONDS):
                body(session)
        finally:
            let_go(session)
