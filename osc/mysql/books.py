"""In which tables the ledger keeps a migration.

A replica has its source's ledger, row by row. A run on the replica itself (`--on-replica`) that
wrote into the same tables would take a number there which the source gives to its next run, and the
row of that one would stop replication (1062). So such runs have tables of their own, named for the
server by its server_id, which no two servers that follow each other share. They are numbered from
`OWN` on: a number tells where its rows are, also when the replica has become a source.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from osc.model.table import TableName
from osc.mysql import quoting
from osc.mysql.naming import OURS

OWN = 1_000_001
OWN_ORDER = 10**12
"""The first numbers of a migration that was begun on a replica, and of what is said to one."""


@dataclass(frozen=True)
class Books:
    """`server_id` is asked once, when it is first needed."""

    database: str
    server_id: Callable[[], int]

    @cached_property
    def here(self) -> str:
        """What tells names of ours on this server from those of its source."""
        return f"at{self.server_id()}"

    def of(self, table: str, migration: int) -> TableName:
        """The table of this kind in which a migration is."""
        return self.own(table) if is_own(migration) else TableName(self.database, table)

    def own(self, table: str) -> TableName:
        """The one that is this server's alone."""
        return TableName(self.database, f"{OURS}{self.here}_{table.removeprefix(OURS)}")

    def quoted(self, table: str, migration: int) -> str:
        return quoting.table(self.of(table, migration))


def is_own(migration: int) -> bool:
    """Whether it was begun on a replica, and not on whatever was the source then."""
    return migration >= OWN
