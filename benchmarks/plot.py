"""Plots of what is in `results/`: `python -m benchmarks.plot` draws them again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from benchmarks.svg import Bar, Bars, Line, Lines, Panel, figure

ENGINES = {"mysql": "MySQL", "mariadb": "MariaDB", "postgres": "PostgreSQL"}
RESULTS = Path(__file__).parent / "results"
MEBI = 2**20

Result = Mapping[str, Any]


def draw(results: Path) -> list[Path]:
    """Draws each plot whose results are there, beside them."""
    drawn = []
    for name, (part, title, panels) in PLOTS.items():
        found = list(_read(results, part))
        shown = [panel for one in found for panel in panels(one)]
        if shown:
            path = results / f"{name}.svg"
            path.write_text(figure(title, _note(found), shown))
            drawn.append(path)
    return drawn


def _read(results: Path, part: str) -> Iterator[Result]:
    for engine in ENGINES:
        path = results / f"{part}-{engine}.json"
        if path.exists():
            yield json.loads(path.read_text())


def _race(found: Result) -> Iterator[Panel]:
    for mode, words in (("idle", "idle"), ("loaded", f"under {found['rate']:.0f} tx/s")):
        rows = found["summary"].get(mode)
        if rows:
            yield Bars(f"{_server(found)}, {words}", tuple(_seconds(rows)))


def _seconds(rows: Mapping[str, Any]) -> Iterator[Bar]:
    for name, row in rows.items():
        if "seconds" not in row:
            yield Bar(name, None, "failed")
            continue
        times = f"  ({row['times_osc']} × osc)" if name != "osc" and "times_osc" in row else ""
        yield Bar(name, row["seconds"], f"{row['seconds']:.1f} s{times}", name == "osc")


def _stalls(found: Result) -> Iterator[Panel]:
    rows = found["summary"].get("loaded", {})
    good = {name: row for name, row in rows.items() if "statement_slowest_ms" in row}
    if not good:
        return
    yield Bars(
        f"{_server(found)}: slowest statement (log scale)",
        tuple(_log_bar(name, row["statement_slowest_ms"]) for name, row in good.items()),
        log=True,
    )
    yield Bars(
        f"{_server(found)}: transactions kept",
        tuple(
            Bar(name, row["transactions_per_second"],
                f"{row['transactions_per_second']:.0f} tx/s", name == "osc")
            for name, row in good.items()
        ),
    )  # fmt: skip


def _log_bar(name: str, milliseconds: float) -> Bar:
    return Bar(name, milliseconds, f"{milliseconds:,.0f} ms", name == "osc")


def _cost(found: Result) -> Iterator[Panel]:
    rows = found["summary"].get("idle", {})
    good = {name: row for name, row in rows.items() if "log_bytes" in row}
    log = "WAL" if found["environment"]["engine"] == "postgres" else "binlog"
    for field, words in (("log_bytes", f"{log} written"), ("disk_peak_bytes", "disk at the peak")):
        if good:
            yield Bars(
                f"{_server(found)}: {words}",
                tuple(
                    Bar(name, row[field], f"{row[field] / MEBI:,.0f} MiB", name == "osc")
                    for name, row in good.items()
                ),
            )


def _cutovers(found: Result) -> Iterator[Panel]:
    count = found["summary"]["lock_held_ms"]["count"]
    for field, words in (("lock_held_ms", "lock held"), ("stall_ms", "slowest statement")):
        spread = found["summary"][field]
        yield Bars(
            f"{_server(found)}: {words}, {count} cut-overs",
            tuple(
                Bar(name, spread[name], f"{spread[name]:.0f} ms", ours=True)
                for name in ("p50", "p90", "p99", "slowest")
            ),
        )


def _sources(found: Result) -> Iterator[Panel]:
    summary = found["summary"]
    rows, single = summary["bulk_rows_per_second"], summary["single_transactions_per_second"]
    yield Bars(
        f"{_server(found)}: changes decoded on one core",
        (
            Bar("bulk events", rows, f"{rows:,} rows/s", ours=True),
            Bar("single rows", single, f"{single:,} tx/s", ours=True),
        ),
    )


def _scaling(found: Result) -> Iterator[Panel]:
    points: dict[str, list[tuple[float, float]]] = {}
    for rows, contenders in found["summary"].items():
        for name, row in contenders.items():
            if "seconds" in row:
                points.setdefault(name, []).append((int(rows) / 1_000_000, row["seconds"]))
    yield Lines(
        f"{_server(found)}: seconds by rows",
        tuple(Line(name, tuple(places), name == "osc") for name, places in points.items()),
        "M rows",
        "s",
    )


def _converging(found: Result) -> Iterator[Panel]:
    rows = found["summary"]["loaded"]
    share = f"{found['share']:.0%} of the possible rate: {found['rate']:.0f} tx/s"
    yield Bars(f"{_server(found)}, at {share}", tuple(_seconds(rows)))


def _server(found: Result) -> str:
    environment = found["environment"]
    version = environment["server"].split("-")[0]
    return f"{ENGINES[environment['engine']]} {version}"


def _note(found: list[Result]) -> str:
    at = found[0]["environment"]
    return (
        f"{at['cores']} cores ({at['machine']}), {at['memory_gib']:.0f} GiB, {at['date'][:10]};"
        " no fsync at commit"
    )


PLOTS: dict[str, tuple[str, str, Callable[[Result], Iterator[Panel]]]] = {
    "race": ("race", "How long it takes to change the table", _race),
    "stalls": ("race", "What the application feels", _stalls),
    "cost": ("race", "What it costs the server", _cost),
    "cutovers": ("cutovers", "Cut-overs under load", _cutovers),
    "sources": ("sources", "Change sources", _sources),
    "scaling": ("scaling", "How the time grows with the rows", _scaling),
    "converging": ("converging", "At most of what the application can write", _converging),
}
"""The name of the image; the part that it is drawn from; its title; its panels."""


@click.command(help=__doc__)
@click.argument("results", type=click.Path(path_type=Path, exists=True), default=RESULTS)
def main(results: Path) -> None:
    for path in draw(results):
        click.echo(path)


if __name__ == "__main__":
    main()
