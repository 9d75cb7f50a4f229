"""What applications feel while a table is copied under sysbench: without a limit, and with one.

The same table is copied twice, the second time with `--max-latency`. A writer of its own commits a
row at fixed moments, whatever the server does: a commit that begins late, because the one before
was slow, counts from the moment when it was due.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

import click

from benchmarks.under_load import create_database
from osc.sandbox.server import Running

EVERY_SECONDS = 0.05
WARM_UP_SECONDS = 8.0
ALTERS = {
    "mysql": "ALTER TABLE sbtest1 MODIFY k {} NOT NULL DEFAULT 0",
    "postgres": "ALTER TABLE sbtest1 ALTER COLUMN k TYPE {}",
}


@dataclass
class Writer:
    """Commits a row every so often; `felt` are the moments that were due, and milliseconds."""

    url: str
    felt: list[tuple[float, float]] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        thread = threading.Thread(target=self._write)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()

    def _write(self) -> None:
        session = _connected(self.url)
        cursor = session.cursor()
        cursor.execute("CREATE TABLE felt (id INT PRIMARY KEY, at DOUBLE PRECISION)")
        cursor.execute("INSERT INTO felt VALUES (1, 0)")
        due = time.time()
        while not self._over.is_set():
            cursor.execute("UPDATE felt SET at = %s WHERE id = 1", (due,))
            self.felt.append((due, (time.time() - due) * 1000))
            due += EVERY_SECONDS
            self._over.wait(max(0.0, due - time.time()))
        session.close()

    def between(self, begin: float, end: float, limit: float) -> dict[str, float]:
        felt = sorted(ms for due, ms in self.felt if begin <= due <= end)
        if not felt:
            return {}
        above = sum(ms > limit for ms in felt)
        return {
            "commits": len(felt),
            "p50_ms": round(felt[len(felt) // 2], 1),
            "p95_ms": round(felt[len(felt) * 95 // 100], 1),
            "slowest_ms": round(felt[-1], 1),
            "above_the_limit_percent": round(100 * above / len(felt), 1),
        }


def _connected(url: str) -> Any:
    at = urlsplit(url)
    if at.scheme.startswith("postgres"):
        return import_module("psycopg").connect(url, autocommit=True)
    return import_module("pymysql").connect(
        host=at.hostname, port=at.port, user=at.username, database=at.path[1:], autocommit=True
    )


def sysbench(url: str, rows: int) -> list[str]:
    at = urlsplit(url)
    kind = "pgsql" if at.scheme.startswith("postgres") else "mysql"
    return [
        "sysbench", "oltp_write_only", f"--db-driver={kind}", f"--{kind}-host={at.hostname}",
        f"--{kind}-port={at.port}", f"--{kind}-user={at.username}", f"--{kind}-db={at.path[1:]}",
        "--tables=1", f"--table-size={rows}",
    ]  # fmt: skip


def copied(url: str, alter: str, *options: str) -> tuple[float, float]:
    """When the copy began and ended, as the events of the run tell it."""
    command = [sys.executable, "-m", "osc", "run", url, alter, "--execute", "--force-copy"]
    done = subprocess.run(
        [*command, "--no-verify", "--drop-old-table", "--log-format", "json", *options],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise click.ClickException(f"osc ended with {done.returncode}:\n{done.stderr[-2000:]}")
    began = {
        event["phase"]: datetime.fromisoformat(event["timestamp"]).timestamp()
        for event in map(json.loads, done.stderr.splitlines())
        if event["action"] == "phase"
    }
    return began["copy"], began["load"]


def measure(running: Running, rows: int, rate: int, limit: int) -> dict[str, Any]:
    create_database(running)
    url = running.url("bench")
    load, alter = sysbench(url, rows), ALTERS.get(running.server.engine, ALTERS["mysql"])
    subprocess.run([*load, "prepare"], check=True, capture_output=True)
    writer = Writer(url)
    application = subprocess.Popen(
        [*load, "--threads=8", f"--rate={rate}", "--time=0", "run"], stdout=subprocess.DEVNULL
    )
    try:
        with writer.at_work():
            begin = time.time()
            time.sleep(WARM_UP_SECONDS)
            quiet = (begin, time.time())
            free = copied(url, alter.format("BIGINT"))
            held = copied(url, alter.format("INT"), "--max-latency", str(limit))
    finally:
        application.terminate()
        application.wait()
    spans = {"before": quiet, "without_a_limit": free, "with_the_limit": held}
    return {
        name: {"seconds": round(end - began, 1), **writer.between(began, end, limit)}
        for name, (began, end) in spans.items()
    }


@click.command(help=__doc__)
@click.argument("engine", type=click.Choice(["mysql", "mariadb", "postgres"]))
@click.option("--rows", default=1_000_000, show_default=True)
@click.option("--rate", default=300, show_default=True, help="sysbench's transactions a second.")
@click.option("--limit", default=20, show_default=True, help="--max-latency, milliseconds.")
def main(engine: str, rows: int, rate: int, limit: int) -> None:
    with import_module(f"osc.sandbox.{engine}").start() as running:
        found = measure(running, rows, rate, limit)
    click.echo(json.dumps({"engine": engine, "rows": rows, "limit_ms": limit, **found}, indent=2))


if __name__ == "__main__":
    main()
