"""Foreign keys are checked for the rows that were there when the swap added them (NOT VALID).

Since then no new orphan was accepted, and none was there before, for the old keys have been the
same. What is left to be checked is noted beside the archive (`carried.note`): a process that takes
over after a crash reads it there, and one that finds a key checked or gone leaves it alone.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from osc.engine import Job
from osc.errors import BadValue, DataWouldBeLost, LockTimeout
from osc.postgres import locking, orphans
from osc.postgres.carried import Unvalidated, noted
from osc.postgres.quoting import identifier
from osc.postgres.session import Connection, Open
from osc.threads import breakable

ATTEMPTS = 120
LONGEST_BACK_OFF_SECONDS = 3.0

PENDING = """
SELECT true FROM pg_constraint
WHERE conrelid = to_regclass($1) AND conname = $2 AND NOT convalidated
"""


@dataclass(frozen=True)
class PostgresAftercare:
    """VALIDATE CONSTRAINT lets everybody read and write while it reads the table."""

    opened: Open
    job: Job

    def confirm(self) -> None:
        """The swap has done it: only there the ALTER can still be rehearsed on the original."""

    def finish(self, check: Callable[[], None]) -> None:
        schema = self.job.names.archive.schema
        with self.opened("aftercare") as session:
            comment = session.value(
                "SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = $1",
                schema,
            )
            for key in noted(comment):
                self._validate(session, key, check)
            if comment is not None:
                session.run(f"COMMENT ON SCHEMA {identifier(schema)} IS NULL")

    def _validate(self, session: Connection, key: Unvalidated, check: Callable[[], None]) -> None:
        """The lock conflicts with DDL and VACUUM alone; behind us, too, nobody waits for long."""
        for attempt in range(1, ATTEMPTS + 1):
            if not session.value(PENDING, key.table, key.name):
                return
            try:
                with breakable(check, session.raw.cancel_safe):
                    orphans.ask_covered(session, key.table, key.name)
                with breakable(check, session.raw.cancel_safe), session.transaction():
                    locking.set_patience(session, self.job.lock_budget_seconds)
                    name = identifier(key.name)
                    session.run(f"ALTER TABLE {key.table} VALIDATE CONSTRAINT {name}")
            except LockTimeout:
                if attempt == ATTEMPTS:
                    raise
                longest = min(LONGEST_BACK_OFF_SECONDS, 0.1 * 2 ** min(attempt, 10))
                check()
                time.sleep(random.uniform(longest / 2, longest))
            except BadValue as error:
                raise DataWouldBeLost(
                    f"the foreign key {key.name} of {key.table} does not hold for all rows:"
                    f" {error.happened}",
                    todo=f"remove the orphans, then ALTER TABLE {key.table} VALIDATE CONSTRAINT"
                    f" {identifier(key.name)}",
                ) from error
