"""Foreign keys as SHOW CREATE TABLE tells them, and the ALTER clauses that add and drop them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from osc.engine import Session, Statement
from osc.model.relations import ForeignKey
from osc.model.table import TableName
from osc.mysql import quoting
from osc.mysql.catalog import MySQLCatalog

_NAME = r"`((?:[^`]|``)+)`"
_LIST = r"\(((?:[^()`]|`(?:[^`]|``)+`)+)\)"
_LINE = re.compile(
    rf"^  CONSTRAINT `(.+?)` FOREIGN KEY {_LIST} REFERENCES (?:{_NAME}\.)?{_NAME} {_LIST}(.*?),?$",
    re.MULTILINE,
)
# MariaDB does not double a ` in the name of a constraint.
_WRITES = re.compile(r"ON (DELETE|UPDATE) (CASCADE|SET NULL|SET DEFAULT)")


def actions(key: ForeignKey) -> tuple[str, ...]:
    """What writes into the child when a parent's row goes or gets another key."""
    return tuple(f"ON {when} {what}" for when, what in _WRITES.findall(key.rules))


def added(key: ForeignKey, name: str, parent: TableName) -> str:
    """The clause that makes it, under some name and to some table."""
    return (
        f"ADD CONSTRAINT {quoting.name(name)} FOREIGN KEY ({quoting.names(key.columns)}) "
        f"REFERENCES {quoting.table(parent)} ({quoting.names(key.referenced)}){key.rules}"
    )


def read(definition: str, child: TableName) -> tuple[ForeignKey, ...]:
    """Of one table, from its SHOW CREATE TABLE."""
    return tuple(
        ForeignKey(
            child=child,
            name=_plain(name),
            columns=_split(columns),
            parent=TableName(_plain(schema) if schema else child.schema, _plain(parent)),
            referenced=_split(referenced),
            rules=rules,
            index=_index_over(definition, columns),
        )
        for name, columns, schema, parent, referenced, rules in _LINE.findall(definition)
    )


def without(definition: str) -> str:
    """A SHOW CREATE TABLE as if the table had no foreign keys."""
    lines = [line for line in definition.splitlines() if not _LINE.match(line)]
    for at in range(1, len(lines)):
        if lines[at].startswith(")"):
            lines[at - 1] = lines[at - 1].removesuffix(",")
            break
    return "\n".join(lines)


def of_table(catalog: MySQLCatalog, table: TableName) -> tuple[ForeignKey, ...]:
    """Its own, to itself too; none where the table is gone."""
    return read(catalog.definition(table), table) if catalog.existing([table]) else ()


def of_children(
    session: Session, catalog: MySQLCatalog, parent: TableName
) -> tuple[ForeignKey, ...]:
    """Those of other tables that refer to it, in whatever database."""
    rows = session.query(
        Statement(
            "SELECT DISTINCT constraint_schema, table_name "
            "FROM information_schema.referential_constraints "
            "WHERE unique_constraint_schema = %s AND referenced_table_name = %s ORDER BY 1, 2",
            (parent.schema, parent.name),
        )
    )
    children = [TableName(str(schema), str(name)) for schema, name in rows]
    return tuple(
        key
        for child in children
        if child != parent
        for key in of_table(catalog, child)
        if key.parent == parent
    )


def named_after_rename(key: ForeignKey, to: TableName) -> str:
    """RENAME TABLE gives `orders_ibfk_1`, a name that the server made, the new table's name."""
    made = re.fullmatch(rf"{re.escape(key.child.name)}_ibfk_(\d+)", key.name)
    return f"{to.name}_ibfk_{made[1]}" if made else key.name


def alter(table: TableName, clauses: Iterable[str]) -> Statement:
    """One statement that must be no copy; with `foreign_key_checks=0` it looks at no row."""
    return Statement(f"ALTER TABLE {quoting.table(table)} {', '.join(clauses)}, ALGORITHM=INPLACE")


def dropped(names: Iterable[str]) -> list[str]:
    return [f"DROP FOREIGN KEY {quoting.name(name)}" for name in names]


def _index_over(definition: str, columns: str) -> str:
    found = re.search(rf"^  KEY {_NAME} \({re.escape(columns)}\)", definition, re.MULTILINE)
    return _plain(found[1]) if found else ""


def _split(columns: str) -> tuple[str, ...]:
    return tuple(_plain(name) for name in re.findall(_NAME, columns))


def _plain(name: str) -> str:
    return name.replace("``", "`")
