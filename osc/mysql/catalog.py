"""What MySQL and MariaDB know of a table."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from osc import errors
from osc.engine import Session, Statement, Sync
from osc.model.alter import Alter
from osc.model.table import Column, Key, Table, TableName
from osc.mysql import innodb, quoting, types, versioned

VERSIONED = "SYSTEM VERSIONED"


@dataclass(frozen=True)
class MySQLCatalog:
    """The port `Catalog`, through one session that it is given."""

    session: Session
    database: str

    def find(self, alter: Alter, sync: Sync = Sync.LOG) -> Table:
        """Log and triggers both tell any key."""
        name = TableName(alter.schema or self.database, alter.table)
        found = self.read(name)
        if found is None:
            raise errors.NoTable(
                f"there is no table {name}",
                still_true="nothing was touched",
                todo="check the table's name and the database in the URL",
            )
        return found

    def read(self, name: TableName) -> Table | None:
        """The base table of this name, or None; called as the server calls it, which stores names
        in lower case where lower_case_table_names says so."""
        facts = self.session.query(
            Statement(
                "SELECT table_schema, table_name, table_type, COALESCE(table_rows, 0), "
                "COALESCE(data_length, 0) + COALESCE(index_length, 0) "
                "FROM information_schema.tables WHERE table_schema = %s AND table_name = %s",
                (name.schema, name.name),
            )
        )
        if not facts:
            return None
        schema, stored, kind, rows, size = facts[0]
        name = TableName(str(schema), str(stored))
        if kind not in ("BASE TABLE", VERSIONED):
            raise errors.Precondition(
                f"{name} is no plain table but a {str(kind).lower()}",
                still_true="nothing was touched",
                todo="name the table beneath it",
            )
        columns = self._columns(name)
        uniques = self._uniques(name)
        if kind == VERSIONED:
            columns = versioned.with_times(columns)
            uniques = versioned.of_today(uniques, columns)
        by_name = {column.name: column for column in columns}
        usable = [
            key
            for key, parts in uniques.items()
            if all(_tells_apart(*one, by_name) for one in parts)
        ]
        return Table(
            name=name,
            columns=columns,
            keys=tuple(sorted(usable, key=lambda key: _rank(key, by_name))),
            identity=self.identity(name) or "",
            rows=int(rows),
            bytes=int(size),
            uniques=tuple(uniques),
        )

    def identity(self, name: TableName) -> str | None:
        """Changes with definition, a rebuild, and with a TRUNCATE where we have the PROCESS
        privilege (without it only the log tells). Triggers are none of it: they are carried over as
        they are when we swap. Sessions of ours live in different time zones, and what the server
        shows of a table depends on that: when it was made, and DEFAULTs of TIMESTAMPs."""
        with _in_utc(self.session):
            return self._identity(name)

    def _identity(self, name: TableName) -> str | None:
        """The time when it was made stands in for InnoDB's numbers where we may not see them.
        MariaDB does not tell it for up to a second now and then, while the table is written."""
        made = self.session.query(
            Statement(
                "SELECT create_time FROM information_schema.tables "
                "WHERE table_schema = %s AND table_name = %s",
                (name.schema, name.name),
            )
        )
        if not made:
            return None
        storage = self._storage(name)
        told = repr((storage or made, self.definition(name)))
        return hashlib.sha256(told.encode()).hexdigest()[:16]

    def _storage(self, name: TableName) -> list[tuple[str, int]]:
        """InnoDB's numbers of the table and its partitions: a TRUNCATE leaves all else as it was,
        on MySQL and MariaDB alike, `create_time` too."""
        try:
            return innodb.table_ids(self.session, name)
        except errors.NotAllowed:
            return []

    def definition(self, name: TableName) -> str:
        """SHOW CREATE TABLE without the counter, which every INSERT moves."""
        rows = self.session.query(Statement(f"SHOW CREATE TABLE {quoting.table(name)}"))
        return re.sub(r" AUTO_INCREMENT=\d+", "", str(rows[0][1]))

    def auto_increment(self, name: TableName) -> int | None:
        """The next value of the counter, or None where there is none."""
        rows = self.session.query(
            Statement(
                "SELECT auto_increment FROM information_schema.tables "
                "WHERE table_schema = %s AND table_name = %s",
                (name.schema, name.name),
            )
        )
        return int(rows[0][0]) if rows and rows[0][0] is not None else None

    def existing(self, names: Iterable[TableName]) -> list[TableName]:
        """Which of these tables exist."""
        wanted = list(names)
        if not wanted:
            return []
        rows = self.session.query(
            Statement(
                "SELECT table_schema, table_name FROM information_schema.tables "
                "WHERE table_schema IN %s",
                (tuple({name.schema for name in wanted}),),
            )
        )
        there = {(str(schema), str(name)) for schema, name in rows}
        return [name for name in wanted if (name.schema, name.name) in there]

    def _columns(self, name: TableName) -> tuple[Column, ...]:
        rows = self.session.query(
            Statement(
                "SELECT column_name, column_type, is_nullable, column_default, extra, "
                "character_set_name, collation_name, "
                "COALESCE(generation_expression, ''), ordinal_position "
                "FROM information_schema.columns WHERE table_schema = %s AND table_name = %s "
                "ORDER BY ordinal_position",
                (name.schema, name.name),
            )
        )
        return tuple(_column(row) for row in rows)

    def _uniques(self, name: TableName) -> dict[Key, list[tuple[str, str, str]]]:
        """Unique indexes over whole columns; of each part its column, nullability, index type."""
        rows = self.session.query(
            Statement(
                "SELECT index_name, column_name, sub_part, nullable, index_type "
                "FROM information_schema.statistics "
                "WHERE table_schema = %s AND table_name = %s AND non_unique = 0 "
                "ORDER BY index_name, seq_in_index",
                (name.schema, name.name),
            )
        )
        indexes: dict[str, list[tuple[Any, ...]]] = {}
        for row in rows:
            indexes.setdefault(str(row[0]), []).append(row[1:])
        return {
            Key(index, tuple(str(part[0]) for part in parts), index == "PRIMARY"): [
                (str(column), str(nullable), str(kind)) for column, _, nullable, kind in parts
            ]
            for index, parts in indexes.items()
            if all(column is not None and prefix is None for column, prefix, _, _ in parts)
        }


@contextmanager
def _in_utc(session: Session) -> Iterator[None]:
    session.execute(
        Statement("SET @osc_time_zone = @@SESSION.time_zone, SESSION time_zone = '+00:00'")
    )
    try:
        yield
    finally:
        session.execute(Statement("SET SESSION time_zone = COALESCE(@osc_time_zone, @@time_zone)"))


def _column(row: tuple[Any, ...]) -> Column:
    name, column_type, nullable, default, extra, charset, collation, expression, ordinal = row
    wording = str(column_type)
    if charset:
        wording += f" CHARACTER SET {charset} COLLATE {collation}"
    if expression in versioned.PERIOD:
        wording += f" AS {expression}"
    return Column(
        name=str(name),
        type=wording,
        nullable=nullable == "YES",
        generated=bool(expression),
        sortable=types.read(wording).sortable,
        default=_default(default, str(extra)),
        ordinal=int(ordinal),
    )


def _default(default: Any, extra: str) -> str | None:
    """None where an INSERT must name the column; AUTO_INCREMENT counts as a default."""
    if default is not None:
        return str(default)
    return "AUTO_INCREMENT" if "auto_increment" in extra.lower() else None


def _tells_apart(name: str, nullable: str, index_type: str, columns: dict[str, Column]) -> bool:
    column = columns.get(name)
    return (
        column is not None
        and nullable != "YES"
        and index_type == "BTREE"
        and not column.generated
        and types.read(column.type).can_be_key
    )


def _rank(key: Key, columns: dict[str, Column]) -> tuple[bool, bool, int, str]:
    """Primary first (a MINIMAL row image holds only it), then what Python can order."""
    sortable = all(columns[name].sortable for name in key.columns)
    return (not key.primary, not sortable, len(key.columns), key.name)
