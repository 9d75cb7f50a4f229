"""Moves the application's triggers to the new table, with no write that does not fire them once.

The name of a trigger exists once in a database, so it must be dropped on the original before it is
made on the shadow. These are two statements, and a third one is the RENAME. Whoever dies between
them, the server included, must not leave an original that is written without its triggers. So for
each trigger T there is a stand-in first: the same body under a name of ours, which acts only while
the original has no T.

    under the lock            what a write to the original fires, should everybody die here
    CREATE stand-in of T      T; the stand-in sees T and does nothing
    DROP T                    the stand-in
    CREATE T on the shadow    the stand-in: T is on another table
    RENAME                    T: the new table is the original now
    (without the lock)
    DROP stand-in             the archive's

Stand-ins of all triggers are there before the first of them is dropped, in their order. They are
what is written down, too: whoever finds one on the original puts its trigger back (`put_back`),
and the table that has none is in order. Nobody waits for that; a stand-in does all that its trigger
did, only slower, because it looks into information_schema at each row.

Where shadow and archive are in databases of their own (`naming.Apart`), that can't be: no table
goes into another database with triggers (error 1435). So there the RENAME's own packet, which the
server does to its end though its client is dead, drops the triggers before it, and makes stand-ins
on the new table after it; these act until `complete` puts the triggers back. (Not the triggers: in
a packet MySQL takes the semicolon behind a body for a part of it.) Stand-ins on a *shelf*, an empty
table like the original, keep the definitions meanwhile. That leaves a KILL of this session in the
midst of the packet, against which there is a guard (`guarding.py`), and a crash of the server: then
the triggers are missing until `put_back`.

`tests/mysql/test_user_triggers.py` ends it at each statement.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial

from osc import errors
from osc.engine import Job, Session, Statement
from osc.model.table import TableName
from osc.mysql import naming, quoting, user_triggers
from osc.mysql.catalog import MySQLCatalog
from osc.mysql.changelog import LOCK_BUDGET_SECONDS
from osc.mysql.guarding import Guard
from osc.mysql.locking import lock, locked
from osc.mysql.user_triggers import AS_OURS, Trigger, dropped, made

_BODY = re.compile(
    r"\s*BEGIN IF NOT EXISTS \(.*? trigger_name = _utf8mb4 X'(?P<name>[0-9A-F]+)'\) THEN"
    r"(?P<body>.*)\n; END IF; END\s*;?\s*",
    re.DOTALL,
)


@dataclass
class UserTriggers:
    """The port `Carried` for the application's triggers."""

    job: Job
    connect: Callable[[str], Session]
    _found: tuple[Trigger, ...] = field(default=())

    @property
    def tables(self) -> tuple[TableName, ...]:
        return ()

    @property
    def _is_apart(self) -> bool:
        return self.job.names.archive.schema != self.job.original.name.schema

    def prepare(self) -> None:
        original = self.job.original.name
        put_back(self.connect, original, self.job.lock_budget_seconds)
        with closing(self.connect("cut-over triggers")) as session:
            self._found = user_triggers.on_table(session, original)
            if self._is_apart and self._found:
                _shelve(session, original, self._found)

    def move(self, session: Session) -> None:
        original, shadow = self.job.original.name, self.job.shadow.name
        if user_triggers.on_table(session, original) != self._found:
            raise errors.LockTimeout(f"the triggers of {original} were changed a moment ago")
        if self._is_apart:
            return
        for number, trigger in enumerate(self._found):
            made(session, trigger, _stand_in(trigger, number, original))
        for trigger in reversed(self._found):  # Stand-ins fire after the triggers that are left.
            session.execute(dropped(original, trigger.name))
        for trigger in self._found:
            made(session, trigger, trigger.on(shadow))

    def beside_the_rename(self) -> tuple[Sequence[Statement], Sequence[Statement]]:
        if not self._is_apart or not self._found:
            return (), ()
        original = self.job.original.name
        gone = [dropped(original, trigger.name) for trigger in self._found]
        use = Statement(f"USE {quoting.name(original.schema)}")
        after = [
            statement
            for number, trigger in enumerate(self._found)
            for statement in (trigger.settings, _stand_in(trigger, number, original))
        ]
        return gone, [use, *after, *AS_OURS]

    def guard(self) -> Guard | None:
        """Only where a packet takes the triggers off; the shelf is what it makes them from."""
        if not self._is_apart or not self._found:
            return None
        original = self.job.original.name
        body = partial(_put_back, original=original)
        return Guard(self.connect, lock(original, naming.shelf(original)), body)

    def complete(self, session: Session) -> None:
        put_back(self.connect, self.job.original.name, self.job.lock_budget_seconds)

    def restore(self, session: Session) -> None:
        put_back(self.connect, self.job.original.name, self.job.lock_budget_seconds)


def _stand_in(trigger: Trigger, number: int, on: TableName) -> Statement:
    """On a shelf it has a number of its own, beside that of the one that acts."""
    name = naming.stand_in(trigger.table, 2 * number + (on == naming.shelf(trigger.table)))
    return trigger.called(name, on, _standing_in(trigger))


