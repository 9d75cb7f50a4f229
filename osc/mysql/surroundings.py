"""What hangs on a table from outside, so that it can be compared before the swap and after it.

Foreign keys are not told here: the ALTER may change them, and `definition.py` describes them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass

from osc.engine import Job, Session, Statement
from osc.errors import TableChanged
from osc.model.difference import between
from osc.model.table import TableName
from osc.mysql import user_triggers
from osc.mysql.noted import Notes

PRIVILEGES = """
SELECT CONCAT('privilege: ', privilege_type, ' to ', grantee, ', grantable ', is_grantable)
FROM information_schema.table_privileges WHERE table_schema = %s AND table_name = %s
UNION ALL
SELECT CONCAT('privilege on column ', column_name, ': ', privilege_type, ' to ', grantee,
              ', grantable ', is_grantable)
FROM information_schema.column_privileges WHERE table_schema = %s AND table_name = %s
"""
"""Of all users whom this one may see."""

_ORDER = re.compile(r"^\s*(FOLLOWS|PRECEDES)\s+(`(?:[^`]|``)*`|\w+)", re.IGNORECASE)
"""How the order came about, which shows where a trigger was made again."""


def described(session: Session, table: TableName) -> tuple[str, ...]:
    """One line for each of the application's triggers, and for each privilege on the table."""
    rows = session.query(Statement(PRIVILEGES, (table.schema, table.name) * 2))
    return (*_triggers(session, table), *sorted(str(line) for (line,) in rows))


def _triggers(session: Session, table: TableName) -> Iterator[str]:
    """With the order in which those of one moment fire."""
    places: dict[tuple[str, str], int] = {}
    for trigger in user_triggers.on_table(session, table):
        places[trigger.moment] = place = places.get(trigger.moment, 0) + 1
        yield (
            f"trigger {trigger.name}: {trigger.timing} {trigger.event} {place} by {trigger.definer}"
            f", sql_mode {trigger.sql_mode}, {trigger.character_set} {trigger.collation} "
            f"{trigger.database_collation}: {_ORDER.sub('', trigger.body).strip()}"
        )


@dataclass(frozen=True)
class Surroundings:
    """The port `Carried` for what the parts before it have carried: it looks at what is there.

    What there was is in the notes, so that another process, which completes a swap that was broken
    off, knows it as well. A difference is told once: whoever goes on then has looked at it.
    """

    job: Job
    connect: Callable[[str], Session]
    notes: Notes

    @property
    def tables(self) -> tuple[TableName, ...]:
        return ()

    def prepare(self) -> None:
        with closing(self.connect("surroundings")) as session:
            self.notes.write(session, described(session, self.job.original.name))

    def move(self, session: Session) -> None:
        return

    def beside_the_rename(self) -> tuple[tuple[Statement, ...], tuple[Statement, ...]]:
        return (), ()

    def complete(self, session: Session) -> None:
        """TableChanged where something of it is not there any more, or more than there was."""
        before = self.notes.read(session)
        if before is None:
            return
        found = between(before, described(session, self.job.original.name))
        self.notes.forget(session)
        if found:
            raise TableChanged(
                "what hangs on it is not what it was:\n  " + "\n  ".join(found.lines)
            )

    def restore(self, session: Session) -> None:
        return
