"""Replication slots and publications of ours: their names, their beginning and their end."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager

from osc.engine import Job
from osc.errors import (
    Conflict,
    ConnectionLost,
    PositionGone,
    Precondition,
    ServerError,
    TableChanged,
)
from osc.model.table import TableName
from osc.postgres.quoting import identifier
from osc.postgres.session import Connection

OPEN_SECONDS = 600
CLOSE_SECONDS = 15
IN_USE = "55006"

BUSY = """
SELECT a.wait_event_type IS NULL OR a.wait_event_type NOT IN ('Activity', 'Client')
FROM pg_replication_slots s JOIN pg_stat_activity a ON a.pid = s.active_pid WHERE s.slot_name = $1
"""
"""Whether a walsender decodes, and waits neither for WAL nor for us; no row: it is gone."""


def slot_name(job: Job, database: str) -> str:
    """Slot and publication have one name, which a later process finds again."""
    return f"osc_{job.id}_{_digest(database, job.original.name)}"


def left_behind(session: Connection, table: TableName) -> list[str]:
    """Slots and publications of runs on this table, for a caller who knows that none is alive."""
    digest = _digest(str(session.value("SELECT current_database()")), table)
    found = session.rows(
        "SELECT slot_name::text FROM pg_replication_slots WHERE slot_name ~ $1"
        " UNION SELECT pubname::text FROM pg_publication WHERE pubname ~ $1 ORDER BY 1",
        f"^osc_[0-9]+_{digest}$",
    )
    return [str(name) for (name,) in found]


def _digest(database: str, table: TableName) -> str:
    return hashlib.sha1(f"{database}.{table}".encode()).hexdigest()[:8]


@contextmanager
def patience(session: Connection, slot: str) -> Iterator[None]:
    """Making a slot waits for every transaction that writes; nobody waits behind it meanwhile."""
    session.run(f"SET lock_timeout = 0; SET statement_timeout = '{OPEN_SECONDS}s'")
    try:
        yield
    except Conflict as error:
        raise too_busy(session, slot) from error


def too_busy(session: Connection, slot: str) -> Precondition:
    found = session.rows(
        "SELECT pid, usename, application_name, now() - xact_start FROM pg_stat_activity"
        " WHERE backend_xid IS NOT NULL AND pid <> pg_backend_pid() ORDER BY xact_start LIMIT 3"
    )
    who = "; ".join(f"pid {pid} ({user}, {app!r}) for {age}" for pid, user, app, age in found)
    prepared = session.value(
        "SELECT string_agg(format('%L in %s', gid, database), ', ' ORDER BY prepared)"
        " FROM pg_prepared_xacts"
    )
    return Precondition(
        f"the replication slot {slot} could not start within {OPEN_SECONDS} s, because"
        f" transactions that write are open: {who or 'none now'}; prepared: {prepared or 'none'}",
        still_true="nothing was touched",
        todo="end them (COMMIT PREPARED, ROLLBACK PREPARED), or start again when they are over",
    )


def take_over(session: Connection, name: str, table: TableName, position: str) -> None:
    """Ends whoever still reads the slot; raises PositionGone where it can't tell all changes from
    there."""
    require(session, name, table, position)
    deadline = time.monotonic() + CLOSE_SECONDS
    while session.rows(
        "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots"
        " WHERE slot_name = $1 AND active_pid IS NOT NULL",
        name,
    ):
        if time.monotonic() > deadline:
            raise ConnectionLost(
                f"the replication slot {name} is still read by the process that had it before"
            )
        time.sleep(0.02)


def require(session: Connection, name: str, table: TableName, position: str = "0/0") -> None:
    """Raises PositionGone, and says why, where the slot no longer tells all that comes after a
    position."""
    found = session.rows(
        "SELECT wal_status, confirmed_flush_lsn > $2::pg_lsn, confirmed_flush_lsn::text,"
        " to_jsonb(s) ->> 'invalidation_reason' FROM pg_replication_slots s WHERE slot_name = $1",
        name,
        position,
    )
    if not found:
        raise _gone(
            f"the replication slot {name} is gone: somebody dropped it, or another server answers",
            table,
            "start again; after a failover the slots of the old server are not there",
        )
    status, passed, confirmed, reason = found[0]
    if status == "lost":
        raise _gone(
            f"the server has given up the replication slot {name} ({reason or 'WAL removed'})",
            table,
            "raise max_slot_wal_keep_size (or idle_replication_slot_timeout), then start again",
        )
    if passed and position != "0/0":
        raise _gone(
            f"the replication slot {name} was moved on to {confirmed}, behind our {position}",
            table,
            "start again; nobody else may read the slot",
        )
    require_published(session, name, table)


def require_published(session: Connection, name: str, table: TableName) -> None:
    """A table that is dropped leaves its publication without a word, and the stream falls silent;
    so it does when somebody takes the table out. By its number, which stays when it is swapped."""
    found = session.rows(
        "SELECT prrelid IS NOT NULL AND pubinsert AND pubupdate AND pubdelete AND pubtruncate"
        " FROM pg_publication p LEFT JOIN pg_publication_rel ON prpubid = p.oid"
        " WHERE pubname = $1",
        name,
    )
    if not found:
        raise _gone(f"the publication {name} is gone: somebody dropped it", table, "start again")
    if not all(published for (published,) in found):
        raise TableChanged(
            f"{table} was dropped, or taken out of the publication {name}: its changes are not told"
            " any more",
            still_true="nothing was changed by us",
            todo="start again",
        )


def _gone(happened: str, table: TableName, todo: str) -> PositionGone:
    return PositionGone(
        f"{happened}; changes have been missed",
        still_true=f"{table} still serves, and nothing was changed",
        todo=todo,
    )


def drop(session: Connection, name: str) -> None:
    """Drops slot and publication, whichever is there; ends the walsender that is ours first."""
    deadline = time.monotonic() + CLOSE_SECONDS
    while True:
        session.rows(
            "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots"
            " WHERE slot_name = $1 AND active_pid IS NOT NULL",
            name,
        )
        try:
            session.rows(
                "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots"
                " WHERE slot_name = $1",
                name,
            )
            break
        except ServerError as error:
            if error.code != IN_USE or time.monotonic() > deadline:
                raise ServerError(
                    f"the replication slot {name} is still there: {error.happened}",
                    code=error.code,
                    still_true="it retains WAL until it is dropped",
                    todo=f"run: SELECT pg_drop_replication_slot('{name}')",
                ) from error
        time.sleep(0.02)
    session.run(f"DROP PUBLICATION IF EXISTS {identifier(name)}")
