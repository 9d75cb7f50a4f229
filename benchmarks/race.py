"""osc against the native ALTER and its peers: one server, one table, one load, turn by turn.

The runs are interleaved (A B C A B C …), so that whatever changes on the machine meanwhile changes
for all. Each run turns `k` from INT to BIGINT or back.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click

from benchmarks import application, contenders, cost, figures, servers
from benchmarks.contenders import Contender, Ran
from benchmarks.servers import Bench
from osc.sandbox import replica

MODES = ("idle", "loaded")
PURGE_SECONDS = 60.0
BASELINE_SECONDS = 8.0


def race(
    engine: str,
    *,
    rows: int,
    rounds: int,
    rate: float,
    modes: Sequence[str] = MODES,
    only: tuple[str, ...] = (),
    with_replica: bool = False,
) -> dict[str, Any]:
    """All runs, and what they come to; a tool that fails is told, and doesn't end the race."""
    racing, missing = contenders.present(engine, only)
    for name in missing:
        say(f"{name}: not found")
    with servers.start(engine, version_for(racing)) as bench, _replica(bench, with_replica) as url:
        servers.fill(bench, rows)
        baseline = undisturbed(bench, rows, rate) if "loaded" in modes else {}
        runs = [
            {"mode": mode, "round": number, **one(bench, contender, mode, rows, rate, url)}
            for number in range(1, rounds + 1)
            for mode in modes
            for contender in racing
        ]
        return {
            "part": "race",
            "environment": servers.environment(bench),
            "rows": rows,
            "rate": rate,
            "rounds": rounds,
            "contenders": {one.name: one.version() for one in racing},
            "not_found": missing,
            "load_alone": baseline,
            "summary": summary(runs),
            "runs": runs,
        }


def version_for(racing: Sequence[Contender]) -> str | None:
    """pg_repack needs its extension in the server: that release then, for everybody."""
    if any(one.name == "pg_repack" for one in racing):
        return next(reversed(contenders.extension_versions()), None)
    return None


@contextmanager
def _replica(bench: Bench, wanted: bool) -> Iterator[str | None]:
    if not wanted:
        yield None
        return
    with replica.start(bench.running, servers.SETTINGS[bench.engine]) as running:
        yield running.url(servers.DATABASE)


def undisturbed(bench: Bench, rows: int, rate: float) -> dict[str, Any]:
    """The load with nothing else going on: what the server and the load itself cost a user."""
    with application.running(bench.url, rows, rate) as load:
        begin = time.monotonic()
        time.sleep(BASELINE_SECONDS)
        end = time.monotonic()
    return load.measured.between(begin, end) | load.measured.total()


def one(
    bench: Bench, contender: Contender, mode: str, rows: int, rate: float, url: str | None = None
) -> dict[str, Any]:
    """One run of one contender; tidied up before, so that all begin alike."""
    settle(bench)
    was_wide, clauses = bench.is_wide(), bench.clauses()
    before = cost.counters(bench)
    felt: dict[str, Any] = {}
    with cost.watching(bench, url) as peaks:
        if mode == "loaded":
            with application.running(bench.url, rows, rate) as load:
                ran = contender.run(bench, clauses, peaks)
            felt = load.measured.between(ran.begin, ran.end) | load.measured.total()
        else:
            ran = contender.run(bench, clauses, peaks)
        if url:
            cost.await_replica(peaks)
    problem = ran.problem or _not_done(bench, contender, was_wide)
    found = {
        "contender": contender.name,
        "seconds": round(ran.seconds, 2),
        "problem": problem,
        "cost": cost.difference(before, cost.counters(bench)) | peaks.told(),
        "application": felt,
        "said": ran.said,
    }
    say(told(bench, mode, found, ran))
    return found


def _not_done(bench: Bench, contender: Contender, was_wide: bool) -> str:
    if contender.changes_schema and bench.is_wide() == was_wide:
        return "it ended well, and the column has its old type"
    return ""


def settle(bench: Bench) -> None:
    """Removes what the last run has left, also one that failed, and waits until the server has
    digested it."""
    if bench.engine == "postgres":
        _tidy_postgres(bench)
        return
    for trigger, *_ in bench.ask("SHOW TRIGGERS"):
        bench.ask(f"DROP TRIGGER `{trigger}`")
    for (table,) in bench.ask("SHOW TABLES"):
        if table not in ("sbtest1", "heartbeat"):
            bench.ask(f"DROP TABLE `{table}`")
    deadline = time.monotonic() + PURGE_SECONDS
    while _history_length(bench) > 1000 and time.monotonic() < deadline:
        time.sleep(0.2)


