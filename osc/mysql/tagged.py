"""Rows of a shadow that bear the original's key beside their own: where the ALTER turns the key
into other values, or leaves none, a row of the original could not be found in the shadow again.

Where the values stay as they are and only the key goes, because another one is the primary key now,
an index of ours over their columns is enough, which is dropped in place when the new table serves.

A text key gets another collation, an ENUM another order, a DATE becomes a DATETIME, a DECIMAL is
rounded: then deleting by the old value, or comparing a span of keys, would mean other rows. So the
shadow has the old key as it was, in invisible columns of ours with an index, and whatever asks it
for a key asks for these. They go when the new table serves: the index in place, the columns at once
(ALGORITHM=INSTANT), so that what they hold stays in the rows until the table's next rebuild. Where
the server can't do that (ROW_FORMAT=COMPRESSED, FULLTEXT indexes, indexed virtual columns of
MariaDB) there are no tags, and a refusal.

Between the swap and that an application sees two columns that no `SELECT *` and no INSERT without
names knows of, and that are NULL in what it writes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from osc import errors
from osc.engine import Job, Session, Statement
from osc.model.columns import Pair
from osc.model.table import Key, Table, TableName
from osc.mysql import quoting
from osc.mysql.catalog import MySQLCatalog
from osc.mysql.locking import altered

INDEX = "_osc_tag"
OVER_ITS_OWN = f"{INDEX}_key"
FINDING = (
    "rows are told apart by {key}, which does not stay as it is: until the swap the new table has "
    "it in columns of ours, which are dropped at once and take up room until the next rebuild"
)
INDEXED = (
    "rows are told apart by {key}, which is no key afterwards: until the swap the new table has an "
    "index of ours over its columns"
)
_OVER_ITS_OWN = re.compile(rf"^  (?:UNIQUE )?KEY `{OVER_ITS_OWN}` .*\n", re.MULTILINE)
_TAG = re.compile(rf"^  (?:(?:UNIQUE )?KEY `{INDEX}` |`{INDEX}_\d+` ).*\n", re.MULTILINE)


def columns(key: Key) -> tuple[str, ...]:
    """One for each column of the original's key."""
    return tuple(f"{INDEX}_{number}" for number in range(len(key.columns)))


def is_tag(column: str) -> bool:
    return re.fullmatch(rf"{INDEX}_\d+", column) is not None


def pairs(key: Key) -> tuple[Pair, ...]:
    """What fills them."""
    named = zip(columns(key), key.columns, strict=True)
    return tuple(Pair(tag, source, quoting.name(source)) for tag, source in named)


def add(
    session: Session, shadow: TableName, original: Table, key: Key, stays: tuple[str, ...]
) -> None:
    """Unique where it can be, so that no row comes twice without a word: a partitioned table takes
    no unique index without the columns that it is partitioned by."""
    table = quoting.table(shadow)
    if not stays:
        added = ", ".join(
            f"ADD COLUMN {quoting.name(tag)} {original.column(source).type} NULL INVISIBLE"
            for tag, source in zip(columns(key), key.columns, strict=True)
        )
        session.query(Statement(f"ALTER TABLE {table} {added}"))
    index = f"{_index(stays)} ({quoting.names(stays or columns(key))})"
    try:
        session.query(Statement(f"ALTER TABLE {table} ADD UNIQUE KEY {index}"))
    except errors.BadStatement:
        session.query(Statement(f"ALTER TABLE {table} ADD KEY {index}"))


def _index(stays: tuple[str, ...]) -> str:
    return OVER_ITS_OWN if stays else INDEX


def try_on(
    session: Session,
    clone: TableName,
    original: Table,
    key: Key,
    stays: tuple[str, ...],
    refusal: errors.Precondition,
) -> None:
    """Raises the refusal where the server can't add and drop them as they have to be."""
    try:
        add(session, clone, original, key, stays)
        session.query(_without_index(clone, _index(stays)))
        if not stays:
            session.query(_without_columns(clone, columns(key)))
    except errors.ServerError as error:
        refusal.todo += f" (nor can the old key be kept beside the new one: {error.happened})"
        raise refusal from error


def without(definition: str, shadow_key: Sequence[str]) -> str:
    """A SHOW CREATE TABLE as if there were none; without tags in the key, what bears such a name is
    the application's. Nobody but us calls an index `OVER_ITS_OWN`."""
    ours = _TAG if any(map(is_tag, shadow_key)) else _OVER_ITS_OWN
    return re.sub(r",\n\)", "\n)", ours.sub("", definition))


def _without_index(table: TableName, index: str) -> Statement:
    return Statement(f"ALTER TABLE {quoting.table(table)} DROP KEY {index}, ALGORITHM=INPLACE")


def _without_columns(table: TableName, tags: tuple[str, ...]) -> Statement:
    drops = ", ".join(f"DROP COLUMN {quoting.name(tag)}" for tag in tags)
    return Statement(f"ALTER TABLE {quoting.table(table)} {drops}, ALGORITHM=INSTANT")


@dataclass(frozen=True)
class Tags:
    """The port `Carried`, the other way round: what must not stay on the new table."""

    job: Job
    connect: Callable[[str], Session]
    catalog: Callable[[Session], MySQLCatalog]

    @property
    def tables(self) -> tuple[TableName, ...]:
        return ()

    def prepare(self) -> None:
        """There is nothing to look at."""

    def move(self, session: Session) -> None:
        """Not yet: should the attempt be undone, the shadow goes on being followed."""

    def beside_the_rename(self) -> tuple[tuple[Statement, ...], tuple[Statement, ...]]:
        return (), ()

    def complete(self, session: Session) -> None:
        name = self.job.original.name
        tags = tuple(column for column in self.job.columns.shadow_key if is_tag(column))
        index, budget = INDEX if tags else OVER_ITS_OWN, self.job.lock_budget_seconds
        definition = self.catalog(session).definition(name)
        if f"KEY `{index}` " in definition:
            altered(self.connect, name, budget, _without_index(name, index))
        if tags and f"`{tags[0]}` " in definition:
            altered(self.connect, name, budget, _without_columns(name, tags))

    def restore(self, session: Session) -> None:
        """The shadow keeps them."""
