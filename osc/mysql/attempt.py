"""What both ways of swapping share: their statements, the checks under the lock, the outcome.

Whatever is raised once the RENAME may have been sent, only the catalog knows what became of it, and
it knows for certain only when no session is left that could still do it:

    we             the network          the server
    RENAME ──────► holds it back        session sleeps, with the lock in hand
    no answer in 15 s: was it done?     "no": both tables stand where they stood
                   delivers it ───────► RENAME is done, after we have said "undone"

So the sessions of the attempt are killed first, and when the list of processes has none of them any
more, the catalog is asked. That also lets their locks go.
"""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field

from osc import errors
from osc.engine import Job, Session, Statement
from osc.model.difference import CatalogDiff
from osc.model.table import Table, TableName
from osc.mysql import changelog, clauses, naming, quoting, tagged, versioned
from osc.mysql.carried import Carried, Frees, Guarded
from osc.mysql.catalog import MySQLCatalog
from osc.mysql.definition import describe, renamed, unasked
from osc.mysql.gates import GATED_ATTEMPTS
from osc.mysql.guarding import Guard
from osc.mysql.locking import Lent, lock

UNCERTAIN_SECONDS = 30
"""How long we ask what became of a swap."""
RECONNECT_SECONDS = 0.2
"""Between two tries to reach a server that has to answer before we may go on."""
POLL_SECONDS = 0.002
_COUNTED_BY = re.compile(r"nextval\(`((?:[^`]|``)+)`\.`((?:[^`]|``)+)`\)", re.IGNORECASE)
_OUR_INDEX = re.compile(rf"KEY `{naming.OURS}[0-9a-f]{{16}}_fk\d+` ")
STATEMENT_SECONDS = 1.0
"""How long a statement that runs may go on before its session is killed."""
SENTRY = "osc sentry"


