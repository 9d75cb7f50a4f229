"""Rows of a shadow that bear the original's key beside their own: where the ALTER turns the key
into other values, or leaves none, a row of the original could not be found in the shadow again.

A text key gets another collation, an ENUM another order, a DATE becomes a DATETIME, a DECIMAL is
rounded: then deleting by the old value, or comparing a span of keys, would mean other rows. So the
shadow has the old key as it was, in invisible columns of ours with an index, and whatever asks it
for a key asks for these. They go when the new table serves: the index in place, the columns at once
(ALGORITHM=INSTANT), so that what they hold stays in the rows until the table's next rebuild. Where
the server can't do that (ROW_FORMAT=COMPRESSED, FULLTEXT indexes) there are no tags, and a refusal.

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
FINDING = (
    "rows are told apart by {key}, which does not stay as it is: until the swap the new table has "
    "it in columns of ours, which are dropped at once and take up room until the next rebuild"
)
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


def add(session: Session, shadow: TableName, original: Table, key: Key) -> None:
    """Unique where it can be, so that no row comes twice without a word: a partitioned table takes
    no unique index without the columns that it is partitioned by."""
    table, names = quoting.table(shadow), quoting.names(columns(key))
    added = ", ".join(
        f"ADD COLUMN {quoting.name(tag)} {original.column(source).type} NULL INVISIBLE"
        for tag, source in zip(columns(key), key.columns, strict=True)
    )
    session.query(Statement(f"ALTER TABLE {table} {added}"))
    try:
        session.query(Statement(f"ALTER TABLE {table} ADD UNIQUE KEY {INDEX} ({names})"))
    except errors.BadStatement:
        session.query(Statement(f"ALTER TABLE {table} ADD KEY {INDEX} ({names})"))


def try_on(
    session: Session, clone: TableName, original: Table, key: Key, refusal: errors.Precondition
) -> None:
    """Raises the refusal where the server can't add and drop them as they have to be."""
    try:
        add(session, clone, original, key)
        for statement in _removal(clone, columns(key)):
            session.query(statement)
    except errors.ServerError as error:
        refusal.todo += f" (nor can the old key be kept beside the new one: {error.happened})"
        raise refusal from error


def without(definition: str, shadow_key: Sequence[str]) -> str:
    """A SHOW CREATE TABLE as if there were none; without tags in the key, what bears such a name is
    the application's."""
    if not any(map(is_tag, shadow_key)):
        return definition
    return re.sub(r",\n\)", "\n)", _TAG.sub("", definition))


def _removal(table: TableName, tags: tuple[str, ...]) -> tuple[Statement, Statement]:
    drops = ", ".join(f"DROP COLUMN {quoting.name(tag)}" for tag in tags)
    return (
        Statement(f"ALTER TABLE {quoting.table(table)} DROP KEY {INDEX}, ALGORITHM=INPLACE"),
        Statement(f"ALTER TABLE {quoting.table(table)} {drops}, ALGORITHM=INSTANT"),
    )


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
        if not tags:
            return
        index, away = _removal(name, tags)
        budget = self.job.lock_budget_seconds
        if f"KEY `{INDEX}` " in self.catalog(session).definition(name):
            altered(self.connect, name, budget, index)
        if f"`{tags[0]}` " in self.catalog(session).definition(name):
            altered(self.connect, name, budget, away)

    def restore(self, session: Session) -> None:
        """The shadow keeps them."""
