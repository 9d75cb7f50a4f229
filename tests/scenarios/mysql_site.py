"""MySQL and MariaDB: two databases, and how their tables are read for a comparison."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from urllib.parse import quote, unquote, urlsplit

import pymysql

from tests.scenarios.case import Case
from tests.scenarios.mysql_surroundings import LEDGER, surroundings
from tests.scenarios.script import statements
from tests.scenarios.site import Place, Row, Session, SqlError
from tests.servers import Lease

SYSTEM = "('mysql', 'sys', 'information_schema', 'performance_schema')"
LONG_RECURSION = {"mysql": "cte_max_recursion_depth", "mariadb": "max_recursive_iterations"}
SPATIAL = {
    "geometry", "point", "linestring", "polygon", "multipoint", "multilinestring",
    "multipolygon", "geomcollection", "geometrycollection",
}  # fmt: skip


class MySQLSession:
    """A connection of an application."""

    def __init__(self, url: str, database: str) -> None:
        parts = urlsplit(url)
        self._connection = pymysql.connect(
            host=parts.hostname or "127.0.0.1",
            port=parts.port or 3306,
            user=unquote(parts.username or "root"),
            password=unquote(parts.password or ""),
            database=database or None,
            charset="utf8mb4",
            autocommit=True,
            ssl_disabled=True,  # a context of its own for each connection costs 40 ms
        )

    def run(self, sql: str) -> Sequence[Row]:
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(sql)
                return cursor.fetchall()
        except pymysql.MySQLError as error:
            code, message = (*error.args, "", "")[:2]
            raise SqlError(str(code), str(message), sql) from error

    def definition(self, place: Place) -> str:
        return self.shown(f"SHOW CREATE TABLE {place.quoted}")[1]

    def shown(self, sql: str) -> list[str]:
        """MariaDB writes the DEFAULT of binary columns byte by byte: the answer may be no text."""
        self._connection.use_unicode = False
        try:
            row = self.run(sql)[0]
        finally:
            self._connection.use_unicode = True
        return [_decoded(part) for part in row]

    def close(self) -> None:
        self._connection.close()


def _decoded(part: object) -> str:
    return part.decode(errors="backslashreplace") if isinstance(part, bytes) else str(part)


class MySQLSite:
    """`osc_case` has the original, `osc_case_twin` the twin."""

    conflicts = frozenset({"1213", "1205"})

    def __init__(self, case: Case, lease: Lease) -> None:
        database = "osc_" + case.name.replace("-", "_")
        self.engine = lease.engine
        self.url = lease.url(quote(database))
        self.original = _place(database, case.table)
        self.twin = _place(f"{database}_twin", case.table)

    def connect(self, place: Place) -> MySQLSession:
        session = MySQLSession(self.url, place.schema)
        session.run(f"SET {LONG_RECURSION[self.engine]} = 1000000")
        return session

    def rows(self, place: Place, leave_out: Mapping[str, str]) -> tuple[list[str], list[Row]]:
        with closing(self.connect(place)) as session:
            session.run("SET time_zone = '+00:00'")
            columns = [c for c in _columns(session, place) if c[0] not in leave_out]
            values = ", ".join(_short(_exact(name, kind)) for name, kind in columns)
            found = session.run(f"SELECT {values} FROM {place.quoted}")
            return [name for name, _ in columns], list(found)

    def definition(self, place: Place) -> list[str]:
        """Of the whole database, but for what is ours."""
        with closing(self.connect(place)) as session:
            lines = session.definition(place).splitlines() + list(surroundings(session, place))
        return [line.replace(place.schema, "DATABASE") for line in lines]

    def inventory(self) -> set[str]:
        with closing(MySQLSession(self.url, "")) as session:
            return set(_inventory(session))

    def may_stay(self, thing: str, archive: str) -> bool:
        ledger = [f"table {self.original.schema}.{name}" for name in LEDGER]
        kept = [f"table {archive}", f"database {archive.partition('.')[0]}"] if archive else []
        return thing in (*ledger, *kept)


@contextmanager
def mysql_site(case: Case, lease: Lease) -> Iterator[MySQLSite]:
    """Both databases, empty; they are gone again afterwards."""
    site = MySQLSite(case, lease)
    with closing(MySQLSession(lease.url(""), "")) as session, _prepared(session, case):
        present = _databases(session)
        for place in (site.original, site.twin):
            session.run(f"DROP DATABASE IF EXISTS {_quoted(place.schema)}")
            session.run(f"CREATE DATABASE {_quoted(place.schema)}")
        try:
            yield site
        finally:
            _roll_back_xa(session)
            for database in _databases(session) - present | {
                site.original.schema,
                site.twin.schema,
            }:
                session.run(f"DROP DATABASE {_quoted(database)}")


def _place(database: str, table: str) -> Place:
    return Place(database, table, f"{_quoted(database)}.{_quoted(table)}")


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _text(value: str) -> str:
    return "x'" + value.encode().hex() + "'"


@contextmanager
def _prepared(session: Session, case: Case) -> Iterator[None]:
    for statement in statements(case.setup):
        session.run(statement)
    before = {name: session.run(f"SELECT @@GLOBAL.{name}")[0][0] for name in case.globals}
    try:
        for name, value in case.globals.items():
            session.run(f"SET GLOBAL {name} = {value}")
        yield
    finally:
        for name, old in before.items():
            session.run(f"SET GLOBAL {name} = {old if isinstance(old, int) else repr(old)}")


def _roll_back_xa(session: Session) -> None:
    # A prepared transaction of a writer that failed would block the DROP for ever.
    for row in session.run("XA RECOVER"):
        session.run(f"XA ROLLBACK '{row[3]}'")


def _databases(session: Session) -> set[str]:
    return {
        str(row[0])
        for row in session.run("SHOW DATABASES")
        if str(row[0]) not in ("mysql", "sys", "information_schema", "performance_schema")
    }


def _columns(session: Session, place: Place) -> list[tuple[str, str]]:
    found = session.run(
        "SELECT column_name, data_type FROM information_schema.columns "
        f"WHERE table_schema = {_text(place.schema)} AND table_name = {_text(place.name)} "
        "ORDER BY ordinal_position"
    )
    return [(str(name), str(kind).lower()) for name, kind in found]


def _exact(name: str, kind: str) -> str:
    """An expression whose text tells any two values of the column apart."""
    column = _quoted(name)
    if kind == "bit":
        return f"HEX({column})"
    if kind == "float":
        return f"CAST(CAST({column} AS DOUBLE) AS CHAR)"
    if kind == "json":
        return f"HEX(CAST({column} AS CHAR))"
    if kind in ("enum", "set"):
        return f"CONCAT({column} + 0, ':', HEX(CAST({column} AS BINARY)))"
    if kind in SPATIAL:
        return f"CONCAT(ST_SRID({column}), ':', HEX(ST_AsWKB({column})))"
    return f"HEX(CAST({column} AS BINARY))"


def _short(text: str) -> str:
    return f"IF(LENGTH({text}) > 200, CONCAT(LENGTH({text}), '#', SHA2({text}, 256)), {text})"


def _inventory(session: Session) -> Iterator[str]:
    for what, sql in {
        "table": f"SELECT table_schema, table_name FROM information_schema.tables "
        f"WHERE table_schema NOT IN {SYSTEM}",
        "trigger": f"SELECT trigger_schema, trigger_name FROM information_schema.triggers "
        f"WHERE trigger_schema NOT IN {SYSTEM}",
        "routine": f"SELECT routine_schema, routine_name FROM information_schema.routines "
        f"WHERE routine_schema NOT IN {SYSTEM}",
        "event": "SELECT event_schema, event_name FROM information_schema.events",
        "account": "SELECT host, user FROM mysql.user",
    }.items():
        for row in session.run(sql):
            yield f"{what} {_readable(row)}"
    for database in _databases(session):
        yield f"database {database}"


def _readable(row: Row) -> str:
    return ".".join(part.decode() if isinstance(part, bytes) else str(part) for part in row)
