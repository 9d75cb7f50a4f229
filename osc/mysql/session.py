"""A connection to MySQL or MariaDB, set up so that values survive and surprises are errors."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

import pymysql
from pymysql.constants import CLIENT
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from osc import errors
from osc.engine import Session, Statement
from osc.model import patience
from osc.mysql import encoding, options, server_wide, tls, unreadable
from osc.mysql.line import Connection

SQL_MODE = "NO_AUTO_VALUE_ON_ZERO,STRICT_ALL_TABLES"
"""Strict, so that no value is bent; without NO_ZERO_DATE, so that old zero dates survive; and a
key of 0 stays 0."""

_HISTORY = "system_versioning_alter_history"
AS_THE_SERVER = f"sql_mode = @@GLOBAL.sql_mode /*M! , {_HISTORY} = @@GLOBAL.{_HISTORY} */"
AS_OURS = f"sql_mode = '{SQL_MODE}' /*M! , {_HISTORY} = KEEP */"
"""SET SESSION …: what a statement of the user's is run under, as in a new session of his, and what
our own are."""

PACKETS = "cut-over lock"
"""The purpose of sessions that may send several statements in one packet."""

LONGEST_IDLE_SECONDS = 2147483
"""24 days: what `wait_timeout` can be on every system. A run may be paused for a week."""

_CONFLICT = {1205, 1213, 1969, 3024, 3058, 3101}
_LOST = {2003, 2006, 2013, 2014, 2055, 1053, 1927, 4031}
_NOT_ALLOWED = {1044, 1045, 1095, 1142, 1143, 1227, 1370, 1698}
_BAD_VALUE = {
    1048, 1138, 1263, 1264, 1265, 1292, 1300, 1364, 1366, 1367, 1406, 1416, 1441, 1526, 1690,
    3140, 3144, 3155, 3156, 3157, 3554, 3636, 3751, 3819, 3820, 3903, 4025, 4078, 4079, 4161,
}  # fmt: skip
_SAYS_NOTHING_OF_ROWS = {4114}
"""Warnings that pass: the last of a table's partitions for history is past its time (MariaDB), and
takes what comes, as it does in a native ALTER."""
_INTERRUPTED = 1317
_FULL = {1040, 1203, 1226}
"""Of the server, of a user by `max_user_connections`, of a user by his own limit."""
_DUPLICATE = {1022, 1062, 1169, 1586, 1761, 1859}


@dataclass(frozen=True)
class Address:
    """Where a server is and who we are there; the password never appears in its repr."""

    host: str
    port: int
    user: str | None
    password: str = field(repr=False)
    database: str
    socket: str | None = None
    tls: tuple[tuple[str, str], ...] = ()

    def parameters(self) -> dict[str, Any]:
        """What PyMySQL and mysql-replication take."""
        given: dict[str, Any] = {"host": self.host, "port": self.port, "user": self.user}
        if self.password:
            given["password"] = self.password
        if self.socket:
            given["unix_socket"] = self.socket
        return given | tls.parameters(self.tls)


def address(url: str) -> Address:
    """Reads `mysql://user:password@host:port/database?ssl_ca=…&socket=…&defaults_file=…`.

    What the URL leaves out comes from option files (`osc.mysql.options`), and then
    from $MYSQL_HOST and $MYSQL_TCP_PORT. $MYSQL_PWD wins over a file's password; that one is not
    tried for another user than the file's.
    """
    parts = _parts(url)
    database = unquote(parts.path.lstrip("/"))
    if not database:
        raise errors.Usage("the URL names no database: mysql://user@host:port/database")
    query = _query(parts.query)
    file = options.read(query.get("defaults_file"))
    user = unquote(parts.username) if parts.username else file.get("user")
    place = file if parts.hostname in (None, file.get("host")) else {}
    return Address(
        host=parts.hostname or file.get("host") or os.environ.get("MYSQL_HOST", "127.0.0.1"),
        port=parts.port or _port(place.get("port") or os.environ.get("MYSQL_TCP_PORT", "3306")),
        user=user,
        password=unquote(parts.password or "") or _password(user, file),
        database=database,
        socket=query.get("socket") or place.get("socket"),
        tls=_tls(query, file),
    )


SAME = {
    "sslmode": "ssl_mode", "sslrootcert": "ssl_ca", "sslcert": "ssl_cert", "sslkey": "ssl_key",
    "unix_socket": "socket",
}  # fmt: skip
"""What others call it."""


def _query(text: str) -> dict[str, str]:
    """The words after the `?`; Usage for one that would not be heeded."""
    found = {}
    for word, value in parse_qsl(text, keep_blank_values=True):
        name = word.lower().replace("-", "_")
        name = SAME.get(name, name)
        if name not in ("socket", "defaults_file") and not name.startswith("ssl_"):
            raise errors.Usage(
                f"nothing is known of {word!r} in the URL",
                todo="socket, defaults_file, and ssl_mode, ssl_ca, ssl_cert, ssl_key",
            )
        found[name] = value
    return found


def _port(text: str) -> int:
    if not text.isdigit():
        raise errors.Usage(f"the port is no number: {text!r}")
    return int(text)


def _password(user: str | None, file: Mapping[str, str]) -> str:
    whose = file.get("user", user)
    return os.environ.get("MYSQL_PWD") or (file.get("password", "") if whose == user else "")


def _tls(query: Mapping[str, str], file: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Each word without its `ssl_`; the URL's win."""
    found = {name: value for name, value in file.items() if name.startswith("ssl-")}
    found |= {name: value for name, value in query.items() if name.startswith("ssl_")}
    return tuple((name[4:].replace("-", "_"), value) for name, value in found.items())


