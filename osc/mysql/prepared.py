"""Transactions that were prepared with XA before the log is read: may they touch the original?

The log tells what such a transaction changed at its PREPARE, which lies before the place where we
begin to read; at its COMMIT, perhaps hours later, it tells only its name. But until then it holds
its locks. So where XA RECOVER lists any, or may not be asked, a lock on the original is asked for
once, briefly: when it is granted, none of them has touched the table, nor can it any more.

    autocommit=0 makes LOCK TABLES take InnoDB's own lock beside the metadata lock, because a
    transaction that MariaDB found in its data after a restart holds nothing but that
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing

from osc import errors
from osc.engine import Session, Statement
from osc.model.table import TableName
from osc.mysql import quoting
from osc.mysql.watchdog import Watchdog

PATIENCE_SECONDS = 30.0
PAUSE_SECONDS = 1.0
"""Between two attempts, each of which lets everybody queue behind it for its budget."""


def leave_alone(table: TableName, connect: Callable[[str], Session], budget_seconds: float) -> bool:
    """True: whatever is prepared now leaves the table alone; False: that can't be found out.

    Waits for those that don't; raises Precondition where they stay.
    """
    with closing(connect("prepared transactions")) as session:
        session.execute(Statement("SET SESSION autocommit = 0"))
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (names := _names(session)) != []:
            if _is_free(table, session, connect, budget_seconds):
                return True
            if names is None:
                return False
            if time.monotonic() > deadline:
                raise _in_the_way(table, names)
            time.sleep(PAUSE_SECONDS)
    return True


def _names(session: Session) -> list[str] | None:
    """Of all that are prepared; None where we may not ask (MySQL: XA_RECOVER_ADMIN)."""
    try:
        rows = session.query(Statement("XA RECOVER"))
    except (errors.NotAllowed, errors.BadStatement):
        return None
    return [data if isinstance(data, str) else data.decode(errors="replace") for *_, data in rows]


def _is_free(
    table: TableName, session: Session, connect: Callable[[str], Session], budget_seconds: float
) -> bool:
    with closing(Watchdog(connect)) as watchdog:
        try:
            with watchdog.over(session, budget_seconds):
                session.execute(Statement(f"LOCK TABLES {quoting.table(table)} WRITE"))
        except (errors.Conflict, errors.LockTimeout, errors.NotAllowed):
            return False
        finally:
            session.execute(Statement("UNLOCK TABLES"))
            session.execute(Statement("COMMIT"))
    return True


def _in_the_way(table: TableName, names: list[str]) -> errors.Precondition:
    return errors.Precondition(
        f"transactions that were prepared with XA, and may have changed {table}, are not over: "
        f"{', '.join(names[:5])}",
        still_true="nothing was touched",
        todo="XA COMMIT or XA ROLLBACK what XA RECOVER shows, then start again",
    )
