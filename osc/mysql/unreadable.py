"""What MySQL 9 can't show while anybody's statement has an emoji in it, read elsewhere.

`information_schema.processlist` and `information_schema.innodb_trx` show statements in utf8mb3, and
whoever asks them for anything, if only for a count, gets error 3854 as long as some session runs a
statement (in `innodb_trx`: in a transaction) with a character that has no place there. MariaDB
shows question marks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random

from osc import errors
from osc.engine import Statement

CODE = "3854"
PATIENCE_SECONDS = 0.3
"""How long the question is asked again where there is nothing else to ask: most statements are
over soon; one that runs for long hides the list for as long, and somebody may wait for us."""

_PROCESSES = "information_schema.processlist"
_HAS_PROCESSES = """
SELECT @@performance_schema AND NOT EXISTS (
    SELECT 1 FROM performance_schema.global_status
    WHERE variable_name = 'Performance_schema_thread_instances_lost' AND variable_value <> '0')
"""
"""Without its performance schema a server has that list, too, and it is empty; with too small a
one some are lost."""

_TRANSACTIONS = "information_schema.innodb_trx"
_EVENTS = """(
    SELECT h.processlist_id AS trx_mysql_thread_id, e.isolation_level AS trx_isolation_level,
           SYSDATE(6) - INTERVAL e.timer_wait / 1e6 MICROSECOND AS trx_started
    FROM performance_schema.events_transactions_current e
    JOIN performance_schema.threads h ON h.thread_id = e.thread_id
    WHERE e.state = 'ACTIVE' AND h.processlist_id IS NOT NULL)"""
"""A transaction that has begun and read nothing yet is in this one only."""
_HAS_TRANSACTIONS = """
SELECT @@performance_schema
AND (SELECT enabled = 'YES' AND timed = 'YES' FROM performance_schema.setup_instruments
     WHERE name = 'transaction')
AND (SELECT COUNT(*) = 3 FROM performance_schema.setup_consumers WHERE enabled = 'YES' AND name IN
     ('global_instrumentation', 'thread_instrumentation', 'events_transactions_current'))
AND NOT EXISTS (SELECT 1 FROM performance_schema.threads
                WHERE type = 'FOREGROUND' AND instrumented = 'NO')
"""


def read_otherwise(
    ask: Callable[[Statement], list[tuple[Any, ...]]],
    statement: Statement,
    error: errors.ServerError,
) -> list[tuple[Any, ...]]:
    """The rows for a question that ended with `error`, from the performance schema where all of
    them are in it and we may read it, otherwise asked again for `PATIENCE_SECONDS`.

    Whatever is no such error, and what stays one, is raised. A question that names `innodb_trx`
    gives it an alias, and reads no other columns of it than `_EVENTS` has.
    """
    if error.code != CODE:
        raise error
    if other := _elsewhere(ask, statement):
        return ask(other)
    again = Retrying(
        retry=retry_if_exception(lambda e: isinstance(e, errors.ServerError) and e.code == CODE),
        stop=stop_after_delay(PATIENCE_SECONDS),
        wait=wait_random(0.01, 0.05),
        reraise=True,
    )
    return again(ask, statement)


def _elsewhere(
    ask: Callable[[Statement], list[tuple[Any, ...]]], statement: Statement
) -> Statement | None:
    sql = statement.sql
    for name, present, instead in (
        (_PROCESSES, _HAS_PROCESSES, "performance_schema.processlist"),
        (_TRANSACTIONS, _HAS_TRANSACTIONS, _EVENTS),
    ):
        if name in sql:
            try:
                if not ask(Statement(present))[0][0]:
                    return None
            except (errors.NotAllowed, errors.BadStatement):
                return None
            sql = sql.replace(name, instead)
    return Statement(sql, statement.parameters) if sql != statement.sql else None
