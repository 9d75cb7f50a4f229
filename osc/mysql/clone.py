"""Empty tables like an original, with the ALTER run on them: a clone to rehearse on, the shadow."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

from osc import errors
from osc.engine import Session, Statement
from osc.model.alter import Alter
from osc.model.table import Table, TableName
from osc.mysql import family, foreign_keys, implied, naming, quoting, statistics, trial
from osc.mysql.catalog import MySQLCatalog
from osc.mysql.definition import as_made, renamed
from osc.mysql.session import AS_OURS, AS_THE_SERVER

_HISTORY = "4119"
"""MariaDB takes no ALTER of a system-versioned table unless it is told what becomes of history."""
_KEEP = (
    "SET GLOBAL system_versioning_alter_history = KEEP: the rows of its history are altered, too"
)
_NOT_UNIQUE = "6125"
"""MySQL 8.4 and later; tables of earlier servers may have such keys."""
_PREPARED = "_osc_read"
_NOT_PREPARED = {"1295", "1461"}
"""A statement that can't be prepared at all."""
_NO_TABLESPACE = "1814"


@dataclass(frozen=True)
class Clones:
    """Each is compared with its original before the ALTER runs on it: what CREATE TABLE … LIKE does
    not carry over is a refusal, not a surprise."""

    connect: Callable[[str], Session]
    catalog: MySQLCatalog
    original_first: Callable[[], bool]
    here: str = ""

    @contextmanager
    def clone(self, session: Session, table: Table, alter: Alter) -> Iterator[Table]:
        """An altered clone that holds one row of the original; dropped at the end."""
        name = self._clones_name(session, table, alter)
        self.drop([name])
        try:
            self._made(session, table, alter, name, with_a_row=True)
            yield self.read(name)
        finally:
            self.drop([name])

    def grow(self, session: Session, table: Table, alter: Alter, shadow: TableName) -> None:
        """Without foreign keys: while it is filled, they would stand in the way of applications."""
        related = self.family_of(session, table, alter)
        if related is None:
            self._made(session, table, alter, shadow, with_a_row=False)
            return
        self.drop([related.clone])
        try:
            self._made(session, table, alter, related.clone, with_a_row=False)
            family.part(session, self.catalog, related)
            self.make_database(session, shadow, table.name)
            there, here = quoting.table(related.clone), quoting.table(shadow)
            session.query(Statement(f"RENAME TABLE {there} TO {here}"))
        finally:
            self.drop([related.clone])

    def _clones_name(self, session: Session, table: Table, alter: Alter) -> TableName:
        related = self.family_of(session, table, alter)
        return related.clone if related else self.place(table.name, alter).rehearsal

    def _made(
        self, session: Session, table: Table, alter: Alter, name: TableName, *, with_a_row: bool
    ) -> None:
        """The clone, altered; among its relatives where the table is tied to others."""
        related = self.family_of(session, table, alter)
        self._like(session, table, name)
        if not with_a_row:
            statistics.carry_histograms(session, table.name, name)
            self._count_on(session, table.name, name)
        if related is None:
            if with_a_row:
                self._one_row(session, table, name)
            self._alter(session, alter, name)
            return
        try:
            left = family.add_relatives(session, self.catalog, related)
        except errors.BadStatement as error:
            if error.code != _NOT_UNIQUE:
                raise
            raise errors.Precondition(
                f"a foreign key to columns without a unique key could not be added again to a copy "
                f"of {table.name}, since restrict_fk_on_non_standard_key is ON: {error.happened}",
                still_true="nothing was touched",
                todo="SET GLOBAL restrict_fk_on_non_standard_key = OFF until it is done, or alter "
                "natively",
            ) from error
        before = self.catalog.definition(name)
        if with_a_row:
            with family.unchecked(session):
                self._one_row(session, table, name)
        try:
            self._alter(session, related.alter(alter), name)
        except errors.Precondition as refusal:
            if not _misses_a_parent(refusal):
                raise
            with family.unchecked(session):
                session.execute(Statement(f"DELETE FROM {quoting.table(name)}"))
            self._alter(session, related.alter(alter), name)
        implied.give_way(session, self.catalog, name, left, before)

    def _like(self, session: Session, table: Table, name: TableName) -> None:
        """Asked, not executed: a deprecated type is a warning, here as in a native ALTER."""
        definition = foreign_keys.without(self.catalog.definition(table.name))
        wanted = renamed(definition, table.name, name)
        has_checks = not self.original_first() and naming.needs_a_place_apart(definition)
        in_words = has_checks or " DIRECTORY='" in definition  # LIKE leaves both out
        self.make_database(session, name, table.name)
        if not in_words:
            clone, original = quoting.table(name), quoting.table(table.name)
            create = f"CREATE TABLE {clone} LIKE {original}"
        else:
            _, _, rest = as_made(wanted).partition("(")
            create = f"CREATE TABLE {quoting.table(name)} ({rest}"
        try:
            session.query(Statement(create))
        except errors.BadStatement as error:
            raise errors.Precondition(
                f"the server would not make a table like {table.name} any more: {error.happened}",
                still_true="nothing was touched",
                todo="see whether it was made under another sql_mode or with innodb_strict_mode=OFF"
                ", and change what is refused today natively",
            ) from error
        made = self.catalog.definition(name)
        if wanted != made:
            self.drop([name])
            raise errors.Precondition(
                f"a clone of {table.name} would not be the same table: {_difference(wanted, made)}",
                still_true="nothing was touched",
                todo="remove what cannot be carried over first, or alter the table natively",
            )

    def _count_on(self, session: Session, table: TableName, name: TableName) -> None:
        """From where the original is now. An ALTER for it when we swap would be one more, after
        which MySQL may word a CHECK otherwise (`rewording.py`); before the ALTER it is no matter.
        """
        counter = self.catalog.auto_increment(table)
        if counter is not None and counter > 1:
            clone = quoting.table(name)
            session.query(Statement(f"ALTER TABLE {clone} AUTO_INCREMENT = {counter}"))

    def _one_row(self, session: Session, table: Table, name: TableName) -> None:
        """None where its own table would not take it today: the value of a virtual column is out of
        range, which nobody looks at when the column comes, or a CHECK was made with checks off. Nor
        where each column is generated: no INSERT … SELECT can name none."""
        own = [one.name for one in table.columns if not one.generated]
        if not own:
            return
        names = quoting.names(own)
        sample = Statement(
            f"INSERT INTO {quoting.table(name)} ({names}) "
            f"SELECT {names} FROM {quoting.table(table.name)} LIMIT 1"
        )
        try:
            session.execute(sample)
        except errors.BadValue:
            return
        except errors.BadStatement as error:
            if error.code != _NO_TABLESPACE:
                raise
            raise errors.Precondition(
                f"{table.name} has no tablespace: {error.happened}",
                still_true="nothing was touched",
                todo="ALTER TABLE … IMPORT TABLESPACE, or drop the table",
            ) from error

    def _alter(self, session: Session, alter: Alter, name: TableName) -> None:
        """Under the server's own sql_mode, as a native ALTER of a new session would run."""
        session.query(Statement(f"SET SESSION {AS_THE_SERVER}"))
        try:
            session.execute(Statement(f"USE {quoting.name(name.schema)}"))
            with in_words(alter):
                session.query(_literally(alter.on(quoting.table(name))))
        finally:
            session.query(Statement(f"SET SESSION {AS_OURS}"))

    def read(self, name: TableName) -> Table:
        """The altered table; Precondition where the ALTER has made of it what is not carried."""
        found = self.catalog.read(name)
        if found is None:
            raise errors.Precondition(
                "the ALTER moves or renames the table",
                still_true="nothing was touched",
                todo="rename it by itself: RENAME TABLE is short, it needs no copy",
            )
        return found

    def family_of(self, session: Session, table: Table, alter: Alter) -> family.Family | None:
        return family.of(session, self.catalog, table.name, alter, self.here)

    def place(self, table: TableName, alter: Alter | None) -> naming.Beside | naming.Apart:
        """Where the tables of a run are, and what they are called."""
        first = self.original_first()
        if first:
            return naming.Beside(table, first, self.here)
        names_a_check = alter is not None and naming.names_a_check(alter.clauses)
        if names_a_check or naming.needs_a_place_apart(self.catalog.definition(table)):
            return naming.Apart(table, self.here)
        return naming.Beside(table, first, self.here)

    def places(self, table: TableName) -> Iterator[naming.Beside | naming.Apart]:
        """Wherever an earlier run may have put its tables, by another server version even."""
        for first in (True, False):
            place = naming.Beside(table, first, self.here)
            try:
                _ = place.shadow
            except errors.Precondition:
                continue  # The name is too long for this place: nothing can be there.
            yield place
        yield naming.Apart(table, self.here)

    def make_database(self, session: Session, name: TableName, of: TableName) -> None:
        """One of ours has the character set that the original's has: DEFAULT means that."""
        if not name.schema.startswith(naming.OURS):
            return
        try:
            session.query(trial.database(session, name.schema, of.schema))
        except errors.NotAllowed as error:
            raise errors.NotAllowed(
                f"the names of CHECK constraints and foreign keys can only be kept by a table that "
                f"grows in a database of its own: {error.happened}",
                still_true="nothing was touched",
                todo=f"GRANT ALL ON `{naming.OURS.replace('_', chr(92) + '_')}%`.* to this user",
            ) from error

    def drop(self, names: Iterable[TableName]) -> None:
        with closing(self.connect("drop")) as session:
            for name in names:
                if name.schema.startswith(f"{naming.OURS}try_"):
                    family.drop_all(session, name.schema)
                session.execute(Statement(f"DROP TABLE IF EXISTS {quoting.table(name)}"))
                if name.schema.startswith(naming.OURS):
                    self._drop_empty_databases(session, name.schema)

    def _drop_empty_databases(self, session: Session, schema: str) -> None:
        """This database of ours if nothing is in it; with a shadow's also those of archives."""
        _, role, digest = schema.strip("_").split("_")
        roles = "(new|old[0-9]*)" if role == "new" else role
        empty = session.query(
            Statement(
                "SELECT s.schema_name FROM information_schema.schemata s "
                "LEFT JOIN information_schema.tables t ON t.table_schema = s.schema_name "
                "WHERE s.schema_name RLIKE %s AND t.table_name IS NULL",
                (f"^{naming.OURS}{roles}_{digest}$",),
            )
        )
        for (found,) in empty:
            session.execute(Statement(f"DROP DATABASE IF EXISTS {quoting.name(str(found))}"))


