"""A run is seen and heard from its first moment on, long before it has made anything.

Whoever asks the ledger finds its row, and what is said to it is answered. While it only plans, the
row says so: nobody can go on with it, and nothing of it is left where it is refused or dies. What
it may not write, because its user lacks a privilege or the server is a replica, is no reason to
refuse: those who look for that say it better, and all at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field

from osc import errors
from osc.engine import Claim, Engine, Sync
from osc.model.controls import Controls
from osc.model.phase import Phase
from osc.model.table import Table
from osc.ops.desk import Desk
from osc.stages import unfinished
from osc.stages.fence import Fence
from osc.stages.keeper import Keeper
from osc.threads import beside

NOT_YET = (errors.Precondition, errors.NotAllowed, errors.BadStatement)
"""Why a row can't be had before it is needed."""


@dataclass
class Entry:
    """One run's row in the ledger; `id` is 0 while there is none."""

    engine: Engine
    table: Table
    statement: str
    by: str
    claim: Claim
    desk: Desk
    controls: Controls
    id: int = 0
    has_begun: bool = False
    _for_good: ExitStack = field(default_factory=ExitStack)
    _while_planning: ExitStack = field(default_factory=ExitStack)

    def appear(self) -> None:
        """From now on whoever asks finds the run, and it hears what is said to it, if it may write
        that down."""
        if self.id:
            return
        with suppress(*NOT_YET):
            self.engine.checks.place()
            self._forget_the_dead()
            self._write()
            self._keep_the_claim()

    def _forget_the_dead(self) -> None:
        """Rows of runs that died while they planned: who holds the claim knows that they did,
        but for those of a replica's source."""
        for run in self.engine.ledger.runs(self.table.name):
            if unfinished.has_only_planned(run) and not run.is_sources:
                self.engine.ledger.withdraw(run.id)

    def _write(self) -> None:
        self.engine.ledger.prepare()
        self.id = self.engine.ledger.begin(self.table, self.statement, Sync.NONE, self.by)
        self._for_good.enter_context(self.desk.sitting(self.id))

    def _keep_the_claim(self) -> None:
        """For as long as it only plans: a look at all rows may take longer than a server lets a
        silent holder have it."""
        fence = Fence(self.engine.ledger.fence(self.id, 1))
        keeper = Keeper(self.claim, fence, self.engine.connect, self.controls)
        self._while_planning.enter_context(beside("keeper", keeper.run, stop=keeper.end))

    def begin(self, table: Table, phase: Phase, sync: Sync) -> int:
        """Something is about to be made: whoever makes it keeps the claim himself, and from now on
        the run can be gone on with. Its number; another one where it had begun already, and that
        way has come to an end."""
        self._while_planning.close()
        if self.has_begun:
            self._for_good.close()
        if self.has_begun or not self.id:
            self._write()
        self.engine.ledger.save(
            self.id, phase=str(phase), sync=str(sync), rows_estimated=table.rows
        )
        self.has_begun = True
        return self.id

    @contextmanager
    def at_hand(self) -> Iterator[Entry]:
        """For the length of the block. It leaves no trace where nothing was begun, unless somebody
        has stopped it: then that is kept."""
        with self._for_good:
            try:
                with self._while_planning:
                    yield self
            except BaseException as error:
                self._close(error)
                raise
            self._close(None)

    def _close(self, error: BaseException | None) -> None:
        """The first error counts."""
        if self.has_begun or not self.id:
            return
        ledger = self.engine.ledger
        with suppress(errors.OscError):
            if isinstance(error, errors.Stopped):
                ledger.forget(self.id)
                ledger.save(self.id, phase=str(Phase.FAILED), finished=True, message=error.happened)
            else:
                ledger.withdraw(self.id)


@contextmanager
def entered(
    engine: Engine,
    table: Table,
    statement: str,
    by: str,
    desk: Desk,
    controls: Controls,
) -> Iterator[Entry]:
    """The claim, and the run's row with it as soon as there may be one: at once where the ledger is
    there, and otherwise once `appear` is called. A statement that is refused makes no tables."""
    with engine.claim(table.name) as claim:
        entry = Entry(engine, table, statement, by, claim, desk, controls)
        with entry.at_hand():
            if engine.ledger.is_there():
                entry.appear()
            yield entry