def _parts(url: str) -> SplitResult:
    parts = urlsplit(url)
    try:
        _ = parts.port
    except ValueError as error:
        raise errors.Usage(
            f"the URL's port is no number: {parts.netloc.rpartition(':')[2]!r}"
        ) from error
    return parts


_NOT_WHAT_THE_SERVER_SAYS = (
    "completion_type = 0",
    "sql_select_limit = 18446744073709551615",
    "sql_safe_updates = 0",
    "sql_big_selects = 1",
    "sql_auto_is_null = 0",
    "sql_quote_show_create = 1",
)
"""Variables that a server may have set for all its sessions, and that would bend our statements."""


def settings(*, is_mariadb: bool) -> list[str]:
    """The SET statements of every session of ours; see `Connector`."""
    every = [
        AS_OURS,
        "lock_wait_timeout = 5",
        "innodb_lock_wait_timeout = 5",
        f"wait_timeout = {LONGEST_IDLE_SECONDS}",
        "net_write_timeout = 600",
        "group_concat_max_len = 1048576",
        *_NOT_WHAT_THE_SERVER_SAYS,
    ]
    if is_mariadb:
        every += [
            "in_predicate_conversion_threshold = 0",
            "max_statement_time = 0",
            f"idle_transaction_timeout = {patience.CLAIM_SECONDS}",
            "system_versioning_alter_history = KEEP",
        ]
    else:
        every += [
            "range_optimizer_max_mem_size = 0",
            "max_execution_time = 0",
            "information_schema_stats_expiry = 0",
            "show_gipk_in_create_table_and_information_schema = ON",
        ]
    return every


