"""What the ledger knows of the runs of a database: who, what, when, and what came of it."""

from __future__ import annotations

import json
from typing import Any

from osc.engine import Run
from osc.ops.listing import state
from osc.ops.units import aligned, count, duration


def records(runs: list[Run]) -> list[dict[str, Any]]:
    """Each run with the result that it had, the newest first."""
    return [
        {
            "id": run.id,
            "table": str(run.table),
            "statement": run.statement,
            "by": run.by,
            "began": run.started_at,
            "ended": run.finished_at,
            "state": state(run),
            "message": run.message,
            "old_table": run.archive or None,
            "result": json.loads(run.result) if run.result else None,
        }
        for run in reversed(runs)
    ]


def text(runs: list[Run]) -> str:
    if not runs:
        return "no migration is known here"
    return "\n\n".join(_paragraph(run) for run in reversed(runs))


def _paragraph(run: Run) -> str:
    result = json.loads(run.result) if run.result else {}
    ended = f" to {run.finished_at[:19]}" if run.finished_at else ""
    pairs = [
        (f"{run.id}", f"{run.table}: {state(run)}"),
        ("statement", " ".join(run.statement.split())),
        ("by", run.by),
        ("when", f"{run.started_at[:19]}{ended}"),
        ("rows", f"{count(run.rows_copied)} copied" if run.rows_copied else ""),
        ("phases", _phases(result)),
        ("lock", f"held {duration(result['lock_held_seconds'])}" if result else ""),
        ("allowed by", result.get("allowed_by", "")),
        ("message", run.message),
        ("old table", run.archive),
    ]
    return aligned([(label, value) for label, value in pairs if value])


def _phases(result: dict[str, Any]) -> str:
    phases = result.get("phases", {})
    return ", ".join(f"{name} {duration(seconds)}" for name, seconds in phases.items())
