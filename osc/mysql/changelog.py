"""The changelog of a migration and the three triggers that fill it: made, found again, removed.

A trigger writes keys only, never rows: the application's statement cannot fail because the shadow
has no room for a value, waits for no lock of ours, and pays for one insert at the end of a table.
The key's columns have the original's own types, so that nothing is converted on the way; instants
are numbers, because not even that lets MySQL keep them (`_kept_as`).

The triggers go before the changelog does: an INSERT into the original whose trigger has nowhere to
write would fail. They are made and dropped all three under one short lock.

What we can't mend: on MariaDB (10.11.18) a session that has locked the original itself by LOCK
TABLES gets error 1442 from any trigger, also the application's own, whose table somebody else has
read or deleted from since; and a changelog is read.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial

from osc import errors
from osc.engine import Job, Session, Statement
from osc.model.table import TableName
from osc.mysql import naming, quoting, types, user_triggers
from osc.mysql.books import is_own
from osc.mysql.locking import locked
from osc.mysql.types import Family

EVENTS = ("INSERT", "UPDATE", "DELETE")
LOCK_BUDGET_SECONDS = 0.25
_SQL_MODE = "ALLOW_INVALID_DATES"
"""What the triggers run under, whatever the application has set. Not strict: a value that has its
place in the original must not make the application's statement fail."""
NOTHING_TOUCHED = "nothing was touched"
_WRITTEN_TO = re.compile(r"INSERT INTO `((?:[^`]|``)+)`\.`((?:[^`]|``)+)` \(`k0`")


@dataclass(frozen=True)
class Changelog:
    """`k0`, `k1` … are the key's columns; numbers are given as rows are written, not committed."""

    name: TableName
    original: TableName
    migration: int
    key: tuple[str, ...]
    types: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(f"k{n}" for n in range(len(self.key)))

    @property
    def selected(self) -> str:
        """The key as `MySQLDialect.key_value` wants to read it."""
        return ", ".join(
            _read_back(types.read(kind), quoting.name(column))
            for column, kind in zip(self.columns, self.types, strict=True)
        )

    @property
    def table(self) -> Statement:
        parts = ", ".join(
            f"{quoting.name(column)} {_kept_as(kind)} NOT NULL"
            for column, kind in zip(self.columns, self.types, strict=True)
        )
        return Statement(
            f"CREATE TABLE {quoting.table(self.name)} "
            f"(number BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, {parts}) "
            f"ENGINE=InnoDB COMMENT='{_comment(self.original)}'"
        )

    def without(self, numbers: Sequence[int]) -> Statement:
        """Deletes these rows and looks at no other. Given a list, a server that takes the table for
        small reads all of it, and waits for each row of a transaction that is still open: for those
        that come in the meantime, too, and so perhaps for ever."""
        some = ", ".join(map(str, numbers))
        return Statement(
            f"DELETE gone FROM JSON_TABLE('[{some}]', '$[*]' "
            "COLUMNS (number BIGINT UNSIGNED PATH '$')) AS these "
            f"STRAIGHT_JOIN {quoting.table(self.name)} AS gone ON gone.number = these.number"
        )

    @property
    def triggers(self) -> dict[str, tuple[str, str]]:
        """The names of the triggers, each with its event and its body."""
        return {
            naming.trigger(self.original, self.migration, event): (event, self.body(event))
            for event in EVENTS
        }

    def trigger(self, name: str) -> Statement:
        event, body = self.triggers[name]
        return Statement(
            f"CREATE TRIGGER {quoting.table(TableName(self.original.schema, name))} "
            f"AFTER {event} ON {quoting.table(self.original)} FOR EACH ROW {body}"
        )

    def body(self, event: str) -> str:
        """An UPDATE writes the old key, and the new one where it is another."""
        if event != "UPDATE":
            return self._insert("NEW" if event == "INSERT" else "OLD")
        same = " AND ".join(
            _same(types.read(kind), quoting.name(name))
            for name, kind in zip(self.key, self.types, strict=True)
        )
        old, new = self._insert("OLD"), self._insert("NEW")
        return f"BEGIN {old}; IF NOT ({same}) THEN {new}; END IF; END"

    def _insert(self, row: str) -> str:
        values = ", ".join(
            _value(types.read(kind), row, quoting.name(name))
            for name, kind in zip(self.key, self.types, strict=True)
        )
        return (
            f"INSERT INTO {quoting.table(self.name)} ({quoting.names(self.columns)}) "
            f"VALUES ({values})"
        )

    def create(self, connect: Callable[[str], Session], budget_seconds: float) -> None:
        """All of it or nothing; CutOverNotObtained where the original can't be locked."""
        with closing(connect("changelog")) as session:
            session.query(self.table)  # Asked: a deprecated type is a warning.
        try:
            locked(connect, self.original, budget_seconds, self._create_triggers)
        except BaseException:
            # The first error counts; `osc cleanup` finds what can't be removed now.
            with suppress(errors.OscError):
                self.remove(connect, budget_seconds)
            raise

    def _create_triggers(self, session: Session) -> None:
        session.query(Statement(f"SET SESSION sql_mode = '{_SQL_MODE}'"))
        self._drop_triggers(session)
        for name in self.triggers:
            session.execute(self.trigger(name))

    def _drop_triggers(self, session: Session) -> None:
        for name in triggers_on(session, self.original):
            if name in self.triggers:
                session.execute(_drop(self.original, name))

    def remove(self, connect: Callable[[str], Session], budget_seconds: float) -> None:
        with closing(connect("changelog")) as session:
            there = set(self.triggers).intersection(triggers_on(session, self.original))
        if there:
            locked(connect, self.original, budget_seconds, self._drop_triggers)
        with closing(connect("changelog")) as session:
            session.execute(Statement(f"DROP TABLE IF EXISTS {quoting.table(self.name)}"))

    def missing(self, session: Session) -> list[str]:
        """What is not there, or not as we made it; in words."""
        found = {
            str(name): (str(event), str(body).strip())
            for name, event, body in session.query(
                Statement(
                    "SELECT trigger_name, event_manipulation, action_statement "
                    "FROM information_schema.triggers WHERE event_object_schema = %s "
                    "AND event_object_table = %s AND action_timing = 'AFTER'",
                    (self.original.schema, self.original.name),
                )
            )
        }
        lost = [
            f"trigger {name} on {self.original}"
            for name, made in self.triggers.items()
            if found.get(name) != made and not self._is_shown(session, name, found.get(name))
        ]
        return lost + ([] if self._is_there(session) else [f"table {self.name}"])

    def _is_shown(self, session: Session, name: str, found: tuple[str, str] | None) -> bool:
        """Whether a second witness has the body as we made it: where a name in it holds a backtick,
        MySQL's information_schema prints another name."""
        event, body = self.triggers[name]
        if found is None or found[0] != event:
            return False
        shown = quoting.table(TableName(self.original.schema, name))
        rows = session.query(Statement(f"SHOW CREATE TRIGGER {shown}"))
        return str(rows[0][2]).endswith(body)

    def _is_there(self, session: Session) -> bool:
        return self.name in changelogs_of(session, self.name.schema, self.original)

    def incarnation(self, session: Session) -> str:
        """Tells these triggers from others of the same names, made later: what changed between the
        two was never written down."""
        made = session.query(
            Statement(
                "SELECT trigger_name, CAST(created AS CHAR) FROM information_schema.triggers "
                "WHERE event_object_schema = %s AND event_object_table = %s ORDER BY 1",
                (self.original.schema, self.original.name),
            )
        )
        told = repr([row for row in made if row[0] in self.triggers])
        return hashlib.sha256(told.encode()).hexdigest()[:12]


