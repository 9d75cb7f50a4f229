"""What the ledger knows of the runs of a database: who, what, when, and what came of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from types import MappingProxyType
from typing import Any

from osc.engine import Run, Said
from osc.ops import kept
from osc.ops.listing import state
from osc.ops.report import stood_still
from osc.ops.units import aligned, count, duration
from osc.ops.words import asks

Words = Mapping[int, Sequence[Said]]
"""What runs were told meanwhile, by their numbers."""
NOTHING: Words = MappingProxyType({})


def records(runs: list[Run], words: Words = NOTHING) -> list[dict[str, Any]]:
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
            "settings": kept.read(run.settings),
            "said": [asdict(one) for one in _said(run, words)],
            "old_table": run.archive or None,
            "result": json.loads(run.result) if run.result else None,
        }
        for run in reversed(runs)
    ]


def _said(run: Run, words: Words) -> list[Said]:
    """What changed something: that somebody has looked is nothing to remember."""
    return [one for one in words.get(run.id, ()) if not asks(one.words)]


def text(runs: list[Run], words: Words = NOTHING) -> str:
    if not runs:
        return "no migration is known here"
    return "\n\n".join(_paragraph(run, _said(run, words)) for run in reversed(runs))


def _paragraph(run: Run, words: Sequence[Said]) -> str:
    result = json.loads(run.result) if run.result else {}
    ended = f" to {run.finished_at[:19]}" if run.finished_at else ""
    pairs = [
        (f"{run.id}", f"{run.table}: {state(run)}"),
        ("statement", " ".join(run.statement.split())),
        ("with", kept.spelt(kept.read(run.settings))),
        ("by", run.by),
        ("when", f"{run.started_at[:19]}{ended}"),
        ("rows", f"{count(run.rows_copied)} copied" if run.rows_copied else ""),
        ("phases", _phases(result)),
        ("lock", f"held {duration(result['lock_held_seconds'])}" if result else ""),
        ("allowed by", result.get("allowed_by", "")),
        ("stood still", stood_still(result)),
        ("said", "\n".join(map(_told, words))),
        ("message", run.message),
        ("old table", run.archive),
    ]
    return aligned([(label, value) for label, value in pairs if value])


def _told(said: Said) -> str:
    answer = f": {' '.join(said.answer.split())}" if said.answer else ""
    return f"{said.at[:19]}  {said.words}, by {said.by}{answer}"


def _phases(result: dict[str, Any]) -> str:
    phases = result.get("phases", {})
    return ", ".join(f"{name} {duration(seconds)}" for name, seconds in phases.items())
