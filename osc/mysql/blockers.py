"""Who is in the way of a lock on a table, as far as the server shows it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import closing, suppress
from typing import Any

from osc import errors
from osc.engine import Session, Statement
from osc.model.blocker import Blocker
from osc.model.onlookers import Onlookers
from osc.model.table import TableName
from osc.mysql import backups

SESSION = """p.id, p.user, p.host, p.command, COALESCE(p.info, ''),
       COALESCE(TIMESTAMPDIFF(MICROSECOND, t.trx_started, SYSDATE(6)) / 1e6, p.time)"""
OPEN = f"""
SELECT {SESSION}
FROM information_schema.processlist p
LEFT JOIN information_schema.innodb_trx t ON t.trx_mysql_thread_id = p.id
WHERE p.id <> CONNECTION_ID() AND {{}}
ORDER BY 6 DESC LIMIT 20
"""
WITH_SNAPSHOTS = f"""
SELECT {SESSION}, {{}}
FROM information_schema.innodb_trx t
JOIN information_schema.processlist p ON p.id = t.trx_mysql_thread_id
{{}}
WHERE p.id <> CONNECTION_ID() AND t.trx_isolation_level IN ('REPEATABLE READ', 'SERIALIZABLE')
ORDER BY 6 DESC
"""
BY_START = WITH_SNAPSHOTS.format("CAST(t.trx_started AS CHAR)", "")
BY_EVENT = WITH_SNAPSHOTS.format(
    "COALESCE(e.event_id, CAST(t.trx_started AS CHAR))",
    """LEFT JOIN performance_schema.threads h ON h.processlist_id = p.id
LEFT JOIN performance_schema.events_transactions_current e
ON e.thread_id = h.thread_id AND e.state = 'ACTIVE'""",
)
"""A transaction's number within its session, which is the same wherever else it is read
(`osc.mysql.unreadable`), as its start is not."""
HOLDERS = """
SELECT DISTINCT t.processlist_id FROM performance_schema.metadata_locks l
JOIN performance_schema.threads t ON t.thread_id = l.owner_thread_id
WHERE l.object_type = 'TABLE' AND l.object_schema = %s AND l.object_name = %s
AND t.processlist_id IS NOT NULL
"""
HOLDERS_OF_MARIADB = """
SELECT DISTINCT thread_id FROM information_schema.metadata_lock_info
WHERE table_schema = %s AND table_name = %s
"""
"""Of a plug-in that has to be installed: INSTALL SONAME 'metadata_lock_info'."""
LAST_STATEMENTS = """
SELECT t.processlist_id, s.sql_text FROM performance_schema.events_statements_current s
JOIN performance_schema.threads t ON t.thread_id = s.thread_id
WHERE t.processlist_id IN ({}) AND s.sql_text IS NOT NULL
AND COALESCE(s.nesting_event_type, '') NOT IN ('STATEMENT', 'STORED_PROGRAM')
"""
NO_CLIENTS = {"binlog dump", "binlog dump gtid", "daemon", "slave_io", "slave_sql", "slave_worker"}


def blockers(connect: Callable[[str], Session], table: TableName) -> list[Blocker]:
    """Those with a metadata lock on the table, which outlives statements in a transaction. Where
    the server does not show locks, all who have a transaction open: none of them is certain. Nor
    is a backup, which keeps every ALTER waiting: so it is not ended for us."""
    with closing(connect("blockers")) as session:
        try:
            holders = _holders(session, table)
            certain = holders is not None
            keeping = backups.holders(session)
            among = f"p.id IN ({', '.join(map(str, (*(holders or ()), *keeping, 0)))})"
            which = among if certain else f"(t.trx_started IS NOT NULL OR {among})"
            rows = session.query(Statement(OPEN.format(which)))
            last = _last_statements(session, [int(row[0]) for row in rows if not row[4]])
        except errors.NotAllowed:
            return [
                Blocker(0, "?", "?", "(the PROCESS privilege is needed to name them)", 0.0,
                        certain=False)
            ]  # fmt: skip
    said = [(*row[:4], row[4] or last.get(int(row[0]), ""), *row[5:]) for row in rows]
    return [_blocker(row, certain=certain and row[0] not in keeping) for row in said]


def _last_statements(session: Session, idle: Sequence[int]) -> Mapping[int, str]:
    """What sessions that do nothing at the moment did last, where the server keeps that."""
    if not idle:
        return {}
    with suppress(errors.BadStatement, errors.NotAllowed):
        asked = LAST_STATEMENTS.format(", ".join(map(str, idle)))
        return {int(one): str(text) for one, text in session.query(Statement(asked))}
    return {}


def _holders(session: Session, table: TableName) -> list[int] | None:
    """None where the server keeps no such list, or shows it to others only."""
    for asked in (HOLDERS, HOLDERS_OF_MARIADB):
        try:
            rows = session.query(Statement(asked, (table.schema, table.name)))
        except (errors.BadStatement, errors.NotAllowed):
            continue
        if rows or asked is HOLDERS_OF_MARIADB or _instrumented(session):
            return [int(one) for (one,) in rows]
    return None


def _instrumented(session: Session) -> bool:
    """An empty list may only say that nobody keeps it."""
    with suppress(errors.BadStatement, errors.NotAllowed):
        rows = session.query(
            Statement(
                "SELECT enabled FROM performance_schema.setup_instruments "
                "WHERE name = 'wait/lock/metadata/sql/mdl' AND @@performance_schema"
            )
        )
        return bool(rows) and str(rows[0][0]).upper() == "YES"
    return False


def _blocker(row: tuple[Any, ...], *, certain: bool) -> Blocker:
    identity, user, host, command, statement, age = row
    name = str(command).lower()
    return Blocker(
        id=int(identity),
        user=str(user),
        place=str(host),
        state="idle in a transaction" if name == "sleep" else name,
        age_seconds=float(age or 0),
        statement=str(statement)[:200],
        idle=name == "sleep",
        certain=certain,
        system=name in NO_CLIENTS or str(user) in ("system user", "event_scheduler"),
    )


def onlookers(connect: Callable[[str], Session]) -> Onlookers:
    """Whoever reads by one snapshot for all of his transaction, which is the rule here. After the
    swap he sees of the new table what had been copied when he began; after a native ALTER he gets
    error 1412, and here he gets it, too, if the table was made after that."""
    return Onlookers(lambda: _with_snapshots(connect))


def _with_snapshots(connect: Callable[[str], Session]) -> Mapping[Hashable, Blocker]:
    with closing(connect("snapshots")) as session:
        for asked in (BY_EVENT, BY_START):
            with suppress(errors.NotAllowed, errors.BadStatement):
                rows = session.query(Statement(asked))
                break
        else:
            return {}
    found = {(row[0], row[-1]): _blocker(row[:-1], certain=True) for row in rows}
    return {key: blocker for key, blocker in found.items() if not blocker.system}


def end(connect: Callable[[str], Session], blocker: Blocker) -> None:
    with closing(connect("end a blocker")) as session, suppress(errors.BadStatement):
        session.execute(Statement(f"KILL CONNECTION {blocker.id}"))