def _literally(sql: str) -> Statement:
    """The user's text, untouched by parameter substitution (a % stays a %)."""
    return Statement(sql)


@contextmanager
def in_words(alter: Alter) -> Iterator[None]:
    """What the server says about the ALTER, as a refusal."""
    try:
        yield
    except (errors.BadValue, errors.DuplicateKey) as error:
        raise errors.DataWouldBeLost(
            f"the ALTER fails on a row of {alter.table}: {error.happened}",
            still_true="nothing was touched",
            todo="change the rows or the ALTER",
        ) from error
    except errors.BadStatement as error:
        raise errors.Precondition(
            f"the server refuses this ALTER: {error.happened}",
            still_true="nothing was touched",
            todo=_KEEP
            if error.code == _HISTORY
            else "correct the statement; the server itself would not run it either",
        ) from error


def require_readable(session: Session, table: TableName, alter: Alter) -> None:
    """Precondition where the server can't read the statement. We run its clauses one by one, or in
    other words, and so would make of it what its author may not have meant. To prepare is to parse:
    nothing is run, and no table is opened."""
    said = alter.on(quoting.table(table))
    session.execute(Statement("SET @osc_said = %s", (said,)))
    session.query(Statement(f"SET SESSION {AS_THE_SERVER}"))  # It says what a " is.
    try:
        with in_words(alter):
            _prepare(session)
    finally:
        session.query(Statement(f"SET SESSION {AS_OURS}"))


def _prepare(session: Session) -> None:
    try:
        session.query(Statement(f"PREPARE {_PREPARED} FROM @osc_said"))
    except errors.BadStatement as error:
        if error.code not in _NOT_PREPARED:
            raise
    else:
        session.query(Statement(f"DEALLOCATE PREPARE {_PREPARED}"))


def _misses_a_parent(refusal: errors.Precondition) -> bool:
    """The clone's one row refers to rows that the parents' clones don't have (1452)."""
    cause = refusal.__cause__
    return isinstance(cause, errors.ServerError) and cause.code in ("1452", "1216")


def _difference(wanted: str, made: str) -> str:
    missing = [line for line in wanted.splitlines() if line not in made.splitlines()]
    extra = [line for line in made.splitlines() if line not in wanted.splitlines()]
    return f"{' / '.join(missing).strip()} would become {' / '.join(extra).strip() or 'nothing'}"
