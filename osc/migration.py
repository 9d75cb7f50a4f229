"""The story: what each command does, from the first check to the last word in the ledger."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from threading import Event
from typing import Any

from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

from osc import errors
from osc.attempt import Attempt
from osc.climbing import Climbing, ladder_of
from osc.config import Settings
from osc.engine import Checkpoint, Climb, Engine, Job, Run, Sync
from osc.model import alter as alters
from osc.model.alter import Alter
from osc.model.controls import Controls
from osc.model.ladder import Cost, Way
from osc.model.phase import FINISHED, Phase
from osc.model.progress import Tracker
from osc.model.report import Report
from osc.model.table import Table, TableName
from osc.ops import checkpoint, desk
from osc.stages import cleanup as cleaning
from osc.stages import plan as planning
from osc.stages import preflight, route, unfinished
from osc.stages.plan import Plan
from osc.stages.route import Route

QUICK_LOSSES = 5
"""So many attempts in a row that lose the server within a minute are no accident."""
LOST = (errors.Unreachable, errors.ConnectionLost)
"""Their kin, a missing privilege or a refused statement, does not pass by waiting."""
HANDOVER_SECONDS = 60.0
"""How long a live process may take to notice that it is to let go."""
LINGERING_SECONDS = 10.0
WATCH_SECONDS = 1.0
"""How long the claim of a dead connection may be there, as far as the server can know."""


@dataclass(frozen=True)
class Request:
    """What the operator wants; `sync` None leaves the choice to us."""

    alter: Alter
    sync: Sync | None
    statement: str
    by: str


def plan(engine: Engine, request: Request, settings: Settings) -> Route:
    """What would be done, after every check that leaves the table alone."""
    table = route.find(engine, request.alter)
    unfinished.refuse(engine, table.name)
    with engine.claim(table.name):
        return _routed(engine, table, request, settings)


def _routed(engine: Engine, table: Table, request: Request, settings: Settings) -> Route:
    return route.choose(
        engine,
        table,
        request.alter,
        request.sync,
        force=settings.force_copy,
        small=settings.small_table,
    )


def rehearse(engine: Engine, request: Request, settings: Settings) -> Route:
    """The dry run: the plan, and the questions to the rows of today."""
    made = plan(engine, request, settings)
    if made.copy:
        preflight.probe(engine, made.copy)
    elif engine.ladder:
        engine.ladder.probe(made.table, made.outlook)
        with engine.claim(made.table.name):
            _ask_rows(engine, made)
    return made


def _ask_rows(engine: Engine, made: Route) -> None:
    """Before the first step: its half-made constraint would already fail applications whose rows
    the ALTER can't be done for anyhow. A table that can't be copied can't be asked like this; there
    the steps find out."""
    if made.outlook.cost >= Cost.SCAN:
        with suppress(errors.Precondition, errors.NotAllowed):
            route.probe(engine, made)


def migrate(
    engine: Engine, request: Request, settings: Settings, tracker: Tracker, controls: Controls
) -> Report:
    """Runs a migration to its end; raises an OscError whose sentences are for the operator.

    A connection that breaks ends an attempt; when the server is back, the next one begins. A
    sequence without a copy that was stopped is gone on with where the same statement comes again.
    """
    begun: list[int] = []

    def first(controls: Controls) -> Report:
        table = route.find(engine, request.alter)
        tracker.note(table=str(table.name), rows_estimated=table.rows, bytes_estimated=table.bytes)
        stopped = unfinished.climb(engine, table.name, request.statement)
        if stopped is not None:
            begun.append(stopped.id)
            return again(controls)
        with engine.claim(table.name) as claim:
            made = _routed(engine, table, request, settings)
            tracker.at(Phase.PREFLIGHT)
            if made.way is Way.NOTHING:
                tracker.at(Phase.DONE)
                return _nothing(made, request)
            if made.copy is None:
                if made.way is Way.SEQUENCE:
                    _ask_rows(engine, made)
                try:
                    climb = _begun(engine, made, request, settings, begun)
                    return Climbing(
                        engine, climb, request.statement, settings, tracker, controls, claim
                    ).from_the_beginning()
                except errors.CopyNeeded as error:
                    tracker.note(waiting_for=error.happened)
                    made = _routed(engine, table, request, settings.copying())
            assert made.copy is not None
            prepared = _prepared(engine, request.alter, made.copy.sync)
            engine.workshop.sweep(table.name, execute=True)
            engine.ledger.prepare()
            number = engine.ledger.begin(
                prepared.table, request.statement, prepared.sync, request.by
            )
            begun[:] = [number]
            return Attempt(
                engine,
                prepared,
                request.statement,
                settings,
                tracker,
                controls,
                claim,
                number,
                by=request.by,
            ).from_the_beginning()

    def again(controls: Controls) -> Report:
        return _go_on(engine, begun[0], settings, tracker, controls, Attempt.from_checkpoint)

    return _persistently(engine, settings, tracker, controls, first, again)


def _nothing(made: Route, request: Request) -> Report:
    return Report(
        migration=0,
        table=str(made.table.name),
        statement=request.statement,
        archive="",
        sync=str(Sync.NONE),
        seconds=0.0,
        way=str(made.way),
    )


def _begun(
    engine: Engine, made: Route, request: Request, settings: Settings, begun: list[int]
) -> Climb:
    """The steps are in the ledger before the first of them is taken."""
    engine.ledger.prepare()
    begun.append(engine.ledger.begin(made.table, request.statement, Sync.NONE, request.by))
    climb = Climb(
        id=begun[0],
        table=made.table,
        steps=made.outlook.steps,
        lock_budget_seconds=settings.cut_over_lock_timeout / 1000,
    )
    job = checkpoint.written_climb(climb)
    engine.ledger.save(climb.id, phase=str(Phase.NATIVE), position="0", job=job)
    return climb


def _prepared(engine: Engine, alter: Alter, sync: Sync) -> Plan:
    """Every reason to refuse has been looked for."""
    table = engine.catalog.find(alter, sync)
    preflight.check(engine, table, alter, sync)
    made = planning.make(engine, table, alter, sync)
    preflight.check_leftovers(engine, made)
    preflight.probe(engine, made)
    return made


def resume(
    engine: Engine, wanted: str | None, settings: Settings, tracker: Tracker, controls: Controls
) -> Report | None:
    """Goes on with a migration that was stopped or whose process died; None: it is done already."""
    run = unfinished.find(engine, wanted)
    if run.phase == Phase.DONE:
        return None
    unfinished.require_resumable(run)

    def go_on(controls: Controls) -> Report:
        return _go_on(engine, run.id, settings, tracker, controls, Attempt.from_checkpoint)

    return _persistently(engine, settings, tracker, controls, go_on, go_on)


def verify(
    engine: Engine, wanted: str | None, settings: Settings, tracker: Tracker, controls: Controls
) -> Report:
    """Compares original and shadow of a stopped migration, and leaves it as resumable as it was."""
    run = unfinished.find(engine, wanted)
    unfinished.require_resumable(run)

    def go_on(controls: Controls) -> Report:
        return _go_on(engine, run.id, settings, tracker, controls, Attempt.verification)

    report = _persistently(engine, settings, tracker, controls, go_on, go_on)
    if tracker.read().phase not in FINISHED:
        tracker.at(Phase.STOPPED)
    return report


def abort(engine: Engine, wanted: str | None, by: str) -> list[str]:
    """Removes all that is ours of an unfinished migration, and only that; says what it was.

    A process that is still at it is fenced off: it ends by itself, and we wait for its claim.
    """
    run = unfinished.find(engine, wanted)
    if run.finished_at is not None:
        return []
    ledger = engine.ledger
    said = [run.message, f"aborted by {by}"]
    ledger.save(run.id, message="; ".join(word for word in said if word))
    ledger.take_over(run.id)
    with unfinished.claimed(engine, run.table, HANDOVER_SECONDS):
        saved = ledger.checkpoint(run.id)
        if climb := _climb(run, saved, 0, 0.25):
            return _taken_back(engine, climb)
        job = _job(engine, run, saved, 0, 1.0) if saved.job else None
        if _was_swapped(engine, job, saved):
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


def say(engine: Engine, wanted: str | None, words: str, by: str) -> str:
    """Words for a run that is under way, on whatever host, and its answer."""
    run = unfinished.find(engine, wanted)
    if not run.alive:
        raise errors.Precondition(
            f"no process works on migration {run.id} of {run.table}: it is {run.phase}",
            still_true="nothing was changed",
            todo=f"`osc resume URL {run.id}` begins one" if run.finished_at is None else "",
        )
    return desk.say(engine.board, run.id, words, by)


def shown(engine: Engine, run: Run) -> dict[str, Any] | None:
    """What the run shows of itself, with the age of that in seconds; None where it has never."""
    found = engine.board.shown(run.id) if run.alive else None
    return {**json.loads(found[0]), "age_seconds": round(found[1], 1)} if found else None


def watched(engine: Engine, wanted: str | None) -> Iterator[dict[str, Any]]:
    """What a run shows of itself, each time it shows something new, until its process is gone."""
    run, pause, last = unfinished.find(engine, wanted), Event(), None
    while run.alive:
        record = shown(engine, run)
        if record and {**record, "age_seconds": 0} != last:
            last = {**record, "age_seconds": 0}
            yield record
        pause.wait(WATCH_SECONDS)
        run = unfinished.numbered(engine, run.id)
    yield {"schema": 1, **_ended(run)}


def _ended(run: Run) -> dict[str, Any]:
    words = {"rows_copied": run.rows_copied, "backlog": 0, "share": 1.0, "waiting_for": run.message}
    empty = dict.fromkeys(("copy_waits_for", "following_waits_for", "cut_over_waits_for"), "")
    return {"phase": run.phase, "table": str(run.table), **words, **empty}


def status(engine: Engine, table: TableName | None) -> list[Run]:
    return engine.ledger.runs(table)


def cleanup(
    engine: Engine,
    table: TableName | None,
    controls: Controls,
    *,
    execute: bool,
    archives: bool = False,
) -> list[str]:
    """What dead runs left on one table, or on all that the ledger knows; `execute` removes it.

    What belongs to a migration that can be resumed is no leftover.
    """
    names = [table] if table else list(dict.fromkeys(run.table for run in engine.ledger.runs()))
    found: list[str] = []
    for name in names:
        runs = engine.ledger.runs(name)
        if not runs:
            continue  # A table called like a shadow of ours is none where we have never been.
        if table:
            unfinished.refuse(engine, name)
        elif any(run.finished_at is None for run in runs):
            continue
        with engine.claim(name):
            kept = {run.archive for run in runs} if archives else set()
            found += cleaning.sweep(engine, name, controls, archives=kept, execute=execute)
    return found


# Attempts, one after the other.


def _persistently(
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
                tracker.note(waiting_for=f"the server: {error.happened}")
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
    """Returns when the server lets us in again; otherwise the error that it was lost with."""
    patience = Retrying(
        retry=retry_if_exception_type(errors.Unreachable),
        stop=stop_after_delay(settings.reconnect_for),
        wait=wait_random_exponential(multiplier=0.2, max=10),
        sleep=controls.pause,
        reraise=True,
    )
    try:
        patience(lambda: engine.connect("is it back").close())
    except errors.Unreachable:
        raise lost from None


def _go_on(
    engine: Engine,
    migration: int,
    settings: Settings,
    tracker: Tracker,
    controls: Controls,
    way: Callable[[Attempt, Job, Checkpoint], Report],
) -> Report:
    """One attempt from what the ledger and the catalog say; nothing else is remembered."""
    tracker.at(Phase.RESUME)
    with ExitStack() as stack:
        with unfinished.kept():
            run = unfinished.numbered(engine, migration)
            claim = stack.enter_context(unfinished.claimed(engine, run.table, LINGERING_SECONDS))
            generation = engine.ledger.take_over(migration)
            saved = engine.ledger.checkpoint(migration)
            budget = settings.cut_over_lock_timeout / 1000
            climb = _climb(run, saved, generation, budget)
            job = _job(engine, run, saved, generation, budget) if saved.job and not climb else None
            was_swapped = _was_swapped(engine, job, saved)
        tracker.note(
            table=str(run.table), rows_estimated=run.rows_estimated, rows_copied=saved.rows_copied
        )

        if climb is not None:
            return Climbing(
                engine, climb, run.statement, settings, tracker, controls, claim
            ).from_where_it_stands()

        def attempt(made: Plan) -> Attempt:
            return Attempt(
                engine, made, run.statement, settings, tracker, controls, claim, migration,
                generation, run.by,
            )  # fmt: skip

        if job and was_swapped:
            return attempt(planning.remembered(job, saved.sync)).after_the_swap(job)
        if job and saved.position is not None:
            return way(attempt(planning.remembered(job, saved.sync)), job, saved)
        cleaning.remove(engine, run.table, engine.catalog, engine.workshop.leftovers(run.table))
        return attempt(_prepared(engine, _alter(engine, run), saved.sync)).from_the_beginning()


def _was_swapped(engine: Engine, job: Job | None, saved: Checkpoint) -> bool:
    """Whether the new table serves; asked when whatever a dead process had begun is over. What it
    had begun to carry over is where it belongs then."""
    if job is None:
        return False
    engine.workshop.await_quiet(job.names.shadow)
    return saved.phase in (Phase.AFTERCARE, Phase.CLEANUP) or engine.swapper(job).recover()


def _climb(run: Run, saved: Checkpoint, generation: int, budget: float) -> Climb | None:
    """The steps of a migration without a copy; None where it is a copy."""
    if saved.sync is not Sync.NONE:
        return None
    return checkpoint.read_climb(saved.job, migration=run.id, generation=generation, budget=budget)


def _job(engine: Engine, run: Run, saved: Checkpoint, generation: int, budget: float) -> Job:
    return checkpoint.read(
        saved.job,
        migration=run.id,
        generation=generation,
        alter=_alter(engine, run),
        budget=budget,
    )


def _alter(engine: Engine, run: Run) -> Alter:
    """The statement, on the very table that it meant when it was begun."""
    said = alters.parse(run.statement, mysql=engine.mysql)
    return replace(said, schema=run.table.schema, table=run.table.name)