def _tidy_postgres(bench: Bench) -> None:
    for (trigger,) in bench.ask(
        "SELECT tgname FROM pg_trigger WHERE tgrelid = 'sbtest1'::regclass AND NOT tgisinternal"
    ):
        bench.ask(f'DROP TRIGGER "{trigger}" ON sbtest1')
    for (publication,) in bench.ask("SELECT pubname FROM pg_publication"):
        bench.ask(f'DROP PUBLICATION "{publication}"')
    bench.ask(
        "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots"
        " WHERE slot_type = 'logical' AND NOT active AND database = current_database()"
    )
    for (schema,) in bench.ask(
        "SELECT nspname FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema|public)'"
        " AND nspname <> 'repack'"
    ):
        bench.ask(f'DROP SCHEMA "{schema}" CASCADE')
    bench.ask("VACUUM ANALYZE sbtest1")
    bench.ask("CHECKPOINT")


def _history_length(bench: Bench) -> int:
    """Undo records that nobody has purged yet; a table that was copied leaves many."""
    metric = "name = 'trx_rseg_history_len'"
    return int(bench.value(f"SELECT count FROM information_schema.innodb_metrics WHERE {metric}"))


def summary(runs: Sequence[dict[str, Any]]) -> dict[str, dict[str, dict[str, Any]]]:
    """By mode and contender: medians of the runs that went well, the worst stall, and ratios to
    osc (2.0: twice as long as osc)."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for mode in dict.fromkeys(run["mode"] for run in runs):
        of_mode = [run for run in runs if run["mode"] == mode]
        rows = {
            name: _middle([run for run in of_mode if run["contender"] == name])
            for name in dict.fromkeys(run["contender"] for run in of_mode)
        }
        ours = rows.get("osc", {}).get("seconds")
        for row in rows.values():
            if ours and "seconds" in row:
                row["times_osc"] = figures.ratio(row["seconds"], ours)
        found[mode] = rows
    return found


def _middle(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    good = [run for run in runs if not run["problem"]]
    middle: dict[str, Any] = {"runs": len(good), "failed": len(runs) - len(good)}
    if not good:
        return middle | {"problem": runs[0]["problem"]}
    seconds = [run["seconds"] for run in good]
    middle |= {
        "seconds": figures.median(seconds), "fastest": min(seconds), "slowest": max(seconds)
    }  # fmt: skip
    for name in good[0]["cost"]:
        middle[name] = figures.median(run["cost"].get(name, 0) for run in good)
    if all(run["application"] for run in good):
        middle |= _felt([run["application"] for run in good])
    return middle


def _felt(loads: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The stall is the worst of all runs: users don't feel medians."""
    middle = {
        f"transaction_{name}_ms": figures.median(one["transaction_ms"][name] for one in loads)
        for name in ("p50", "p99")
    }
    return middle | {
        "transaction_slowest_ms": max(one["transaction_ms"]["slowest"] for one in loads),
        "statement_slowest_ms": max(one["statement_ms"]["slowest"] for one in loads),
        "transactions_per_second": figures.median(one["transactions_per_second"] for one in loads),
        "errors": sum(sum(one["errors"].values()) for one in loads),
    }


def told(bench: Bench, mode: str, found: dict[str, Any], ran: Ran) -> str:
    words = f"{bench.engine:8} {mode:6} {found['contender']:13} {ran.seconds:7.2f} s"
    if found["problem"]:
        return f"{words}  {found['problem']}"
    felt = found["application"]
    if felt:
        words += (
            f"  {felt['transactions_per_second']:6.1f} tx/s,"
            f" p99 {felt['transaction_ms']['p99']:.1f} ms,"
            f" slowest statement {felt['statement_ms']['slowest']:.0f} ms"
        )
    words += f"  log {found['cost']['log_bytes'] / 2**20:.0f} MiB"
    lag = found["cost"].get("replica_lag_max_seconds")
    return words if lag is None else f"{words}, replica {lag:.1f} s behind"


def say(words: str) -> None:
    click.echo(words, file=sys.stderr)
