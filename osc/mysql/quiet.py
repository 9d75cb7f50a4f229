"""Waits for what a dead process still has running on its shadow.

A statement outlives the client that sent it, and so does a transaction whose client's host is gone
without a word. Both hold a metadata lock on the shadow, so that LOCK TABLES waits for them; but a
RENAME that waits for the original (`sentry.py`) holds none yet, and is found in the list of
processes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress

from osc import errors
from osc.engine import Session, Statement
from osc.model import patience
from osc.model.table import TableName
from osc.mysql import quoting

POLL_SECONDS = 0.05
LONGEST_UNSEEN_SECONDS = 600.0
"""How long we wait for somebody whom this user is not allowed to see."""
NO_SUCH_TABLE = {"1049", "1146"}


def await_quiet(connect: Callable[[str], Session], shadow: TableName) -> None:
    """Returns when nobody works on the shadow, or when it is gone."""
    since = time.monotonic()
    with closing(connect("quiet")) as session:
        while not (_is_free(session, shadow) and not _statements(session, shadow)):
            _end_sleepers(session, shadow)
            if time.monotonic() - since > LONGEST_UNSEEN_SECONDS:
                _require_a_statement(session, shadow)
            threading.Event().wait(POLL_SECONDS)


def _is_free(session: Session, shadow: TableName) -> bool:
    """Whether a lock that excludes everybody can be had within `lock_wait_timeout`."""
    try:
        session.execute(Statement(f"LOCK TABLES {quoting.table(shadow)} WRITE"))
    except errors.Conflict:
        return False
    except errors.BadStatement as error:
        if error.code not in NO_SUCH_TABLE:
            raise
    else:
        session.execute(Statement("UNLOCK TABLES"))
    return True


def _statements(session: Session, shadow: TableName) -> list[int]:
    """Sessions whose statement names the shadow as our statements do."""
    found = session.query(
        Statement(
            "SELECT id FROM information_schema.processlist "
            "WHERE id <> CONNECTION_ID() AND LOCATE(%s, info) > 0",
            (quoting.table(shadow),),
        )
    )
    return [int(row[0]) for row in found]


def _end_sleepers(session: Session, shadow: TableName) -> None:
    """Ends sessions of our user that hold the shadow and do nothing.

    MariaDB does that by itself (`idle_transaction_timeout`). Whoever sleeps in a transaction for
    longer than a claim lasts has lost its claim too, and the caller has it.
    """
    with suppress(errors.NotAllowed, errors.BadStatement):
        sleepers = session.query(
            Statement(
                "SELECT DISTINCT t.processlist_id FROM performance_schema.metadata_locks l "
                "JOIN performance_schema.threads t ON t.thread_id = l.owner_thread_id "
                "JOIN information_schema.processlist p ON p.id = t.processlist_id "
                "WHERE l.object_type = 'TABLE' AND l.object_schema = %s AND l.object_name = %s "
                "AND l.lock_status = 'GRANTED' AND p.command = 'Sleep' AND p.time > %s "
                "AND p.user = SUBSTRING_INDEX(USER(), '@', 1)",
                (shadow.schema, shadow.name, patience.CLAIM_SECONDS),
            )
        )
        for (connection,) in sleepers:
            with suppress(errors.ServerError):
                session.execute(Statement(f"KILL {connection}"))


def _require_a_statement(session: Session, shadow: TableName) -> None:
    if not _statements(session, shadow):
        raise errors.LockTimeout(
            f"somebody holds {shadow} in an open transaction, and this user cannot see who",
            still_true="nothing was changed",
            todo="look at performance_schema.metadata_locks, end that connection, try again",
        )
