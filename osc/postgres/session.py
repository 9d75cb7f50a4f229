"""Connections to PostgreSQL, and its errors in our words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from tenacity import (
    Retrying,
    retry_if_exception,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)

from osc import errors
from osc.engine import Statement
from osc.model import patience
from osc.postgres import line
from osc.postgres.quoting import identifier, literal

Row = tuple[Any, ...]

PASSING = (errors.ConnectionLost, errors.LockTimeout, errors.Conflict, errors.NotAllowed)
"""What says nothing of a statement itself; all other errors of the server do."""

SETTINGS = {
    # Each of these may be set for the role or the database, and would end or distort our work.
    "statement_timeout": "0",
    "idle_session_timeout": "0",
    "transaction_timeout": "0",
    "default_transaction_isolation": "read committed",
    "default_transaction_read_only": "off",
    # A policy that hid rows from the copy would lose them; off means: raise an error instead.
    "row_security": "off",
    # A chunk and its ledger row are durable together; neither need wait for a standby.
    "synchronous_commit": "local",
    "lock_timeout": "5s",
    "jit": "off",
    # How many work at once is for the run to find; two spans compared at once had six workers.
    "max_parallel_workers_per_gather": "0",
    # Definitions are read as the server prints them, and compared with names that we know.
    "quote_all_identifiers": "off",
} | line.SETTINGS
"""Not among them: TimeZone, DateStyle and all that a conversion depends on. The ALTER converts by
what the server gives this role when the user runs it, and so must the copy."""

SINCE = {
    "idle_session_timeout": 140000,
    "client_connection_check_interval": 140000,
    "transaction_timeout": 170000,
}
"""The release that knows a setting as the first."""

HEARS = "client_connection_check_interval"
"""Only on some systems a server can look whether its client is still there."""
SET_WHERE_IT_CAN = f"""
SELECT set_config('{HEARS}', {{}}, false) WHERE version() ~* 'linux|darwin|apple|bsd'
"""

SAY_THE_SAME = frozenset({"copy", "apply", "verify", "gauge", "keeper", "board", "ledger", "marks"})
"""Sessions of these purposes repeat themselves, and the driver prepares what they say. It forgets
all of it, and makes the server forget, at each DROP and ROLLBACK, of which the others have many."""

PLANNED_ONCE = """
SET plan_cache_mode = force_generic_plan; EXECUTE {} ({}); RESET plan_cache_mode
"""
"""Not for the whole session: what functions of the user's do in it is planned as always."""


class Connection:
    """One connection, used by one thread at a time; this is `osc.engine.Session` for PostgreSQL.

    Parameters are written $1, $2 …, so that a `%` in a user's expression is only that. PostgreSQL
    has no warning that tells of a value that was altered: what would be one elsewhere is an error.
    """

    def __init__(self, raw: line.Line) -> None:
        self.raw = raw
        self.id = raw.info.backend_pid
        self._planned: dict[str, str] = {}
        self._path: str | None = None

    def execute(self, statement: Statement) -> int:
        with speaking(self.raw), self.raw.cursor() as cursor:
            _run(cursor, statement)
            return max(cursor.rowcount, 0)

    def query(self, statement: Statement) -> list[Row]:
        with speaking(self.raw), self.raw.cursor() as cursor:
            _run(cursor, statement)
            return cursor.fetchall()

    def execute_all(self, statements: Sequence[Statement]) -> None:
        """In their order, inside a transaction; those without parameters that follow each other go
        to the server in one message, and no plan of theirs is kept."""
        for bare, group in groupby(statements, key=lambda one: not one.parameters):
            if bare:
                with speaking(self.raw), self.raw.cursor() as cursor:
                    cursor.execute("\n;\n".join(one.sql for one in group), prepare=False)
            else:
                for statement in group:
                    self.execute(statement)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with speaking(self.raw), self.raw.transaction():
            yield

    @contextmanager
    def undone(self) -> Iterator[None]:
        """A transaction, or a savepoint within one, of which nothing stays."""
        with speaking(self.raw), self.raw.transaction(force_rollback=True):
            yield

    def close(self) -> None:
        with suppress(psycopg.Error):
            self.raw.close()

    def run(self, sql: str, *parameters: object) -> int:
        return self.execute(Statement(sql, parameters))

    def rows(self, sql: str, *parameters: object) -> list[Row]:
        return self.query(Statement(sql, parameters))

    def value(self, sql: str, *parameters: object) -> Any:
        """The first column of the first row; None where there is no row."""
        found = self.rows(sql, *parameters)
        return found[0][0] if found else None

    def rows_of(self, oid: int, sql: str) -> list[Row]:
        """What `sql` says of the OID $1, planned once in this session: a question about the catalog
        may take longer to plan than to answer."""
        if self.raw.prepare_threshold is not None:
            return self.rows(sql, oid)
        name = self._planned.get(sql)
        if name is None:
            name = f"osc_{len(self._planned)}"
            self.run(f"PREPARE {name} (oid) AS {sql}")
            self._planned[sql] = name
        with speaking(self.raw), self.raw.cursor() as cursor:
            cursor.execute(PLANNED_ONCE.format(name, int(oid)))
            cursor.nextset()
            return cursor.fetchall()

    @contextmanager
    def search_path(self, path: str) -> Iterator[None]:
        """A search_path for this block, and for the blocks of the same path within it.

        After an error nothing is put back: the transaction's rollback does that, or the session is
        not used any more.
        """
        if self._path == path:
            yield
            return
        ((before, _),) = self.rows(
            "SELECT pg_catalog.current_setting('search_path'),"
            " pg_catalog.set_config('search_path', $1, false)",
            path,
        )
        outside, self._path = self._path, path
        try:
            yield
        finally:
            self._path = outside
        if before != path:
            self.rows("SELECT pg_catalog.set_config('search_path', $1, false)", before)


