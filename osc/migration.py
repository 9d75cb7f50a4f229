"""The story: what each command does, from the first check to the last word in the ledger."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Collection, Iterator
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
from osc.ops import bridge, checkpoint, kept, sense
from osc.ops import desk as desks
from osc.ops.desk import Desk
from osc.ops.listing import state
from osc.presence import Entry, entered
from osc.stages import preflight, route, unfinished
from osc.stages.route import Route

WATCH_SECONDS = 1.0
log = logging.getLogger("osc.migration")


@dataclass(frozen=True)
class Request:
    """What the operator wants; `sync` None leaves the choice to us. `said` are the settings that
    his flags gave."""

    alter: Alter
    sync: Sync | None
    statement: str
    by: str
    said: frozenset[str] = frozenset()


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
        settings.reword_checks,
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
    with bridge.heard(engine, settings, tracker, controls) as desk:
        begun = _Begun(settings)

        def first(controls: Controls) -> Report:
            return _first(engine, request, settings, tracker, controls, desk, begun, again)

        def again(controls: Controls) -> Report:
            way = Attempt.from_checkpoint
            return attempts.go_on(
                engine, begun.id, begun.settings, tracker, controls, way, request.by, desk
            )

        return persistently(engine, settings, tracker, controls, first, again)


@dataclass
class _Begun:
    """What the next attempt would go on with: the number, and what it is allowed."""

    settings: Settings
    id: int = 0


def _first(
    engine: Engine,
    request: Request,
    settings: Settings,
    tracker: Tracker,
    controls: Controls,
    desk: Desk,
    begun: _Begun,
    again: Callable[[Controls], Report],
) -> Report:
    """The first attempt."""
    sense.ask(engine, settings)
    table = route.find(engine, request.alter)
    if table is None:
        return _nowhere(request, tracker)
    tracker.note(table=str(table.name), rows_estimated=table.rows, bytes_estimated=table.bytes)
    stopped = unfinished.climb(engine, table.name, request.statement)
    if stopped is not None:
        settings = as_it_was_begun(engine, str(stopped.id), settings, request.said)
        begun.id, begun.settings, desk.settings = stopped.id, settings, settings
        return again(controls)
    with entered(engine, table, request.statement, request.by, desk, controls) as entry:
        try:
            made = _routed(engine, table, request, settings)
        except errors.Precondition:
            if not _applied_by(engine, table, request):
                raise
            return _nothing(engine, table, request, tracker)
        controls.check()
        tracker.at(Phase.PREFLIGHT)
        if made.way is Way.NOTHING:
            return _nothing(engine, table, request, tracker)
        entry.appear()
        if made.copy is None:
            if made.way is Way.SEQUENCE:
                _ask_rows(engine, made, controls.check)
            try:
                climb = _begun(engine, made, settings, entry)
                begun.id = climb.id
                return Climbing(
                    engine, climb, request.statement, settings, tracker, controls, entry.claim,
                    desk, request.by,
                ).from_the_beginning()  # fmt: skip
            except errors.CopyNeeded as error:
                tracker.note(waiting_for=error.happened)
                made = _routed(engine, table, request, settings.copying())
        ready = made.copy
        assert ready is not None
        preflight.probe(engine, ready, controls.check)
        engine.workshop.sweep(table.name, execute=True)
        controls.check()
        begun.id = entry.begin(ready.table, Phase.SHADOW, ready.sync)
        return Attempt(
            engine, ready, request.statement, settings, tracker, controls, entry.claim,
            begun.id, desk, by=request.by,
        ).from_the_beginning()  # fmt: skip


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


def _begun(engine: Engine, made: Route, settings: Settings, entry: Entry) -> Climb:
    """The steps are in the ledger before the first of them is taken."""
    climb = Climb(
        id=entry.begin(made.table, Phase.NATIVE, Sync.NONE),
        table=made.table,
        steps=made.outlook.steps,
        lock_budget_seconds=settings.cut_over_lock_timeout / 1000,
    )
    job = checkpoint.written_climb(climb)
    engine.ledger.save(climb.id, position="0", job=job)
    return climb


def as_it_was_begun(
    engine: Engine, wanted: str | None, chosen: Settings, said: Collection[str]
) -> Settings:
    """The settings to go on with; what was `said` anew overrules those that the run has kept."""
    run = unfinished.find(allowed(engine, chosen), wanted)
    before = kept.read(run.settings) if run.finished_at is None else {}
    found = kept.gone_on_with(chosen, before, said)
    if told := kept.told(found, before, said):
        log.info("migration %s is held to what it was begun with: %s", run.id, told)
    return found


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

    return _gone_on(
        engine, run, settings, tracker, controls, Attempt.from_checkpoint, by or run.by, "resume"
    )


def _gone_on(
    engine: Engine,
    run: Run,
    settings: Settings,
    tracker: Tracker,
    controls: Controls,
    way: attempts.Way,
    by: str,
    told: str,
) -> Report:
    with bridge.heard(engine, settings, tracker, controls) as desk:

        def go_on(controls: Controls, told: str = "") -> Report:
            return attempts.go_on(engine, run.id, settings, tracker, controls, way, by, desk, told)

        first = partial(go_on, told=told)
        return persistently(engine, settings, tracker, controls, first, go_on)


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

    report = _gone_on(
        engine, run, settings, tracker, controls, Attempt.verification, by or run.by, "verify"
    )
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
    return desks.say(
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
