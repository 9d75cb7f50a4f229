"""Many cut-overs under load: how long the lock is held, and what the application feels of each.

The table is small, so that a run is little else than its cut-over; the load writes to it all the
time.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from benchmarks import application, contenders, cost, figures, race, servers

AROUND_SECONDS = 0.2
MOST_FAILURES = 5
EVERY = 10
"""How often what the runs leave is removed: it takes longer than a run."""


def cutovers(engine: str, *, rows: int, times: int, rate: float) -> dict[str, Any]:
    """`stall` is the application's slowest statement from shortly before a cut-over's attempts
    until shortly after its swap; `undisturbed` the same of as many seconds of the copy before."""
    runs: list[dict[str, Any]] = []
    with servers.start(engine) as bench:
        servers.fill(bench, rows)
        with application.running(bench.url, rows, rate) as load:
            failures = 0
            while len(runs) < times and failures < MOST_FAILURES:
                if len(runs) % EVERY == 0:
                    race.settle(bench)
                with cost.watching(bench) as peaks:
                    ran = contenders.osc(bench, bench.clauses(), peaks, "--force-copy")
                if ran.problem:
                    failures += 1
                    race.say(f"{engine:8} cut-over {len(runs) + 1}: {ran.problem}")
                    continue
                runs.append({"seconds": round(ran.seconds, 2), "said": ran.said})
                race.say(
                    f"{engine:8} cut-over {len(runs):3} of {times}: {ran.seconds:.1f} s,"
                    f" lock held {1000 * ran.said['lock_held_seconds']:.0f} ms"
                )
        environment = servers.environment(bench)
    for run in runs:
        run |= _felt(load.measured, run.pop("said"))
    return {
        "part": "cutovers",
        "environment": environment,
        "rows": rows,
        "rate": rate,
        "failures": failures,
        "summary": {
            name: asdict(figures.spread(run[name] / 1000 for run in runs))
            for name in ("lock_held_ms", "lock_waited_ms", "stall_ms", "undisturbed_ms")
        }
        | {"attempts": sum(run["attempts"] for run in runs)},
        "application": load.measured.total(),
        "runs": runs,
    }


def _felt(load: application.Measured, said: dict[str, Any]) -> dict[str, Any]:
    began = said["began"]
    order = list(began)
    begin = began["cut-over"] - AROUND_SECONDS
    end = began[order[order.index("cut-over") + 1]] + AROUND_SECONDS
    return {
        "lock_held_ms": round(1000 * said["lock_held_seconds"], 3),
        "lock_waited_ms": round(1000 * said["lock_wait_seconds"], 3),
        "attempts": said["cut_over_attempts"],
        "phases": said["phases"],
        "stall_ms": load.slowest_statement_ms(begin, end),
        "undisturbed_ms": load.slowest_statement_ms(begin - (end - begin), begin),
    }
