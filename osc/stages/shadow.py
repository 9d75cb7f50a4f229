"""The new, empty table, and the job that all later stages work on."""

from __future__ import annotations

from osc import errors
from osc.engine import Engine, Job
from osc.stages.plan import Plan


def create(engine: Engine, plan: Plan, migration: int, generation: int, budget: float) -> Job:
    """Makes the shadow; refuses if the original has changed since it was planned."""
    shadow = engine.workshop.create(plan.table, plan.alter, plan.names)
    if engine.catalog.identity(plan.table.name) != plan.table.identity:
        engine.workshop.drop([plan.names.shadow])
        raise errors.TableChanged(
            f"{plan.table.name} was altered while the migration was being prepared",
            still_true="it serves as it is; our shadow is removed",
            todo="start again",
        )
    return Job(
        id=migration,
        original=plan.table,
        shadow=shadow,
        names=plan.names,
        alter=plan.alter,
        columns=plan.rehearsal.columns,
        key=plan.rehearsal.key,
        sortable=plan.rehearsal.sortable,
        generation=generation,
        lock_budget_seconds=budget,
        relations=plan.rehearsal.relations,
        diff=plan.rehearsal.diff,
    )