def of(job: Job, database: str) -> Changelog:
    return Changelog(
        name=naming.changelog(database, job.id),
        original=job.original.name,
        migration=job.id,
        key=job.columns.key,
        types=tuple(job.original.column(name).type for name in job.columns.key),
    )


def _kept_as(kind: str) -> str:
    """An instant as its number: written by a session in whose time zone an hour is repeated, MySQL
    takes one TIMESTAMP for another even from column to column."""
    return "DECIMAL(20,6)" if types.read(kind).family is Family.TIMESTAMP else kind


def _value(of: types.Type, row: str, column: str) -> str:
    value = f"{row}.{column}"
    if of.family is Family.TIMESTAMP:
        # Of a zero date MariaDB says NULL, and MySQL 0.
        return f"COALESCE(UNIX_TIMESTAMP({value}), 0)"
    return value


def _same(of: types.Type, column: str) -> str:
    """Whether both keys are the same bytes: to a collation `a` may be `A`."""
    old, new = (_value(of, row, column) for row in ("OLD", "NEW"))
    if of.family in (Family.CHAR, Family.VARCHAR):
        return f"CAST({old} AS BINARY) = CAST({new} AS BINARY)"
    return f"{old} = {new}"


def _read_back(of: types.Type, column: str) -> str:
    """What `types.selected` gives for the original's column; the session is in UTC."""
    if of.family is not Family.TIMESTAMP:
        return types.selected(of, column)
    zero = "0000-00-00 00:00:00" + (f".{'0' * of.fraction}" if of.fraction else "")
    instant = f"CAST(FROM_UNIXTIME({column}) AS DATETIME({of.fraction}))"
    return f"IF({column} = 0, '{zero}', CAST({instant} AS CHAR))"


