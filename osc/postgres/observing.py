"""What a statement costs and which locks it takes, seen by running it on a double.

    rewrite   the table has another file afterwards
    scan      the table was read, or an index of it has another file or is new
    locks     what this transaction holds on the double, and on those of the tables around it

An empty table is read as well: the server counts that a scan began, not how many rows it met.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

from osc.model.ladder import Clause, Cost, Lock
from osc.postgres.double import Double
from osc.postgres.session import Connection

BLOCKS = {
    "AccessExclusiveLock": "reads and writes",
    "ExclusiveLock": "writes",
    "ShareRowExclusiveLock": "writes",
    "ShareLock": "writes",
    "ShareUpdateExclusiveLock": "",
    "RowExclusiveLock": "",
    "RowShareLock": "",
    "AccessShareLock": "",
}
"""Strongest first; SHARE UPDATE EXCLUSIVE and weaker ones let applications read and write."""

WORDS = {
    "AccessExclusiveLock": "ACCESS EXCLUSIVE",
    "ExclusiveLock": "EXCLUSIVE",
    "ShareRowExclusiveLock": "SHARE ROW EXCLUSIVE",
    "ShareLock": "SHARE",
    "ShareUpdateExclusiveLock": "SHARE UPDATE EXCLUSIVE",
    "RowExclusiveLock": "ROW EXCLUSIVE",
    "RowShareLock": "ROW SHARE",
    "AccessShareLock": "ACCESS SHARE",
}

FILES = """
SELECT c.oid::bigint, coalesce(x.indrelid, c.oid)::bigint, c.relname,
       pg_relation_filenode(c.oid)::bigint, coalesce(pg_stat_get_xact_numscans(c.oid), 0)
FROM pg_class c LEFT JOIN pg_index x ON x.indexrelid = c.oid
WHERE c.oid = ANY ($1) OR x.indrelid = ANY ($1)
"""

LOCKS = """
SELECT relation::bigint, mode FROM pg_locks
WHERE pid = pg_backend_pid() AND locktype = 'relation' AND relation = ANY ($1) AND granted
"""

SCANNING = ("verifying table", "rewriting table", "validating foreign key")
"""An index that is built shows as a new file; the message may be about a TOAST table's."""


@dataclass(frozen=True)
class File:
    """The file of a table or of an index `of` a table, and how often it has been read."""

    of: int
    name: str
    node: int | None
    scans: int


def observed(session: Connection, double: Double, text: str, statements: Sequence[str]) -> Clause:
    """Runs the statements, in the transaction that the caller has opened for them alone."""
    oids = list(double.doubles)
    before = _files(session, oids)
    with _told(session) as messages:
        for statement in statements:
            session.run(statement)
    locks = _locks(session, double, oids)
    after = _files(session, oids)
    cost, because = _cost(double, before, after, messages)
    return Clause(text, cost, locks, because)


def _files(session: Connection, oids: list[int]) -> dict[int, File]:
    return {oid: File(*rest) for oid, *rest in session.rows(FILES, oids)}


def _cost(
    double: Double, before: dict[int, File], after: dict[int, File], messages: list[str]
) -> tuple[Cost, str]:
    known = {file.node for file in before.values()}
    # An index of a column whose type changes in name only is made anew, around its old file.
    new = [oid for oid, file in after.items() if file.node not in known]
    if any(oid in double.doubles for oid in new):
        return Cost.REWRITE, "every row of the table is written anew"
    built = sorted(after[oid].name for oid in new)
    if built:
        return Cost.SCAN, f"builds {', '.join(built)}"
    read = [oid for oid in before if oid in after and after[oid].scans > before[oid].scans]
    if read or any(message.startswith(SCANNING) for message in messages):
        return Cost.SCAN, "every row of the table is read"
    return Cost.METADATA, ""


def _locks(session: Connection, double: Double, oids: list[int]) -> tuple[Lock, ...]:
    """The strongest on each table; that of reading, where there is another, goes without saying."""
    held: dict[int, str] = {}
    order = list(BLOCKS)
    for oid, mode in session.rows(LOCKS, oids):
        if oid not in held or order.index(mode) < order.index(held[oid]):
            held[oid] = mode
    found = [
        Lock(str(double.doubles[oid]), WORDS[mode], BLOCKS[mode]) for oid, mode in held.items()
    ]
    own = str(double.original)
    return tuple(sorted(found, key=lambda lock: (lock.on != own, lock.on)))


@contextmanager
def _told(session: Connection) -> Iterator[list[str]]:
    """What the server says of its own work meanwhile."""
    messages: list[str] = []

    def note(diagnostic: psycopg.errors.Diagnostic) -> None:
        messages.append(diagnostic.message_primary or "")

    session.run("SET LOCAL client_min_messages = debug1")
    session.raw.add_notice_handler(note)
    try:
        yield messages
    finally:
        session.raw.remove_notice_handler(note)
    session.run("SET LOCAL client_min_messages = notice")