Open = Callable[[str], AbstractContextManager[Connection]]
"""Opens a session for a purpose, closed again at the end of the block."""


def _run(cursor: psycopg.Cursor[Row], statement: Statement) -> None:
    cursor.execute(statement.sql, statement.parameters or None)


@dataclass(frozen=True)
class Address:
    """Where the server is and who we are there; its words never tell the password."""

    conninfo: str

    def __repr__(self) -> str:
        return f"<Address {self}>"

    def __str__(self) -> str:
        parts = conninfo_to_dict(self.conninfo)
        host = parts.get("host") or parts.get("hostaddr") or "the default host"
        port = f":{parts['port']}" if parts.get("port") else ""
        return f"{parts.get('dbname') or 'the default database'} at {host}{port}"

    def connect(self, purpose: str, **settings: str) -> Connection:
        """An ordinary session. A short idle_session_timeout may end it before it is heard that we
        want none; it is tried again then, for nothing was done yet."""
        again = Retrying(
            stop=stop_after_attempt(5),
            wait=wait_random_exponential(multiplier=0.05, max=0.5),
            retry=retry_if_exception_type(errors.ConnectionLost),
            reraise=True,
        )
        return again(self._settled, purpose, settings)

    def _settled(self, purpose: str, settings: Mapping[str, str]) -> Connection:
        session = Connection(self._connected(self._with(purpose)))
        if purpose not in SAY_THE_SAME:
            session.raw.prepare_threshold = None
        try:
            self.settle(session, purpose, **settings)
        except BaseException:
            session.close()
            raise
        return session

    def settle(self, session: Connection, purpose: str, **settings: str) -> None:
        """What a session of ours needs to be one, whatever it was before."""
        wanted = SETTINGS | settings | {"application_name": _named(purpose)}
        # By itself, because the role's own limit is in force until then.
        session.run("SET statement_timeout = 0")
        known = session.raw.info.server_version
        hears = wanted.pop(HEARS)
        told = [
            f"SET {name} = {literal(value)}"
            for name, value in wanted.items()
            if SINCE.get(name, 0) <= known
        ]
        if known >= SINCE[HEARS]:
            told.append(SET_WHERE_IT_CAN.format(literal(hears)))
        session.run(";".join(told))
        session.raw.patience = patience.seconds(purpose)

    @contextmanager
    def opened(self, purpose: str) -> Iterator[Connection]:
        session = self.connect(purpose)
        try:
            yield session
        finally:
            session.close()

    def walsender(self, purpose: str, **settings: str) -> line.Line:
        """A replication connection to the same database."""
        options = " ".join(f"-c {name}={value}" for name, value in settings.items())
        return self._connected(self._with(purpose, replication="database", options=options))

    def _with(self, purpose: str, **more: str) -> str:
        wanted = line.PARAMETERS | conninfo_to_dict(self.conninfo) | more
        wanted |= {"application_name": _named(purpose), "client_encoding": "UTF8"}
        return make_conninfo("", **wanted)

    def _connected(self, conninfo: str) -> line.Line:
        patiently = Retrying(
            stop=stop_after_attempt(3),
            wait=wait_random_exponential(multiplier=0.1, max=1),
            retry=retry_if_exception(_may_pass),
            reraise=True,
        )
        try:
            return patiently(
                line.Line.connect,
                conninfo,
                autocommit=True,
                cursor_factory=psycopg.RawCursor,
            )
        except psycopg.Error as error:
            kind = errors.NoDatabase if _NO_DATABASE.search(str(error)) else errors.Unreachable
            raise kind(
                f"cannot connect to {self}: {_words(error)}",
                todo=_todo(str(error)),
            ) from error


