"""One attempt: the stages in a line, from wherever the migration stands to its end.

    shadow → copy → load → catch up → verify → cut over → aftercare → cleanup

An attempt ends with its first error, a lost connection included. What it leaves behind is either
nothing, or all that the next attempt needs: `osc resume` begins one in another process, and the
same process begins one by itself when the server is back.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial

from osc import errors
from osc.account import Account
from osc.config import Settings
from osc.engine import Aftercare, Checkpoint, Claim, Dialect, Engine, Job, Swapped
from osc.model.applied import IDENTITY
from osc.model.blocker import Kill
from osc.model.controls import Controls
from osc.model.coverage import Coverage, coverage
from osc.model.phase import Phase
from osc.model.progress import Tracker
from osc.model.report import Report
from osc.model.watermark import Watermark
from osc.ops import checkpoint
from osc.ops.bridge import limited
from osc.ops.desk import Desk
from osc.ops.report import report_record
from osc.stages import cleanup as cleaning
from osc.stages import cutover, shadow
from osc.stages import plan as planning
from osc.stages.copier import Copier
from osc.stages.cutover import CutOver
from osc.stages.fence import Fence
from osc.stages.keeper import Keeper
from osc.stages.leave import Leave
from osc.stages.meddling import Meddling
from osc.stages.onlooking import Onlooking
from osc.stages.plan import Plan
from osc.stages.sync import Follower
from osc.stages.verify import Verifier
from osc.threads import beside


@dataclass
class Attempt:
    """Who runs one holds the claim. `generation` is what the fence lets pass."""

    engine: Engine
    plan: Plan
    statement: str
    settings: Settings
    tracker: Tracker
    controls: Controls
    claim: Claim
    id: int
    desk: Desk
    generation: int = 1
    by: str = ""
    """Who runs it, for the record of what was done in his name."""
    started: float = field(default_factory=time.monotonic)
    _connections: int = 0
    _account: Account = field(init=False)

    def __post_init__(self) -> None:
        self._account = Account(
            self.engine, self.tracker, self.plan.table.name, self.id, by=f"the run of {self.by}"
        )

    # The three ways through it.

    def from_the_beginning(self) -> Report:
        """There is no shadow yet."""
        with self._account.given():
            self.tracker.at(Phase.SHADOW)
            job = shadow.create(self.engine, self.plan, self.id, self.generation, self._budget)
            self._account.names = job.names
            self.engine.ledger.save(
                self.id, phase=str(Phase.SHADOW), job=checkpoint.written(job), message=""
            )
            return self._through(job, None)

    def from_checkpoint(self, job: Job, saved: Checkpoint) -> Report:
        """An earlier attempt has left a shadow and a position."""
        with self._account.given(job):
            self._rehearse_again(job)
            return self._through(job, saved)

    def verification(self, job: Job, saved: Checkpoint) -> Report:
        """The same as far as verification; then everything is kept for a resume."""
        with self._account.given(job):
            self._rehearse_again(job)
            dialect = self.engine.dialect(job)
            meddling = self._meddling(job)
            with meddling.suspected(), self._following(job, dialect, saved) as follower:
                self._copy(job, dialect, follower, meddling, self._copied(saved))
                self._verify(job, dialect, follower)
            self._account.note("verified; not swapped yet")
            return self._report(job, Swapped(0.0, 0.0))

    def after_the_swap(self, job: Job, saved: Checkpoint) -> Report:
        """An earlier attempt has swapped, and could not say so any more."""
        self._account.has_swapped = True
        with self._account.given(job):
            is_new = saved.phase not in (Phase.AFTERCARE, Phase.CLEANUP)
            return self._to_the_end(job, Swapped(0.0, 0.0), is_new=is_new)

    # The stages.

    def _rehearse_again(self, job: Job) -> None:
        """Values of new columns stay the first rehearsal's; this one is for the questions that may
        have to be asked to the rows, and is a last look at whether the ALTER still makes sense."""
        meddling = self._meddling(job)
        meddling.refuse_a_changed_original()
        meddling.refuse_a_lost_shadow()
        made = planning.make(self.engine, job.original, job.alter, self.plan.sync)
        self.plan = replace(made, names=job.names)

    def _through(self, job: Job, saved: Checkpoint | None) -> Report:
        dialect = self.engine.dialect(job)
        meddling = self._meddling(job)
        with meddling.suspected(), self._following(job, dialect, saved) as follower:
            self._copy(job, dialect, follower, meddling, self._copied(saved))
            if self.settings.verify:
                self._verify(job, dialect, follower)
            swapped = self._cut_over(job, follower, meddling)
            self._account.has_swapped = True
        return self._to_the_end(job, swapped)

    def _to_the_end(self, job: Job, swapped: Swapped, *, is_new: bool = True) -> Report:
        """What may take longer than a server lets a silent holder have his claim keeps it, too."""
        with self._claim_kept():
            self._tend(job, is_new=is_new)
            self._clean_up(job)
        return self._finish(job, swapped)

    def _enter(self, phase: Phase) -> None:
        self.tracker.at(phase)
        self.engine.ledger.save(self.id, phase=str(phase), message="")

    def _copied(self, saved: Checkpoint | None) -> Coverage:
        return coverage(self.engine.ledger.chunks(self.id)) if saved else Coverage()

    @contextmanager
    def _following(
        self, job: Job, dialect: Dialect, saved: Checkpoint | None
    ) -> Iterator[Follower]:
        """The change source is open, and a barrier has passed, before the first chunk (rule 1)."""
        watermark = Watermark(ordered=job.sortable)
        watermark.resume(self._copied(saved))
        with ExitStack() as stack:
            stack.enter_context(self._claim_kept())
            source = self.engine.sources[self.plan.sync](job, saved.position if saved else None)
            stack.callback(source.close)
            self.engine.ledger.save(self.id, position=str(source.position))
            follower = Follower(
                job=job,
                source=source,
                dialect=dialect,
                ledger=self.engine.ledger,
                connect=self.engine.connect,
                watermark=watermark,
                probe=self._probe,
                tracker=self.tracker,
                controls=self.controls,
                fence=self._fence,
                spilled=saved.spilled if saved else 0,
                workers=self.settings.threads,
                most_workers=self.settings.most_threads,
                catch_up_limit_seconds=self.settings.catch_up_limit,
            )
            stack.enter_context(limited(self.engine, self.settings, self.desk))
            stack.enter_context(follower.workers_ready())
            follower.first_barrier()
            stack.enter_context(beside("follower", follower.run, stop=follower.end))
            self._account.can_go_on = True
            try:
                yield follower
            except errors.TakenOver:
                raise  # The ledger's row belongs to somebody else.
            except BaseException:
                with suppress(errors.OscError):
                    follower.save()
                raise

    @property
    def _fence(self) -> Fence:
        return Fence(self.engine.ledger.fence(self.id, self.generation))

    def _claim_kept(self) -> AbstractContextManager[None]:
        keeper = Keeper(self.claim, self._fence, self.engine.connect, self.controls)
        return beside("keeper", keeper.run, stop=keeper.end)

    def _probe(self) -> None:
        self.engine.workshop.probe(self.plan.table, self.plan.rehearsal, self.controls.check)

    def _meddling(self, job: Job) -> Meddling:
        return Meddling(self.engine.catalog, job, self.tracker)

    def _copy(
        self,
        job: Job,
        dialect: Dialect,
        follower: Follower,
        meddling: Meddling,
        done: Coverage,
    ) -> None:
        self._enter(Phase.COPY)
        meddling.is_settled()
        self._connections = Copier(
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
            fence=follower.fence,
            done=done,
        ).run(self.settings.threads, self.settings.most_threads)
        self._enter(Phase.LOAD)
        meddling.refuse_what_was_changed()
        meddling.altering()
        with follower.suspended():
            self.engine.load(job).finish(follower.purge, self.controls.check)
        follower.watermark.finish()
        meddling.refuse_a_changed_original()
        meddling.is_settled()

    def _verify(self, job: Job, dialect: Dialect, follower: Follower) -> None:
        self._enter(Phase.CATCH_UP)
        cutover.catch_up(follower, self.tracker, self.controls)
        self._enter(Phase.VERIFY)
        Verifier(
            job=job,
            dialect=dialect,
            connect=self.engine.connect,
            follower=follower,
            tracker=self.tracker,
            controls=self.controls,
            threads=max(self._connections, self.settings.threads),
            repair=self.settings.repair,
        ).run()

    def _cut_over(self, job: Job, follower: Follower, meddling: Meddling) -> Swapped:
        if not self.settings.verify:
            self._enter(Phase.CATCH_UP)
            cutover.catch_up(follower, self.tracker, self.controls)
        self._enter(Phase.CUT_OVER)
        with closing(self.engine.gauges()) as gauges:
            old_transactions = partial(gauges.read, "old-transactions")
            return self._swapped_by(job, follower, meddling, old_transactions)

    def _swapped_by(
        self,
        job: Job,
        follower: Follower,
        meddling: Meddling,
        old_transactions: Callable[[], float],
    ) -> Swapped:
        swapper = self.engine.swapper(job)
        wait_seconds = self.settings.snapshot_wait
        onlooking = Onlooking(
            swapper, swapper.onlookers(), self.tracker, self.controls, wait_seconds
        )
        leave = Leave(
            tracker=self.tracker,
            controls=self.controls,
            blockers=swapper.blockers,
            old_transactions=old_transactions,
            onlookers=onlooking.left,
            recheck=meddling.refuse_what_was_changed,
            by=self.by,
            on_allowed=lambda by: self.engine.board.note(self.id, "cut-over begins", by, ""),
        )
        return CutOver(
            job=job,
            swapper=swapper,
            follower=follower,
            tracker=self.tracker,
            controls=self.controls,
            leave=leave,
            budget_seconds=self._budget,
            attempts=self.settings.cut_over_attempts,
            kill=Kill(self.settings.kill_blockers),
            by=self.by,
            await_onlookers=onlooking.wait,
            complete=partial(self._complete, job, meddling),
            on_ended=lambda who: self.engine.board.note(self.id, "kill-blockers", self.by, who),
        ).run()

    def _complete(self, job: Job, meddling: Meddling, alone: cutover.Alone) -> bool:
        meddling.altering()
        return self.engine.load(job).complete(alone, self.controls.check)

    def _tend(self, job: Job, *, is_new: bool) -> None:
        """The new table serves and is right; what it is to be given yet takes its time."""
        aftercare = self.engine.aftercare(job)
        if is_new:
            self._confirm(aftercare)
        self._enter(Phase.AFTERCARE)
        aftercare.finish(self.controls.check)

    def _confirm(self, aftercare: Aftercare) -> None:
        """A difference is told once: whoever goes on after that has looked at it. Where the server
        was lost meanwhile, or we died, whoever goes on looks for one."""
        try:
            aftercare.confirm()
        except errors.SwappedButUnfinished:
            self.tracker.at(Phase.AFTERCARE)
            raise

    def _clean_up(self, job: Job) -> None:
        """What the shadow stood in goes, what kept the changes for us, the archive if wished."""
        self.tracker.at(Phase.CLEANUP)
        ledger = self.engine.ledger
        ledger.save(self.id, phase=str(Phase.CLEANUP), archive=str(job.names.archive), message="")
        cleaning.drop_shadow(self.engine, job.names)
        self.engine.workshop.sweep(job.original.name, execute=True)
        if self.settings.drop_old_table:
            cleaning.drop_archive(self.engine, job.names, self.controls)

    def _finish(self, job: Job, swapped: Swapped) -> Report:
        ledger = self.engine.ledger
        ledger.forget(self.id)
        identity = self.engine.catalog.identity(job.original.name)
        result = json.dumps({**report_record(self._report(job, swapped)), IDENTITY: identity})
        ledger.save(
            self.id, phase=str(Phase.DONE), finished=True, message="", rows_copied=self._rows,
            result=result,
        )  # fmt: skip
        self.tracker.at(Phase.DONE)
        return self._report(job, swapped)

    @property
    def _budget(self) -> float:
        return self.settings.cut_over_lock_timeout / 1000

    # What there is to tell.

    @property
    def _rows(self) -> int:
        return self.tracker.read().rows_copied

    def _report(self, job: Job, swapped: Swapped) -> Report:
        seen = self.tracker.read()
        spent = {str(phase): self.tracker.seconds_in(phase) for phase in Phase}
        return Report(
            migration=self.id,
            table=str(job.original.name),
            statement=self.statement,
            archive="" if self.settings.drop_old_table else str(job.names.archive),
            sync=str(self.plan.sync),
            seconds=time.monotonic() - self.started,
            rows_copied=seen.rows_copied,
            chunks_copied=seen.chunks_copied,
            rows_verified=seen.rows_verified,
            rows_repaired=seen.rows_repaired,
            changes_delivered=seen.changes_delivered,
            changes_forgotten=seen.changes_forgotten,
            changes_applied=seen.changes_applied,
            conflicts=seen.conflicts,
            cut_over_attempts=seen.cut_over_attempts,
            lock_wait_seconds=swapped.lock_wait_seconds,
            lock_held_seconds=seen.lock_held_seconds,
            allowed_by=seen.allowed_by,
            forecast=seen.forecast,
            lags=seen.lags,
            standstills=seen.standstills,
            log_bytes=seen.log_bytes,
            not_compared=self.engine.dialect(job).not_compared,
            diff=job.diff,
            phases={phase: seconds for phase, seconds in spent.items() if seconds > 0},
        )
