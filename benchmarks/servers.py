"""The servers of a benchmark: settings as on a machine that means it, the table, and questions."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pymysql

from osc.sandbox.server import Running

ENGINES = ("mysql", "mariadb", "postgres")
DATABASE = "bench"
ROWS_AT_ONCE = 100_000
SETTINGS: dict[str, dict[str, str]] = {
    "mysql": {"innodb_buffer_pool_size": "1G", "innodb_redo_log_capacity": "1G"},
    "mariadb": {"innodb_buffer_pool_size": "1G", "innodb_log_file_size": "1G"},
    "postgres": {"shared_buffers": "512MB", "max_wal_size": "4GB"},
}
DURABILITY = {
    "mysql": "sync_binlog=0, innodb_flush_log_at_trx_commit=2",
    "mariadb": "sync_binlog=0, innodb_flush_log_at_trx_commit=2",
    "postgres": "fsync=off, full_page_writes=off, wal_level=logical",
}
"""What the sandbox sets: no fsync at commit, so that a slow disk isn't what is measured."""

MYSQL_TABLE = """
CREATE TABLE sbtest1 (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, k INT NOT NULL DEFAULT 0,
  c CHAR(120) NOT NULL DEFAULT '', pad CHAR(60) NOT NULL DEFAULT '')
"""
MYSQL_ROWS = """
INSERT INTO sbtest1 (id, k, c, pad)
WITH RECURSIVE n (i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM n WHERE i < {last})
SELECT i, 1 + FLOOR(RAND(i) * {rows}), LEFT(CONCAT(SHA2(i, 256), SHA2(-i, 256)), 119),
  LEFT(SHA2(i + 1, 256), 59) FROM n
"""
POSTGRES_TABLE = """
CREATE TABLE sbtest1 (id int NOT NULL PRIMARY KEY, k int NOT NULL DEFAULT 0,
  c char(120) NOT NULL DEFAULT '', pad char(60) NOT NULL DEFAULT '')
"""
POSTGRES_ROWS = """
INSERT INTO sbtest1 (id, k, c, pad)
SELECT i, 1 + floor(random() * {rows}),
  md5(i::text) || md5((-i)::text) || md5((i + 1)::text) || left(md5((i + 2)::text), 23),
  md5(i::text) || left(md5((-i)::text), 27) FROM generate_series({first}, {last}) i
"""


@dataclass(frozen=True)
class Bench:
    """A server with one database of ours; `ask` opens a connection for each question."""

    engine: str
    running: Running

    @property
    def url(self) -> str:
        return self.running.url(DATABASE)

    @property
    def folder(self) -> Path:
        return self.running.server.folder

    @property
    def pid(self) -> int:
        return self.running.server.pid

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        return ask(self.url, sql)

    def value(self, sql: str) -> Any:
        return self.ask(sql)[0][0]

    def is_wide(self) -> bool:
        """Whether `k` is a BIGINT now."""
        schema = "database()" if self.engine != "postgres" else "'public'"
        found = self.value(
            "SELECT data_type FROM information_schema.columns WHERE table_name = 'sbtest1'"
            f" AND column_name = 'k' AND table_schema = {schema}"
        )
        return str(found).lower() == "bigint"

    def clauses(self) -> str:
        """What gives `k` the other type."""
        wanted = "INT" if self.is_wide() else "BIGINT"
        if self.engine == "postgres":
            return f"ALTER COLUMN k TYPE {wanted.lower()}"
        return f"MODIFY k {wanted} NOT NULL DEFAULT 0"


@contextmanager
def start(engine: str, version: str | None = None) -> Iterator[Bench]:
    """A server of our own, and an empty database on it."""
    module = import_module(f"osc.sandbox.{engine}")
    with module.start(version, settings=SETTINGS[engine]) as running:
        outside = running.url("postgres" if engine == "postgres" else "mysql")
        ask(outside, f"CREATE DATABASE {DATABASE}")
        yield Bench(engine, running)


def fill(bench: Bench, rows: int) -> None:
    """A new table `sbtest1` of so many rows, its index and its statistics."""
    postgres = bench.engine == "postgres"
    with connected(bench.url) as connection:
        told = connection.cursor()
        told.execute("DROP TABLE IF EXISTS sbtest1")
        told.execute(POSTGRES_TABLE if postgres else MYSQL_TABLE)
        if not postgres:
            limit = "max_recursive_iterations" if bench.engine == "mariadb" else (
                "cte_max_recursion_depth")  # fmt: skip
            told.execute(f"SET SESSION {limit} = {ROWS_AT_ONCE + 1}")
        for first in range(1, rows + 1, ROWS_AT_ONCE):
            last = min(first + ROWS_AT_ONCE - 1, rows)
            sql = POSTGRES_ROWS if postgres else MYSQL_ROWS
            told.execute(sql.format(first=first, last=last, rows=rows))
        told.execute("CREATE INDEX k_1 ON sbtest1 (k)")
        told.execute("VACUUM ANALYZE sbtest1" if postgres else "ANALYZE TABLE sbtest1")


@contextmanager
def connected(url: str) -> Iterator[Any]:
    """A connection in autocommit mode: psycopg's or PyMySQL's."""
    if url.startswith("postgres"):
        with psycopg.connect(url, autocommit=True) as connection:
            yield connection
        return
    at = urlsplit(url)
    own = pymysql.connect(
        host=at.hostname,
        port=at.port or 3306,
        user=at.username,
        password=at.password or "",
        database=at.path[1:],
        autocommit=True,
    )
    try:
        yield own
    finally:
        own.close()


def ask(url: str, sql: str) -> list[tuple[Any, ...]]:
    """The rows that a statement gives, none for one that gives none."""
    with connected(url) as connection:
        cursor = connection.cursor()
        cursor.execute(sql)
        return list(cursor.fetchall()) if cursor.description else []


def environment(bench: Bench) -> dict[str, Any]:
    """What has to stand beside any figure: machine, versions, settings, date."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(memory / 2**30, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "engine": bench.engine,
        "server": bench.running.server.version,
        "settings": SETTINGS[bench.engine],
        "durability": DURABILITY[bench.engine],
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
