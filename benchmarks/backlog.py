"""One migration under writes that outrun the copy: its memory, its backlog, and whether it ends.

Hot rows, rows all over the table and bulk updates, as fast as the server takes them, for as long as
`--minutes` says; the copy is throttled to a connection and small chunks, so that it is outrun. Then
the writers end, and the migration has to. At the end every row is compared with what a native ALTER
would have left: the original's own rows.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from osc.sandbox import server

STATEMENT = "ALTER TABLE t ADD COLUMN extra INT"
MOST_MEGABYTES = 150
HOT_ROWS = 1_000
BULK_ROWS = 20_000
WRITERS = ("hot", "spread", "spread", "bulk")


@dataclass
class Bench:
    """A table of `rows` rows on a server of its own."""

    running: server.Running
    rows: int
    over: threading.Event = field(default_factory=threading.Event)
    written: dict[str, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    @property
    def postgres(self) -> bool:
        return self.running.server.engine == "postgres"

    @property
    def url(self) -> str:
        return self.running.url("bench")

    def connect(self, database: str = "bench") -> Any:
        at = self.running.server
        if self.postgres:
            connected = import_module("psycopg").connect(self.running.url(database))
            connected.autocommit = True
            return connected
        return import_module("pymysql").connect(
            host=at.host, port=at.port, user=at.user, database=database, autocommit=True
        )

    def asked(self, sql: str) -> Any:
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall()

    def prepare(self) -> None:
        with self.connect("postgres" if self.postgres else "mysql") as connection:
            connection.cursor().execute("CREATE DATABASE bench")
        numbers = f"generate_series(1, {self.rows}) AS s (n)" if self.postgres else (
            "(SELECT a.n * 10000 + b.n AS n FROM "
            f"(WITH RECURSIVE s AS (SELECT 0 n UNION ALL SELECT n + 1 FROM s WHERE n < "
            f"{self.rows // 10_000 - 1}) SELECT n FROM s) a, (WITH RECURSIVE s AS (SELECT 1 n UNION"
            " ALL SELECT n + 1 FROM s WHERE n < 10000) SELECT n FROM s) b) s"
        )  # fmt: skip
        with self.connect() as connection, connection.cursor() as cursor:
            if not self.postgres:
                depth = {"mysql": "cte_max_recursion_depth", "mariadb": "max_recursive_iterations"}
                cursor.execute(f"SET {depth[self.running.server.engine]} = 100000")
            cursor.execute("CREATE TABLE t (id INT PRIMARY KEY, n INT NOT NULL, pad CHAR(100))")
            cursor.execute(f"INSERT INTO t SELECT s.n, 0, 'some padding' FROM {numbers}")
            cursor.execute("ANALYZE t" if self.postgres else "ANALYZE TABLE t")

    def write(self, kind: str, number: int) -> None:
        """Until `over`; a deadlock between two writers is theirs."""
        chance = random.Random(number)
        with self.connect() as connection, connection.cursor() as cursor:
            while not self.over.is_set():
                try:
                    cursor.execute(self._statement(kind, chance))
                except Exception as error:
                    if "eadlock" not in str(error):
                        self.failures.append(f"{kind}: {error}")
                        return
                else:
                    count = max(cursor.rowcount, 0)
                    self.written[f"{kind} {number}"] = (
                        self.written.get(f"{kind} {number}", 0) + count
                    )

    def _statement(self, kind: str, chance: random.Random) -> str:
        if kind == "bulk":
            first = chance.randrange(self.rows - BULK_ROWS)
            return f"UPDATE t SET n = n + 1 WHERE id BETWEEN {first} AND {first + BULK_ROWS}"
        reach = HOT_ROWS if kind == "hot" else self.rows
        ids = ", ".join(str(1 + chance.randrange(reach)) for _ in range(20))
        roll = chance.random()
        if kind == "spread" and roll < 0.05:
            return f"DELETE FROM t WHERE id IN ({ids})"
        return f"UPDATE t SET n = n + 1 WHERE id IN ({ids})"

    @contextmanager
    def writing(self) -> Iterator[None]:
        threads = [
            threading.Thread(target=self.write, args=(kind, number))
            for number, kind in enumerate(WRITERS)
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.over.set()
            for thread in threads:
                thread.join()

    def differences(self, archive: str) -> int:
        """Rows of the new table that aren't exactly those of the old one, and the other way."""
        quote = '"{}"."{}"' if self.postgres else "`{}`.`{}`"
        schema, _, name = archive.partition(".")
        old = quote.format(schema, name)
        sides = [("t", old), (old, "t")]
        each = "SELECT count(*) FROM {0} a WHERE NOT EXISTS (SELECT 1 FROM {1} b WHERE b.id = a.id"
        each += " AND b.n = a.n AND b.pad = a.pad)"
        return sum(int(self.asked(each.format(*side))[0][0]) for side in sides)

    def spilled(self) -> int:
        """Keys in the ledger."""
        table = "osc.backlog" if self.postgres else "_osc_backlog"
        return int(self.asked(f"SELECT count(*) FROM {table}")[0][0])


