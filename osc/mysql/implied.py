"""Indexes that the server has made for a foreign key by itself: they go by themselves, too.

Such an index bears an invisible mark. It gives way to any new index that begins with the same
columns, and to the index of another foreign key. CREATE TABLE … LIKE takes the mark along but not
the key; and adding the key makes a new index in the place of the old one: at the end of the table,
and named by other rules. So on a clone the keys are added in the order of the indexes, each so that
its index gets the name that it had, and what stands behind is moved behind.

Where the name can't be had so, the index becomes one like any other, and what the server would
have done with it at the ALTER is done afterwards (`give_way`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from osc import errors
from osc.engine import Session, Statement
from osc.model.relations import ForeignKey
from osc.model.table import TableName
from osc.mysql import foreign_keys, naming, quoting
from osc.mysql.catalog import MySQLCatalog

_KEY = re.compile(r"^  (UNIQUE |SPATIAL )?KEY `((?:[^`]|``)+)` \((.*?)\).*$", re.MULTILINE)


@dataclass(frozen=True)
class Index:
    """`columns` and `line` are as SHOW CREATE TABLE writes them."""

    name: str
    columns: str
    line: str
    unique: bool


def add_keys(
    session: Session,
    catalog: MySQLCatalog,
    table: TableName,
    clone: TableName,
    own: Sequence[ForeignKey],
) -> tuple[Index, ...]:
    """Adds foreign keys to an empty clone, whose indexes are its original's afterwards; gives those
    that have lost their mark."""
    marked = _marked(session, catalog, table, clone.schema, own)
    lost: list[Index] = []
    for key in own:
        if key.index not in marked:
            _alter(session, clone, foreign_keys.added(key, key.name, key.parent))
    behind = False
    for index in [one for one in _indexes(catalog, clone) if not one.unique]:
        keys = [key for key in own if key.index == index.name and key.index in marked]
        behind = behind or bool(keys)
        if keys and not _is_implied_by(session, catalog, clone, keys, index):
            lost.append(index)
        elif not keys and behind:
            _move_behind(session, clone, index)
    return tuple(lost)


def give_way(
    session: Session, catalog: MySQLCatalog, clone: TableName, lost: Sequence[Index], before: str
) -> None:
    """After the ALTER: drops each that a new index can stand in for."""
    old = {index.name for index in _read(before)}
    now = _indexes(catalog, clone)
    for index in lost:
        there = next((one for one in now if one.name == index.name), None)
        new = [one for one in now if one.name not in old]
        if there and any(f"{one.columns},".startswith(f"{there.columns},") for one in new):
            _alter(session, clone, f"DROP KEY {quoting.name(index.name)}")


def _marked(
    session: Session,
    catalog: MySQLCatalog,
    table: TableName,
    schema: str,
    own: Sequence[ForeignKey],
) -> set[str]:
    """Asked of a scratch table: there a second key takes the place of a marked index."""
    scratch = TableName(schema, f"{naming.OURS}scratch")
    nobody = TableName(schema, f"{naming.OURS}nobody")
    there, like = quoting.table(scratch), quoting.table(table)
    session.query(Statement(f"CREATE TABLE {there} LIKE {like}"))
    found = set()
    for number, key in enumerate(key for key in own if key.index):
        _alter(session, scratch, foreign_keys.added(key, f"{naming.OURS}k{number}", nobody))
        if key.index not in {index.name for index in _indexes(catalog, scratch)}:
            found.add(key.index)
    session.query(Statement(f"DROP TABLE {there}"))
    return found


def _is_implied_by(
    session: Session,
    catalog: MySQLCatalog,
    clone: TableName,
    keys: Sequence[ForeignKey],
    index: Index,
) -> bool:
    """Adds the keys of one index so that the server makes it anew; the last one names it.

    The index goes first: a clone that was not made by LIKE has it as one like any other, which
    would stay. Where something else leans on it, it can't go.
    """
    with suppress(errors.ServerError):
        _alter(session, clone, f"DROP KEY {quoting.name(index.name)}")
    *others, last = sorted(keys, key=lambda key: key.name == index.name)
    for key in others:
        _alter(session, clone, foreign_keys.added(key, key.name, key.parent))
    for clause in _wordings(last, index):
        known = {key.name for key in foreign_keys.of_table(catalog, clone)}
        with_it = _attempted(session, catalog, clone, clause)
        named = index.name in {one.name for one in _indexes(catalog, clone)}
        if named and with_it - known == {last.name}:
            return True
        for name in with_it - known:
            _alter(session, clone, f"DROP FOREIGN KEY {quoting.name(name)}")
    if not any(one.columns == index.columns for one in _indexes(catalog, clone)):
        _alter(session, clone, f"ADD {index.line}")
    _call(session, catalog, clone, index)
    _alter(session, clone, foreign_keys.added(last, last.name, last.parent))
    return False


def _wordings(key: ForeignKey, index: Index) -> Iterator[str]:
    """With a name for the constraint, which is the index's too; with none; with one for the index
    (which is MariaDB's name for both)."""
    named = foreign_keys.added(key, key.name, key.parent)
    plain = named.replace(f"CONSTRAINT {quoting.name(key.name)} ", "", 1)
    if key.name == index.name:
        yield named
    elif key.columns[0] == index.name:
        yield plain
    yield plain.replace("FOREIGN KEY", f"FOREIGN KEY {quoting.name(index.name)}", 1)


def _attempted(session: Session, catalog: MySQLCatalog, clone: TableName, clause: str) -> set[str]:
    """The names of the foreign keys that are there afterwards."""
    with suppress(errors.BadStatement):  # its name is taken already: it was made another way
        _alter(session, clone, clause)
    return {key.name for key in foreign_keys.of_table(catalog, clone)}


def unmark(session: Session, clone: TableName, name: str) -> None:
    """Makes it an index like any other, at its place: a rename takes the mark off."""
    index, between = quoting.name(name), quoting.name(f"{naming.OURS}ix")
    _alter(session, clone, f"RENAME INDEX {index} TO {between}")
    _alter(session, clone, f"RENAME INDEX {between} TO {index}")


def _call(session: Session, catalog: MySQLCatalog, clone: TableName, index: Index) -> None:
    """Gives the index over these columns, whatever it is called now, its name, and takes the mark
    off: a rename does that."""
    now = next(one for one in _indexes(catalog, clone) if one.columns == index.columns)
    old, new, between = (quoting.name(name) for name in (now.name, index.name, f"{naming.OURS}ix"))
    _alter(session, clone, f"RENAME INDEX {old} TO {between}")
    _alter(session, clone, f"RENAME INDEX {between} TO {new}")
    _move_behind(session, clone, index)


def _move_behind(session: Session, clone: TableName, index: Index) -> None:
    """There is an index over the columns all the time: a foreign key or a counter may need it."""
    name, between = quoting.name(index.name), quoting.name(f"{naming.OURS}ix")
    _alter(session, clone, f"ADD {index.line.replace(name, between, 1)}")
    _alter(session, clone, f"DROP KEY {name}")
    _alter(session, clone, f"RENAME INDEX {between} TO {name}")


def _indexes(catalog: MySQLCatalog, table: TableName) -> list[Index]:
    return _read(catalog.definition(table))


def _read(definition: str) -> list[Index]:
    return [
        Index(
            name=match[2].replace("``", "`"),
            columns=match[3],
            line=match[0].strip().removesuffix(","),
            unique=match[1] == "UNIQUE ",
        )
        for match in _KEY.finditer(definition)
    ]


def _alter(session: Session, table: TableName, clause: str) -> None:
    session.query(Statement(f"ALTER TABLE {quoting.table(table)} {clause}"))
