"""A job to swap, with its shadow filled, and how it looks afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable

from osc import errors
from osc.engine import Job, Session, Statement
from osc.model.table import TableName
from tests.conformance.place import SOON, Place

PLAIN = "CREATE TABLE orders (id INT PRIMARY KEY, note VARCHAR(20))"


SAME = {True: "FORCE", False: "ALTER COLUMN note TYPE varchar(20)"}
"""An ALTER that leaves the table as it is: so the way back is the same job turned round."""


def made(place: Place, rows: int = 3) -> Job:
    """A job whose shadow is full."""
    job = place.job(PLAIN, SAME[place.mysql])
    place.app.run(*(f"INSERT INTO orders VALUES ({n}, 'x')" for n in range(-rows, 0)))
    place.copy(job)
    return job


def everything(place: Place, job: Job) -> Callable[[Session], None]:
    """A drain that makes the shadow what the original is, through the session with the lock."""
    original = f"{place.schema}.orders"

    def drain(session: Session) -> None:
        session.execute(Statement(f"DELETE FROM {place.name(job)}"))
        session.execute(Statement(f"INSERT INTO {place.name(job)} SELECT * FROM {original}"))

    return drain


def no_drain(session: Session) -> None:
    """Nothing is left to act on."""


def new_table_serves(place: Place, job: Job) -> bool:
    return not exists(place, job.shadow.name) and exists(place, job.names.archive)


def exists(place: Place, name: TableName) -> bool:
    return bool(
        place.app.rows(
            "SELECT 1 FROM information_schema.tables "
            f"WHERE table_schema = '{name.schema}' AND table_name = '{name.name}'"
        )
    )


def swap_at_last(place: Place, job: Job) -> None:
    swapper, deadline = place.engine.swapper(job), time.monotonic() + SOON
    while True:
        try:
            swapper.swap(everything(place, job), 1.0)
            return
        except (errors.LockTimeout, errors.Conflict):
            assert time.monotonic() < deadline


def assert_untouched(place: Place, job: Job) -> None:
    """The original serves at once, and what stands beside it is the shadow alone."""
    place.app.run("INSERT INTO orders VALUES (77, 'x')", "DELETE FROM orders WHERE id = 77")
    assert place.engine.catalog.identity(job.original.name) == job.original.identity
    assert exists(place, job.shadow.name)
    assert not exists(place, job.names.archive)


def is_queued(place: Place, connection: int) -> bool:
    return bool(
        place.app.rows(
            "SELECT 1 FROM information_schema.processlist "
            f"WHERE id = {connection} AND state LIKE 'Waiting for table metadata lock%'"
        )
    )
