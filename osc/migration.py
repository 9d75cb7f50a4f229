"""The story: what each command does, from the first check to the last word in the ledger."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from threading import Event
from typing import Any

from osc import attempts, errors
from osc.attempt import Attempt
from osc.attempts import persistently
from osc.climbing import Climbing
from osc.config import Settings
from osc.engine import Climb, Engine, Run, Said, Sync
from osc.model import applied
from osc.model.alter import Alter
from osc.model.consent import NO_CONSENT, Consent
from osc.model.controls import Controls
from osc.model.ladder import Cost, Way
from osc.model.phase import FINISHED, Phase
from osc.model.progress import Tracker
from osc.model.report import Report
from osc.model.table import Table, TableName
from osc.ops import checkpoint, desk, sense
from osc.ops.listing import state
from osc.stages import preflight, route, unfinished
from osc.stages.route import Route

WATCH_SECONDS = 1.0


@dataclass(frozen=True)
class Request:
    """What the operator wants; `sync` None leaves the choice to us."""

    alter: Alter
    sync: Sync | None
    statement: str
    by: str


def plan(engine: Engine, request: Request, settings: Settings) -> Route:
    """What would be done, after every check that leaves the table alone."""
    engine = allowed(engine, settings)
    table = route.find(engine, request.alter)
    if table is None:
        return route.to_nowhere(request.alter)
    unfinished.refuse(engine, table.name)
    with engine.claim(table.name):
        return _routed(engine, table, request, settings)


def allowed(engine: Engine, settings: Settings) -> Engine:
    """With what the operator consents to."""
    consent = Consent(
        settings.rebuild_materialized_views,
        settings.rebuild_views,
        settings.on_replica,
        settings.publish_shadow,
    )
    return engine if consent == NO_CONSENT else engine.consenting(engine, consent)


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
    sense.ask(engine, settings)
    made = plan(engine, request, settings)
    if made.copy:
        preflight.probe(engine, made.copy)
    elif engine.ladder and made.way is not Way.NOTHING:
        engine.ladder.probe(made.table, made.outlook)
        with engine.claim(made.table.name):
            _ask_rows(engine, made)
    return made


def _ask_rows(engine: Engine, made: Route, check: Callable[[], None] = lambda: None) -> None:
    """Before the first step: its half-made constraint would already fail applications whose rows
    the ALTER can't be done for anyhow. A table that can't be copied can't be asked like this; there
    the steps find out."""
    if made.outlook.cost >= Cost.SCAN:
        with suppress(errors.Precondition, errors.NotAllowed):
            route.probe(engine, made, check)


def migrate(
    engine: Engine, request: Request, settings: Settings, tracker: Tracker, controls: Controls
) -> Report:
    """Runs a migration to its end; raises an OscError whose sentences are for the operator.

    A connection that breaks ends an attempt; when the server is back, the next one begins. A
    sequence without a copy that was stopped is gone on with where the same statement comes again.
    """
    engine = allowed(engine, settings)
    begun: list[int] = []

    def first(controls: Controls) -> Report:
        sense.ask(engine, settings)
        table = route.find(engine, request.alter)
        if table is None:
            return _nowhere(request, tracker)
        tracker.note(table=str(table.name), rows_estimated=table.rows, bytes_estimated=table.bytes)
        stopped = unfinished.climb(engine, table.name, request.statement)
        if stopped is not None:
            begun.append(stopped.id)
            return again(controls)
        with engine.claim(table.name) as claim:
            try:
                made = _routed(engine, table, request, settings)
            except errors.Precondition:
                if not _applied_by(engine, table, request):
                    raise
                return _nothing(engine, table, request, tracker)
            tracker.at(Phase.PREFLIGHT)
            if made.way is Way.NOTHING:
                return _nothing(engine, table, request, tracker)
            if made.copy is None:
                if made.way is Way.SEQUENCE:
                    _ask_rows(engine, made, controls.check)
                try:
                    climb = _begun(engine, made, request, settings, begun)
                    return Climbing(
                        engine,
                        climb,
                        request.statement,
                        settings,
                        tracker,
                        controls,
                        claim,
                        request.by,
                    ).from_the_beginning()
                except errors.CopyNeeded as error:
                    tracker.note(waiting_for=error.happened)
                    made = _routed(engine, table, request, settings.copying())
            ready = made.copy
            assert ready is not None
            preflight.probe(engine, ready, controls.check)
            engine.workshop.sweep(table.name, execute=True)
            engine.ledger.prepare()
            number = engine.ledger.begin(ready.table, request.statement, ready.sync, request.by)
            begun[:] = [number]
            return Attempt(
                engine,
                ready,
                request.statement,
                settings,
                tracker,
                controls,
                claim,
                number,
                by=request.by,
            ).from_the_beginning()

    def again(controls: Controls) -> Report:
        return attempts.go_on(
            engine, begun[0], settings, tracker, controls, Attempt.from_checkpoint, request.by
        )

    return persistently(engine, settings, tracker, controls, first, again)


def _applied_by(engine: Engine, table: Table, request: Request) -> int | None:
    runs, identity = engine.ledger.runs(table.name), engine.catalog.identity(table.name)
    return applied.by(runs, request.statement, identity, engine.same)


def _nowhere(request: Request, tracker: Tracker) -> Report:
    made = route.to_nowhere(request.alter)
    for phase in (Phase.PREFLIGHT, Phase.DONE):
        tracker.at(phase)
    return _unchanged(made.table, request, because=made.outlook.because)


def _nothing(engine: Engine, table: Table, request: Request, tracker: Tracker) -> Report:
    if tracker.read().phase is Phase.PLAN:
        tracker.at(Phase.PREFLIGHT)
    tracker.at(Phase.DONE)
    return _unchanged(table, request, _applied_by(engine, table, request) or 0)


def _unchanged(table: Table, request: Request, migration: int = 0, because: str = "") -> Report:
    return Report(
        migration=migration,
        table=str(table.name),
        statement=request.statement,
        archive="",
        sync=str(Sync.NONE),
        seconds=0.0,
        way=str(Way.NOTHING),
        because=because,
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


def resume(
    engine: Engine,
    wanted: str | None,
    settings: Settings,
    tracker: Tracker,
    controls: Controls,
    by: str = "",
) -> Report | None:
    """Goes on with a migration that was stopped or whose process died; None: it is done already.
    `by` is who does so, where it isn't who began it."""
    engine = allowed(engine, settings)
    run = unfinished.find(engine, wanted)
    if run.phase == Phase.DONE:
        return None
    unfinished.require_resumable(run)
    engine.checks.place()
    sense.ask(engine, settings)

    def go_on(controls: Controls, told: str = "") -> Report:
        return attempts.go_on(
            engine, run.id, settings, tracker, controls, Attempt.from_checkpoint, by or run.by, told
        )

    return persistently(engine, settings, tracker, controls, partial(go_on, told="resume"), go_on)