@dataclass
class Tool:
    """osc in a process of its own."""

    process: subprocess.Popen[str]
    log: Path

    def megabytes(self) -> float:
        """The most that it ever had in memory."""
        try:
            status = Path(f"/proc/{self.process.pid}/status").read_text()
        except OSError:
            return 0.0
        found = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")]
        return int(found[0]) / 1024 if found else 0.0

    def phase(self) -> dict[str, Any]:
        """The last line that it logged."""
        lines = [line for line in self.log.read_text().splitlines() if line.startswith("{")]
        return json.loads(lines[-1]) if lines else {}


def start(url: str, log: Path, options: tuple[str, ...]) -> Tool:
    command = [sys.executable, "-m", "osc", "run", url, STATEMENT, "--execute", "--force-copy"]
    command += ["--json", "--log-format", "json", "--threads", "2", *options]
    with log.open("w") as stderr:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=stderr, text=True, env=os.environ.copy()
        )
    return Tool(process, log)


def measure(bench: Bench, minutes: float, options: tuple[str, ...]) -> dict[str, Any]:
    bench.prepare()
    samples: list[dict[str, Any]] = []
    peak, most_spilled, began = 0.0, 0, time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        with bench.writing():
            time.sleep(1)
            tool = start(bench.url, Path(folder) / "log", options)
            while time.monotonic() - began < minutes * 60 and tool.process.poll() is None:
                time.sleep(2)
                peak = max(peak, tool.megabytes())
                samples.append(_sample(bench, tool, began))
                most_spilled = max(most_spilled, samples[-1]["spilled"])
        stopped_writing = time.monotonic()
        while tool.process.poll() is None:
            time.sleep(1)
            peak = max(peak, tool.megabytes())
            samples.append(_sample(bench, tool, began))
            most_spilled = max(most_spilled, samples[-1]["spilled"])
        caught_up = time.monotonic() - stopped_writing
        printed = tool.process.stdout.read() if tool.process.stdout else ""
        code = tool.process.wait()
        if code:
            sys.stderr.write(tool.log.read_text()[-3000:])
    report = json.loads(printed) if printed else {}
    return {
        "server": bench.running.server.version,
        "rows": bench.rows,
        "minutes": minutes,
        "rows_written": sum(bench.written.values()),
        "rows_written_per_second": round(sum(bench.written.values()) / (stopped_writing - began)),
        "exit_code": code,
        "converged": code == 0,
        "seconds_after_the_writers_ended": round(caught_up, 1),
        "peak_megabytes": round(peak, 1),
        "within_its_memory": peak < MOST_MEGABYTES,
        "most_spilled": most_spilled,
        "rows_that_differ": bench.differences(report["old_table"]) if code == 0 else None,
        "writers_failed": bench.failures,
        "osc": report,
        "over_time": samples,
    }


def _sample(bench: Bench, tool: Tool, began: float) -> dict[str, Any]:
    told = tool.phase()
    return {
        "seconds": round(time.monotonic() - began, 1),
        "phase": told.get("phase", ""),
        "spilled": _or_zero(bench),
        "megabytes": round(tool.megabytes(), 1),
    }


def _or_zero(bench: Bench) -> int:
    """The ledger's tables come with the first run."""
    try:
        return bench.spilled()
    except Exception:
        return 0


@click.command(help=__doc__)
@click.argument("engine", type=click.Choice(["mysql", "mariadb", "postgres"]))
@click.option("--minutes", default=3.0, show_default=True, help="How long is written.")
@click.option("--rows", default=1_000_000, show_default=True)
@click.option("--option", multiple=True, help="Passed on to osc run, such as --option=--repair.")
@click.option("--output", type=click.Path(path_type=Path), help="Also write the JSON here.")
def main(
    engine: str, minutes: float, rows: int, option: tuple[str, ...], output: Path | None
) -> None:
    with import_module(f"osc.sandbox.{engine}").start() as running:
        result = {"engine": engine, **measure(Bench(running, rows), minutes, option)}
    text = json.dumps(result, indent=2)
    click.echo(text)
    if output:
        output.write_text(text + "\n")


if __name__ == "__main__":
    main()
