"""Foreign keys, the table's own and those that refer to it, on their way to the new table.

While it is filled the shadow has none: a key of its own would refuse the application's DELETE of a
parent's row that only a stale row refers to, and a cascade would write into it. So they are made
under the lock, when the shadow holds what the original holds. Names are unique in a database, so
they are made beside the old ones, under names of ours; and in such an order that there is no moment
in which an orphan is let in:

    under the lock   the shadow gets the table's own keys, each child one to the shadow
                         the children are tied to both tables
    RENAME           all of them follow
                         the children are tied to the archive and to the new table
    under the lock   the archive loses its keys, the children those to the archive
                         all is as it should be, but for the names
    after it         the keys get their names, table by table, each in a lock of its own

With `foreign_key_checks=0` all of it is metadata and no row is looked at. None needs to be: each
reference was held by the original's key until the lock, and the shadow has the same rows. (An
index that the server made for a foreign key would be built anew, beside the second key, by MySQL,
and lose its name. With another name it is one like any other; so it has one meanwhile.)

All of it but the names goes to the server in one packet, which it does to its end though we are
dead: MySQL with the RENAME in it; MariaDB with the end of the lock, once another session's RENAME
is seen in the queue (`sentry.py`), which is done when the lock is let go. Should a statement of the
packet fail, the session that has the lock still takes back what was done, before anybody sees it
(`untie`). What is left is a KILL of that very session in these milliseconds, or a crash: then the
children are tied to two tables of which only one is written, or the archive still refers to
parents. Too much is refused, never too little, until `restore` or `complete` has been there.

On MariaDB writers of the children would be next as well, beside the RENAME, which wants each child
of the shadow for itself for a moment (in InnoDB, where no deadlock with metadata locks is seen):

    A  UNLOCK
    W  BEGIN; INSERT INTO child          next in the child's queue
    B  RENAME original → archive, shadow → original     waits for W's transaction
    W  INSERT INTO original              waits for B
    B  gives up after innodb_lock_wait_timeout: the original serves
    W  INSERT INTO child                 error 1452: the child is tied to the shadow alone

So W has to wait until the RENAME is done (`keeping.py`). Others than writers may still have such a
lock on a child for more than a second, by a FOR SHARE or because its other parent lost a row; then
the RENAME fails, and `restore` makes the old keys again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from osc import errors
from osc.engine import Job, Session, Statement
from osc.model.relations import ForeignKey, Relations
from osc.model.table import TableName
from osc.mysql import foreign_keys, naming, orphans, quoting
from osc.mysql.catalog import MySQLCatalog
from osc.mysql.locking import altered

UNCHECKED = Statement("SET SESSION foreign_key_checks = 0")


@dataclass(frozen=True)
class CarriedKeys:
    """`Carried` and `Frees`; `in_one_packet` says that the RENAME works under the lock."""

    job: Job
    connect: Callable[[str], Session]
    catalog: Callable[[Session], MySQLCatalog]
    in_one_packet: bool

    @property
    def _ties(self) -> Relations:
        return self.job.relations

    @property
    def tables(self) -> tuple[TableName, ...]:
        """MySQL's ALTER wants each parent for itself, too, for a moment; and whoever looks for
        orphans must be alone with the parent."""
        doubted = tuple(key.parent for key in self._ties.doubtful)
        parents = self._ties.parents if self.in_one_packet else doubted
        ours = (self.job.original.name,)
        return tuple(name for name in (*self._ties.referring, *parents) if name not in ours)

    @property
    def read_twice(self) -> tuple[TableName, ...]:
        """A new key of the table to itself is looked for in the shadow itself."""
        to_itself = any(key.parent == key.child for key in self._ties.doubtful)
        return (self.job.shadow.name,) if to_itself else ()

    def prepare(self) -> None:
        """The rehearsal has written down what there is."""

    def move(self, session: Session) -> None:
        if not self._ties:
            return
        self._refuse_another_child(session)
        for key in self._ties.doubtful:
            orphans.refuse_in_the_shadow(session, self.job, key)

    def beside_the_rename(self) -> tuple[Sequence[Statement], Sequence[Statement]]:
        if not self._ties:
            return (), ()
        return self.tied(), (*self._archive_freed(), *self._children_freed())

    def tied(self) -> Sequence[Statement]:
        return (UNCHECKED, *self._made()) if self._ties else ()

    def freed(self) -> Sequence[Statement]:
        """The same keys, while their tables still have their old names."""
        if not self._ties:
            return ()
        original = self.job.original.name
        own = foreign_keys.dropped(key.name for key in self._ties.own_before)
        freed = [foreign_keys.alter(original, own)] if own else []
        return (*freed, *self._children_freed())

    def complete(self, session: Session) -> None:
        """Asks the catalog what is left to do; whatever the archive is tied to is not needed."""
        if not self._ties:
            return
        catalog, job = self.catalog(session), self.job
        old = [key.name for key in foreign_keys.of_table(catalog, job.names.archive)]
        self._alter(job.names.archive, foreign_keys.dropped(old))
        for child in self._ties.referring:
            there = foreign_keys.of_table(catalog, child)
            old = [key.name for key in there if key.parent == job.names.archive]
            self._alter(child, foreign_keys.dropped(old))
        for table in (job.original.name, *self._ties.referring):
            self._alter(table, self._named(catalog, table))

    def untie(self, session: Session) -> None:
        if self._ties:
            session.execute(UNCHECKED)
        for table, clauses in self._restored(self.catalog(session)):
            session.execute(foreign_keys.alter(table, clauses))

    def restore(self, session: Session) -> None:
        for table, clauses in self._restored(self.catalog(session)):
            self._alter(table, clauses)

    def _restored(self, catalog: MySQLCatalog) -> Iterator[tuple[TableName, list[str]]]:
        """What is missing comes first: the original's rows are held before the shadow's are not."""
        ties = self._ties
        for table in catalog.existing((self.job.original.name, *ties.referring)):
            there = {key.name for key in foreign_keys.of_table(catalog, table)}
            before = (*ties.own_before, *ties.children_before)
            gone = [key for key in before if key.child == table and key.name not in there]
            if gone:
                yield table, [foreign_keys.added(key, key.name, key.parent) for key in gone]
        for table in catalog.existing((self.job.shadow.name, *ties.referring)):
            definition = catalog.definition(table)
            names = [key.name for key in foreign_keys.read(definition, table)]
            ours = foreign_keys.dropped(name for name in names if naming.is_our_key(name))
            if clauses := [*ours, *self._indexes_back(table, definition)]:
                yield table, clauses

    def _refuse_another_child(self, session: Session) -> None:
        """Under the lock nobody can tie another table to ours: that takes a lock of ours."""
        now = foreign_keys.of_children(session, self.catalog(session), self.job.original.name)
        if now != self._ties.children_before:
            raise errors.TableChanged(
                f"the foreign keys that refer to {self.job.original.name} were changed by somebody "
                "else",
                still_true="it still serves; the shadow does not follow that change",
                todo="start again",
            )

    def _made(self) -> list[Statement]:
        """One ALTER for the shadow, and one for each child."""
        shadow = self.job.shadow.name
        own = [self._new(number, key) for number, key in self._numbered(self._ties.own)]
        made = [foreign_keys.alter(shadow, own)] if own else []
        for child in self._ties.referring:
            keys = [self._new(number, key) for number, key in self._of(child)]
            made.append(foreign_keys.alter(child, [*self._indexes_away(child), *keys]))
        return made

    def _new(self, number: int, key: ForeignKey) -> str:
        """The clause for a key that is on its way; one to the table itself goes to the shadow."""
        is_ours = key.parent == self.job.original.name
        parent = self.job.shadow.name if is_ours else key.parent
        return foreign_keys.added(key, naming.key(self.job.original.name, number), parent)

    def _archive_freed(self) -> list[Statement]:
        archive = self.job.names.archive
        names = [foreign_keys.named_after_rename(key, archive) for key in self._ties.own_before]
        return [foreign_keys.alter(archive, foreign_keys.dropped(names))] if names else []

    def _children_freed(self) -> list[Statement]:
        return [one for child in self._ties.referring for one in self._freed(child)]

    def _freed(self, child: TableName) -> list[Statement]:
        names = [key.name for key in self._ties.children_before if key.child == child]
        return [foreign_keys.alter(child, foreign_keys.dropped(names))]

    def _named(self, catalog: MySQLCatalog, table: TableName) -> list[str]:
        """The clauses that give the keys of one table their names."""
        definition = catalog.definition(table)
        there = {key.name for key in foreign_keys.read(definition, table)}
        wanted = [key for key in (*self._ties.own, *self._ties.children) if key.child == table]
        gone = foreign_keys.dropped(name for name in there if naming.is_our_key(name))
        come = [
            foreign_keys.added(key, key.name, key.parent) for key in wanted if key.name not in there
        ]
        return [*gone, *come, *self._indexes_back(table, definition)]

    def _indexes_away(self, child: TableName) -> list[str]:
        return [_renamed(index, ours) for index, ours in self._indexes(child)]

    def _indexes_back(self, child: TableName, definition: str) -> list[str]:
        return [
            _renamed(ours, index)
            for index, ours in self._indexes(child)
            if f"  KEY {quoting.name(ours)} " in definition
        ]

    def _indexes(self, child: TableName) -> list[tuple[str, str]]:
        """The indexes of a child that may be the server's own, and what they are called with us."""
        every = dict.fromkeys(key.index for key in self._ties.children_before if key.child == child)
        names = [index for index in every if index]
        original = self.job.original.name
        return [(index, naming.key_index(original, at)) for at, index in enumerate(names)]

    def _of(self, child: TableName) -> list[tuple[int, ForeignKey]]:
        return [one for one in self._numbered(self._ties.children) if one[1].child == child]

    def _numbered(self, keys: tuple[ForeignKey, ...]) -> list[tuple[int, ForeignKey]]:
        every = (*self._ties.own, *self._ties.children)
        return [(every.index(key), key) for key in keys]

    def _alter(self, table: TableName, clauses: list[str]) -> None:
        if clauses:
            statement = foreign_keys.alter(table, clauses)
            original, ties = self.job.original.name, self._ties
            every = (*ties.parents, table, original, *ties.referring)
            among = tuple(dict.fromkeys(every)) if len(set(every)) > 1 else ()
            altered(self.connect, table, self.job.lock_budget_seconds, statement, among)


def _renamed(index: str, to: str) -> str:
    return f"RENAME INDEX {quoting.name(index)} TO {quoting.name(to)}"
