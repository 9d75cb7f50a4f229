"""What PostgreSQL says of its load, and how far its standbys are behind."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from osc import errors
from osc.postgres.session import Address, Connection

ACTIVITY = "FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
KNOWN = {
    "running": ("", f"SELECT count(*) {ACTIVITY} AND state = 'active'"),
    "connections": ("", f"SELECT count(*) {ACTIVITY}"),
    "oldest-transaction": (
        "s",
        f"SELECT coalesce(extract(epoch FROM clock_timestamp() - min(xact_start)), 0) {ACTIVITY}",
    ),
    "transactions": ("", f"SELECT count(xact_start) {ACTIVITY}"),
    "old-transactions": (
        "",
        f"SELECT count(*) {ACTIVITY} AND xact_start < clock_timestamp() - interval '10 s'",
    ),
    "history": (
        "",
        "SELECT coalesce(max(greatest(age(backend_xid), age(backend_xmin))), 0)"
        " FROM pg_stat_activity",
    ),
    "slot-lag": (
        "bytes",
        "SELECT coalesce(max(pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn)), 0)"
        " FROM pg_replication_slots",
    ),
    "retained-log": (
        "bytes",
        "SELECT coalesce(max(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)), 0)"
        " FROM pg_replication_slots",
    ),
}
"""Each with its unit and a question that gives one value. `history` counts the transactions whose
dead rows nobody may clean up yet."""

LAGS = """
SELECT coalesce(nullif(concat_ws(' at ', nullif(application_name, ''), client_addr), ''),
                pid::text),
       max(coalesce(extract(epoch FROM replay_lag), 0))
FROM pg_stat_replication
WHERE pid NOT IN (SELECT active_pid FROM pg_replication_slots
                  WHERE slot_type = 'logical' AND active_pid IS NOT NULL)
GROUP BY 1
"""
"""Physical standbys: `replay_lag` is what a commit would wait for them (manual, 27.2.4). Those that
were given no name are all called walreceiver."""

LOG_END = "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')"
WHERE = "SELECT current_setting('data_directory', true), current_database()"


class PostgresGauges:
    """The port `Gauges`. On a standby only `beaten` is of use."""

    def __init__(self, address: Address) -> None:
        self._connect: Callable[[], Connection] = lambda: address.connect("gauge")
        self._session: Connection | None = None
        self._log_began: int | None = None
        self._lock = threading.Lock()

    @contextmanager
    def _opened(self) -> Iterator[Connection]:
        """The session that lasts, or a new one where it was lost."""
        with self._lock:
            if self._session is None or self._session.raw.closed:
                self._session = self._connect()
            yield self._session

    @property
    def known(self) -> Mapping[str, str]:
        return {name: unit for name, (unit, _) in KNOWN.items()}

    def read(self, name: str) -> float:
        if name not in KNOWN:
            raise errors.Usage(
                f"there is no gauge {name!r} on PostgreSQL", todo=f"there are {', '.join(KNOWN)}"
            )
        with self._opened() as session:
            return float(session.value(KNOWN[name][1]))

    def free_disk(self) -> float | None:
        """PostgreSQL doesn't say. Whether it is on this host is told by the process that serves us:
        here, too, its number is that of a backend of this database."""
        with self._opened() as session:
            try:
                folder, database = session.rows(WHERE)[0]
            except errors.NotAllowed:
                return None  # data_directory is for pg_read_all_settings
            if not folder or not _serves_here(session.id, str(database)):
                return None
        try:
            return float(shutil.disk_usage(str(folder)).free)
        except OSError:
            return None

    def log_written(self) -> int | None:
        with self._opened() as session:
            now = int(session.value(LOG_END))
        if self._log_began is None:
            self._log_began = now
        return now - self._log_began

    def lags(self) -> Mapping[str, float]:
        with self._opened() as session:
            return {str(name): float(lag) for name, lag in session.rows(LAGS)}

    def beat(self, migration: int, at: float) -> None:
        with self._opened() as session:
            session.run(
                "INSERT INTO osc.beat VALUES ($1, $2)"
                " ON CONFLICT (migration) DO UPDATE SET at = excluded.at",
                migration,
                at,
            )

    def beaten(self, migration: int) -> float | None:
        with self._opened() as session:
            found = session.value("SELECT at FROM osc.beat WHERE migration = $1", migration)
            return None if found is None else float(found)

    def probe(self, sql: str) -> None:
        with self._opened() as session:
            session.rows(sql)

    def value(self, sql: str) -> float:
        with self._opened() as session:
            return float(session.value(sql) or 0)

    def close(self) -> None:
        with self._lock:
            if self._session is not None:
                self._session.close()


def _serves_here(backend: int, database: str) -> bool:
    try:
        title = Path(f"/proc/{backend}/cmdline").read_text(errors="replace")
    except OSError:
        return False
    return title.startswith("postgres:") and database in title
