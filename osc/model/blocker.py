"""A session that is in the way of a lock: who it is, and whether it might be ended for us."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Kill(StrEnum):
    """What an operator lets us end for the lock."""

    NEVER = "never"
    IDLE = "idle"  # sessions that do nothing, in the middle of a transaction
    ALL = "all"


SPARED = re.compile(
    r"\b(pg_dump|pg_basebackup|pg_restore|mysqldump|mariadb-dump|xtrabackup|mariabackup|mydumper)\b",
    re.IGNORECASE,
)
"""Backups, by the names that they give themselves: days of work may hang on one."""
DEFINES = re.compile(
    r"^\s*(ALTER|CREATE|DROP|TRUNCATE|RENAME|VACUUM|REINDEX|CLUSTER|REPACK|OPTIMIZE|ANALYZE|LOCK"
    r"|FLUSH|BACKUP|REFRESH|COMMENT|GRANT|REVOKE)\b",
    re.IGNORECASE,
)
"""Somebody's own change or maintenance."""
SHOWN, LONGEST_STATEMENT = 5, 120


@dataclass(frozen=True)
class Blocker:
    """`place` is where it comes from: an application, a host. `age_seconds` is its transaction's.
    `statement` is what it does, or did last. `certain` says that it is known to hold or to wait for
    a lock on the very table; `system` that it is none of a client: replication, a worker."""

    id: int
    user: str
    place: str
    state: str
    age_seconds: float
    statement: str = ""
    idle: bool = False
    certain: bool = True
    system: bool = False

    @property
    def spared(self) -> str:
        """Why it would never be ended, whatever the operator lets us; empty where it might."""
        if self.system:
            return "it is the server's own"
        if not self.certain:
            return "nothing shows that it has a lock on the table"
        if SPARED.search(self.place) or SPARED.search(self.statement):
            return "it is a backup"
        if DEFINES.search(self.statement):
            return "it changes or maintains a table"
        return ""

    def may_be_ended(self, kill: Kill) -> bool:
        if kill is Kill.NEVER or self.spared:
            return False
        return self.idle or kill is Kill.ALL

    def __str__(self) -> str:
        statement = " ".join(self.statement.split())
        if len(statement) > LONGEST_STATEMENT:
            statement = f"{statement[:LONGEST_STATEMENT]} …"
        said = f": {statement}" if statement else ""
        return (
            f"connection {self.id} ({self.user}, {self.place}), {self.state}, its transaction is "
            f"{self.age_seconds:.1f} s old{said}"
        )


def named(blockers: Sequence[Blocker]) -> str:
    """For a person: those whose transactions are oldest, and how many more there are."""
    oldest = sorted(blockers, key=lambda blocker: -blocker.age_seconds)
    more = len(oldest) - SHOWN
    shown = "; ".join(map(str, oldest[:SHOWN])) or "nobody any more"
    return f"{shown}; and {more} more" if more > 0 else shown
