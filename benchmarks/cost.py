"""What a run costs the server: log, disk, reads, processor time, lag of a replica.

Counters are read before and after; what can only be seen while it is there (disk at its peak,
memory of the tool, lag) is sampled by a thread.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pymysql

from benchmarks.servers import Bench, ask

SAMPLE_SECONDS = 0.25
BEAT_SECONDS = 0.1
SETTLE_SECONDS = 2.0
LONGEST_LAG_SECONDS = 900.0
TICKS = os.sysconf("SC_CLK_TCK")

MYSQL_COUNTERS = {
    "Innodb_os_log_written": "redo_bytes",
    "Innodb_data_read": "read_bytes",
    "Innodb_data_written": "written_bytes",
    "Innodb_buffer_pool_reads": "pages_not_in_cache",
    "Innodb_buffer_pool_read_requests": "pages_asked_for",
}
POSTGRES_COUNTERS = """
SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint, blks_read, blks_hit + blks_read,
  temp_bytes FROM pg_stat_database WHERE datname = current_database()
"""
POSTGRES_NAMES = ("log_bytes", "pages_not_in_cache", "pages_asked_for", "temporary_bytes")


def counters(bench: Bench) -> dict[str, float]:
    """Totals since the server's start; the difference of two is what happened between them.

    `log_bytes` is what goes to replicas and archives: the binlog, or WAL.
    """
    found: dict[str, float] = {"server_cpu_seconds": cpu_seconds(bench.pid)}
    if bench.engine == "postgres":
        return found | dict(zip(POSTGRES_NAMES, bench.ask(POSTGRES_COUNTERS)[0], strict=True))
    found["log_bytes"] = sum(int(row[1]) for row in bench.ask("SHOW BINARY LOGS"))
    names = ", ".join(f"'{name}'" for name in MYSQL_COUNTERS)
    for name, value in bench.ask(f"SHOW GLOBAL STATUS WHERE Variable_name IN ({names})"):
        found[MYSQL_COUNTERS[name]] = int(value)
    return found


def difference(before: dict[str, float], after: dict[str, float]) -> dict[str, float]:
    return {name: round(after[name] - before[name], 2) for name in after}


def cpu_seconds(pid: int) -> float:
    """Of a process and its children, those that have ended and were waited for included."""
    ticks = 0
    for one in tree(pid):
        with suppress(OSError):
            fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(map(int, fields[11:15]))
    return ticks / TICKS


def tree(pid: int) -> list[int]:
    """A process and all that descend from it."""
    found = [pid]
    for one in found:
        with suppress(OSError):
            for task in Path(f"/proc/{one}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
    return found


def high_water_bytes(pid: int) -> int:
    """The most memory that a process has had (VmHWM), its children's added; 0 if it is gone."""
    total = 0
    for one in tree(pid):
        with suppress(OSError):
            status = Path(f"/proc/{one}/status").read_text()
            found = re.search(r"VmHWM:\s+(\d+) kB", status)
            total += int(found[1]) * 1024 if found else 0
    return total


def disk_bytes(bench: Bench) -> int:
    """What the server's folder takes, with files that are open and have no name any more: that is
    where InnoDB sorts."""
    total = 0
    for folder, _, files in os.walk(bench.folder):
        for name in files:
            with suppress(OSError):
                total += os.lstat(os.path.join(folder, name)).st_blocks * 512
    for one in tree(bench.pid):
        total += _unnamed_bytes(one, bench.folder)
    return total


def _unnamed_bytes(pid: int, below: Path) -> int:
    total = 0
    with suppress(OSError):
        for descriptor in os.scandir(f"/proc/{pid}/fd"):
            with suppress(OSError):
                target = os.readlink(descriptor.path)
                if target.endswith(" (deleted)") and target.startswith(str(below)):
                    total += os.stat(descriptor.path).st_blocks * 512
    return total


@dataclass
class Peaks:
    """The most that was seen while a run went on. Set `tool` once its process is there."""

    disk_at_first: int
    disk: int = 0
    tool: int = 0
    tool_bytes: int = 0
    lags: list[float] = field(default_factory=list)

    def told(self) -> dict[str, float]:
        found: dict[str, float] = {"disk_peak_bytes": max(0, self.disk - self.disk_at_first)}
        if self.tool_bytes:
            found["tool_memory_bytes"] = self.tool_bytes
        if self.lags:
            found["replica_lag_max_seconds"] = round(max(self.lags), 2)
        return found


@contextmanager
def watching(bench: Bench, replica: str | None = None) -> Iterator[Peaks]:
    """Samples until the block ends; `replica` is the URL of one whose lag is wanted."""
    peaks = Peaks(disk_bytes(bench))
    ended = threading.Event()

    def sample() -> None:
        while True:
            peaks.disk = max(peaks.disk, disk_bytes(bench))
            if peaks.tool:
                peaks.tool_bytes = max(peaks.tool_bytes, high_water_bytes(peaks.tool))
            if ended.wait(SAMPLE_SECONDS):
                return

    bodies: list[Callable[[], None]] = [sample]
    if replica:
        ask(bench.url, "CREATE TABLE IF NOT EXISTS heartbeat (id INT PRIMARY KEY, at FLOAT8)"
            if bench.engine == "postgres" else
            "CREATE TABLE IF NOT EXISTS heartbeat (id INT PRIMARY KEY, at DOUBLE)")  # fmt: skip
        bodies += [lambda: _beat(bench.url, ended), lambda: _listen(replica, ended, peaks)]
    threads = [threading.Thread(target=body, daemon=True) for body in bodies]
    for thread in threads:
        thread.start()
    try:
        yield peaks
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def await_replica(peaks: Peaks) -> None:
    """An ALTER reaches a replica when it is over on the primary: the lag is still to come then."""
    begun, deadline = len(peaks.lags), time.monotonic() + LONGEST_LAG_SECONDS
    time.sleep(SETTLE_SECONDS)
    while time.monotonic() < deadline:
        if len(peaks.lags) > begun and peaks.lags[-1] < SETTLE_SECONDS / 2:
            return
        time.sleep(SAMPLE_SECONDS)


def _beat(url: str, ended: threading.Event) -> None:
    ask(url, "DELETE FROM heartbeat")
    ask(url, f"INSERT INTO heartbeat VALUES (1, {time.time()})")
    while not ended.wait(BEAT_SECONDS):
        ask(url, f"UPDATE heartbeat SET at = {time.time()} WHERE id = 1")


def _listen(replica: str, ended: threading.Event, peaks: Peaks) -> None:
    while not ended.wait(BEAT_SECONDS):
        with suppress(psycopg.Error, pymysql.err.MySQLError):  # The table is not there yet.
            found: list[tuple[Any, ...]] = ask(replica, "SELECT at FROM heartbeat WHERE id = 1")
            peaks.lags += [time.time() - float(row[0]) for row in found]
