"""What a server does by itself, without a copy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from osc.engine.job import Climb
from osc.model.alter import Alter
from osc.model.blocker import Blocker
from osc.model.ladder import Forecast, Outlook, Taken
from osc.model.table import Table, TableName


class Ladder(Protocol):
    """What the server can do by itself, and doing it."""

    def find(self, alter: Alter) -> Table:
        """The table that the ALTER names, also one that can't be copied; Precondition where there
        is none."""
        ...

    def look(self, table: Table, alter: Alter, *, small_bytes: int) -> Outlook:
        """What each clause costs and the best way without a copy, asked of the server on an empty
        clone that is gone when this returns. Precondition where the server refuses the ALTER. A
        table of at most `small_bytes` may be altered by force of being small."""
        ...

    def forecast(self, table: Table, outlook: Outlook) -> Forecast:
        """What the way will take, by a short probe that reads the table and changes nothing."""
        ...

    def probe(self, table: Table, outlook: Outlook) -> None:
        """DataWouldBeLost where today's rows contradict the new definition already."""
        ...

    def take(self, climb: Climb, number: int, check: Callable[[], None]) -> Taken:
        """One attempt at the step of that number. Where its locks can't be had within the budget,
        or what it does under them isn't done by then, it is undone: LockTimeout or Conflict.
        DuplicateKey or BadValue: a row is in the way. CopyNeeded: it can't be done like this after
        all. Whatever is raised, the step is either not begun or `undo` knows what is left of it.
        When `check` raises, a patient step is broken off. A step that is done already is no error.
        """
        ...

    def taken(self, climb: Climb) -> int:
        """How many of the steps are done; asked of the server once whatever a dead process had
        begun is over. TableChanged where somebody else has altered the table since."""
        ...

    def undo(self, climb: Climb) -> list[str]:
        """Takes back what is done of the steps, the last first, within the lock budget, and says
        what it was, in words. Nothing is left of them, and no rows are lost that an application
        has written into what was there before. The caller has not taken the last step."""
        ...

    def blockers(self, table: TableName) -> list[Blocker]:
        """Who holds or waits for locks on the table, the oldest transaction first."""
        ...
