"""Attempts, one after the other, until one ends otherwise than by losing the server."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace

from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random_exponential

from osc import errors
from osc.attempt import Attempt
from osc.climbing import Climbing
from osc.config import Settings
from osc.engine import Checkpoint, Climb, Engine, Job, Run, Sync
from osc.model.alter import Alter
from osc.model.controls import Controls
from osc.model.phase import FINISHED, Phase
from osc.model.progress import Tracker
from osc.model.report import Report
from osc.ops import checkpoint
from osc.ops.desk import Desk
from osc.stages import cleanup as cleaning
from osc.stages import plan as planning
from osc.stages import preflight, unfinished
from osc.stages.plan import Plan

Way = Callable[[Attempt, Job, Checkpoint], Report]
"""What an attempt does where an earlier one has left a shadow."""
QUICK_LOSSES = 5
"""So many attempts in a row that lose the server within a minute are no accident."""
LOST = (errors.Unreachable, errors.ConnectionLost)
"""Their kin, a missing privilege or a refused statement, does not pass by waiting."""
LINGERING_SECONDS = 10.0
"""How long the claim of a dead connection may be there, as far as the server can know."""


def persistently(
    engine: Engine,
    settings: Settings,
    tracker: Tracker,
    controls: Controls,
    first: Callable[[Controls], Report],
    again: Callable[[Controls], Report],
) -> Report:
    """Attempts until one ends otherwise than by losing the server."""
    attempt, quick = first, 0
    try:
        while True:
            began = time.monotonic()
            try:
                return attempt(controls.for_attempt())
            except errors.Unreachable as error:
                quick = quick + 1 if time.monotonic() - began < 60 else 0
                is_lost = error.kept and type(error) in LOST
                if not is_lost or settings.reconnect_for == 0 or quick > QUICK_LOSSES:
                    raise
                tracker.note(waiting_for=f"waiting for the server: {error.happened}")
                _await_server(engine, settings, controls, error)
                attempt = again
    except errors.OscError as error:
        if tracker.read().phase not in FINISHED:
            resumable = error.kept or isinstance(error, errors.TakenOver)
            tracker.at(Phase.STOPPED if resumable else Phase.FAILED)
        raise


def _await_server(
    engine: Engine, settings: Settings, controls: Controls, lost: errors.Unreachable
) -> None:
    """Returns when the server lets us in again; otherwise the error that it was lost with, or why
    it lets us in no more: that does not pass by waiting."""
    patience = Retrying(
        retry=retry_if_exception(_may_pass),
        stop=stop_after_delay(settings.reconnect_for),
        wait=wait_random_exponential(multiplier=0.2, max=10),
        sleep=controls.pause,
        reraise=True,
    )
    try:
        patience(lambda: engine.connect("is it back").close())
    except errors.NoDatabase as error:
        raise _dropped(error) from error
    except (errors.NotAllowed, errors.Precondition) as error:
        raise _shut_out(error, lost) from error
    except errors.Unreachable:
        raise lost from None


def _may_pass(error: BaseException) -> bool:
    return isinstance(error, errors.Unreachable) and not isinstance(error, errors.NotAllowed)


def _shut_out(error: errors.OscError, lost: errors.OscError) -> errors.NotAllowed:
    """A password that has been changed."""
    found = errors.NotAllowed(
        error.happened, still_true=lost.still_true, todo=f"{error.todo}; then {lost.todo}"
    )
    found.kept = lost.kept
    return found


def _dropped(error: errors.NoDatabase) -> errors.TableChanged:
    return errors.TableChanged(
        f"the database is gone: somebody else has dropped or renamed it ({error.happened})",
        still_true="nothing was changed by us, and nothing of ours is left in it",
        todo="if it was renamed, or comes back from a backup: `osc status` there, then start again",
    )


def go_on(
    engine: Engine,
    migration: int,
    settings: Settings,
    tracker: Tracker,
    controls: Controls,
    way: Way,
    by: str,
    desk: Desk,
    told: str = "",
) -> Report:
    """One attempt from what the ledger and the catalog say; nothing else is remembered.
    `by` is who goes on with it, and `told` the word that he did it with, to be kept."""
    tracker.at(Phase.RESUME)
    with ExitStack() as stack:
        with unfinished.kept():
            run = unfinished.numbered(engine, migration)
            claim = stack.enter_context(unfinished.claimed(engine, run.table, LINGERING_SECONDS))
            generation = engine.ledger.take_over(migration)
            stack.enter_context(desk.sitting(migration))
            if told:
                engine.board.note(migration, told, by, f"from {run.phase}")
            saved = engine.ledger.checkpoint(migration)
            budget = settings.cut_over_lock_timeout / 1000
            climb = climb_of(run, saved, generation, budget)
            job = (
                job_of(engine, run, saved, generation, budget) if saved.job and not climb else None
            )
            swapped = was_swapped(engine, job, saved)
        tracker.note(
            table=str(run.table), rows_estimated=run.rows_estimated, rows_copied=saved.rows_copied
        )

        if climb is not None:
            return Climbing(
                engine, climb, run.statement, settings, tracker, controls, claim, desk, by
            ).from_where_it_stands()

        def attempt(made: Plan) -> Attempt:
            return Attempt(
                engine, made, run.statement, settings, tracker, controls, claim, migration,
                desk, generation, by,
            )  # fmt: skip

        if job and swapped:
            return attempt(planning.remembered(job, saved.sync)).after_the_swap(job, saved)
        if job and saved.position is not None:
            return way(attempt(planning.remembered(job, saved.sync)), job, saved)
        cleaning.remove(engine, run.table, engine.catalog, engine.workshop.leftovers(run.table))
        return attempt(
            prepared(engine, alter_of(engine, run), saved.sync, controls.check)
        ).from_the_beginning()


def was_swapped(engine: Engine, job: Job | None, saved: Checkpoint) -> bool:
    """Whether the new table serves; asked when whatever a dead process had begun is over. What it
    had begun to carry over is where it belongs then."""
    if job is None:
        return False
    engine.workshop.await_quiet(job.names.shadow)
    return saved.phase in (Phase.AFTERCARE, Phase.CLEANUP) or engine.swapper(job).recover()


def climb_of(run: Run, saved: Checkpoint, generation: int, budget: float) -> Climb | None:
    """The steps of a migration without a copy; None where it is a copy."""
    if saved.sync is not Sync.NONE:
        return None
    return checkpoint.read_climb(saved.job, migration=run.id, generation=generation, budget=budget)


def job_of(engine: Engine, run: Run, saved: Checkpoint, generation: int, budget: float) -> Job:
    return checkpoint.read(
        saved.job,
        migration=run.id,
        generation=generation,
        alter=alter_of(engine, run),
        budget=budget,
    )


def alter_of(engine: Engine, run: Run) -> Alter:
    """The statement, on the very table that it meant when it was begun."""
    said = engine.read(run.statement)
    return replace(said, schema=run.table.schema, table=run.table.name)


def prepared(
    engine: Engine, alter: Alter, sync: Sync, check: Callable[[], None] = lambda: None
) -> Plan:
    """Every reason to refuse has been looked for."""
    table = engine.catalog.find(alter, sync)
    preflight.check(engine, table, alter, sync)
    made = planning.make(engine, table, alter, sync)
    preflight.check_leftovers(engine, made)
    preflight.probe(engine, made, check)
    return made
