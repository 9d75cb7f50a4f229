"""Locks on the original that nobody waits long for: what holds them, and what ends the waiting."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence

from osc.errors import Conflict, CutOverNotObtained, LockTimeout
from osc.model.blocker import Blocker
from osc.model.table import TableName
from osc.postgres import kin
from osc.postgres.definition import oid_of
from osc.postgres.quoting import qualified
from osc.postgres.session import Connection, Open

ATTEMPTS = 30
LONGEST_BACK_OFF_SECONDS = 3.0
HELD_SECONDS = 10
"""The server itself ends a transaction that holds the lock so long: this process may hang."""

BLOCKERS = """
SELECT a.pid, coalesce(a.usename, '-'),
       concat_ws(' from ', quote_literal(a.application_name), a.client_addr),
       concat_ws(' ', CASE WHEN bool_or(l.granted) THEN 'holds' ELSE 'waits for' END,
                 string_agg(DISTINCT l.mode, ' and ') || ',', coalesce(a.state, a.backend_type)),
       coalesce(extract(epoch FROM clock_timestamp() - a.xact_start), 0)::float8,
       left(a.query, 200), a.state LIKE 'idle in transaction%', a.backend_type <> 'client backend'
FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'relation' AND l.relation = ANY ($1::oid[])
AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
AND a.application_name NOT LIKE 'osc %' AND a.pid <> pg_backend_pid()
GROUP BY a.pid, a.usename, a.application_name, a.client_addr, a.state, a.backend_type,
         a.xact_start, a.query
ORDER BY a.xact_start
"""


def set_budget(session: Connection, budget_seconds: float) -> None:
    """For the transaction that `session` is in."""
    for name, seconds in (
        ("lock_timeout", budget_seconds),
        ("statement_timeout", HELD_SECONDS),
        ("idle_in_transaction_session_timeout", HELD_SECONDS),
        ("tcp_user_timeout", HELD_SECONDS),
    ):
        session.run(f"SET LOCAL {name} = {max(1, round(seconds * 1000))}")
    _before_autovacuum(session, budget_seconds)
    # The server knows neither a statement nor an idle session where half of the messages that make
    # a statement have come: this limit (17 and later) holds there, too.
    session.rows(
        "SELECT set_config(name, $1, true) FROM pg_settings WHERE name = 'transaction_timeout'",
        f"{2 * HELD_SECONDS}s",
    )


def set_patience(session: Connection, seconds: float) -> None:
    """For a transaction whose lock nobody waits for: it may last, but not queue for long."""
    session.run(f"SET LOCAL lock_timeout = {max(1, round(seconds * 1000))}")
    _before_autovacuum(session, seconds)


def _before_autovacuum(session: Connection, budget_seconds: float) -> None:
    # An autovacuum gives way to whoever has waited for the deadlock timeout, a second; but we never
    # wait for so long. Where we may not set it, we can only name the autovacuum.
    has_grants = session.raw.info.server_version >= 150000
    may = "has_parameter_privilege(name, 'SET')" if has_grants else "rolsuper"
    session.rows(
        "SELECT set_config(name, $1, true) FROM pg_settings, pg_roles"
        f" WHERE name = 'deadlock_timeout' AND rolname = current_user AND {may}",
        str(max(1, round(budget_seconds * 1000 / 3))),
    )


def concerned(session: Connection, oid: int) -> tuple[kin.Member, ...]:
    """Whose lock a change of this table needs: its parents', the default partition's beside it, for
    there is a condition in it that says what others hold, its own and its partitions'.

    Parents come first. Who reads or writes through a parent looks up its children when he has the
    parent's lock, and then waits for theirs: if we held only the child, he would wait, and go on
    with the table that had been the child before, which is the archive by then.
    """
    return (*above(session, oid), *kin.family(session, oid))


def above(session: Connection, oid: int) -> tuple[kin.Member, ...]:
    """Those of them that the table is not made of."""
    return (*kin.parents(session, oid), *kin.default_partition(session, oid))


def lock(
    session: Connection,
    members: Sequence[kin.Member],
    budget_seconds: float,
    mode: str = "ACCESS EXCLUSIVE",
) -> None:
    """Locks them all within the budget: `lock_timeout` is for each, so the statement has a limit of
    its own. Call `set_budget` before."""
    names = ", ".join(f"ONLY {qualified(member.name)}" for member in members)
    session.run(f"SET LOCAL statement_timeout = {max(1, round(budget_seconds * 1000))}")
    try:
        session.run(f"LOCK TABLE {names} IN {mode} MODE")
    except Conflict as error:
        raise LockTimeout(error.happened, code=error.code) from error
    session.run(f"SET LOCAL statement_timeout = {HELD_SECONDS * 1000}")


def blockers(opened: Open, table: TableName) -> list[Blocker]:
    """Who holds or waits for locks on the table."""
    with opened("blockers") as session:
        oid = oid_of(session, table)
        of = [member.oid for member in concerned(session, oid)] if oid is not None else []
        found = session.rows(BLOCKERS, of)
    return [
        Blocker(pid, user, place, state, age, statement, bool(idle), system=bool(system))
        for pid, user, place, state, age, statement, idle, system in found
    ]


def end(opened: Open, blocker: Blocker) -> None:
    """A pid that another session has by now is told by its user and its transaction's age."""
    with opened("end a blocker") as session:
        session.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid = $1 AND usename = $2"
            " AND extract(epoch FROM clock_timestamp() - xact_start) >= $3::float8",
            blocker.id,
            blocker.user,
            blocker.age_seconds,
        )


def within_budget(
    opened: Open,
    table: TableName,
    budget_seconds: float,
    body: Callable[[Connection], None],
    needed_by: str = "its triggers need",
) -> None:
    """Runs `body`, which takes a lock on the table, in a transaction that never queues beyond the
    budget. Tried again, with a jitter, when others are in the way; CutOverNotObtained names them.
    """
    in_the_way: list[Blocker] = []
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with opened("trigger lock") as session, session.transaction():
                set_budget(session, budget_seconds)
                body(session)
            return
        except (LockTimeout, Conflict):
            in_the_way = blockers(opened, table)
        longest = min(LONGEST_BACK_OFF_SECONDS, 0.1 * 2**attempt)
        time.sleep(random.uniform(longest / 2, longest))
    raise CutOverNotObtained(
        f"{table} could not be locked within {budget_seconds * 1000:.0f} ms in {ATTEMPTS} attempts,"
        f" which {needed_by}; in the way: {'; '.join(map(str, in_the_way))}",
        still_true=f"{table} still serves and is untouched",
        todo="end these transactions or wait for a quieter hour, then start again",
    )
