"""One migration under the load of sysbench or pgbench: what it costs, and what the load felt."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from urllib.parse import urlsplit

import click

from osc.sandbox import server

MYSQL = "ALTER TABLE sbtest1 MODIFY k BIGINT NOT NULL DEFAULT 0"
POSTGRES = "ALTER TABLE pgbench_accounts ALTER COLUMN abalance TYPE bigint"
ROWS_PER_SCALE = 100_000
WARM_UP_SECONDS = 3


@dataclass(frozen=True)
class Load:
    """A benchmark program: how it fills its tables, how it runs, and what it prints at the end."""

    prepare: list[str]
    run: list[str]
    alter: str
    patterns: dict[str, str]


def sysbench(url: str, rows: int, rate: int, seconds: int) -> Load:
    at = urlsplit(url)
    common = [
        "sysbench", "oltp_write_only", "--db-driver=mysql", f"--mysql-host={at.hostname}",
        f"--mysql-port={at.port}", f"--mysql-user={at.username}", f"--mysql-db={at.path[1:]}",
        "--tables=1", f"--table-size={rows}",
    ]  # fmt: skip
    return Load(
        prepare=[*common, "prepare"],
        run=[*common, "--threads=8", f"--rate={rate}", f"--time={seconds}", "run"],
        alter=MYSQL,
        patterns={
            "transactions_per_second": r"transactions:\s+\d+\s+\(([\d.]+) per sec",
            "failed": r"ignored errors:\s+(\d+)",
            "slowest_ms": r"max:\s+([\d.]+)",
            "p95_ms": r"95th percentile:\s+([\d.]+)",
        },
    )


def pgbench(url: str, rows: int, rate: int, seconds: int) -> Load:
    scale = max(1, rows // ROWS_PER_SCALE)
    limit = ["-R", str(rate)] if rate else []
    patterns = {
        "transactions_per_second": r"tps = ([\d.]+)",
        "failed": r"number of failed transactions: (\d+)",
        "average_ms": r"latency average = ([\d.]+)",
    }
    if rate:
        patterns["schedule_lag_max_ms"] = r"rate limit schedule lag: .*max ([\d.]+)"
    return Load(
        prepare=["pgbench", "-i", "-q", "-s", str(scale), url],
        run=["pgbench", "-n", "-c", "8", "-j", "2", *limit, "-T", str(seconds), url],
        alter=POSTGRES,
        patterns=patterns,
    )


def figures(load: Load, printed: str) -> dict[str, float]:
    """The program's own figures; one that it didn't print is an error, not a zero."""
    found: dict[str, float] = {}
    for name, pattern in load.patterns.items():
        match = re.search(pattern, printed)
        if match is None:
            raise click.ClickException(f"the load printed no {name}:\n{printed[-2000:]}")
        found[name] = float(match.group(1))
    return found


def run_osc(url: str, alter: str) -> dict[str, object]:
    command = [sys.executable, "-m", "osc", "run", url, alter, "--execute", "--force-copy"]
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, check=False)
    sys.stderr.write(done.stderr)
    if done.returncode:
        raise click.ClickException(f"osc ended with exit code {done.returncode}")
    report: dict[str, object] = json.loads(done.stdout)
    return report


def balances_agree(url: str) -> bool:
    """What pgbench has booked, on both sides: each transaction writes both or neither."""
    booked = "SELECT sum(abalance) FROM pgbench_accounts"
    history = "SELECT sum(delta) FROM pgbench_history"
    asked = f"SELECT ({booked}) = ({history})"
    told = subprocess.run(["psql", url, "-Atc", asked], capture_output=True, text=True, check=True)
    return told.stdout.strip() == "t"


def create_database(running: server.Running) -> None:
    """Through the engine's own client library: the command line clients may not be installed."""
    if running.server.engine == "postgres":
        psycopg = import_module("psycopg")
        with psycopg.connect(running.url("postgres"), autocommit=True) as connection:
            connection.execute("CREATE DATABASE bench")
        return
    pymysql = import_module("pymysql")
    at = running.server
    with pymysql.connect(host=at.host, port=at.port, user=at.user) as connection:
        connection.cursor().execute("CREATE DATABASE bench")


def measure(running: server.Running, rows: int, rate: int, seconds: int) -> dict[str, object]:
    create_database(running)
    url = running.url("bench")
    postgres = running.server.engine == "postgres"
    load = (pgbench if postgres else sysbench)(url, rows, rate, seconds)
    if shutil.which(load.run[0]) is None:
        raise click.ClickException(f"{load.run[0]} is not on the PATH")
    subprocess.run(load.prepare, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with subprocess.Popen(load.run, stdout=subprocess.PIPE, text=True) as application:
        try:
            application.wait(WARM_UP_SECONDS)
        except subprocess.TimeoutExpired:
            report = run_osc(url, load.alter)
        else:
            raise click.ClickException("the load ended at once")
        lasted = application.poll() is None
        printed, _ = application.communicate()
    felt = figures(load, printed)
    result: dict[str, object] = {"server": running.server.version, "osc": report}
    result |= {"application": felt, "load_lasted_to_the_end": lasted}
    if postgres:
        result["balances_agree"] = balances_agree(url)
    return result


@click.command(help=__doc__)
@click.argument("engine", type=click.Choice(["mysql", "mariadb", "postgres"]))
@click.option("--rows", default=2_000_000, show_default=True)
@click.option("--rate", default=300, show_default=True, help="Transactions a second; 0: no limit.")
@click.option("--seconds", default=120, show_default=True, help="How long the load runs.")
@click.option("--output", type=click.Path(path_type=Path), help="Also write the JSON here.")
def main(engine: str, rows: int, rate: int, seconds: int, output: Path | None) -> None:
    start = import_module(f"osc.sandbox.{engine}").start
    with start() as running:
        result: dict[str, object] = {"engine": engine, "rows": rows, "rate": rate}
        result |= measure(running, rows, rate, seconds)
    text = json.dumps(result, indent=2)
    click.echo(text)
    if output:
        output.write_text(text + "\n")


if __name__ == "__main__":
    main()