def try_trigger(session: Session, table: TableName) -> None:
    """Makes a trigger on a table of ours in the same database, and removes both: what the server
    says about privileges depends on its log, on roles, and on its version."""
    probe = TableName(table.schema, f"{naming.OURS}probe_{session.id}")
    name = quoting.table(probe)
    session.execute(Statement(f"DROP TABLE IF EXISTS {name}"))
    session.execute(Statement(f"CREATE TABLE {name} (id INT PRIMARY KEY)"))
    try:
        session.execute(
            Statement(f"CREATE TRIGGER {name} AFTER INSERT ON {name} FOR EACH ROW SET @osc = NULL")
        )
    except errors.NotAllowed as error:
        raise errors.NotAllowed(
            error.happened,
            still_true=NOTHING_TOUCHED,
            todo=f"GRANT TRIGGER ON {quoting.name(table.schema)}.* to this user",
        ) from error
    except errors.BadStatement as error:
        if error.code != user_triggers.NEEDS_SUPER:
            raise
        raise user_triggers.needs_super() from error
    finally:
        session.execute(Statement(f"DROP TABLE IF EXISTS {name}"))


# Found again, by whoever comes later.


def triggers_on(session: Session, table: TableName) -> list[str]:
    """Our triggers on a table, whether made for it or carried there by a RENAME."""
    rows = session.query(
        Statement(
            "SELECT trigger_name FROM information_schema.triggers "
            "WHERE event_object_schema = %s AND event_object_table = %s ORDER BY trigger_name",
            (table.schema, table.name),
        )
    )
    return [str(name) for (name,) in rows if naming.is_our_trigger(str(name))]


def drop_triggers(session: Session, table: TableName) -> None:
    """All of ours; under a lock on the table, so that this waits for nobody."""
    for name in triggers_on(session, table):
        session.execute(_drop(table, name))


def _drop(table: TableName, trigger: str) -> Statement:
    return Statement(f"DROP TRIGGER {quoting.table(TableName(table.schema, trigger))}")


@dataclass(frozen=True)
class _Found:
    """A trigger of ours, the table that it is on, and its changelog."""

    name: TableName
    on: TableName
    log: TableName


def _found(session: Session, original: TableName) -> Iterator[_Found]:
    """On whatever table of the database: a RENAME carries triggers along."""
    rows = session.query(
        Statement(
            "SELECT trigger_name, event_object_table, action_statement "
            "FROM information_schema.triggers WHERE trigger_schema = %s "
            "AND trigger_name LIKE %s ORDER BY trigger_name",
            (original.schema, naming.triggers_begin(original).replace("_", r"\_") + "%"),
        )
    )
    for name, on, body in rows:
        if log := _WRITTEN_TO.search(str(body)):
            schema_of_log, name_of_log = (part.replace("``", "`") for part in log.groups())
            yield _Found(
                TableName(original.schema, str(name)),
                TableName(original.schema, str(on)),
                TableName(schema_of_log, name_of_log),
            )


def changelogs_of(session: Session, database: str, original: TableName) -> list[TableName]:
    rows = session.query(
        Statement(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = %s "
            "AND table_name LIKE %s AND table_comment = %s ORDER BY table_name",
            (database, rf"{naming.OURS}log_%".replace("_", r"\_"), _comment(original)),
        )
    )
    return [TableName(database, str(name)) for (name,) in rows]


def sweep(
    connect: Callable[[str], Session],
    database: str,
    table: TableName,
    *,
    own: bool = False,
    execute: bool,
) -> list[str]:
    """What runs on this table left behind, on it or on its archives; in words. Not what came with
    its source's runs where it is a replica's `own`."""
    with closing(connect("sweep")) as session:
        triggers = [
            found for found in _found(session, table) if not own or is_own(_number(found.log))
        ]
        logs = [*changelogs_of(session, database, table), *(found.log for found in triggers)]
        logs = [log for log in dict.fromkeys(logs) if not own or is_own(_number(log))]
    if execute:
        for on in dict.fromkeys(found.on for found in triggers):
            locked(connect, on, LOCK_BUDGET_SECONDS, partial(drop_triggers, table=on))
        with closing(connect("sweep")) as session:
            for log in logs:
                session.execute(Statement(f"DROP TABLE IF EXISTS {quoting.table(log)}"))
    told = [f"trigger {found.name} on {found.on}" for found in triggers]
    return told + [f"table {log}" for log in logs]


def _number(log: TableName) -> int:
    """Of the migration that a changelog is of."""
    return int(log.name.rpartition("_")[2])


def _comment(original: TableName) -> str:
    return f"osc changelog of table {naming.digest(original)}"
