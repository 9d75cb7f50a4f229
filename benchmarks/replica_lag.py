"""A replica that falls behind in the midst of a copy: how soon the copy stands still, and goes on.

The replica's applying is stopped when some rows are copied, and begun again a while later. The copy
has to stand still once the replica is `--max-lag` behind, and to go on when it has caught up.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import psycopg
import pymysql

from osc.sandbox import replica
from osc.sandbox.server import Running
from tests.scenarios.case import SERVERS
from tests.servers import lease

LOOK_SECONDS = 0.1
PATIENCE_SECONDS = 600.0

MYSQL_ROWS = """
INSERT INTO orders (k, c) WITH RECURSIVE n (i) AS (
  SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) SELECT i, repeat('x', 120) FROM n
"""
POSTGRES_ROWS = (
    "INSERT INTO orders (k, c) SELECT i, repeat('x', 120) FROM generate_series(1, {rows}) i"
)
PAUSES = {
    "mysql": ("STOP REPLICA SQL_THREAD", "START REPLICA SQL_THREAD"),
    "mariadb": ("STOP SLAVE SQL_THREAD", "START SLAVE SQL_THREAD"),
    "postgres": ("SELECT pg_wal_replay_pause()", "SELECT pg_wal_replay_resume()"),
}


@dataclass(frozen=True)
class Sample:
    """Rows in the new table's ledger at a moment, and what the run says that it waits for."""

    at: float
    rows: int
    waits_for: str


@click.command()
@click.argument("engine", type=click.Choice(list(SERVERS)))
@click.option("--rows", default=1_000_000, show_default=True)
@click.option("--max-lag", default=1.0, show_default=True, help="Seconds.")
@click.option("--stopped", default=8.0, show_default=True, help="Seconds without applying.")
def main(engine: str, rows: int, max_lag: float, stopped: float) -> None:
    """Stop a replica's applying in the midst of a copy; print what the copy did."""
    with lease(SERVERS[engine]) as primary:
        assert primary.running is not None, "a server of our own is needed"
        with replica.start(primary.running) as behind:
            found = _measured(engine, primary.running, behind, rows, max_lag, stopped)
    click.echo(json.dumps(found))


def _measured(
    engine: str, primary: Running, behind: Running, rows: int, max_lag: float, stopped: float
) -> dict[str, Any]:
    ask, tell = _session(engine, primary, "postgres"), _session(engine, behind, "postgres")
    _fill(engine, ask, rows)
    _await(lambda: _count(engine, behind) == rows, "the replica has the table")
    stop, start = PAUSES[engine]
    samples: list[Sample] = []
    with tempfile.TemporaryDirectory() as folder:
        run = _begin(engine, primary, behind, max_lag, Path(folder) / "osc.log")
        began = stopped_at = started_at = 0.0
        while run.poll() is None:
            samples.append(_sample(engine, ask))
            if not stopped_at and samples[-1].rows > rows / 10:
                tell(stop)
                began = stopped_at = time.monotonic()
            if stopped_at and not started_at and time.monotonic() - began > stopped:
                tell(start)
                started_at = time.monotonic()
            threading.Event().wait(LOOK_SECONDS)
        assert run.returncode == 0, (Path(folder) / "osc.log").read_text()
    return {"engine": engine, "rows": rows, "max_lag_seconds": max_lag,
            **_outcome(samples, stopped_at, started_at)}  # fmt: skip


def _outcome(samples: list[Sample], stopped_at: float, started_at: float) -> dict[str, Any]:
    """When the copy last moved while the replica stood still, and first moved afterwards."""
    moves = [now for before, now in itertools.pairwise(samples)
             if now.rows > before.rows]  # fmt: skip
    during = [move.at for move in moves if stopped_at < move.at < started_at]
    after = [move.at for move in moves if move.at > started_at]
    return {
        "stood_still_after_seconds": round(max(during, default=stopped_at) - stopped_at, 2),
        "went_on_after_seconds": round(min(after) - started_at, 2) if after else None,
        "said": sorted(
            {s.waits_for.rpartition(" ")[0].split(" of replica")[0] for s in samples if s.waits_for}
        )[:3],
    }


def _sample(engine: str, ask: Callable[[str], list[Any]]) -> Sample:
    schema = "osc." if engine == "postgres" else "_osc_"
    column = "rows" if engine == "postgres" else "rows_copied"
    try:
        copied = ask(f"SELECT coalesce(sum({column}), 0) FROM {schema}chunk")[0][0]
        shown = ask(f"SELECT record FROM {schema}report")
    except (psycopg.Error, pymysql.err.Error):
        return Sample(time.monotonic(), 0, "")  # The ledger is not there yet.
    waits = json.loads(shown[0][0])["copy_waits_for"] if shown else ""
    return Sample(time.monotonic(), int(copied), waits)


def _begin(
    engine: str, primary: Running, behind: Running, max_lag: float, log: Path
) -> subprocess.Popen[bytes]:
    retype = "ALTER k TYPE bigint" if engine == "postgres" else "MODIFY k BIGINT NOT NULL"
    command = [
        sys.executable, "-m", "osc", "run", _url(engine, primary), f"ALTER TABLE orders {retype}",
        "--execute", "--force-copy", "--replica", _url(engine, behind), "--max-lag", str(max_lag),
    ]  # fmt: skip
    with log.open("wb") as out:
        return subprocess.Popen(command, stdout=out, stderr=out, env=os.environ)


def _url(engine: str, running: Running) -> str:
    server = running.server
    scheme = "postgresql" if engine == "postgres" else "mysql"
    return f"{scheme}://{server.user}@{server.host}:{server.port}/shop"


def _session(engine: str, running: Running, database: str) -> Callable[[str], list[Any]]:
    parts = urlsplit(_url(engine, running))
    if engine == "postgres":
        raw = psycopg.connect(parts._replace(path=f"/{database}").geturl(), autocommit=True)

        def postgres(sql: str) -> list[Any]:
            if "osc." in sql or "orders" in sql:
                with psycopg.connect(_url(engine, running), autocommit=True) as inside:
                    return _rows(inside.execute(sql))
            return _rows(raw.execute(sql))

        return postgres
    own = pymysql.connect(
        host=parts.hostname, port=parts.port or 0, user=parts.username, autocommit=True
    )

    def mysql(sql: str) -> list[Any]:
        with own.cursor() as cursor:
            cursor.execute("USE shop") if "_osc_" in sql or "orders" in sql else None
            cursor.execute(sql)
            return list(cursor.fetchall())

    return mysql


def _rows(cursor: Any) -> list[Any]:
    return list(cursor.fetchall()) if cursor.description else []


def _fill(engine: str, ask: Callable[[str], list[Any]], rows: int) -> None:
    ask("CREATE DATABASE shop")
    if engine == "postgres":
        ask("CREATE TABLE orders (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, k int, c text)")
        ask(POSTGRES_ROWS.format(rows=rows))
        return
    ask("CREATE TABLE shop.orders (id INT AUTO_INCREMENT PRIMARY KEY, k INT NOT NULL, c CHAR(120))")
    limit = "max_recursive_iterations" if engine == "mariadb" else "cte_max_recursion_depth"
    ask(f"SET SESSION {limit} = {rows + 1}")
    ask(MYSQL_ROWS.format(rows=rows))


def _count(engine: str, behind: Running) -> int:
    try:
        return int(_session(engine, behind, "postgres")("SELECT count(*) FROM orders")[0][0])
    except (psycopg.Error, pymysql.err.Error):
        return 0


def _await(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, f"never: {what}"
        threading.Event().wait(0.5)


if __name__ == "__main__":
    main()
