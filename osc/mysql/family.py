"""A clone of a table among clones of its relatives, so that an ALTER is judged as the real one is.

Names of foreign keys are unique in a database, and a clone must have its original's: DROP FOREIGN
KEY names one, and the server counts on from the highest that it has made. So the clone grows in a
database of ours, under its original's name. It refers to clones of the parents, and clones of the
children refer to it: whether a referenced column may go or get another type, what a rename of one
does to the children, which index may be dropped: the server itself says all that, and no table of
an application is locked or referred to.

What else is new about such a clone is in `implied.py`: indexes that the server has made by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from osc import errors
from osc.engine import Session, Statement
from osc.model.alter import Alter
from osc.model.relations import ForeignKey, Relations
from osc.model.table import TableName
from osc.model.tokens import Token, tokens
from osc.mysql import foreign_keys, implied, naming, quoting
from osc.mysql.catalog import MySQLCatalog


@dataclass(frozen=True)
class Family:
    """`own` and `children` are the foreign keys of the table and to it, as they are now."""

    table: TableName
    own: tuple[ForeignKey, ...]
    children: tuple[ForeignKey, ...]
    named: tuple[TableName, ...]
    """Tables that the ALTER itself refers to."""
    here: str = ""

    @property
    def clone(self) -> TableName:
        return naming.Apart(self.table, self.here).rehearsal

    @property
    def relatives(self) -> tuple[TableName, ...]:
        every = [key.parent for key in self.own] + [key.child for key in self.children]
        return tuple(name for name in dict.fromkeys([*every, *self.named]) if name != self.table)

    def place(self, name: TableName) -> TableName:
        """Where a relative's clone is; those of other databases get names that nobody has."""
        if name.schema == self.table.schema:
            return TableName(self.clone.schema, name.name)
        return TableName(self.clone.schema, f"{naming.OURS}{naming.digest(name)}")

    def original(self, name: TableName) -> TableName:
        """Of whom this is the place."""
        there = {self.place(one): one for one in (self.table, *self.relatives)}
        return there.get(name, name)

    def alter(self, alter: Alter) -> Alter:
        """The ALTER, with each REFERENCES that names a database led to a clone."""
        text = alter.clauses
        for database, table in reversed(_qualified(tokens(text, mysql=True))):
            place = self.place(TableName(database.value, table.value))
            text = text[: database.start] + quoting.table(place) + text[table.end :]
        return replace(alter, clauses=text)


def of(
    session: Session, catalog: MySQLCatalog, table: TableName, alter: Alter, here: str = ""
) -> Family | None:
    """None for a table that is tied to no other, before the ALTER and after it."""
    family = Family(
        table,
        foreign_keys.of_table(catalog, table),
        foreign_keys.of_children(session, catalog, table),
        tuple(catalog.existing(_named(alter, table))),
        here,
    )
    refers = any(token.is_word("REFERENCES") for token in tokens(alter.clauses, mysql=True))
    return family if family.own or family.children or refers else None


def add_relatives(
    session: Session, catalog: MySQLCatalog, family: Family
) -> tuple[implied.Index, ...]:
    """The clone is there, without a foreign key; afterwards all are there, with all of them.

    Gives the indexes that the server would drop by itself, and of which it doesn't know any more.
    """
    with unchecked(session):
        for name in family.relatives:
            there, original = quoting.table(family.place(name)), quoting.table(name)
            session.query(Statement(f"CREATE TABLE {there} LIKE {original}"))
        own = [replace(key, parent=family.place(key.parent)) for key in family.own]
        left = implied.add_keys(session, catalog, family.table, family.clone, own)
        for key in family.children:
            child, clause = family.place(key.child), foreign_keys.added(key, key.name, family.clone)
            session.query(Statement(f"ALTER TABLE {quoting.table(child)} {clause}"))
    return left


