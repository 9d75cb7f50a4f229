"""Who takes part in the race: osc, the native ALTER, and the peers that are on the PATH.

Each with its defaults. Flags say only where the table is, that the change is meant, and that there
is one server; nothing is tuned.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pymysql

from benchmarks.cost import Peaks
from benchmarks.servers import Bench, connected

LONGEST_RUN_SECONDS = 1800.0


@dataclass(frozen=True)
class Ran:
    """One run. `begin` and `end` are moments of CLOCK_MONOTONIC; `problem` is empty if it did what
    it was told; `said` is what a tool reports about itself."""

    begin: float
    end: float
    problem: str = ""
    said: dict[str, Any] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        return self.end - self.begin


Run = Callable[[Bench, str, Peaks], Ran]


@dataclass(frozen=True)
class Contender:
    """`run` gets the clauses of the ALTER; `program` is looked for on the PATH."""

    name: str
    engines: tuple[str, ...]
    run: Run
    program: str = ""
    version_flag: str = "--version"
    changes_schema: bool = True

    def path(self) -> str | None:
        return shutil.which(self.program) if self.program else sys.executable

    def version(self) -> str:
        """As the program tells it; empty for what is part of us or of the server."""
        if not self.program:
            return ""
        told = subprocess.run(
            [self.program, self.version_flag], capture_output=True, text=True, check=False
        )
        found = re.search(r"\d+(\.\d+)+\S*", told.stdout + told.stderr)
        return found[0] if found else "unknown"


def native(bench: Bench, clauses: str, _: Peaks) -> Ran:
    """The server's own ALTER TABLE, whatever way it chooses."""
    with connected(bench.url) as connection:
        cursor = connection.cursor()
        begin = time.monotonic()
        try:
            cursor.execute(f"ALTER TABLE sbtest1 {clauses}")
        except (psycopg.Error, pymysql.err.MySQLError) as error:
            return Ran(begin, time.monotonic(), str(error))
        return Ran(begin, time.monotonic())


def osc(bench: Bench, clauses: str, peaks: Peaks, *flags: str) -> Ran:
    """What it says: its report, and as `began` the moment at which each phase began."""
    statement = f"ALTER TABLE sbtest1 {clauses}"
    command = [sys.executable, "-m", "osc", "run", bench.url, statement, "--execute", "--json"]
    ran, printed, told = _run([*command, "--log-format", "json", *flags], peaks)
    if ran.problem:
        return ran
    said = json.loads(printed) | {"began": phases_begun(told, time.monotonic() - time.time())}
    return Ran(ran.begin, ran.end, said=said)


def phases_begun(told: str, monotonic: float) -> dict[str, float]:
    """From osc's events; `monotonic` is what is added to the time of day."""
    lines = [json.loads(line) for line in told.splitlines() if line.startswith("{")]
    return {
        line["phase"]: datetime.fromisoformat(line["timestamp"]).timestamp() + monotonic
        for line in lines
        if line.get("action") == "phase"
    }


def pt_osc(bench: Bench, clauses: str, peaks: Peaks) -> Ran:
    at = urlsplit(bench.url)
    where = f"h={at.hostname},P={at.port},u={at.username},D={at.path[1:]},t=sbtest1"
    command = ["pt-online-schema-change", "--alter", clauses, where, "--execute"]
    # It looks for replicas with SHOW SLAVE HOSTS, which MySQL has no more since 8.4; and it asks a
    # server on the internet about its own version.
    return _run([*command, "--recursion-method=none", "--no-version-check"], peaks)[0]


def gh_ost(bench: Bench, clauses: str, peaks: Peaks) -> Ran:
    at = urlsplit(bench.url)
    command = [
        "gh-ost", f"--host={at.hostname}", f"--port={at.port}", f"--user={at.username}",
        "--password=", f"--database={at.path[1:]}", "--table=sbtest1", f"--alter={clauses}",
        "--allow-on-master", "--initially-drop-old-table", "--initially-drop-ghost-table",
        "--execute",
    ]  # fmt: skip
    return _run(command, peaks)[0]


def spirit(bench: Bench, clauses: str, peaks: Peaks) -> Ran:
    at = urlsplit(bench.url)
    command = [
        "spirit", "migrate", f"--host={at.hostname}:{at.port}", f"--username={at.username}",
        "--password=", f"--database={at.path[1:]}",
        f"--statement=ALTER TABLE sbtest1 {clauses}",
    ]  # fmt: skip
    return _run(command, peaks)[0]


def pg_repack(bench: Bench, _: str, peaks: Peaks) -> Ran:
    """It can't change a schema: it writes the same table anew, which is the same work."""
    at = urlsplit(bench.url)
    with connected(bench.url) as connection:
        try:
            connection.execute("CREATE EXTENSION IF NOT EXISTS pg_repack")
        except psycopg.Error as error:
            return Ran(0.0, 0.0, f"its extension is not on this server: {error}")
    command = ["pg_repack", "-h", str(at.hostname), "-p", str(at.port), "-U", str(at.username)]
    return _run([*command, "-d", at.path[1:], "-t", "sbtest1"], peaks)[0]


def _run(command: list[str], peaks: Peaks) -> tuple[Ran, str, str]:
    begin = time.monotonic()
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    peaks.tool = process.pid
    try:
        printed, told = process.communicate(timeout=LONGEST_RUN_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        late = f"not done after {LONGEST_RUN_SECONDS:.0f} s"
        return Ran(begin, time.monotonic(), late), "", ""
    finally:
        peaks.tool = 0
    end = time.monotonic()
    lines = (told or printed).strip().splitlines()
    problem = "" if process.returncode == 0 else (
        f"exit code {process.returncode}: {' | '.join(lines[-6:])}")  # fmt: skip
    return Ran(begin, end, problem), printed, told


CONTENDERS = (
    Contender("osc", ("mysql", "mariadb", "postgres"), osc),
    Contender("native ALTER", ("mysql", "mariadb", "postgres"), native),
    Contender("pt-osc", ("mysql", "mariadb"), pt_osc, "pt-online-schema-change"),
    Contender("gh-ost", ("mysql", "mariadb"), gh_ost, "gh-ost"),
    Contender("spirit", ("mysql",), spirit, "spirit"),
    Contender("pg_repack", ("postgres",), pg_repack, "pg_repack", changes_schema=False),
)


def present(engine: str, wanted: tuple[str, ...] = ()) -> tuple[list[Contender], list[str]]:
    """Those that can run against this engine, and the names of those that are not found."""
    able = [one for one in CONTENDERS if engine in one.engines]
    if wanted:
        able = [one for one in able if one.name in wanted]
    return [one for one in able if one.path()], [one.name for one in able if not one.path()]


def extension_versions() -> list[str]:
    """PostgreSQL releases on this machine that have pg_repack's extension (Debian's places)."""
    found = Path("/usr/share/postgresql").glob("*/extension/pg_repack.control")
    return sorted((path.parent.parent.name for path in found), key=int)