def _named(purpose: str) -> str:
    return f"osc {purpose}"


def address(url: str) -> Address:
    """Raises Usage where libpq cannot read the URL."""
    try:
        conninfo_to_dict(url)
    except psycopg.ProgrammingError as error:
        # libpq quotes the URL, and with it the password: its words are repeated nowhere.
        unknown = re.search(r'invalid URI query parameter: "(\w+)"', str(error))
        raise errors.Usage(
            "the PostgreSQL URL cannot be read"
            + (f": nothing is known of {unknown[1]!r}" if unknown else ""),
            todo="postgresql://user@host:port/database?sslmode=…",
        ) from None
    return Address(url)


def _may_pass(error: BaseException) -> bool:
    """Too many connections, starting up, shutting down, or no answer; not a wrong password."""
    return isinstance(error, psycopg.OperationalError) and error.sqlstate in (
        None,
        "53300",
        "57P03",
    )


@contextmanager
def speaking(raw: psycopg.Connection[Row] | None = None) -> Iterator[None]:
    """The driver's exceptions leave as children of ServerError."""
    try:
        yield
    except psycopg.Error as error:
        broken = raw is not None and (raw.closed or raw.broken)
        raise translated(error, broken=broken) from error


KINDS: tuple[tuple[str, type[errors.ServerError]], ...] = (
    ("55P03", errors.LockTimeout),
    ("40", errors.Conflict),
    ("57014", errors.Conflict),
    ("23505", errors.DuplicateKey),
    ("23P01", errors.DuplicateKey),
    ("22", errors.BadValue),
    ("23", errors.BadValue),
    ("42501", errors.NotAllowed),
    ("28", errors.NotAllowed),
    ("3F", errors.BadStatement),
    ("55", errors.BadStatement),
    ("42", errors.BadStatement),
    ("0A", errors.BadStatement),
    ("2BP01", errors.BadStatement),
    ("08", errors.ConnectionLost),
    ("57P", errors.ConnectionLost),
)
"""The first prefix of the SQLSTATE that fits."""


def translated(error: psycopg.Error, *, broken: bool = False) -> errors.ServerError:
    code = error.sqlstate or ""
    if broken or (not code and isinstance(error, psycopg.OperationalError)):
        return errors.ConnectionLost(f"the connection was lost: {_words(error)}", code=code)
    kind = next((kind for prefix, kind in KINDS if code.startswith(prefix)), errors.ServerError)
    return kind(_words(error), code=code)


_NO_DATABASE = re.compile(r'FATAL:\s+database ".*" does not exist')
_FULL = re.compile(r"too many (clients|connections)|connection slots")
"""What refuses a connection has no SQLSTATE for a client of libpq: these are its English words. In
another language it is told as any server that can't be reached."""


def _todo(trouble: str) -> str:
    if _FULL.search(trouble):
        return (
            "end connections that nobody needs (pg_stat_activity, pg_terminate_backend), or raise "
            "max_connections, or the limit of the role or database; a superuser gets in while "
            "superuser_reserved_connections are free"
        )
    if _NO_DATABASE.search(trouble):
        return "check the URL: postgresql://user@host:port/database"
    if "SSL" in trouble or "certificate" in trouble:
        return "check --ssl-mode, --ssl-ca, and for which names the server's certificate is"
    return "check host, port, user and password (PGPASSWORD, ~/.pgpass, services)"


def _words(error: psycopg.Error) -> str:
    """What the server said; its details name the rows, its hints the way out."""
    said = error.diag.message_primary or str(error).strip() or type(error).__name__
    more = [part for part in (error.diag.message_detail, error.diag.message_hint) if part]
    return " ".join([said, *(f"({part})" for part in more)])


def plain_names(session: Connection) -> AbstractContextManager[None]:
    """In this block the catalog qualifies every name that isn't its own."""
    return session.search_path("pg_catalog")


def names_within(session: Connection, *schemas: str) -> AbstractContextManager[None]:
    """In this block the catalog qualifies no name that is in these schemas, the first before the
    second. They are other people's, so every name that we use in it must be qualified itself."""
    return session.search_path(", ".join(map(identifier, (*schemas, "pg_catalog"))))
