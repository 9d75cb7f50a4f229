"""Transactions that would see the new table as it was before it was complete.

Who reads by one snapshot for long (REPEATABLE READ, SERIALIZABLE, an open cursor) and has not
touched the table yet has no lock on it. After the swap he reads the new table by a snapshot that is
older than its rows: he sees none of them, or those that had been copied by then, and his UPDATE
finds no row. After a native ALTER that rewrites he sees none (manual, 13.6); here he can be waited
for.

The server shows neither isolation nor snapshots, but `backend_xmin`: who has one of his own has a
snapshot, and while it is the same it may be the same snapshot. Between two statements only those
have one whom we look for. A statement that runs has one in any case; whether the next has another
is seen when it comes.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping

from osc.model.blocker import Blocker
from osc.model.onlookers import Onlookers
from osc.postgres.session import Open

WITH_SNAPSHOTS = """
SELECT a.pid, coalesce(a.usename, '-'),
       concat_ws(' from ', quote_literal(a.application_name), a.client_addr),
       coalesce(a.state, 'doing what we may not see'),
       coalesce(extract(epoch FROM clock_timestamp() - a.xact_start), 0)::float8,
       left(a.query, 200), coalesce(a.state LIKE 'idle in transaction%', false),
       a.xact_start::text, a.backend_xmin::text
FROM pg_stat_activity a
WHERE a.datid = (SELECT oid FROM pg_database WHERE datname = current_database())
AND a.usesysid IS NOT NULL AND coalesce(a.backend_type, '') <> 'parallel worker'
AND a.pid <> pg_backend_pid() AND a.application_name NOT LIKE 'osc %'
AND a.backend_xmin IS NOT NULL
ORDER BY a.xact_start NULLS LAST, a.pid
"""
"""The server's own workers are nobody's, and a standby's snapshot is in no database."""


def onlookers(opened: Open) -> Onlookers:
    return Onlookers(lambda: _with_snapshots(opened))


def _with_snapshots(opened: Open) -> Mapping[Hashable, Blocker]:
    with opened("snapshots") as session:
        found = session.rows(WITH_SNAPSHOTS)
    return {
        (pid, began, xmin): Blocker(pid, user, place, state, age, statement or "", idle)
        for pid, user, place, state, age, statement, idle, began, xmin in found
    }
