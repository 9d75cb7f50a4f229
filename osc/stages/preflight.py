"""Looks for a reason to refuse while nothing has been touched."""

from __future__ import annotations

from collections.abc import Callable

from osc import errors
from osc.engine import Engine, Sync
from osc.model.alter import Alter
from osc.model.table import Table
from osc.stages.plan import Plan


def check(engine: Engine, table: Table, alter: Alter, sync: Sync) -> None:
    """Server, table and statement: whatever can be told without a rehearsal."""
    engine.checks.place()
    engine.checks.server(sync)
    engine.checks.table(table, alter, sync)


def check_leftovers(engine: Engine, plan: Plan) -> None:
    """A shadow that is already there belongs to a run that died, or to somebody else."""
    if plan.names.shadow in engine.workshop.leftovers(plan.table.name):
        raise errors.Precondition(
            f"{plan.names.shadow} is left over from an earlier run",
            still_true=f"{plan.table.name} serves; nothing was touched",
            todo=f"remove it with `osc cleanup URL {plan.table.name.name} --execute`",
        )


def probe(engine: Engine, plan: Plan, check: Callable[[], None] = lambda: None) -> None:
    """The bad news in seconds and not in days (rule 4); `check` raises for who can't wait."""
    engine.workshop.probe(plan.table, plan.rehearsal, check)
