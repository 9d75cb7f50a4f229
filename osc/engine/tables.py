"""What is asked of a server's tables, and who makes and removes those that are ours."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from osc.engine.job import Names, Rehearsal, Sync
from osc.model.alter import Alter
from osc.model.table import Table, TableName


class Claim(Protocol):
    """The only right to work on a table; the server takes it back when its connection ends."""

    def renew(self) -> None:
        """Shows the server that we are alive; ConnectionLost where the claim is gone."""
        ...


class Catalog(Protocol):
    """Reads what the server knows of its tables."""

    def find(self, alter: Alter, sync: Sync = Sync.LOG) -> Table:
        """The table that the ALTER names, with those keys whose changes `sync` tells; Precondition
        where there is none, or no plain table."""
        ...

    def identity(self, name: TableName) -> str | None:
        """`Table.identity` now; None where the table is gone."""
        ...


class Checks(Protocol):
    """Reasons to refuse, found before anything is touched: Precondition or Unreachable."""

    def place(self) -> None:
        """Of this server, whichever way the ALTER is done."""
        ...

    def server(self, sync: Sync) -> None:
        """Of this server, where rows are copied and changes followed in this way."""
        ...

    def table(self, table: Table, alter: Alter, sync: Sync) -> None: ...


class Workshop(Protocol):
    """Makes and removes the tables that are ours."""

    def rehearse(self, table: Table, alter: Alter) -> Rehearsal:
        """Runs the ALTER on an empty clone that is gone again when this returns."""
        ...

    def probe(
        self, table: Table, rehearsal: Rehearsal, check: Callable[[], None] = lambda: None
    ) -> None:
        """DataWouldBeLost where today's rows contradict the new definition already (rule 4). It may
        read the whole table: once `check` raises, it is broken off."""
        ...

    def names(self, table: Table, alter: Alter | None = None) -> Names:
        """Where shadow and archive will stand; what the ALTER adds may need another place."""
        ...

    def create(self, table: Table, alter: Alter, names: Names) -> Table:
        """The empty shadow with the ALTER applied, ready to be loaded."""
        ...

    def leftovers(self, table: TableName) -> list[TableName]:
        """The shadow of a run that died, and whatever else of it is a table."""
        ...

    def archives(self, table: TableName) -> list[TableName]:
        """Old tables that earlier runs have kept."""
        ...

    def sweep(self, table: TableName, *, execute: bool) -> list[str]:
        """What runs on this table left on the server that is no table, or no table of rows (slots,
        publications, triggers, changelogs), in words; removed where `execute` says so, within the
        lock budget. The caller holds the claim, and no source is open."""
        ...

    def await_quiet(self, shadow: TableName) -> None:
        """Returns when no session of a dead process works on the shadow any more: a statement may
        outlive the client that sent it, an index build by hours. No matter if it is gone."""
        ...

    def drop(self, names: Iterable[TableName]) -> None:
        """Drops tables of ours, within the lock budget; one that is gone already is fine."""
        ...

    def retire(self, archive: TableName, pace: Callable[[], None]) -> None:
        """Drops an old table, however large, so that nobody on the server has to wait for it: in
        steps, with `pace` between two of them, which waits while the server needs rest and raises
        where we are to stop. Called again it goes on; a table that is gone already is fine."""
        ...
