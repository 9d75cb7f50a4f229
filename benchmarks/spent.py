"""Where PostgreSQL's time goes: CPU seconds of each process, by what it did, of each contender.

On two cores that are both busy, what a run takes is what it spends; so this is the profile that
says how much of a difference is left to be won, and where.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import psycopg

from benchmarks import contenders, cost, race, servers
from benchmarks.contenders import Contender
from benchmarks.servers import Bench, connected

POLL_SECONDS = 0.02
TICKS = os.sysconf("SC_CLK_TCK")
WHO = """
SELECT pid, backend_type, coalesce(application_name, '')
FROM pg_stat_activity WHERE pid <> pg_backend_pid()
"""


@dataclass
class Process:
    """`begun` and `now` are CPU seconds since the process began."""

    does: str
    begun: float
    now: float


class Watch(threading.Thread):
    """Looks at every process of the server until it is told to stop; one that lives shorter than
    `POLL_SECONDS` is not seen."""

    def __init__(self, bench: Bench) -> None:
        super().__init__(daemon=True)
        self._url, self._ended, self._seen = bench.url, threading.Event(), dict[int, Process]()

    def run(self) -> None:
        with connected(self._url) as connection:
            self._look(connection, first=True)
            while not self._ended.wait(POLL_SECONDS):
                self._look(connection)

    def _look(self, connection: psycopg.Connection[Any], *, first: bool = False) -> None:
        for pid, kind, name in connection.execute(WHO).fetchall():
            spent = _cpu_seconds(pid)
            if spent is None:
                continue
            seen = self._seen.setdefault(pid, Process(kind, spent if first else 0.0, spent))
            seen.now = spent
            if name:
                seen.does = f"{name}: {kind}" if kind != "client backend" else name

    def spent(self) -> dict[str, float]:
        self._ended.set()
        self.join()
        total: dict[str, float] = {}
        for process in self._seen.values():
            total[process.does] = total.get(process.does, 0.0) + process.now - process.begun
        most = sorted(total.items(), key=lambda item: -item[1])
        return {does: round(seconds, 2) for does, seconds in most if seconds >= 0.01}


def _cpu_seconds(pid: int) -> float | None:
    try:
        told = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = told.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


@contextmanager
def watched(bench: Bench) -> Iterator[Watch]:
    watch = Watch(bench)
    watch.start()
    yield watch


def measured(bench: Bench, contender: Contender) -> dict[str, Any]:
    race.settle(bench)
    with watched(bench) as watch, cost.watching(bench) as peaks:
        ran = contender.run(bench, bench.clauses(), peaks)
        return {
            "contender": contender.name,
            "problem": ran.problem,
            "seconds": round(ran.seconds, 2),
            "cpu_seconds": watch.spent(),
        }


@click.command()
@click.option("--rows", default=2_000_000, show_default=True)
@click.option("--version", default="15", show_default=True, help="Of PostgreSQL.")
def main(rows: int, version: str) -> None:
    """Each contender twice; told is the second run, the first one warms the server."""
    with servers.start("postgres", version) as bench:
        servers.fill(bench, rows)
        for contender in contenders.present("postgres")[0]:
            measured(bench, contender)
            click.echo(json.dumps(measured(bench, contender)))


if __name__ == "__main__":
    main()
