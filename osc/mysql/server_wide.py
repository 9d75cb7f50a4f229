"""Patience with locks on the whole server, under which nobody may make, alter or drop a table.

LOCK INSTANCE FOR BACKUP, BACKUP STAGE BLOCK_DDL and FLUSH TABLES WITH READ LOCK may last for hours.
A statement on a table of ours that meets one waits until it is over: nobody is behind it. One that
waits for something else fails as ever, since it may stand in somebody's way.

Which of both it was, another statement tells that needs no table: DROP TABLE IF EXISTS of one that
is never there waits for the same locks, on every server and with any right (measured on 9.7 and
10.11).
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any, TypeVar

from osc import errors
from osc.engine import Session, Statement
from osc.mysql import quoting
from osc.threads import heed

OF_OWN_TABLES = {
    "catalog", "ledger", "board", "changelog", "shadow", "rehearsal", "definition", "drop", "trial",
    "retire", "index build", "sweep", "mend",
}  # fmt: skip
"""Purposes of sessions that need no patience of anybody else's."""
NEVER_THERE = "__osc_never_there"
PAUSE_SECONDS = 0.2
_ON_TABLES = re.compile(
    r"\s*(?:(?:CREATE|DROP|ALTER|RENAME|TRUNCATE)\s+(?:TABLE|DATABASE))\b", re.IGNORECASE
)
_WAITED_TOO_LONG = "1205"

Answer = TypeVar("Answer")
log = logging.getLogger("osc.server_wide")


class Patient:
    """A session whose statements on tables wait as long as a lock on the whole server lasts."""

    def __init__(self, session: Session, connect: Callable[[str], Session], database: str) -> None:
        self._session = session
        self._connect = connect
        self._database = database
        self.id = session.id

    def execute(self, statement: Statement) -> int:
        return self._patiently(self._session.execute, statement)

    def query(self, statement: Statement) -> list[tuple[Any, ...]]:
        return self._patiently(self._session.query, statement)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with self._session.transaction():
            yield

    def close(self) -> None:
        self._session.close()

    def _patiently(self, ask: Callable[[Statement], Answer], statement: Statement) -> Answer:
        """What timed out for a lock has done nothing, and is done again."""
        while True:
            try:
                return ask(statement)
            except errors.Conflict as error:
                if error.code != _WAITED_TOO_LONG or not _ON_TABLES.match(statement.sql):
                    raise
                if not self._outlasted():
                    raise

    def _outlasted(self) -> bool:
        """Whether there was such a lock, and it is over now."""
        waited = False
        with closing(self._connect("server-wide lock")) as session:
            session.execute(Statement("SET SESSION lock_wait_timeout = 1"))
            while is_kept(session, self._database):
                if not waited:
                    log.info(
                        "waiting for a backup or a FLUSH TABLES WITH READ LOCK to end: no table "
                        "can be made or dropped meanwhile"
                    )
                waited = True
                heed()
                time.sleep(PAUSE_SECONDS)
        return waited


def is_kept(session: Session, database: str) -> bool:
    """Whether a lock on the whole server is in the way, after `lock_wait_timeout`."""
    name = f"{quoting.name(database)}.{quoting.name(NEVER_THERE)}"
    try:
        session.query(Statement(f"DROP TABLE IF EXISTS {name}"))
    except errors.Conflict:
        return True
    return False