class MySQLSession:
    """The port `Session` on PyMySQL, READ COMMITTED.

    READ COMMITTED makes the SELECT half of INSERT … SELECT a consistent read: no lock on the
    original (manual, InnoDB Locking, "Locks Set by Different SQL Statements").
    """

    def __init__(self, connection: pymysql.connections.Connection[Any], where: str) -> None:
        self._connection = connection
        self._where = where
        self.id = int(connection.thread_id())  # type: ignore[no-untyped-call]

    def execute(self, statement: Statement) -> int:
        """Rows written; a warning above the level of a Note is an error."""
        with self._cursor(statement) as cursor:
            written = int(cursor.rowcount)
            warnings = getattr(cursor, "warning_count", 0)
        if warnings:
            self._refuse_warnings(statement)
        return written

    def query(self, statement: Statement) -> list[tuple[Any, ...]]:
        try:
            return self._rows(statement)
        except errors.ServerError as error:
            return unreadable.read_otherwise(self._rows, statement, error)

    def _rows(self, statement: Statement) -> list[tuple[Any, ...]]:
        with self._cursor(statement) as cursor:
            return list(cursor.fetchall())

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commits at the end of the block; whatever is raised in it rolls back."""
        self.execute(Statement("START TRANSACTION"))
        try:
            yield
        except BaseException:
            # The first error counts: a connection that is gone has rolled back by itself.
            with suppress(errors.ServerError):
                self.execute(Statement("ROLLBACK"))
            raise
        self.execute(Statement("COMMIT"))

    def close(self) -> None:
        with suppress(pymysql.err.Error, OSError):
            self._connection.close()

    @contextmanager
    def _cursor(self, statement: Statement) -> Iterator[Any]:
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(statement.sql, statement.parameters or None)
                yield cursor
        except pymysql.err.MySQLError as error:
            raise mapped(error, statement.sql, self._where) from error
        except (OSError, ValueError) as error:
            raise errors.ConnectionLost(f"{self._where}: {error}") from error

    def _refuse_warnings(self, statement: Statement) -> None:
        """Notes pass, as they pass in a native ALTER (a rounded decimal, a truncated space)."""
        with self._cursor(Statement("SHOW WARNINGS")) as cursor:
            told = [row for row in cursor.fetchall() if row[0] != "Note"]
        found = [row for row in told if row[1] not in _SAYS_NOTHING_OF_ROWS]
        if found:
            code, text = int(found[0][1]), str(found[0][2])
            kind = errors.BadValue if code in _BAD_VALUE else errors.ServerError
            raise kind(f"warning {code}: {text} (in: {_short(statement.sql)})", code=str(code))


def mapped(error: pymysql.err.MySQLError, sql: str, where: str) -> errors.ServerError:
    """The driver's exception in our words; the number of the server's error is kept as `code`."""
    code = error.args[0] if error.args and isinstance(error.args[0], int) else 0
    text = str(error.args[1]) if len(error.args) > 1 else str(error)
    happened = f"{where}: error {code}: {text} (in: {_short(sql)})" if code else f"{where}: {error}"
    return _kind(code, error)(happened, code=str(code))


def _kind(code: int, error: pymysql.err.MySQLError) -> type[errors.ServerError]:
    if code in _DUPLICATE:
        return errors.DuplicateKey
    if code in _CONFLICT:
        return errors.Conflict
    if code == _INTERRUPTED:
        return errors.LockTimeout
    if code in _LOST or isinstance(error, pymysql.err.InterfaceError):
        return errors.ConnectionLost
    if code in _NOT_ALLOWED:
        return errors.NotAllowed
    if code in _BAD_VALUE or isinstance(error, pymysql.err.DataError):
        return errors.BadValue
    if isinstance(error, (pymysql.err.ProgrammingError, pymysql.err.NotSupportedError)):
        return errors.BadStatement
    # Numbers from 2000 to 2999 are the client's own.
    is_servers = 1000 <= code < 2000 or code >= 3000
    return errors.BadStatement if is_servers else errors.ServerError


def _short(sql: str, most: int = 160) -> str:
    line = " ".join(sql.split())
    return line if len(line) <= most else line[: most - 1] + "…"


@dataclass(frozen=True)
class Connector:
    """Opens sessions that all have the same settings.

    The time zone stays the server's own: it decides what TIMESTAMP ↔ DATETIME means, and what NOW()
    gives to a new DATETIME column, as it does for a native ALTER.
    """

    address: Address
    is_mariadb: bool

    @property
    def where(self) -> str:
        return f"{self.address.host}:{self.address.port}"

    def __call__(self, purpose: str) -> Session:
        connection = dial(self.address, packets=purpose == PACKETS)
        connection.wait_at_most(patience.seconds(purpose))
        session = MySQLSession(connection, self.where)
        every = ", ".join(f"SESSION {setting}" for setting in settings(is_mariadb=self.is_mariadb))
        # Asked, not executed: MySQL warns of an sql_mode without NO_ZERO_DATE, and we mean it.
        session.query(Statement(f"SET {every} /* osc: {purpose} */"))
        session.query(Statement("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"))
        if purpose in server_wide.OF_OWN_TABLES:
            return server_wide.Patient(session, self, self.address.database)
        return session


def dial(to: Address, *, packets: bool = False) -> Connection:
    """A bare connection; raises Unreachable in words."""
    try:
        return _connect(to, CLIENT.FOUND_ROWS | (CLIENT.MULTI_STATEMENTS if packets else 0))
    except pymysql.err.MySQLError as error:
        code = error.args[0] if error.args else 0
        where = f"the socket {to.socket}" if to.socket else f"{to.host}:{to.port}"
        if code in _NOT_ALLOWED:
            raise errors.NotAllowed(
                f"{where} does not let {to.user or 'us'} in: {error.args[1]}",
                still_true="nothing was touched",
                todo="check the user, the password and the host it may come from",
            ) from error
        if code == 1049:
            raise errors.NoDatabase(
                f"there is no database {to.database!r} on {where}",
                still_true="nothing was touched",
                todo="check the URL: mysql://user@host:port/database",
            ) from error
        if code in _FULL:
            raise errors.Unreachable(
                f"{where} has no connection left for {to.user or 'us'}: {error.args[-1]}",
                still_true="nothing was touched",
                todo="end connections that nobody needs (SHOW PROCESSLIST, KILL), or raise "
                "max_connections, or this user's own limit; the server keeps one more connection "
                "than that for a user with CONNECTION_ADMIN (MariaDB: CONNECTION ADMIN)",
            ) from error
        raise errors.Unreachable(
            f"{where} cannot be reached: {error.args[-1]}",
            still_true="nothing was touched",
            todo=tls.TODO
            if tls.is_about(str(error))
            else "check host and port, and that the server runs",
        ) from error


def version(to: Address) -> str:
    """Asked by SQL: what a proxy says in its handshake may be something else."""
    connection = dial(to)
    try:
        return str(MySQLSession(connection, to.host).query(Statement("SELECT VERSION()"))[0][0])
    finally:
        connection.close()


@retry(
    retry=retry_if_exception_type(pymysql.err.OperationalError)
    & retry_if_exception_type(ConnectionError),
    stop=stop_after_attempt(3),
    wait=wait_random_exponential(multiplier=0.1, max=2),
    reraise=True,
)
def _connect(to: Address, flags: int) -> Connection:
    connection = Connection(
        **to.parameters(),
        database=to.database,
        charset="utf8mb4",
        autocommit=True,
        connect_timeout=patience.HANDSHAKE_SECONDS,
        read_timeout=patience.HANDSHAKE_SECONDS,
        write_timeout=patience.HANDSHAKE_SECONDS,
        client_flag=flags,
    )
    connection.encoding = encoding.NAME
    return connection