@dataclass(frozen=True)
class Parts:
    """What both ways need."""

    job: Job
    connect: Callable[[str], Session]
    catalog: Callable[[Session], MySQLCatalog]
    lent: Lent
    carried: tuple[Carried, ...] = ()
    attempts: Iterator[int] = field(default_factory=itertools.count)

    @property
    def rename(self) -> Statement:
        original, shadow, archive = self._names()
        return Statement(f"RENAME TABLE {original} TO {archive}, {shadow} TO {original}")

    def lock(self, *more: TableName) -> Statement:
        """Of all that an attempt touches; each table once."""
        tables = (table for one in self.carried for table in one.tables)
        ours = (self.job.original.name, self.job.shadow.name, *more, *sequences(self.job.shadow))
        twice = [table for one in self._freeing for table in one.read_twice]
        if versioned.keeps_history(self.job.original, self.job.shadow):
            twice.append(self.job.shadow.name)
        return lock(*dict.fromkeys((*ours, *tables)), again=dict.fromkeys(twice))

    @property
    def _freeing(self) -> tuple[Frees, ...]:
        return tuple(one for one in self.carried if isinstance(one, Frees))

    @property
    def letting_go(self) -> Statement:
        """The sentry goes, and the lock, in one packet with what must not come apart from it: the
        server does it to its end though we are dead, on MariaDB, too."""
        sentry = Statement(f"DROP TABLE {quoting.table(self.job.names.archive)}")
        before = (statement for one in self._freeing for statement in one.tied())
        between = (statement for one in self._freeing for statement in one.freed())
        every = (*before, sentry, *between, Statement("UNLOCK TABLES"))
        return Statement("; ".join(statement.sql for statement in every))

    def gated(self) -> tuple[TableName, ...]:
        """The tables of applications that the next attempt touches, parents first and children
        last. None where it has been tried often enough: writers go both ways then, so many that one
        has to be told to begin again."""
        if next(self.attempts) >= GATED_ATTEMPTS:
            return ()
        ties = self.job.relations
        every = (*ties.parents, self.job.original.name, *ties.referring)
        return tuple(dict.fromkeys(every))

    @property
    def kept_out_of(self) -> tuple[TableName, ...]:
        """Tables that nobody may write to until a RENAME of another session is done."""
        return self.job.relations.referring

    @contextmanager
    def guards(self) -> Iterator[tuple[Guard, ...]]:
        """Their connections are made before the lock is taken, and end when it is gone."""
        with ExitStack() as stack:
            found = [one.guard() for one in self.carried if isinstance(one, Guarded)]
            yield tuple(stack.enter_context(closing(guard)) for guard in found if guard)

    def prepare(self) -> None:
        for one in self.carried:
            one.prepare()

    def move(self, session: Session) -> None:
        for one in self.carried:
            one.move(session)

    @property
    def packet(self) -> Statement:
        """The RENAME, and what must not come apart from it when we die."""
        pairs = [one.beside_the_rename() for one in self.carried]
        before = [statement.sql for first, _ in pairs for statement in first]
        after = [statement.sql for _, then in pairs for statement in then]
        return Statement("; ".join([*before, self.rename.sql, *after]))

    def complete(self) -> None:
        """Whatever of it is done already; there is no way back from here."""
        try:
            self._patiently(self._complete)
        except errors.OscError as error:
            name = self.job.original.name
            raise errors.SwappedButUnfinished(
                f"{name} was swapped, but then: {error.happened}",
                still_true=f"{name} is the new table and serves; {self.job.names.archive} is the "
                "old",
                todo=f"finish it with `osc resume URL {self.job.id}`",
            ) from error

    def untie(self, session: Session, *, sentry: bool) -> None:
        """Before the lock of an attempt that came to nothing goes, and for certain did: the sentry
        is there still, or, where there is none, the archive isn't. `settle` does what can't be done
        here."""
        with suppress(errors.ServerError):
            catalog, archive = self.catalog(session), self.job.names.archive
            undone = is_sentry(catalog, archive) if sentry else not catalog.existing([archive])
            for one in self._freeing if undone else ():
                one.untie(session)

    def drain(self, session: Session, drain: Callable[[Session], None]) -> None:
        self.refuse_a_changed_table(session)
        self.refuse_a_changed_shadow(session)
        with self.lent.by(session):
            drain(session)
        session.execute(Statement("COMMIT"))
        if versioned.is_versioned(self.job.shadow):
            session.execute(versioned.TODAY)
        self._let_go_of_triggers(session)

    def _let_go_of_triggers(self, session: Session) -> None:
        """No table goes into another database with triggers (error 1435). Should the swap fail
        after this, the source misses them at its next look and ends the run (PositionGone)."""
        if self.job.names.archive.schema != self.job.original.name.schema:
            changelog.drop_triggers(session, self.job.original.name)

    def _names(self) -> tuple[str, str, str]:
        job = self.job
        names = (job.original.name, job.shadow.name, job.names.archive)
        return quoting.table(names[0]), quoting.table(names[1]), quoting.table(names[2])

    def refuse_a_changed_table(self, session: Session) -> None:
        """Under the lock nobody can alter it any more: what we compare now is what we rename."""
        now = self.catalog(session).identity(self.job.original.name)
        if now != self.job.original.identity:
            raise errors.TableChanged(
                f"{self.job.original.name} was altered, truncated or replaced by somebody else",
                still_true="it still serves; the shadow does not follow that change",
                todo="remove our leftovers with `osc cleanup`, then start again",
            )

    def refuse_a_changed_shadow(self, session: Session) -> None:
        """The last veto: what is renamed has all that the ALTER gives, and nothing else. (The load
        stage has looked at the text of its CHECKs.)

        The index of a foreign key may be called as the key was in an attempt that was undone; it
        gets its name back with the key (`carried_keys.py`).
        """
        catalog, job, ties = self.catalog(session), self.job, self.job.relations
        name, shadow = job.original.name, job.shadow.name
        before = describe(catalog.definition(name), ties.own_before, ties.children_before)
        its = tagged.without(catalog.definition(shadow), job.columns.shadow_key)
        made = renamed(its, shadow, name)
        found = unasked(before, job.diff, describe(made, ties.own, ties.children))
        if found := _but_our_indexes(found):
            raise errors.TableChanged(
                f"{shadow} is not what the ALTER makes of {name}; somebody has altered it:\n  "
                + "\n  ".join(found.lines),
                still_true=f"{name} still serves and is untouched",
                todo="start again",
            )

    def keep_the_counter(self, session: Session) -> None:
        """AUTO_INCREMENT goes on where the original's is: a deleted id must not come back."""
        if clauses.sets_the_counter(self.job.alter.clauses):
            return
        catalog = self.catalog(session)
        before = catalog.auto_increment(self.job.original.name)
        after = catalog.auto_increment(self.job.shadow.name)
        if before is not None and after is not None and after < before:
            shadow = quoting.table(self.job.shadow.name)
            session.execute(Statement(f"ALTER TABLE {shadow} AUTO_INCREMENT = {before}"))

    def was_swapped(self) -> bool:
        with closing(self.connect("outcome of the swap")) as session:
            return self._is_swapped(session)

    def recover(self) -> bool:
        """What a dead process has left half done is done, or undone: whichever it was."""
        with closing(self.connect("outcome of the swap")) as session:
            swapped = self._is_swapped(session)
            if not swapped:
                self._restore(session)
        if swapped:
            self.complete()
        return swapped

    def _complete(self, session: Session) -> None:
        for one in self.carried:
            one.complete(session)

    def _restore(self, session: Session) -> None:
        for one in self.carried:
            one.restore(session)

    def _patiently(self, body: Callable[[Session], None]) -> None:
        """By one connection after the other, until it is done or time is up."""
        deadline = time.monotonic() + UNCERTAIN_SECONDS
        while True:
            try:
                with closing(self.connect("outcome of the swap")) as session:
                    return body(session)
            except errors.Unreachable:
                if time.monotonic() > deadline:
                    raise
                time.sleep(RECONNECT_SECONDS)

    def _is_swapped(self, session: Session) -> bool:
        """After a swap the shadow's name is free, and the archive's is taken by no sentry."""
        archive, shadow = self.job.names.archive, self.job.shadow.name
        found = self.catalog(session).existing([shadow, archive])
        return found == [archive] and not is_sentry(self.catalog(session), archive)

    def settle(
        self,
        sessions: tuple[int, ...],
        error: BaseException,
        *,
        sent: bool,
        before: Callable[[], None] = lambda: None,
    ) -> None:
        """Returns where the swap has taken place all the same; otherwise raises what was raised,
        and no session of the attempt, no lock and no sentry is there any more. `before` it restores
        anything those who wait behind the lock are sent away."""
        swapped = False
        try:
            swapped = self._insist(sessions, before)
        except errors.OscError as unanswered:
            if sent:
                raise self._unknown(unanswered) from error
            # Undone for certain. What may still be locked, the server's timeouts let go.
        if not swapped:
            raise error

    def _insist(self, sessions: tuple[int, ...], before: Callable[[], None]) -> bool:
        """Asks by one connection after the other until one has the answer, or time is up."""
        deadline, swapped = time.monotonic() + UNCERTAIN_SECONDS, None
        while True:
            try:
                with closing(self.connect("outcome of the swap")) as session:
                    end(session, sessions, deadline)
                    before()
                    swapped = self._is_swapped(session)
                    if not swapped:
                        self._remove_sentry(session)
                        self._restore(session)
                    return swapped
            except errors.Unreachable:
                if time.monotonic() > deadline:
                    if swapped is not None:
                        return swapped
                    raise
                time.sleep(RECONNECT_SECONDS)

    def _remove_sentry(self, session: Session) -> None:
        """Only now: a RENAME that finds its way later than this must not find the name free."""
        archive = self.job.names.archive
        if is_sentry(self.catalog(session), archive):
            session.execute(Statement(f"DROP TABLE IF EXISTS {quoting.table(archive)}"))

    def _unknown(self, unanswered: BaseException) -> errors.ConnectionLost:
        name = self.job.original.name
        return errors.ConnectionLost(
            f"the connection was lost during the cut-over of {name}, and the server can't be asked "
            f"how it ended: {unanswered}",
            still_true="either the new table serves or the old one; no row was lost in either case",
            todo=f"look at SHOW CREATE TABLE {name}: with the new definition, it was swapped",
        )


