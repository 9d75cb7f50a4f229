"""How the cost grows: with the rows, and with the rate of the application's writes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from benchmarks import application, contenders, figures, race, servers

CLOSED_LOOP_SECONDS = 8.0
CONNECTIONS = 16
NAMES = ("osc", "native ALTER")


def scaling(engine: str, *, sizes: Sequence[int], rounds: int) -> dict[str, Any]:
    """osc and the native ALTER on idle tables of each size; `seconds_per_million` tells whether the
    cost is linear."""
    racing, _ = contenders.present(engine, NAMES)
    runs: list[dict[str, Any]] = []
    with servers.start(engine) as bench:
        environment = servers.environment(bench)
        for rows in sizes:
            servers.fill(bench, rows)
            for number in range(1, rounds + 1):
                for contender in racing:
                    found = race.one(bench, contender, "idle", rows, 0.0)
                    runs.append({"rows": rows, "round": number, "mode": "idle", **found})
    return {
        "part": "scaling",
        "environment": environment,
        "rounds": rounds,
        "summary": {str(rows): _per_million(runs, rows) for rows in sizes},
        "runs": runs,
    }


def _per_million(runs: Sequence[dict[str, Any]], rows: int) -> dict[str, Any]:
    found = race.summary([run for run in runs if run["rows"] == rows])["idle"]
    for row in found.values():
        if "seconds" in row:
            row["seconds_per_million"] = round(row["seconds"] / rows * 1_000_000, 2)
    return found


def converging(
    engine: str, *, rows: int, share: float, only: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Finds the rate that a closed loop reaches, and runs each tool at that share of it."""
    racing, missing = contenders.present(engine, only)
    with servers.start(engine, race.version_for(racing)) as bench:
        servers.fill(bench, rows)
        possible = possible_rate(bench, rows)
        rate = round(possible["transactions_per_second"] * share, 1)
        race.say(f"{engine:8} possible {possible['transactions_per_second']} tx/s, taken {rate}")
        runs = [
            {"mode": "loaded", "round": 1, **race.one(bench, contender, "loaded", rows, rate)}
            for contender in racing
        ]
        return {
            "part": "converging",
            "environment": servers.environment(bench),
            "rows": rows,
            "share": share,
            "possible": possible,
            "rate": rate,
            "not_found": missing,
            "summary": race.summary(runs),
            "runs": runs,
        }


def possible_rate(bench: servers.Bench, rows: int) -> dict[str, Any]:
    """What the application reaches when each connection begins anew as soon as it is free."""
    with application.running(bench.url, rows, None, CONNECTIONS) as load:
        begin = time.monotonic()
        time.sleep(CLOSED_LOOP_SECONDS)
        end = time.monotonic()
    felt = load.measured.between(begin, end)
    return {
        "transactions_per_second": felt["transactions_per_second"],
        "load_cpu_share": figures.ratio(load.measured.own["cpu_share"], 1.0),
    }
