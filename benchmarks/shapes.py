"""The same work on tables of every shape: none of them may fall off a cliff.

Keys with gaps, keys in clumps, random ones, those of several columns, texts, rows of a megabyte, a
table of three rows: each is copied as it is, on a server with nothing else to do. Told are the rows
that are copied and compared in a second, beside those of a plain table.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from benchmarks.under_load import create_database
from osc.sandbox.server import Running

PAD = "repeat('x', 180)"


@dataclass(frozen=True)
class Shape:
    """`columns` with their key; `select` gives a row for each `n` from 1 to `rows`."""

    name: str
    columns: str
    select: str
    rows: int


def shapes(rows: int, *, mysql: bool) -> list[Shape]:
    """`n` is spread by a number that has no factor in common with any count of rows."""
    spread = "(n * 2654435761) % 4294967291"
    text_key = "varchar(32) CHARACTER SET latin1" if mysql else "varchar(32)"
    uuid_key = "binary(16)" if mysql else "uuid"
    uuid = "left(unhex(sha2(n, 256)), 16)" if mysql else "md5(n::text)::uuid"
    text = "left(sha2(n, 256), 32)" if mysql else "md5(n::text)"
    clump = "(n div 1000) * 1000000000 + n" if mysql else "(n / 1000) * 1000000000 + n"
    return [
        Shape("plain", "id bigint PRIMARY KEY, v int, pad text", f"n, n, {PAD}", rows),
        Shape("sparse", "id bigint PRIMARY KEY, v int, pad text", f"{spread}, n, {PAD}", rows),
        Shape("clumps", "id bigint PRIMARY KEY, v int, pad text", f"{clump}, n, {PAD}", rows),
        Shape("uuid", f"id {uuid_key} PRIMARY KEY, v int, pad text", f"{uuid}, n, {PAD}", rows),
        Shape("text", f"id {text_key} PRIMARY KEY, v int, pad text", f"{text}, n, {PAD}", rows),
        Shape(
            "composite",
            f"a int, b {text_key}, c bigint, v int, pad text, PRIMARY KEY (a, b, c)",
            f"n % 7, {text}, n, n, {PAD}",
            rows,
        ),
        Shape(
            "skewed",
            "a int, b int, c bigint, v int, pad text, PRIMARY KEY (a, b, c)",
            f"1, n % 3, n, n, {PAD}",
            rows,
        ),
        Shape(
            "megabytes",
            f"id bigint PRIMARY KEY, v int, pad {'longtext' if mysql else 'text'}",
            "n, n, repeat('x', 1000000)" if mysql else _INCOMPRESSIBLE,
            max(3, rows // 2000),
        ),
        Shape("three rows", "id bigint PRIMARY KEY, v int, pad text", f"n, n, {PAD}", 3),
    ]


_INCOMPRESSIBLE = (
    "n, n, (SELECT string_agg(md5((n * m)::text), '') FROM generate_series(1, 31250) AS m)"
)


def numbers(rows: int, *, mysql: bool) -> str:
    if mysql:
        return f"WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {rows})"
    return f"WITH s (n) AS (SELECT generate_series(1, {rows}::bigint))"


def filled(url: str, shape: Shape, table: str, *, mysql: bool) -> None:
    statements = [
        f"CREATE TABLE {table} ({shape.columns})",
        f"INSERT INTO {table} {numbers(shape.rows, mysql=mysql)} SELECT {shape.select} FROM s",
    ]
    if not mysql:
        psycopg = import_module("psycopg")
        with psycopg.connect(url, autocommit=True) as connection:
            for statement in [*statements, f"VACUUM ANALYZE {table}"]:
                connection.execute(statement)
        return
    pymysql = import_module("pymysql")
    at = urlsplit(url)
    with pymysql.connect(
        host=at.hostname, port=at.port, user=at.username, database=at.path[1:], autocommit=True
    ) as connection:
        cursor = connection.cursor()
        for name in ("cte_max_recursion_depth", "max_recursive_iterations"):
            cursor.execute(f"SHOW VARIABLES LIKE '{name}'")
            if cursor.fetchall():
                cursor.execute(f"SET SESSION {name} = {shape.rows + 1}")
        for statement in [*statements, f"ANALYZE TABLE {table}"]:
            cursor.execute(statement)


def migrated(url: str, table: str, *, mysql: bool) -> dict[str, Any]:
    change = "MODIFY v bigint" if mysql else "ALTER v TYPE bigint"
    command = [sys.executable, "-m", "osc", "run", url, f"ALTER TABLE {table} {change}"]
    done = subprocess.run(
        [*command, "--execute", "--force-copy", "--drop-old-table", "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise click.ClickException(f"{table}: osc ended with {done.returncode}: {done.stderr}")
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def told(shape: Shape, report: Mapping[str, Any]) -> dict[str, Any]:
    phases = report["phases"]
    return {
        "shape": shape.name,
        "rows": shape.rows,
        "seconds": report["seconds"],
        "chunks": report["chunks_copied"],
        "copied_per_second": round(shape.rows / phases["copy"]),
        "verified_per_second": round(shape.rows / phases["verify"]),
        "phases": phases,
    }


def measured(running: Running, rows: int) -> list[dict[str, Any]]:
    create_database(running)
    url, mysql = running.url("bench"), running.server.engine != "postgres"
    found = []
    for shape in shapes(rows, mysql=mysql):
        table = f"t_{shape.name.replace(' ', '_')}"
        filled(url, shape, table, mysql=mysql)
        found.append(told(shape, migrated(url, table, mysql=mysql)))
        click.echo(json.dumps(found[-1]), err=True)
    return found


@click.command(help=__doc__)
@click.argument("engine", type=click.Choice(["mysql", "mariadb", "postgres"]))
@click.option("--rows", default=500_000, show_default=True)
@click.option("--output", type=click.Path(path_type=Path), help="Also write the JSON here.")
def main(engine: str, rows: int, output: Path | None) -> None:
    with import_module(f"osc.sandbox.{engine}").start() as running:
        result = {"server": running.server.version, "shapes": measured(running, rows)}
    click.echo(json.dumps(result, indent=2))
    if output:
        output.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
