"""Replication slots and publications of ours: their names, their beginning and their end."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager

from osc.engine import Job
from osc.errors import Conflict, Precondition, ServerError
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
    prepared = session.value("SELECT count(*) FROM pg_prepared_xacts")
    return Precondition(
        f"the replication slot {slot} could not start within {OPEN_SECONDS} s, because"
        f" transactions that write are open: {who or 'none now'}; prepared: {prepared}",
        still_true="nothing was touched",
        todo="end them, or start again when they are over",
    )


def released(session: Connection, name: str) -> bool:
    """Ends whoever still reads the slot; False where there is no slot or publication to read."""
    deadline = time.monotonic() + CLOSE_SECONDS
    while True:
        found = session.rows(
            "SELECT active_pid, pg_terminate_backend(active_pid), wal_status"
            " FROM pg_replication_slots WHERE slot_name = $1"
            " AND EXISTS (SELECT FROM pg_publication WHERE pubname = $1)",
            name,
        )
        if not found or found[0][2] == "lost":
            return False
        if found[0][0] is None or time.monotonic() > deadline:
            return True
        time.sleep(0.02)


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