def refuse_numbered_children(catalog: MySQLCatalog, related: Family) -> None:
    """MariaDB opens the sequence of a default when it alters a table, and LOCK TABLES has it for
    writers only (1100): under the cut-over's lock no such child can be tied to another table."""
    for child in dict.fromkeys(key.child for key in related.children):
        if child != related.table and "DEFAULT nextval(" in catalog.definition(child):
            raise errors.Precondition(
                f"{child} refers to {related.table} and has a default from a sequence: the server "
                "lets nobody alter it under the cut-over's lock",
                still_true="nothing was touched",
                todo=f"ALTER TABLE {quoting.table(child)} ALTER COLUMN … DROP DEFAULT until it is "
                "done, and let its writers ask for NEXTVAL",
            )


def relations(
    session: Session, catalog: MySQLCatalog, family: Family, sources: dict[str, str]
) -> Relations:
    """What the ALTER has made of the ties; `sources` maps columns after it to those before."""
    own = tuple(_home(key, family) for key in foreign_keys.of_table(catalog, family.clone))
    children = tuple(
        _home(key, family) for key in foreign_keys.of_children(session, catalog, family.clone)
    )
    known = {(key.columns, key.parent, key.referenced) for key in family.own}
    doubtful = tuple(
        key
        for key in own
        if (tuple(sources.get(name, "") for name in key.columns), key.parent, _before(key, sources))
        not in known
    )
    return Relations(family.own, family.children, own, children, doubtful)


def _before(key: ForeignKey, sources: dict[str, str]) -> tuple[str, ...]:
    """The referenced columns as they are called now: only in the table itself they may change."""
    if key.parent != key.child:
        return key.referenced
    return tuple(sources.get(name, "") for name in key.referenced)


def part(session: Session, catalog: MySQLCatalog, family: Family) -> None:
    """Leaves the clone alone, without a foreign key; an index that one has brought along must not
    give way when the key comes back."""
    drop_all(session, family.clone.schema, family.clone)
    if keys := foreign_keys.of_table(catalog, family.clone):
        clauses = ", ".join(foreign_keys.dropped(key.name for key in keys))
        session.query(Statement(f"ALTER TABLE {quoting.table(family.clone)} {clauses}"))
        for index in dict.fromkeys(key.index for key in keys if key.index):
            implied.unmark(session, family.clone, index)


def drop_all(session: Session, schema: str, *but: TableName) -> None:
    """Every table of a database of ours, whatever refers to it."""
    rows = session.query(
        Statement(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = %s", (schema,)
        )
    )
    tables = [TableName(schema, str(name)) for (name,) in rows]
    with unchecked(session):
        for table in tables:
            if table not in but:
                session.execute(Statement(f"DROP TABLE IF EXISTS {quoting.table(table)}"))


def _home(key: ForeignKey, family: Family) -> ForeignKey:
    return replace(key, child=family.original(key.child), parent=family.original(key.parent))


def _named(alter: Alter, table: TableName) -> list[TableName]:
    """What stands behind REFERENCES; without a database it is the table's own."""
    found = tokens(alter.clauses, mysql=True)
    names = [TableName(database.value, name.value) for database, name in _qualified(found)]
    for at, token in enumerate(found[:-1]):
        if token.is_word("REFERENCES") and not _is_dot(found, at + 2):
            names.append(TableName(table.schema, found[at + 1].value))
    return names


def _qualified(found: tuple[Token, ...]) -> list[tuple[Token, Token]]:
    return [
        (found[at + 1], found[at + 3])
        for at, token in enumerate(found)
        if token.is_word("REFERENCES") and _is_dot(found, at + 2) and at + 3 < len(found)
    ]


def _is_dot(found: tuple[Token, ...], at: int) -> bool:
    return at < len(found) and found[at].text == "."


@contextmanager
def unchecked(session: Session) -> Iterator[None]:
    """With foreign_key_checks=0: tables and rows may come and go in any order."""
    session.execute(Statement("SET SESSION foreign_key_checks = 0"))
    try:
        yield
    finally:
        session.execute(Statement("SET SESSION foreign_key_checks = @@GLOBAL.foreign_key_checks"))
