"""MySQL and MariaDB as an `Engine`: which part is made of what."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache

from osc import errors
from osc.engine import Engine, Session, Statement, Sync
from osc.model.table import TableName
from osc.mysql import flavor
from osc.mysql.binlog import BinlogSource
from osc.mysql.catalog import MySQLCatalog
from osc.mysql.checks import MySQLChecks
from osc.mysql.dialect import MySQLDialect
from osc.mysql.lasting import LastingSession
from osc.mysql.ledger import MySQLLedger
from osc.mysql.load import MySQLLoad
from osc.mysql.locking import Lent
from osc.mysql.session import Connector, address, version
from osc.mysql.swap import swapper
from osc.mysql.triggers import TriggerSource
from osc.mysql.workshop import MySQLWorkshop

SILENT_SECONDS = 60


def connect(url: str) -> Engine:
    """Opens one session to learn what server this is; raises Unreachable in words."""
    to = address(url)
    told = flavor.flavor_of(version(to))
    connector = Connector(to, is_mariadb=told.is_mariadb)
    first = LastingSession(lambda: connector("catalog"))
    catalog = MySQLCatalog(first, to.database)

    @cache
    def rename_under_lock() -> bool:
        return flavor.has_rename_under_lock(first, to.database)

    workshop = MySQLWorkshop(connector, catalog, original_first=lambda: not rename_under_lock())
    ledger = MySQLLedger(connector, to.database, alive=lambda name: _is_claimed(first, name))

    lent = Lent()

    def close() -> None:
        ledger.close()
        first.close()

    return Engine(
        name=told.engine,
        version=told.version,
        database=to.database,
        mysql=True,
        connect=connector,
        claim=lambda name: _claim(connector, name),
        catalog=catalog,
        checks=MySQLChecks(first, to, told.is_mariadb),
        workshop=workshop,
        ledger=ledger,
        dialect=MySQLDialect,
        load=lambda job: MySQLLoad(job, connector, catalog, workshop),
        swapper=lambda job: swapper(
            job,
            connector,
            lambda session: MySQLCatalog(session, to.database),
            rename_under_lock=rename_under_lock(),
            lent=lent,
        ),
        sources={
            Sync.LOG: lambda job, start: BinlogSource(job, to, connector, start),
            Sync.TRIGGERS: lambda job, start: TriggerSource(
                job, connector, to.database, start, lent
            ),
        },
        close=close,
    )


def _lock_name(table: TableName) -> str:
    """As SQL. GET_LOCK takes 64 characters; the hash tells long names apart."""
    return f"'osc-{hashlib.sha256(str(table).encode()).hexdigest()[:32]}'"


@dataclass(frozen=True)
class UserLock:
    """The port `Claim`."""

    session: Session
    table: TableName

    def renew(self) -> None:
        sql = f"SELECT IS_USED_LOCK({_lock_name(self.table)}) = CONNECTION_ID()"
        if self.session.query(Statement(sql))[0][0] != 1:
            raise errors.ConnectionLost(f"our claim on {self.table} is gone")


@contextmanager
def _claim(connector: Callable[[str], Session], table: TableName) -> Iterator[UserLock]:
    """A user lock: the server frees it when we die, whatever way; a host that vanished without a
    word is dead when it has been silent for `SILENT_SECONDS`."""
    session = connector("claim")
    try:
        session.execute(Statement(f"SET SESSION wait_timeout = {SILENT_SECONDS}"))
        got = session.query(Statement(f"SELECT GET_LOCK({_lock_name(table)}, 0)"))[0][0]
        if got != 1:
            holder = _holder(session, table)
            raise errors.Precondition(
                f"another run migrates {table} (connection {holder})",
                still_true="nothing was touched",
                todo="wait until it is done; `osc status` shows how far it is",
            )
        yield UserLock(session, table)
    finally:
        # A session outlives its connection by a moment, in which the next run would be refused.
        with suppress(errors.ServerError):
            session.query(Statement(f"SELECT RELEASE_LOCK({_lock_name(table)})"))
        session.close()


def _is_claimed(session: Session, table: TableName) -> bool:
    return _holder(session, table) is not None


def _holder(session: Session, table: TableName) -> int | None:
    """The connection that holds the claim."""
    found = session.query(Statement(f"SELECT IS_USED_LOCK({_lock_name(table)})"))[0][0]
    return None if found is None else int(found)
