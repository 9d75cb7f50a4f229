"""How an attempt ends: what the ledger says of it, what is kept or undone, what its error tells."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from osc import errors
from osc.engine import Engine, Job, Names
from osc.model.phase import Phase
from osc.model.progress import Tracker
from osc.model.table import TableName
from osc.stages import cleanup as cleaning

GO_ON = "go on with `osc resume URL {0}`, or remove all of it with `osc abort URL {0}`"

FORGOTTEN = (
    "{} still serves and is untouched; what was ours is removed, since the ledger does not know "
    "this migration any more"
)


@contextmanager
def accounted(settle: Callable[[errors.OscError], None]) -> Iterator[None]:
    """`settle` hears of the error that ends the block, before it goes on; what is none of ours is a
    bug. Whoever has been taken over settles nothing: nothing here is his any more."""
    try:
        yield
    except errors.TakenOver:
        raise
    except errors.OscError as error:
        settle(error)
        raise
    except Exception as error:
        bug = errors.Bug(repr(error), todo="report this; run it with --debug to see more")
        settle(bug)
        raise bug from error


@dataclass
class Account:
    """Of one attempt at a copy, which says here how far it has come. `names` are those of a shadow
    that is there; it `can_go_on` once another attempt could go on from what it has done."""

    engine: Engine
    tracker: Tracker
    table: TableName
    id: int
    names: Names | None = None
    can_go_on: bool = False
    has_swapped: bool = False
    by: str = ""

    @contextmanager
    def given(self, job: Job | None = None) -> Iterator[None]:
        """The ledger says how the block ended; either all is kept for the next attempt, or nothing.
        A job is what an earlier attempt has left."""
        if job:
            self.names, self.can_go_on = job.names, True
        try:
            with accounted(self._settle):
                yield
        except (errors.TakenOver, errors.SwappedButUnfinished):
            raise
        except errors.OscError as error:
            if self.has_swapped:
                raise self._unfinished(error) from error
            raise

    def note(self, message: str) -> None:
        """The ledger says where it stands."""
        with suppress(errors.Unreachable, errors.NoDatabase):
            phase = str(self.tracker.read().phase)
            self.engine.ledger.save(self.id, phase=phase, message=message, rows_copied=self._rows)
            self.engine.board.note(self.id, "stopped", self.by, message)

    @property
    def _rows(self) -> int:
        return self.tracker.read().rows_copied

    def _settle(self, error: errors.OscError) -> None:
        phase = self.tracker.read().phase
        self.has_swapped = self.has_swapped or isinstance(error, errors.SwappedButUnfinished)
        error.kept = self.can_go_on and (error.resumable or self.has_swapped)
        if error.kept and not self.has_swapped and self._is_forgotten():
            error.kept, error.still_true = False, FORGOTTEN.format(self.table)
            error.todo = "leave our own tables alone, and start again"
        if error.kept:
            self.note(f"{phase}: {error.happened}")
        else:
            self._undo(f"{phase}: {error.happened}")
        if not self.has_swapped:
            self._explain(error)

    def _is_forgotten(self) -> bool:
        """Somebody has dropped the ledger, or our row of it: nobody would find again what we leave,
        such as a slot that retains the log for ever. Not where the server can't be asked, and not
        where another version has made another ledger of it: there our row may well be."""
        with suppress(errors.OscError):
            self.engine.ledger.prepare()
            return all(run.id != self.id for run in self.engine.ledger.runs(self.table))
        return False

    def _undo(self, message: str) -> None:
        """The first error counts: what could not be removed is found by `osc cleanup`."""
        ledger = self.engine.ledger
        with suppress(errors.OscError):
            if self.names:
                cleaning.drop_shadow(self.engine, self.names)
            self.engine.workshop.sweep(self.table, execute=True)
            ledger.forget(self.id)
        with suppress(errors.Unreachable, errors.NoDatabase):
            phase = str(Phase.FAILED)
            ledger.save(
                self.id, phase=phase, finished=True, message=message, rows_copied=self._rows
            )

    def _explain(self, error: errors.OscError) -> None:
        """A stage, and still more a session, knows nothing of the migration that it failed in."""
        if error.kept:
            kept = f"{self.table} still serves and is untouched; what was copied is kept"
            error.still_true = kept if "swap" not in error.still_true else error.still_true
            is_told = error.todo and not isinstance(error, errors.Interrupted)
            error.todo = (f"{error.todo}; then " if is_told else "") + GO_ON.format(self.id)
        elif isinstance(error, errors.Stopped | errors.Guarded):
            # Whoever stopped it thought that there was something to be kept.
            error.still_true = f"{self.table} still serves and is untouched; nothing was copied yet"
            error.todo = "begin it anew with `osc run` when nothing stands against it"
        elif not error.still_true:
            error.still_true = f"{self.table} still serves and is untouched"
            error.todo = error.todo or "start again; `osc cleanup` removes what may be left"

    def _unfinished(self, error: errors.OscError) -> errors.SwappedButUnfinished:
        archive = self.names.archive if self.names else ""
        return errors.SwappedButUnfinished(
            f"{self.table} was swapped, but then: {error.happened}",
            still_true=f"{self.table} is the new table and serves; {archive} is the old",
            todo=f"finish it with `osc resume URL {self.id}`",
        )