def _standing_in(trigger: Trigger) -> str:
    """The body, which acts only where the trigger isn't on the table any more."""
    schema, table, name = (
        f"_utf8mb4 X'{text.encode().hex().upper()}'"
        for text in (trigger.table.schema, trigger.table.name, trigger.name)
    )
    return (
        " BEGIN IF NOT EXISTS (SELECT 1 FROM information_schema.triggers "
        f"WHERE trigger_schema = {schema} AND event_object_schema = {schema} "
        f"AND event_object_table = {table} AND trigger_name = {name}) "
        f"THEN{trigger.body}\n; END IF; END"
    )


def _shelve(session: Session, original: TableName, triggers: Sequence[Trigger]) -> None:
    shelf = naming.shelf(original)
    clone, like = quoting.table(shelf), quoting.table(original)
    session.execute(Statement(f"DROP TABLE IF EXISTS {clone}"))
    session.query(Statement(f"CREATE TABLE {clone} LIKE {like}"))
    for number, trigger in enumerate(triggers):
        made(session, trigger, _stand_in(trigger, number, shelf))


# Found again, by whoever comes later.


@dataclass(frozen=True)
class StandIn:
    """One that was found: its name, the table that it is on, and the trigger that it stands for."""

    name: str
    on: TableName
    trigger: Trigger


def found(session: Session, original: TableName) -> list[StandIn]:
    """All of one original, in the order of their triggers."""
    rows = session.query(
        Statement(
            "SELECT trigger_name, event_object_table, action_timing, event_manipulation, definer "
            "FROM information_schema.triggers WHERE trigger_schema = %s",
            (original.schema,),
        )
    )
    ours = [row for row in rows if naming.is_stand_in(str(row[0]), original)]
    return [
        _read(session, original, *map(str, row))
        for row in sorted(ours, key=lambda row: naming.number_of_stand_in(str(row[0])))
    ]


def _read(
    session: Session,
    original: TableName,
    name: str,
    on: str,
    timing: str,
    event: str,
    definer: str,
) -> StandIn:
    shown = user_triggers.read(session, original, name, timing, event, definer)
    match = _BODY.fullmatch(shown.body)
    if match is None:
        raise errors.Precondition(
            f"{name} on {on} bears the name of a stand-in of ours, and is none",
            still_true=f"{original} serves as it is",
            todo=f"look at SHOW CREATE TRIGGER {name}, and drop it if nobody needs it",
        )
    stood_for = bytes.fromhex(match["name"]).decode()
    return StandIn(
        name,
        TableName(original.schema, on),
        replace(shown, name=stood_for, body=match["body"]),
    )


def sweep(connect: Callable[[str], Session], table: TableName, *, execute: bool) -> list[str]:
    """What an attempt of a dead process left half done; in words."""
    with closing(connect("sweep")) as session:
        there, shelves = found(session, table), _shelves(session, table)
    if execute:
        put_back(connect, table, LOCK_BUDGET_SECONDS)
    told = [f"trigger {one.name} on {one.on}, in for {one.trigger.name}" for one in there]
    return told + [f"table {shelf}" for shelf in shelves]


def put_back(connect: Callable[[str], Session], original: TableName, budget_seconds: float) -> None:
    """Each trigger that something stands in for is on the original again, or still."""
    with closing(connect("cut-over triggers")) as session:
        there = found(session, original)
        tables = _tables(session, original, there)
        if there:
            body = partial(_put_back, original=original)
            locked(connect, original, budget_seconds, body, also=tables)
        for shelf in _shelves(session, original):
            session.execute(Statement(f"DROP TABLE IF EXISTS {quoting.table(shelf)}"))


def _shelves(session: Session, original: TableName) -> list[TableName]:
    return MySQLCatalog(session, original.schema).existing([naming.shelf(original)])


def _tables(session: Session, original: TableName, there: Sequence[StandIn]) -> list[TableName]:
    """Where the triggers and their stand-ins are, beside the original."""
    names = user_triggers.in_schema(session, original.schema, [one.trigger.name for one in there])
    every = dict.fromkeys([*(one.on for one in there), *names.values()])
    return [name for name in every if name != original]


def _put_back(session: Session, original: TableName) -> None:
    """From the last to the first, so that each comes before the one that followed it.

    A stand-in on an archive has done its duty: the swap has taken place, and what the application
    has done to its triggers since then stands.
    """
    there = found(session, original)
    for at in reversed(range(len(there))):
        one = there[at]
        if one.on in (original, naming.shelf(original)):
            _make_again(
                session, original, one.trigger, [later.trigger for later in there[at + 1 :]]
            )
        session.execute(dropped(one.on, one.name))


def _make_again(
    session: Session, original: TableName, trigger: Trigger, later: Sequence[Trigger]
) -> None:
    on = user_triggers.in_schema(session, original.schema, [trigger.name]).get(trigger.name)
    if on == original:
        return
    if on is not None:
        session.execute(dropped(on, trigger.name))
    following = next(_of_the_same_moment(trigger, later), "")
    made(session, trigger, trigger.called(trigger.name, original, trigger.body, before=following))


def _of_the_same_moment(trigger: Trigger, later: Sequence[Trigger]) -> Iterator[str]:
    return (other.name for other in later if other.moment == trigger.moment)