def sequences(table: Table) -> list[TableName]:
    """What its DEFAULTs count by (MariaDB): an INSERT opens them even where it gives a value, and
    under LOCK TABLES nothing can be opened that was not locked."""
    found = (_COUNTED_BY.match(column.default or "") for column in table.columns)
    parts = ([part.replace("``", "`") for part in one.groups()] for one in found if one)
    return [TableName(schema, name) for schema, name in parts]


def _but_our_indexes(found: CatalogDiff) -> CatalogDiff:
    """Without each index that only bears a name of ours for a while, and its own line."""
    ours = {line for line in found.added if _OUR_INDEX.match(line)}
    over = {line.partition("` ")[2] for line in ours}
    gone = {line for line in found.removed if line.partition("` ")[2] in over}
    return CatalogDiff(
        tuple(line for line in found.removed if line not in gone),
        tuple(line for line in found.added if line not in ours),
    )


def is_sentry(catalog: MySQLCatalog, name: TableName) -> bool:
    """The archive bears the sentry's name after the swap, and must not be taken for it."""
    return bool(catalog.existing([name])) and SENTRY in catalog.definition(name)


def end(session: Session, sessions: tuple[int, ...], deadline: float) -> None:
    """Kills these sessions; returns when the server has undone what they had begun.

    Those that sleep first: a statement that runs, or is about to because another's lock goes, has a
    second to come to its end. A RENAME that is killed in its midst leaves, on MariaDB 10.11, a
    table with triggers whose list of them can't be read any more (error 1343).
    """
    ours = ", ".join(str(identity) for identity in sessions)
    left = Statement(f"SELECT id, command FROM information_schema.processlist WHERE id IN ({ours})")
    lenient = time.monotonic() + STATEMENT_SECONDS
    while found := session.query(left):
        for identity, command in found:
            if command == "Sleep" or time.monotonic() > lenient:
                with suppress(errors.BadStatement):  # it is gone meanwhile
                    session.execute(Statement(f"KILL CONNECTION {identity}"))
        if time.monotonic() > deadline:
            raise errors.ConnectionLost("the server is still at it")
        time.sleep(POLL_SECONDS)
