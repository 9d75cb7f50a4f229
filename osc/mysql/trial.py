"""Asks the server what an ALTER would cost, on a clone that holds hardly a row.

The clone stands under the original's name in a database of ours, with its foreign keys and CHECKs
under their own names: they change the server's mind, and subcommands name them. Referenced tables
are stood in for by empty ones, so that nobody waits for a lock of ours on a parent.

A refused ALGORITHM leaves the clone as it was. What was accepted is looked at: MariaDB takes
`ORDER BY` with ALGORITHM=INSTANT and copies all the same (measured on 10.11).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace

from osc import errors
from osc.engine import Session, Statement
from osc.model.table import Table, TableName
from osc.mysql import clauses as clauses_
from osc.mysql import innodb, naming, quoting
from osc.mysql.catalog import MySQLCatalog
from osc.mysql.clauses import Reference
from osc.mysql.definition import as_made
from osc.mysql.session import AS_OURS, AS_THE_SERVER

NOT_THIS_WAY = {"1221", "1845", "1846", "4092"}
"""Not supported, in several words; INSTANT after the table's 64th row version (4092)."""
ROWS = 20
_TEXT = re.compile("(var)?char|(tiny|medium|long)?text", re.IGNORECASE)
_FOREIGN_KEY = re.compile(r"^\s+CONSTRAINT `(?:[^`]|``)+` FOREIGN KEY ", re.MULTILINE)
_INDEX = re.compile(r"^\s+(?:(?:UNIQUE|FULLTEXT|SPATIAL|VECTOR|PRIMARY) )?KEY .*$", re.MULTILINE)


@dataclass(frozen=True)
class Answer:
    """The cheapest way that the server accepts. `algorithm` is empty for the words on partitions
    of MariaDB, which allow none; `because` is what the server says against the next cheaper way."""

    algorithm: str
    lock: str = ""
    rebuilds: bool = False
    builds: bool = False
    because: str = ""
    versions: int = 0
    """How many of the 64 row versions that InnoDB has for a table it takes."""

    @property
    def is_copy(self) -> bool:
        return self.algorithm == "COPY"

    @property
    def blocks_writes(self) -> bool:
        return self.is_copy or self.lock == "SHARED"

    @property
    def is_metadata(self) -> bool:
        """Nothing of the table itself is read or written."""
        return not (self.blocks_writes or self.rebuilds or self.builds)

    def modifiers(self) -> str:
        """What makes the server refuse, rather than do anything heavier than it has answered."""
        said = [f"ALGORITHM={self.algorithm}"] if self.algorithm else []
        return ", ".join([*said, f"LOCK={self.lock}"] if self.algorithm and self.lock else said)


MYSQL = (("INSTANT", ""), ("INPLACE", "NONE"), ("INPLACE", "SHARED"))
MARIADB = (
    ("INSTANT", "NONE"), ("NOCOPY", "NONE"), ("INPLACE", "NONE"), ("NOCOPY", "SHARED"),
    ("INPLACE", "SHARED"),
)  # fmt: skip
_PARTITIONS = {True: (("", ""),), False: (("INPLACE", "NONE"), ("INPLACE", "SHARED"))}


