"""A shadow without AUTO_INCREMENT while it is filled, on MariaDB.

There an INSERT … SELECT into a table that counts holds the table's AUTO-INC lock until it ends
(innodb_autoinc_lock_mode=1, the default), though each row brings its number: chunks are copied one
by one, and what acts on changes waits for them. In mode 2 each row latches the root page, where
InnoDB keeps the counter (MDEV-6076). Measured on 2 M rows, 2 connections and 2 cores: 4.7 s in mode
1, 5.4 s in mode 2, 2.7 to 3.6 s without a counter.

No ALTER gives a column AUTO_INCREMENT without copying the table. But rows of a table without it may
be exchanged, as a partition, for those of a table that has it. So the shadow is filled as the only
partition of a table that does not count, and when it is full and has caught up:

1. a table that counts is made, empty, as the ALTER makes it;
2. the shadow is renamed: from here on nobody finds it, and nobody can write into it;
3. the rows of the two are exchanged;
4. the table that counts gets the shadow's name;
5. the other one, which is empty now, is dropped.

Whoever dies in between leaves all rows in one of the two: `mend` gives that one the shadow's name.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass

from osc import errors
from osc.engine import Session, Statement
from osc.model.table import Table, TableName
from osc.mysql import naming, quoting
from osc.mysql.catalog import MySQLCatalog

Alone = Callable[[], AbstractContextManager[None]]
"""Nobody acts on changes while such a block lasts."""
WORTHWHILE_ROWS = 100_000
"""What it takes, about 0.1 s, is not more than what it spares."""
_COUNTED = re.compile(r"^  ((`(?:[^`]|``)+`) .*?) AUTO_INCREMENT\b(.*?),?$", re.MULTILINE)
_UNUSUAL = re.compile(
    r"^ *\(?PARTITION |^  (?:FULLTEXT|SPATIAL|VECTOR) KEY |WITH SYSTEM VERSIONING", re.MULTILINE
)
"""Indexes that live beside a table's rows, and tables that are partitioned already."""
_PARTITION = "_osc_all"


@dataclass(frozen=True)
class Uncounted:
    """One shadow; `grow` makes a table like it, as the ALTER makes it."""

    session: Session
    catalog: MySQLCatalog
    shadow: TableName
    grow: Callable[[TableName], None]

    @property
    def _full(self) -> TableName:
        return naming.uncounted(self.shadow)

    @property
    def _counting(self) -> TableName:
        return naming.counting(self.shadow)

    def begin(self, table: Table) -> bool:
        """Whether the empty shadow, which is this table, does not count any more. What is to be
        done when it is full is done once now, when nothing is lost by it; where the server can't,
        the shadow is as it was."""
        wanted = self.catalog.definition(self.shadow)
        primary = next(key.columns for key in table.uniques if key.primary)
        try:
            self._stop_counting(primary)
            self.give_back()
            if self.catalog.definition(self.shadow) == wanted:
                self._stop_counting(primary)
                return True
        except errors.BadStatement:
            pass  # FULLTEXT, a unique key without the primary one's columns, and the like.
        self._drop(self._full, self._counting, self.shadow)
        self.grow(self.shadow)
        return False

    def _stop_counting(self, primary: tuple[str, ...]) -> None:
        column = _COUNTED.search(self.catalog.definition(self.shadow))
        assert column is not None
        by = f"PARTITION BY KEY ({quoting.names(primary)}) (PARTITION {_PARTITION})"
        self._alter(self.shadow, f"MODIFY {column[1]}{column[3]}")
        self._alter(self.shadow, by)

    def give_back(self, alone: Alone = nullcontext) -> None:
        """The full shadow counts again; nothing to do where it does already."""
        if not is_uncounted(self.catalog.definition(self.shadow)):
            return
        self._drop(self._counting)
        self.grow(self._counting)
        counter = self.catalog.auto_increment(self._counting)
        with alone():
            self._exchange()
        self._drop(self._full, self._counting)
        self._go_on_from(counter)

    def _exchange(self) -> None:
        self._rename((self.shadow, self._full))
        try:
            rows = f"EXCHANGE PARTITION {_PARTITION} WITH TABLE {quoting.table(self._counting)}"
            self._alter(self._full, rows)
        except errors.BadStatement:
            self._count_by_copying()
        else:
            self._rename((self._counting, self.shadow))

    def _count_by_copying(self) -> None:
        """It went when the shadow was empty, so this should not be. Slow, and nobody else waits."""
        counted = _COUNTED.search(self.catalog.definition(self._counting))
        assert counted is not None
        column = f"{counted[1]} AUTO_INCREMENT{counted[3]}"
        self._alter(self._full, f"MODIFY {column} REMOVE PARTITIONING")
        self._rename((self._full, self.shadow))

    def _go_on_from(self, counter: int | None) -> None:
        """The counter that an ALTER names is kept where the rows were, and is lost with them."""
        now = self.catalog.auto_increment(self.shadow)
        if counter is not None and now is not None and now < counter:
            self._alter(self.shadow, f"AUTO_INCREMENT = {counter}")

    def _alter(self, table: TableName, what: str) -> None:
        self.session.query(Statement(f"ALTER TABLE {quoting.table(table)} {what}"))

    def _rename(self, *pairs: tuple[TableName, TableName]) -> None:
        _rename(self.session, *pairs)

    def _drop(self, *names: TableName) -> None:
        _drop(self.session, *names)


def is_worthwhile(original: Table, shadow: Table, definition: str, sources: dict[str, str]) -> bool:
    """For a big table of the plain sort; and only a column that has counted before, in which a 0
    does not ask for a number, may do without. `definition`: of the shadow."""
    counted = _COUNTED.search(definition)
    if original.rows < WORTHWHILE_ROWS or counted is None or _UNUSUAL.search(definition):
        return False
    before = sources.get(counted[2][1:-1].replace("``", "`"))
    has_counted = before is not None and original.column(before).default == "AUTO_INCREMENT"
    return has_counted and any(key.primary for key in shadow.uniques)


def is_uncounted(definition: str) -> bool:
    """Whether a shadow is being filled in this way: nobody else names a partition so."""
    return f"(PARTITION `{_PARTITION}` " in definition


def places(shadow: TableName) -> tuple[TableName, TableName]:
    """Where its rows may be if we died while they were exchanged."""
    return naming.uncounted(shadow), naming.counting(shadow)


def mend(connect: Callable[[str], Session], catalog: MySQLCatalog, shadow: TableName) -> None:
    """Gives the shadow's name to whichever table has its rows; called when nobody works on them."""
    full, counting = places(shadow)
    there = catalog.existing((shadow, full, counting))
    with closing(connect("mend")) as session:
        if shadow not in there and full in there:
            has_rows = counting in there and _has_rows(session, counting)
            _rename(session, (counting if has_rows else full, shadow))
        _drop(session, *(name for name in there if name != shadow))


def _has_rows(session: Session, table: TableName) -> bool:
    return bool(session.query(Statement(f"SELECT 1 FROM {quoting.table(table)} LIMIT 1")))


def _rename(session: Session, *pairs: tuple[TableName, TableName]) -> None:
    told = ", ".join(f"{quoting.table(old)} TO {quoting.table(new)}" for old, new in pairs)
    session.query(Statement(f"RENAME TABLE {told}"))


def _drop(session: Session, *names: TableName) -> None:
    for name in names:
        session.execute(Statement(f"DROP TABLE IF EXISTS {quoting.table(name)}"))
