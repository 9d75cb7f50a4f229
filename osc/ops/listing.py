"""The migrations that the ledger remembers, in the order they began."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from types import MappingProxyType
from typing import Any

from osc.engine import Run
from osc.model.phase import Phase
from osc.ops import kept
from osc.ops.pace import waiting
from osc.ops.units import count

Live = Mapping[int, Mapping[str, Any]]
"""What runs that are under way show of themselves, by their numbers."""
NOTHING: Live = MappingProxyType({})

HEAD = ("id", "table", "state", "rows", "began", "statement")


def text(runs: list[Run], live: Live = NOTHING) -> str:
    if not runs:
        return "no migration is known here"
    lines = [HEAD, *map(_cells, runs)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(HEAD) - 1)]
    shown = [(run.id, live[run.id]) for run in runs if run.alive and run.id in live]
    told = [part for number, one in shown for part in _alive(number, one)]
    return "\n".join([*(_line(cells, widths) for cells in lines), *told])


def _alive(number: int, shown: Mapping[str, Any]) -> list[str]:
    signals = "; ".join(one["says"] for one in shown.get("signals", ()) if "says" in one)
    return [f"  {number}: {line(shown)}", *([f"     signals: {signals}"] if signals else [])]


def line(shown: Mapping[str, Any]) -> str:
    """One run under way in one line: where it is, what it waits for, its worst signals."""
    parts = [f"{shown['phase']}", f"{count(shown['rows_copied'])} rows copied"]
    parts += filter(None, [waiting(shown["backlog"], shown.get("backlog_seconds", 0.0))])
    parts += [f"{shown['share']:.0%} of its share"] if shown["share"] < 1 else []
    waits = dict.fromkeys(
        shown[name] for name in ("copy_waits_for", "following_waits_for", "cut_over_waits_for")
    )
    if not (shown["waiting_for"].startswith("throttled: ") and any(waits)):  # It is a look older.
        waits[shown["waiting_for"]] = None
    parts += [reason for reason in waits if reason]
    parts += [shown["forecast"]] if shown.get("forecast") and shown["phase"] == "cut-over" else []
    return ", ".join(parts) + (
        f" ({shown['age_seconds']:.0f} s ago)" if "age_seconds" in shown else ""
    )


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    padded = [f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=False)]
    return "  ".join([*padded, cells[-1]])


def _cells(run: Run) -> tuple[str, ...]:
    one_line = " ".join(run.statement.split())
    said = f"{one_line}  -- {run.message}" if run.message else one_line
    return str(run.id), str(run.table), state(run), _rows(run), run.started_at[:19], said


def state(run: Run) -> str:
    """The phase; that it was stopped in it, with a reason; or that its process is simply gone."""
    if run.alive or run.finished_at is not None:
        return run.phase
    return f"stopped in {run.phase}" if run.message else f"died in {run.phase}"


def _rows(run: Run) -> str:
    if run.phase == Phase.DONE or not run.rows_estimated:
        return count(run.rows_copied)
    return f"{count(run.rows_copied)} of {count(run.rows_estimated)}"


def records(runs: list[Run], live: Live = NOTHING) -> list[dict[str, Any]]:
    return [
        {
            **asdict(run),
            "table": str(run.table),
            "state": state(run),
            "settings": kept.read(run.settings),
            "live": live.get(run.id),
        }
        for run in runs
    ]