@dataclass
class Trial:
    """Clones of one table, one after the other; `running` opens and ends it."""

    session: Session
    catalog: MySQLCatalog
    table: Table
    is_mariadb: bool
    here: str = ""
    stand_ins: dict[tuple[str, str], str] = field(default_factory=dict)
    _is_fresh: bool = False
    _has_sample: bool = False

    @property
    def clone(self) -> TableName:
        return TableName(naming.asking(self.table.name, self.here), self.table.name.name)

    def ask(
        self, clauses: str, *, anew: bool = True, without: frozenset[str] = frozenset()
    ) -> Answer:
        """The cheapest way for these subcommands, which is then done to the clone: to one like the
        original, or not `anew`. Raises what the server raises otherwise."""
        if anew:
            self.renew()
        if clauses_.partitions_anew(clauses):
            return Answer("COPY", because="rows go to other partitions")
        if clauses_.verbs(clauses)[0] in ("OPTIMIZE", "REPAIR"):
            return Answer("COPY", because="all partitions are built anew")
        said = ""
        for algorithm, lock in self._rungs(clauses):
            if algorithm in without:
                continue
            refused = self._tried(Answer(algorithm, lock, because=said), clauses)
            if not isinstance(refused, str):
                return refused
            said = said or refused
        return Answer("COPY", because=said)

    def _rungs(self, clauses: str) -> tuple[tuple[str, str], ...]:
        if clauses_.verbs(clauses)[1:] == ("KEYS",):
            return (("INSTANT", ""),)  # DISABLE KEYS and ENABLE KEYS mean nothing to InnoDB.
        if clauses_.acts_on_partitions(clauses):
            return _PARTITIONS[self.is_mariadb]
        return MARIADB if self.is_mariadb else MYSQL

    def _tried(self, answer: Answer, clauses: str) -> Answer | str:
        """What it was once done; or what the server has against it."""
        before = self._storage()
        try:
            self.alter(clauses, answer.modifiers())
        except errors.ServerError as error:
            if error.code not in NOT_THIS_WAY:
                raise
            return _reason(error.happened)
        return self._looked_at(answer, before, clauses)

    def _looked_at(self, answer: Answer, before: Storage, clauses: str) -> Answer | str:
        after = self._storage()
        if before.is_unknown:
            rebuilds = answer.algorithm == "INPLACE"
            return replace(answer, rebuilds=rebuilds, builds=bool(after.indexes - before.indexes))
        gone, new = before.tables - after.tables, after.tables - before.tables
        if answer.algorithm == "INSTANT" and gone:
            return "the server copies the table all the same"
        is_emptied = clauses_.verbs(clauses)[0] == "TRUNCATE"
        rebuilds = bool(gone and new) and not is_emptied
        if answer.algorithm == "" and rebuilds:
            return Answer("COPY", because="rows go to other partitions")
        return Answer(
            answer.algorithm,
            answer.lock,
            rebuilds=rebuilds,
            builds=answer.algorithm != "INSTANT"
            and not new
            and bool(after.indexes - before.indexes),
            because=answer.because,
            versions=max(0, after.versions - before.versions),
        )

    def alter(self, clauses: str, modifiers: str = "", *, checks: bool = True) -> None:
        """Under the server's own sql_mode, as a native ALTER of a new session would run."""
        was_fresh, self._is_fresh = self._is_fresh, False
        said = f"{modifiers}, {clauses}" if modifiers else clauses
        text = clauses_.with_parents(said, self._stand_in)
        on = "foreign_key_checks = 1" if checks else "foreign_key_checks = 0"
        self.session.query(Statement(f"SET SESSION {AS_THE_SERVER}, {on}"))
        try:
            self.session.query(Statement(f"ALTER TABLE {quoting.table(self.clone)} {text}"))
        except errors.ServerError as error:
            self._is_fresh = was_fresh and error.code in NOT_THIS_WAY
            raise
        finally:
            self.session.query(Statement(f"SET SESSION {AS_OURS}, foreign_key_checks = 1"))

    def renew(self) -> None:
        """A clone as the original is now, with a few of its rows."""
        if self._is_fresh:
            return
        clone = quoting.table(self.clone)
        definition = self.catalog.definition(self.table.name)
        _, _, rest = as_made(self._with_stand_ins(definition)).partition("(")
        for statement in (
            "SET SESSION foreign_key_checks = 0",
            f"DROP TABLE IF EXISTS {clone}",
            f"CREATE TABLE {clone} ({rest}",
            *self._documented(definition),
            *self._sampled(),
            _insert(self._own, self._sample, self.clone),
            "SET SESSION foreign_key_checks = 1",
        ):
            self._do(statement)
        self._is_fresh = True

    def _documented(self, definition: str) -> Iterator[str]:
        """A table that has had a FULLTEXT index has a hidden column, for which the server rebuilds
        it rather than add or drop a column instantly."""
        texts = [one.name for one in self.table.columns if _TEXT.match(one.type)]
        if texts and "FULLTEXT KEY" not in definition and self._has_documents():
            alter, index = f"ALTER TABLE {quoting.table(self.clone)}", f"{naming.OURS}documents"
            yield f"{alter} ADD FULLTEXT {index} ({quoting.name(texts[0])})"
            yield f"{alter} DROP INDEX {index}"

    def _has_documents(self) -> bool:
        try:
            numbers = [number for _, number in innodb.table_ids(self.session, self.table.name)]
            return innodb.has_documents(self.session, numbers)
        except errors.NotAllowed:
            return False

    def _do(self, sql: str) -> None:
        """Rows that their own table would not take today (the value of a virtual column is out of
        range, which nobody looks at when the column comes) are bent, or left out: here they are
        only looked at."""
        try:
            self.session.query(Statement(sql))
        except errors.BadValue:
            self.session.query(Statement("SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO'"))
            with suppress(errors.BadValue):
                self.session.query(Statement(sql))
            self.session.query(Statement(f"SET SESSION {AS_OURS}"))

    def _sampled(self) -> Iterator[str]:
        """A few rows, once: two clones are compared, and applications write meanwhile."""
        if not self._has_sample:
            yield f"CREATE TABLE {quoting.table(self._sample)} LIKE {quoting.table(self.clone)}"
            yield _insert(self._own, self.table.name, self._sample, ROWS)
        self._has_sample = True

    @property
    def _sample(self) -> TableName:
        return TableName(self.clone.schema, f"{naming.OURS}sample")

    @property
    def _own(self) -> list[str]:
        return [one.name for one in self.table.columns if not one.generated]

    def fill(self, rows: int) -> int:
        """A fresh clone with so many rows, for a clock to look at; how many there were."""
        self._is_fresh = False
        self.renew()
        self._is_fresh = False
        self.session.query(Statement("SET SESSION foreign_key_checks = 0"))
        self.session.query(Statement(f"DELETE FROM {quoting.table(self.clone)}"))
        self._do(_insert(self._own, self.table.name, self.clone, rows))
        self.session.query(Statement("SET SESSION foreign_key_checks = 1"))
        return int(
            self.session.query(Statement(f"SELECT COUNT(*) FROM {quoting.table(self.clone)}"))[0][0]
        )

    def definition(self) -> str:
        """As the original's would be, with the parents that it really has."""
        shown = self.catalog.definition(self.clone)
        for (schema, parent), stand_in in self.stand_ins.items():
            is_near = schema == self.table.name.schema
            real = quoting.name(parent) if is_near else quoting.table(TableName(schema, parent))
            shown = shown.replace(f"REFERENCES {quoting.name(stand_in)} (", f"REFERENCES {real} (")
        return shown

    def counter(self) -> int | None:
        return self.catalog.auto_increment(self.clone)

    def altered(self) -> Table:
        """The clone as it is now, under the original's name."""
        found = self.catalog.read(self.clone)
        assert found is not None, f"{self.clone} is gone"
        return replace(found, name=self.table.name)

    def rows(self) -> list[tuple[object, ...]]:
        """All that a SELECT shows of the clone, and the hidden columns too, in an order."""
        names = quoting.names([one.name for one in self.altered().columns])
        found = self.session.query(Statement(f"SELECT {names} FROM {quoting.table(self.clone)}"))
        return sorted(found, key=repr)

    def _with_stand_ins(self, definition: str) -> str:
        lines = definition.split("\n")
        return "\n".join(
            clauses_.with_parents(line, self._stand_in) if _FOREIGN_KEY.match(line) else line
            for line in lines
        )

    def _stand_in(self, reference: Reference) -> str:
        """An empty table like the parent; the table itself, where it refers to itself."""
        schema = reference.schema or self.table.name.schema
        if (schema, reference.name) == (self.table.name.schema, self.table.name.name):
            return quoting.name(reference.name)
        key = (schema, reference.name)
        if key not in self.stand_ins:
            self.stand_ins[key] = f"{naming.OURS}parent_{len(self.stand_ins)}"
            self._make_stand_in(TableName(*key), self.stand_ins[key])
        return quoting.name(self.stand_ins[key])

    def _make_stand_in(self, parent: TableName, name: str) -> None:
        """None where there is no such parent: then the server says so itself."""
        if self.catalog.existing([parent]):
            stand_in = quoting.table(TableName(self.clone.schema, name))
            self.session.query(Statement(f"CREATE TABLE {stand_in} LIKE {quoting.table(parent)}"))

    def _storage(self) -> Storage:
        """MySQL's INNODB_INDEXES leaves out most tables (measured on 9.7): there, and without the
        PROCESS privilege, an index is known by its columns."""
        by_columns = Counter(map(_unnamed, _INDEX.findall(self.definition())))
        try:
            tables = innodb.table_ids(self.session, self.clone)
            numbers = frozenset(number for _, number in tables)
            versions = innodb.row_versions(self.session, numbers)
            by_number = innodb.index_ids(self.session, numbers) if self.is_mariadb else []
        except errors.NotAllowed:
            return Storage(frozenset(), by_columns, 0, is_unknown=True)
        return Storage(numbers, Counter(map(str, by_number)) or by_columns, versions)


