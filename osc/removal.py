"""What ends a migration for good, and what removes all that is left of dead ones.

A replica has the ledger and the shadows of runs on its source: there nothing is removed.
"""

from __future__ import annotations

from osc import errors
from osc.attempts import climb_of, job_of, was_swapped
from osc.climbing import ladder_of
from osc.engine import Climb, Engine
from osc.model.consent import Consent
from osc.model.controls import Controls
from osc.model.phase import Phase
from osc.model.table import TableName
from osc.stages import cleanup as cleaning
from osc.stages import unfinished

HANDOVER_SECONDS = 60.0
"""How long a live process may take to notice that it is to let go."""


def abort(engine: Engine, wanted: str | None, by: str, *, on_replica: bool = False) -> list[str]:
    """Removes all that is ours of an unfinished migration, and only that; says what it was.

    A process that is still at it is fenced off: it ends by itself, and we wait for its claim. A
    replica has the ledger and the shadow of a run on its source: there nothing is removed.
    """
    engine = _allowed(engine, on_replica=on_replica)
    run = unfinished.find(engine, wanted)
    if run.finished_at is not None:
        return []
    engine.checks.place()
    ledger = engine.ledger
    told = f"aborted by {by}"
    if told not in run.message:
        ledger.save(run.id, message="; ".join(filter(None, (run.message, told))))
    engine.board.note(run.id, "abort", by, f"in {run.phase}")
    ledger.take_over(run.id)
    with unfinished.claimed(engine, run.table, HANDOVER_SECONDS):
        saved = ledger.checkpoint(run.id)
        if climb := climb_of(run, saved, 0, 0.25):
            return _taken_back(engine, climb)
        job = job_of(engine, run, saved, 0, 1.0) if saved.job else None
        if was_swapped(engine, job, saved):
            raise errors.Precondition(
                f"migration {run.id} cannot be aborted: {run.table} was swapped already",
                still_true=f"{run.table} is the new table, and the old one is kept",
                todo=f"finish it with `osc resume URL {run.id}`",
            )
        shadows = [job.names.shadow] if job else engine.workshop.leftovers(run.table)
        found = cleaning.remove(engine, run.table, engine.catalog, shadows)
        ledger.forget(run.id)
        ledger.save(run.id, phase=str(Phase.FAILED), finished=True)
    return found


def _taken_back(engine: Engine, climb: Climb) -> list[str]:
    """What a climb has done so far, undone; refused where it has arrived."""
    if climb.steps and ladder_of(engine).taken(climb) == len(climb.steps):
        raise errors.Precondition(
            f"migration {climb.id} cannot be aborted: {climb.table.name} is altered already",
            still_true=f"{climb.table.name} serves with its new definition",
            todo=f"finish it with `osc resume URL {climb.id}`",
        )
    found = ladder_of(engine).undo(climb)
    engine.ledger.forget(climb.id)
    engine.ledger.save(climb.id, phase=str(Phase.FAILED), finished=True)
    return found


def cleanup(
    engine: Engine,
    table: TableName | None,
    controls: Controls,
    *,
    execute: bool,
    archives: bool = False,
    on_replica: bool = False,
) -> list[str]:
    """What dead runs left on one table, or on all that the ledger knows; `execute` removes it.

    What belongs to a migration that can be resumed is no leftover.
    """
    engine = _allowed(engine, on_replica=on_replica)
    if execute:
        engine.checks.place()
    names = [table] if table else list(dict.fromkeys(run.table for run in engine.ledger.runs()))
    found: list[str] = []
    for name in names:
        runs = engine.ledger.runs(name)
        if not runs:
            continue  # A table called like a shadow of ours is none where we have never been.
        if table:
            unfinished.refuse(engine, name)
        elif any(map(unfinished.can_go_on, runs)):
            continue
        with engine.claim(name):
            kept = {run.archive for run in runs} if archives else set()
            found += cleaning.sweep(engine, name, controls, archives=kept, execute=execute)
    return found


def _allowed(engine: Engine, *, on_replica: bool) -> Engine:
    return engine.consenting(engine, Consent(on_replica=True)) if on_replica else engine
