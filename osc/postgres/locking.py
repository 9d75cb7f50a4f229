"""Locks on the original that nobody waits long for: what holds them, and what ends the waiting."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence

from osc.errors import Conflict, CutOverNotObtained, LockTimeout
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
SELECT a.pid, a.usename, a.application_name, bool_or(l.granted),
       string_agg(DISTINCT l.mode, ' and '), a.state,
       date_trunc('milliseconds', now() - a.xact_start)::text, left(a.query, 200)
FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'relation' AND l.relation = ANY ($1::oid[])
AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
AND a.application_name NOT LIKE 'osc %' AND a.pid <> pg_backend_pid()
GROUP BY a.pid, a.usename, a.application_name, a.state, a.xact_start, a.query
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
    # An autovacuum gives way to whoever has waited for the deadlock timeout, a second; but we never
    # wait for so long. Where we may not set it, we can only name the autovacuum.
    has_grants = session.raw.info.server_version >= 150000
    may = "has_parameter_privilege(name, 'SET')" if has_grants else "rolsuper"
    session.rows(
        "SELECT set_config(name, $1, true) FROM pg_settings, pg_roles"
        f" WHERE name = 'deadlock_timeout' AND rolname = current_user AND {may}",
        str(max(1, round(budget_seconds * 1000 / 3))),
    )
    # The server knows neither a statement nor an idle session where half of the messages that make
    # a statement have come: this limit (17 and later) holds there, too.
    session.rows(
        "SELECT set_config(name, $1, true) FROM pg_settings WHERE name = 'transaction_timeout'",
        f"{2 * HELD_SECONDS}s",
    )


def concerned(session: Connection, oid: int) -> tuple[kin.Member, ...]:
    """Whose lock a change of this table needs: its parents', the default partition's beside it, for
    there is a condition in it that says what others hold, its own and its partitions'.

    Parents come first. Who reads or writes through a parent looks up its children when he has the
    parent's lock, and then waits for theirs: if we held only the child, he would wait, and go on
    with the table that had been the child before, which is the archive by then.
    """
    above = kin.parents(session, oid)
    beside = kin.default_partition(session, oid)
    return (*above, *beside, *kin.family(session, oid))


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


def blockers(opened: Open, table: TableName) -> list[str]:
    """Who holds or waits for locks on the table, one sentence each."""
    with opened("blockers") as session:
        oid = oid_of(session, table)
        of = [member.oid for member in concerned(session, oid)] if oid is not None else []
        found = session.rows(BLOCKERS, of)
    return [
        f"pid {pid} ({user}, {application!r}) {'holds' if granted else 'waits for'} {mode},"
        f" {state}, its transaction is {age} old: {statement}"
        for pid, user, application, granted, mode, state, age, statement in found
    ]


def within_budget(
    opened: Open, table: TableName, budget_seconds: float, body: Callable[[Connection], None]
) -> None:
    """Runs `body`, which takes a lock on the table, in a transaction that never queues beyond the
    budget. Tried again, with a jitter, when others are in the way; CutOverNotObtained names them.
    """
    in_the_way: list[str] = []
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
        f" which its triggers need; in the way: {'; '.join(in_the_way)}",
        still_true=f"{table} still serves and is untouched",
        todo="end these transactions or wait for a quieter hour, then start again",
    )
