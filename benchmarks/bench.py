"""All benchmarks in one command: results as JSON, and plots drawn from them.

The parts are told apart by name, and each can be run alone:

    python -m benchmarks                          everything, on every engine
    python -m benchmarks race --engine mysql      one part on one engine
    python -m benchmarks --quick                  small sizes, to see that all works
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from benchmarks import cutovers as cutover_runs
from benchmarks import growth, plot, race, sources
from benchmarks.servers import ENGINES
from osc.sandbox.server import Unavailable

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Sizes:
    """How large everything is."""

    rows: int = 2_000_000
    rounds: int = 3
    rate: float = 300.0
    share: float = 0.6
    scales: tuple[int, ...] = (1_000_000, 4_000_000, 16_000_000)
    cutovers: int = 100
    cutover_rows: int = 20_000
    recorded_rows: int = 200_000
    recorded_transactions: int = 30_000
    only: tuple[str, ...] = ()
    modes: tuple[str, ...] = race.MODES
    replica: bool = False


QUICK = Sizes(
    rows=200_000,
    rounds=1,
    scales=(50_000, 200_000),
    cutovers=5,
    recorded_rows=50_000,
    recorded_transactions=5_000,
)


def _race(engine: str, sizes: Sizes) -> dict[str, Any]:
    return race.race(
        engine,
        rows=sizes.rows,
        rounds=sizes.rounds,
        rate=sizes.rate,
        modes=sizes.modes,
        only=sizes.only,
        with_replica=sizes.replica,
    )


def _cutovers(engine: str, sizes: Sizes) -> dict[str, Any]:
    return cutover_runs.cutovers(
        engine, rows=sizes.cutover_rows, times=sizes.cutovers, rate=sizes.rate
    )


def _sources(engine: str, sizes: Sizes) -> dict[str, Any]:
    return sources.sources(
        engine, rows=sizes.recorded_rows, transactions=sizes.recorded_transactions
    )


def _converging(engine: str, sizes: Sizes) -> dict[str, Any]:
    return growth.converging(engine, rows=sizes.rows, share=sizes.share, only=sizes.only)


def _scaling(engine: str, sizes: Sizes) -> dict[str, Any]:
    return growth.scaling(engine, sizes=sizes.scales, rounds=1)


PARTS: dict[str, Callable[[str, Sizes], dict[str, Any]]] = {
    "race": _race,
    "cutovers": _cutovers,
    "sources": _sources,
    "converging": _converging,
    "scaling": _scaling,
}


@click.command(help=__doc__)
@click.argument("parts", nargs=-1, type=click.Choice(list(PARTS)))
@click.option("--engine", "engines", multiple=True, type=click.Choice(ENGINES))
@click.option("--quick", is_flag=True, help="Small sizes; the figures say little.")
@click.option("--rows", type=int, help="Rows of the race's table.  [default: 2000000]")
@click.option("--rounds", type=int, help="Runs of each tool and mode.  [default: 3]")
@click.option("--rate", default=300.0, show_default=True, help="Transactions a second.")
@click.option("--cutovers", type=int, help="How many.  [default: 100]")
@click.option("--only", multiple=True, help="Contenders, by name; all that are found otherwise.")
@click.option("--mode", "modes", multiple=True, type=click.Choice(race.MODES))
@click.option("--replica", is_flag=True, help="Race with a replica, and measure its lag.")
@click.option("--results", type=click.Path(path_type=Path), default=RESULTS, show_default=True)
def main(
    parts: tuple[str, ...],
    engines: tuple[str, ...],
    quick: bool,
    rows: int | None,
    rounds: int | None,
    rate: float,
    cutovers: int | None,
    only: tuple[str, ...],
    modes: tuple[str, ...],
    replica: bool,
    results: Path,
) -> None:
    base = QUICK if quick else Sizes()
    sizes = replace(
        base,
        rows=rows or base.rows,
        rounds=rounds or base.rounds,
        rate=rate,
        cutovers=cutovers or base.cutovers,
        only=only,
        modes=modes or race.MODES,
        replica=replica,
    )
    results.mkdir(parents=True, exist_ok=True)
    for part in parts or PARTS:
        for engine in engines or ENGINES:
            _measure(part, engine, sizes, results)
    for drawn in plot.draw(results):
        race.say(f"drawn: {drawn}")


def _measure(part: str, engine: str, sizes: Sizes, results: Path) -> None:
    began = time.monotonic()
    try:
        found = PARTS[part](engine, sizes)
    except Unavailable as missing:
        race.say(f"{part} on {engine}: {missing}")
        return
    found["took_seconds"] = round(time.monotonic() - began)
    suffix = "-replica" if sizes.replica and part == "race" else ""
    path = results / f"{part}-{engine}{suffix}.json"
    path.write_text(json.dumps(found, indent=1) + "\n")
    race.say(f"{part} on {engine}: {path}")


if __name__ == "__main__":
    main()
