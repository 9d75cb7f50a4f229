"""The story: plan → preflight → shadow → copy → load → verify → cut over → cleanup."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from osc import errors
from osc.config import Settings
from osc.engine import Dialect, Engine, Job, Run, Swapped, Sync
from osc.model.alter import Alter
from osc.model.controls import Controls
from osc.model.phase import Phase
from osc.model.progress import Tracker
from osc.model.report import Report
from osc.model.table import TableName
from osc.model.watermark import Watermark
from osc.stages import cleanup as cleaning
from osc.stages import cutover, preflight, shadow
from osc.stages import plan as planning
from osc.stages.copier import Copier
from osc.stages.cutover import CutOver
from osc.stages.plan import Plan
from osc.stages.sync import Follower
from osc.stages.verify import Verifier
from osc.threads import beside

NOTHING_TOUCHED = "nothing was touched"


@dataclass(frozen=True)
class Request:
    """What the operator wants; `sync` None leaves the choice to us."""

    alter: Alter
    sync: Sync | None
    statement: str
    by: str


def plan(engine: Engine, request: Request, settings: Settings) -> Plan:
    """What would be done, after every check that leaves the table alone."""
    table = engine.catalog.find(request.alter)
    sync = planning.choose_sync(engine, request.sync)
    preflight.check(engine, table, request.alter, sync)
    with engine.claim(table.name):
        made = planning.make(engine, table, request.alter, sync)
        preflight.check_leftovers(engine, made)
    return made


def rehearse(engine: Engine, request: Request, settings: Settings) -> Plan:
    """The dry run: the plan, and the questions to the rows of today."""
    made = plan(engine, request, settings)
    preflight.probe(engine, made)
    return made


def migrate(
    engine: Engine, request: Request, settings: Settings, tracker: Tracker, controls: Controls
) -> Report:
    """Runs a migration to its end; raises an OscError whose sentences are for the operator."""
    started = time.monotonic()
    table = engine.catalog.find(request.alter)
    tracker.note(table=str(table.name), rows_estimated=table.rows)
    sync = planning.choose_sync(engine, request.sync)
    with engine.claim(table.name):
        tracker.at(Phase.PREFLIGHT)
        preflight.check(engine, table, request.alter, sync)
        made = planning.make(engine, table, request.alter, sync)
        preflight.check_leftovers(engine, made)
        preflight.probe(engine, made)
        engine.workshop.sweep(table.name, execute=True)
        engine.ledger.prepare()
        run = _Run(engine, made, request, settings, tracker, controls)
        with run.in_ledger():
            return run.to_the_end(started)


@dataclass
class _Run:
    """One migration under way: the stages in a line, and what must be undone."""

    engine: Engine
    plan: Plan
    request: Request
    settings: Settings
    tracker: Tracker
    controls: Controls
    id: int = 0
    has_shadow: bool = False
    has_swapped: bool = False

    @contextmanager
    def in_ledger(self) -> Iterator[None]:
        """The ledger says how it ended, and nothing of a failed run stays but its row."""
        ledger = self.engine.ledger
        self.id = ledger.begin(
            self.plan.table, self.request.statement, self.plan.sync, self.request.by
        )
        try:
            yield
            ledger.save(self.id, phase=str(Phase.DONE), finished=True, **self._counts())
        except BaseException as error:
            phase = self.tracker.read().phase
            if not self.has_swapped:
                self._undo()
                self._say_what_is_true(error)
            message = error.happened if isinstance(error, errors.OscError) else repr(error)
            self._note_failure(phase, message)
            if self.has_swapped and not isinstance(error, errors.SwappedButUnfinished):
                raise self._unfinished(message) from error
            raise

    def _say_what_is_true(self, error: BaseException) -> None:
        """A session that fails knows nothing of the migration that it failed in."""
        if isinstance(error, errors.Unreachable) and error.still_true in ("", NOTHING_TOUCHED):
            error.still_true = f"{self.plan.table.name} still serves and is untouched"
            error.todo = error.todo or "start again; `osc cleanup` removes what may be left"

    def _unfinished(self, message: str) -> errors.SwappedButUnfinished:
        name = self.plan.table.name
        return errors.SwappedButUnfinished(
            f"{name} was swapped, but then: {message}",
            still_true=f"{name} is the new table and serves; {self.plan.names.archive} is the old",
            todo=f"remove what may be left with `osc cleanup URL {name.name} --execute`",
        )

    def _undo(self) -> None:
        """The first error counts: what could not be removed is found by `osc cleanup`."""
        if not self.has_shadow:
            return
        try:
            cleaning.drop_shadow(self.engine, self.plan.names)
        except errors.ServerError:
            return

    def _note_failure(self, phase: Phase, message: str) -> None:
        try:
            told = f"{phase}: {message}"
            self.engine.ledger.save(
                self.id, phase=str(Phase.FAILED), finished=True, message=told, **self._counts()
            )
        except errors.ServerError:
            return
        finally:
            self.tracker.at(Phase.FAILED)

    def _counts(self) -> dict[str, int]:
        return {"rows_copied": self.tracker.read().rows_copied}

    def to_the_end(self, started: float) -> Report:
        self.tracker.at(Phase.SHADOW)
        job = shadow.create(self.engine, self.plan, self.request.alter, self.id)
        self.has_shadow = True
        dialect = self.engine.dialect(job)
        with self._following(job, dialect) as follower:
            self._copy(job, dialect, follower)
            self._verify(job, dialect, follower)
            swapped = self._cut_over(job, follower)
            self.has_swapped = True
        self.tracker.at(Phase.CLEANUP)
        self.engine.ledger.save(self.id, archive=str(job.names.archive))
        self._after_the_swap()
        self.tracker.at(Phase.DONE)
        return self._report(job, dialect, started, swapped.lock_wait_seconds)

    @contextmanager
    def _following(self, job: Job, dialect: Dialect) -> Iterator[Follower]:
        """The change source is open, and a barrier has passed, before the first chunk (rule 1)."""
        source = self.engine.sources[self.plan.sync](job, None)
        with ExitStack() as stack:
            stack.callback(source.close)
            follower = Follower(
                job=job,
                source=source,
                dialect=dialect,
                ledger=self.engine.ledger,
                connect=self.engine.connect,
                watermark=Watermark(ordered=job.sortable),
                probe=self._probe,
                tracker=self.tracker,
                controls=self.controls,
                workers=self.settings.threads,
            )
            stack.enter_context(follower.workers_ready())
            follower.first_barrier()
            stack.enter_context(beside("follower", follower.run, stop=follower.end))
            yield follower

    def _probe(self) -> None:
        self.engine.workshop.probe(self.plan.table, self.plan.rehearsal)

    def _copy(self, job: Job, dialect: Dialect, follower: Follower) -> None:
        self.tracker.at(Phase.COPY)
        Copier(
            job=job,
            dialect=dialect,
            ledger=self.engine.ledger,
            connect=self.engine.connect,
            watermark=follower.watermark,
            purge=follower.purge,
            alone=follower.turn,
            probe=self._probe,
            tracker=self.tracker,
            controls=self.controls,
            size=dialect.chunk_size.lasting(self.settings.chunk_time),
        ).run(self.settings.threads)
        self.tracker.at(Phase.LOAD)
        self._refuse_a_changed_table(job)
        with follower.suspended():
            self._load(job, follower)
        follower.watermark.finish()
        self._refuse_a_changed_table(job)

    def _load(self, job: Job, follower: Follower) -> None:
        """What looks like our own fault is somebody else's where the original has changed."""
        try:
            self.engine.load(job).finish(follower.purge)
        except errors.Bug:
            self._refuse_a_changed_table(job)
            raise

    def _refuse_a_changed_table(self, job: Job) -> None:
        if self.engine.catalog.identity(job.original.name) != job.original.identity:
            raise errors.TableChanged(
                f"{job.original.name} was altered, truncated or replaced by somebody else",
                still_true="it serves as it is; the shadow did not follow that change",
                todo="start again",
            )

    def _verify(self, job: Job, dialect: Dialect, follower: Follower) -> None:
        self.tracker.at(Phase.CATCH_UP)
        cutover.catch_up(follower, self.tracker, self.controls)
        if self.settings.verify:
            self.tracker.at(Phase.VERIFY)
            Verifier(job, dialect, self.engine.connect, follower, self.tracker, self.controls).run()

    def _cut_over(self, job: Job, follower: Follower) -> Swapped:
        self.tracker.at(Phase.CUT_OVER)
        return CutOver(
            job=job,
            swapper=self.engine.swapper(job),
            follower=follower,
            tracker=self.tracker,
            controls=self.controls,
            budget_seconds=self.settings.cut_over_lock_timeout / 1000,
            attempts=self.settings.cut_over_attempts,
        ).run()

    def _after_the_swap(self) -> None:
        """What the shadow stood in goes; the archive too, where the operator wants it so."""
        cleaning.drop_shadow(self.engine, self.plan.names)
        if self.settings.drop_old_table:
            cleaning.drop_archive(self.engine, self.plan.names)

    def _report(self, job: Job, dialect: Dialect, started: float, lock_wait: float) -> Report:
        seen = self.tracker.read()
        spent = {str(phase): self.tracker.seconds_in(phase) for phase in Phase}
        return Report(
            migration=self.id,
            table=str(job.original.name),
            statement=self.request.statement,
            archive="" if self.settings.drop_old_table else str(job.names.archive),
            sync=str(self.plan.sync),
            seconds=time.monotonic() - started,
            rows_copied=seen.rows_copied,
            chunks_copied=seen.chunks_copied,
            rows_verified=seen.rows_verified,
            changes_delivered=seen.changes_delivered,
            changes_forgotten=seen.changes_forgotten,
            changes_applied=seen.changes_applied,
            conflicts=seen.conflicts,
            cut_over_attempts=seen.cut_over_attempts,
            lock_wait_seconds=lock_wait,
            lock_held_seconds=seen.lock_held_seconds,
            not_compared=dialect.not_compared,
            phases={phase: seconds for phase, seconds in spent.items() if seconds > 0},
        )


def status(engine: Engine, table: TableName | None) -> list[Run]:
    return engine.ledger.runs(table)


def cleanup(
    engine: Engine, table: TableName | None, *, execute: bool, archives: bool = False
) -> list[str]:
    """What dead runs left on one table, or on all that the ledger knows; `execute` removes it."""
    names = [table] if table else list(dict.fromkeys(run.table for run in engine.ledger.runs()))
    found: list[str] = []
    for name in names:
        runs = engine.ledger.runs(name)
        if not runs:
            continue  # A table called like a shadow of ours is none where we have never been.
        cleaning.refuse_while_alive(runs)
        with engine.claim(name):
            kept = {run.archive for run in runs} if archives else set()
            found += cleaning.sweep(engine, name, archives=kept, execute=execute)
    return found
