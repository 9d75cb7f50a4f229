"""What MySQL and MariaDB say of their load, and how far their replicas are behind."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path

from osc import errors
from osc.engine import Gauges, Session, Statement
from osc.model.table import TableName
from osc.mysql import flavor, quoting
from osc.mysql.books import Books, is_own
from osc.mysql.lasting import LastingSession
from osc.mysql.ledger import BEAT
from osc.mysql.session import Address, Connector
from osc.mysql.stream import Log
from osc.mysql.written import Written

KNOWN = {
    "running": ("", "SHOW GLOBAL STATUS LIKE 'Threads_running'"),
    "connections": ("", "SHOW GLOBAL STATUS LIKE 'Threads_connected'"),
    "oldest-transaction": (
        "s",
        "SELECT 'oldest', COALESCE(MAX(TIMESTAMPDIFF(MICROSECOND, trx_started, SYSDATE(6))), 0) "
        "/ 1e6 FROM information_schema.innodb_trx t "
        "WHERE trx_mysql_thread_id <> CONNECTION_ID()",
    ),
    "transactions": (
        "",
        "SELECT 'open', COUNT(*) FROM information_schema.innodb_trx t "
        "WHERE trx_mysql_thread_id <> CONNECTION_ID()",
    ),
    "old-transactions": (
        "",
        "SELECT 'old', COUNT(*) FROM information_schema.innodb_trx t "
        "WHERE trx_started < SYSDATE() - INTERVAL 10 SECOND",
    ),
    "history": (
        "",
        "SELECT name, count FROM information_schema.innodb_metrics "
        "WHERE name = 'trx_rseg_history_len'",
    ),
}
"""Each with its unit and a question that gives one row, the value in its second column."""

DISKS = """
SELECT available FROM information_schema.disks
WHERE @@datadir LIKE CONCAT(path, '%') ORDER BY LENGTH(path) DESC LIMIT 1
"""
"""KiB, of MariaDB's plug-in (INSTALL SONAME 'disks')."""


class MySQLGauges:
    """The port `Gauges`. On a replica only `beaten` is of use."""

    def __init__(self, connect: Callable[[str], Session], books: Books) -> None:
        self._connect = connect
        self._books = books

    @cached_property
    def _session(self) -> Session:
        return LastingSession(lambda: self._connect("gauge"))

    @property
    def known(self) -> Mapping[str, str]:
        return {name: unit for name, (unit, _) in KNOWN.items()}

    def read(self, name: str) -> float:
        if name in KNOWN:
            rows = self._session.query(Statement(KNOWN[name][1]))
        else:
            rows = self._session.query(
                Statement("SHOW GLOBAL STATUS WHERE variable_name = %s", (name,))
            )
        if not rows:
            raise errors.Usage(
                f"the server has no status variable {name!r}",
                todo=f"SHOW GLOBAL STATUS lists them; besides there are {', '.join(KNOWN)}",
            )
        try:
            return float(rows[0][1])
        except ValueError:
            raise errors.Usage(f"{name} is {rows[0][1]!r}, which is no number") from None

    def free_disk(self) -> float | None:
        with suppress(errors.BadStatement, errors.NotAllowed):
            if rows := self._session.query(Statement(DISKS)):
                return float(rows[0][0]) * 1024
        (folder, host), *_ = self._session.query(Statement("SELECT @@datadir, @@hostname"))
        if str(host) != socket.gethostname() or not Path(str(folder)).is_dir():
            return None
        return float(shutil.disk_usage(str(folder)).free)

    def log_written(self) -> int | None:
        try:
            return self._written.since_the_first_look()
        except (errors.NotAllowed, errors.BadStatement):
            return None

    @cached_property
    def _written(self) -> Written:
        log = Log(self._session)
        return Written(log.tip, log.files)

    def lags(self) -> Mapping[str, float]:
        """A source knows its replicas by name at most, and not how far they are."""
        return {}

    def beat(self, migration: int, at: float) -> None:
        self._session.execute(
            Statement(
                f"INSERT INTO {self._books.quoted(BEAT, migration)} VALUES (%s, %s) "
                "ON DUPLICATE KEY UPDATE at = %s",
                (migration, at, at),
            )
        )

    def beaten(self, migration: int) -> float | None:
        beats = [
            float(rows[0][0])
            for table in self._beats(migration)
            if (rows := self._session.query(_last_beat(table, migration)))
        ]
        return max(beats, default=None)

    def _beats(self, migration: int) -> list[TableName]:
        """Where the beats of a run elsewhere come to. Two servers may both be changed for
        themselves: what another one calls its own is never our own."""
        if not is_own(migration):
            return [self._books.of(BEAT, migration)]
        own = self._books.own(BEAT)
        named = own.name.replace(self._books.here, "at[0-9]+")
        rows = self._session.query(
            Statement(
                "SELECT table_name FROM information_schema.tables "
                "WHERE table_schema = %s AND table_name RLIKE %s AND table_name <> %s",
                (own.schema, f"^{named}$", own.name),
            )
        )
        return [TableName(own.schema, str(name)) for (name,) in rows]

    def probe(self, sql: str) -> None:
        self._session.query(Statement(sql))

    def value(self, sql: str) -> float:
        rows = self._session.query(Statement(sql))
        return float(rows[0][0] or 0) if rows and rows[0] else 0.0

    def close(self) -> None:
        if "_session" in self.__dict__:
            with suppress(errors.ServerError):
                self._session.close()


def _last_beat(table: TableName, migration: int) -> Statement:
    return Statement(f"SELECT at FROM {quoting.table(table)} WHERE migration = %s", (migration,))


def replicas(
    to: Address, session: Session, *, is_mariadb: bool
) -> Mapping[str, Callable[[], Gauges]]:
    """Those that tell the source where they listen (`report_host`) and that let us in as the source
    does. Whoever has others names them with --replica."""
    asked = "SHOW SLAVE HOSTS" if is_mariadb else "SHOW REPLICAS"
    try:
        rows = session.query(Statement(asked))
    except (errors.NotAllowed, errors.BadStatement):
        return {}
    found: dict[str, Callable[[], Gauges]] = {}
    for _, host, port, *_ in rows:
        there = replace(to, host=str(host), port=int(port), socket=None)
        connect = Connector(there, is_mariadb=is_mariadb)
        if host and _answers(connect):
            with_its_own = Books(to.database, partial(_server_id, connect))
            found[f"{host}:{port}"] = partial(MySQLGauges, connect, with_its_own)
    return found


def _server_id(connect: Connector) -> int:
    with closing(connect("which replica")) as session:
        return flavor.server_id(session)


def _answers(connect: Connector) -> bool:
    try:
        with closing(connect("is it a replica")):
            return True
    except errors.OscError:
        return False