@dataclass(frozen=True)
class Storage:
    """What InnoDB has of a table: the numbers of its tablespaces, its indexes, its row versions."""

    tables: frozenset[int]
    indexes: Counter[str]
    versions: int
    is_unknown: bool = False
    """Without the PROCESS privilege nothing shows whether InnoDB rebuilds."""


def _insert(columns: list[str], source: TableName, target: TableName, most: int = ROWS) -> str:
    """Nothing where each column is generated: no INSERT … SELECT can name none."""
    if not columns:
        return "DO 0"
    names = quoting.names(columns)
    return (
        f"INSERT INTO {quoting.table(target)} ({names}) "
        f"SELECT {names} FROM {quoting.table(source)} LIMIT {most}"
    )


def _unnamed(index: str) -> str:
    """An index of SHOW CREATE TABLE without what is free to change: name, visibility, comment."""
    columns = re.sub(r"KEY `(?:[^`]|``)+` ", "KEY ", index)
    return re.split(r" (?:COMMENT '|/\*!80000 INVISIBLE|IGNORED)", columns)[0].strip().rstrip(",")


@contextmanager
def running(
    connect: Callable[[str], Session],
    catalog: MySQLCatalog,
    table: Table,
    here: str = "",
    *,
    is_mariadb: bool,
) -> Iterator[Trial]:
    """The database with the clone, gone again at the end."""
    session = connect("trial")
    trial = Trial(session, catalog, table, is_mariadb, here)
    try:
        remove(session, trial.clone.schema)
        session.query(database(session, trial.clone.schema, table.name.schema))
        session.query(Statement(f"USE {quoting.name(trial.clone.schema)}"))
        yield trial
    finally:
        try:
            remove(session, trial.clone.schema)
        finally:
            session.close()


def database(session: Session, name: str, like: str) -> Statement:
    """With the character set of another: CONVERT TO CHARACTER SET DEFAULT means the database's."""
    found = session.query(
        Statement(
            "SELECT default_collation_name FROM information_schema.schemata WHERE schema_name = %s",
            (like,),
        )
    )
    return Statement(f"CREATE DATABASE IF NOT EXISTS {quoting.name(name)} COLLATE {found[0][0]}")


def remove(session: Session, name: str) -> None:
    session.query(Statement(f"DROP DATABASE IF EXISTS {quoting.name(name)}"))


def sweep(session: Session, table: TableName, here: str, *, execute: bool) -> list[str]:
    """What a process that died while it asked has left behind, in words."""
    name = naming.asking(table, here)
    there = session.query(
        Statement("SELECT 1 FROM information_schema.schemata WHERE schema_name = %s", (name,))
    )
    if there and execute:
        remove(session, name)
    return [f"database {name}"] if there else []


def _reason(happened: str) -> str:
    """Which of the server's words say why; most say no more than that it is not supported."""
    found = re.search(r"Reason: (.*?)\.* Try ", happened, re.DOTALL)
    return found.group(1) if found else "INSTANT is not supported for this"