def verify(
    engine: Engine,
    wanted: str | None,
    settings: Settings,
    tracker: Tracker,
    controls: Controls,
    by: str = "",
) -> Report:
    """Compares original and shadow of a stopped migration, and leaves it as resumable as it was."""
    engine = allowed(engine, settings)
    run = unfinished.find(engine, wanted)
    unfinished.require_resumable(run)
    engine.checks.place()

    def go_on(controls: Controls, told: str = "") -> Report:
        return attempts.go_on(
            engine, run.id, settings, tracker, controls, Attempt.verification, by or run.by, told
        )

    again = partial(go_on, told="verify")
    report = persistently(engine, settings, tracker, controls, again, go_on)
    if tracker.read().phase not in FINISHED:
        tracker.at(Phase.STOPPED)
    return report


def say(engine: Engine, wanted: str | None, words: str, by: str) -> str:
    """Words for a run that is under way, on whatever host, and its answer."""
    run = unfinished.find(engine, wanted)
    if not run.alive:
        raise errors.Precondition(
            f"no process works on migration {run.id} of {run.table}: {state(run)}",
            still_true="nothing was changed",
            todo=f"`osc resume URL {run.id}` begins one" if run.finished_at is None else "",
        )
    return desk.say(
        engine.board, run.id, words, by, lambda: unfinished.numbered(engine, run.id).alive
    )


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


def said(engine: Engine, runs: list[Run]) -> dict[int, list[Said]]:
    """What each of these runs was told, by whom, and what it answered."""
    return {run.id: engine.board.said(run.id) for run in runs}
