"""Follows the original while its shadow is filled: keys in, rows made equal (rule 3).

Acting on a key means: delete it from the shadow and insert what the original holds, in one short
transaction. That needs no order, may be done twice, and merges a hot row's thousand updates.

One thread at a time has its turn with the backlog and the source; usually it is the follower's own,
but the copier (to purge), the verifier (to settle) and the cut-over (to drain) take theirs.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import InitVar, dataclass, field

from osc import errors
from osc.engine import ChangeSource, Dialect, Job, Ledger, Session
from osc.model.arrivals import Arrivals
from osc.model.backlog import Backlog
from osc.model.change import KeyValue
from osc.model.controls import Controls
from osc.model.convergence import Convergence, Reading
from osc.model.effort import Effort
from osc.model.progress import Tracker
from osc.model.watermark import Place, Watermark
from osc.stages.apply import BATCH, Applier, batches
from osc.stages.fence import Fence
from osc.stages.saving import Saver
from osc.stages.spill import Spill
from osc.stages.watch import Watch, Watches
from osc.threads import Turns

MOST_IN_MEMORY = 50_000
SPILLED_AT_ONCE = 16_000
"""Many, because a key that was spilled many times is acted on once for each page."""
TAKE_IN_SECONDS = 0.1
"""A source that always has more must not keep anybody from acting, or from getting a turn."""
IDLE_SECONDS = 0.02
LONGEST_SILENCE_SECONDS = 600.0
ROUNDS_BEFORE_PROBE = 5
LONGEST_CONFLICT_SECONDS, MOST_CONFLICTS = 60.0, 20 * ROUNDS_BEFORE_PROBE
"""Both, without one batch that got through: a probe alone may take longer, and so may a pause. No
probe knows the duplicates of an exclusion constraint, or of a unique key over what only the shadow
computes."""


@dataclass
class Follower:
    """Owns the backlog. `probe` raises DataWouldBeLost where new unique keys have duplicates;
    `spilled` is how many keys an earlier process has left in the ledger."""

    job: Job
    source: ChangeSource
    dialect: Dialect
    ledger: Ledger
    connect: Callable[[str], Session]
    watermark: Watermark
    probe: Callable[[], None]
    tracker: Tracker
    controls: Controls
    fence: Fence
    spilled: InitVar[int] = 0
    workers: int = 2
    most_workers: int = 2
    catch_up_limit_seconds: float = 3600.0
    backlog: Backlog = field(init=False)
    spill: Spill = field(init=False)
    _turn: Turns = field(default_factory=Turns)
    _applier: Applier = field(init=False)
    _effort: Effort = field(init=False)
    _passed: int = 0
    _suspended: bool = False
    _ended: bool = False
    _conflicts_in_a_row: int = 0
    _conflicting_since: float = 0.0
    _applied: int = 0
    _watches: Watches = field(default_factory=Watches)
    _arrivals: Arrivals = field(default_factory=Arrivals)
    _saver: Saver = field(init=False)

    def __post_init__(self, spilled: int) -> None:
        self.backlog = Backlog(self.source.position)
        self.spill = Spill(self.ledger, self.job.id, put=spilled)
        self._applier = Applier(
            self.job, self.dialect, self.connect, self.fence, self.tracker, self.controls,
            self.workers,
        )  # fmt: skip
        self._effort = Effort(self.workers, self.most_workers)
        self._saver = Saver(
            self.job, self.ledger, self.source, self.backlog, self.spill, self.tracker,
            self._came_at,
        )  # fmt: skip

    # The follower's own thread.

    def run(self) -> None:
        """Steps until `end`; an error stops the whole migration."""
        try:
            while not self._ended:
                if not self.step():
                    self.controls.wait(IDLE_SECONDS)
        except BaseException as error:
            self.controls.stop(error)
            raise

    def end(self) -> None:
        """No step begins after this returns."""
        with self._turn:
            self._ended = True

    def step(self) -> bool:
        """Takes in what has come and acts on it; False where there was nothing to do."""
        with self._turn:
            if self._ended:
                return False
            taken = self._take_in(0.0)
            acted = self._act()
            self._make_room()
            self._saver.save()
            return taken or acted

    @contextmanager
    def workers_ready(self) -> Iterator[None]:
        """The connections that act, for the length of the block."""
        try:
            with self._applier.ready():
                yield
        finally:
            self.end()

    # What others ask of it.

    @contextmanager
    def turn(self) -> Iterator[None]:
        """The caller alone has the backlog and the source."""
        with self._turn:
            yield

    @contextmanager
    def suspended(self) -> Iterator[None]:
        """Changes are taken in but not acted on: the shadow is left alone."""
        with self._turn:
            self._suspended = True
        try:
            yield
        finally:
            self._suspended = False

    def first_barrier(self) -> None:
        """What was under way when the source opened is visible now (rule 1)."""
        with self._turn:
            self._read_to(self.source.mark())

    def purge(self) -> None:
        """Catches up, then deletes every key of the backlog from the shadow; the keys stay.

        A key that stays will be acted on, so that deleting its row is always safe. No row of the
        shadow is stale afterwards, and so none holds a unique value that has moved elsewhere.
        """
        with self._turn:
            self._read_to(self.source.mark())
            self._applier.delete(self.backlog.ripe_keys())
            for page in self.spill.pages(self.dialect.most_keys):
                self._applier.delete(page.keys)

    def settle(self, convergence: Convergence | None = None) -> float:
        """Acts on all that had been committed when this was called; the seconds that it took. What
        arrives meanwhile is younger and may wait, so that it ends however fast changes come in;
        whether we ever catch up tells `convergence`, over several calls."""
        rounds = convergence or Convergence(self.catch_up_limit_seconds)
        rounds.begin(time.monotonic())
        with self._turn:
            self._read_to(self.source.mark(), then=lambda: self._advance(rounds))
            newest, spilled = self.backlog.newest, self.spill.put
            while self.backlog.holds(newest) or self.spill.holds(spilled):
                self.controls.check()
                self._take_in(0.0 if self._act() else IDLE_SECONDS)
                held = self.backlog.holds(newest)
                if self._make_room() and held:
                    spilled = self.spill.put
                self._judge(rounds)
        return rounds.end(time.monotonic())

    def _advance(self, rounds: Convergence) -> None:
        """What came before the mark is acted on while more is read, once all have something to do:
        whoever only reads for seconds leaves the server to its writers, and is further behind then.
        """
        if self.backlog.ripe >= BATCH * self._applier.workers:
            self._act()
        self._make_room()
        self._judge(rounds)

    def _judge(self, rounds: Convergence) -> None:
        rounds.read(self._reading())
        if told := rounds.told():
            self.tracker.note(waiting_for=f"catching up: {told}")
        rounds.check(time.monotonic(), str(self.job.original.name))

    def _reading(self) -> Reading:
        return Reading(time.monotonic(), self.backlog.arrived, self._applied, self.waiting)

    @property
    def waiting(self) -> int:
        """Keys that have come in and are not acted on yet."""
        return len(self.backlog) + self.spill.count

    def reapply(self, keys: Sequence[KeyValue]) -> None:
        """Makes the shadow's rows for these keys equal, as if they had changed just now."""
        with self._turn:
            self.backlog.again(keys)
            self.settle()

    def watching(self) -> AbstractContextManager[Watch]:
        """Collects each key that is delivered while the block lasts. It takes no turn, for turns
        are long under load: what was delivered before it began and is not acted on yet is not in
        it, but the next `settle` acts on that."""
        return self._watches.one_more()

    def drain(self, session: Session, deadline: float) -> int:
        """Under the lock: acts on everything that is left, through the session that holds it.

        All keys are deleted before the first is inserted: nothing moves any more, so a duplicate
        that is met now is one of the new definition. The keys stay `acting` until the swap is known
        to have happened, or `undo_drain` puts them back.
        """
        with self._turn:
            for setting in self.dialect.session_settings:
                session.execute(setting)
            self._applier.require_current()
            self._read_to(self.source.mark(), deadline)
            if self.spill.count:
                raise errors.LockTimeout("more keys came in than fit into the lock's time")
            keys = self.backlog.take(1 << 60, self.watermark.place)
            for act in (self.dialect.delete_keys, self.dialect.insert_keys):
                for batch in batches(keys):
                    if time.monotonic() > deadline:
                        raise errors.LockTimeout(f"{len(keys)} changes took too long for the lock")
                    session.execute(act(batch))
            return len(keys)

    def undo_drain(self) -> None:
        with self._turn:
            self.backlog.put_back_all()

    # One turn.

    def _take_in(self, timeout_seconds: float) -> bool:
        """What the source has, without waiting for more than its first delivery."""
        taken, until = False, time.monotonic() + TAKE_IN_SECONDS
        while (delivery := self.source.read(timeout_seconds)) is not None:
            self._watches.saw(delivery.keys)
            forgotten = self.backlog.add(delivery, self.watermark.place)
            if delivery.barrier is not None:
                self._passed = max(self._passed, delivery.barrier)
                self.spill.ripe = True
            self.tracker.add(changes_delivered=len(delivery.keys), changes_forgotten=forgotten)
            taken, timeout_seconds = True, 0.0
            now = time.monotonic()
            self._arrivals.came(self.backlog.newest, now)
            if self.backlog.full(MOST_IN_MEMORY) or now > until:
                break
        oldest = min(filter(None, (self._came_at(), self.spill.oldest_came_at)), default=0.0)
        self.tracker.note(backlog=self.waiting, oldest_change_at=oldest)
        return taken

    def _read_on(self) -> bool:
        """While others act. A source that nobody reads comes to a halt, and is behind then."""
        return not self.backlog.full(MOST_IN_MEMORY) and self._take_in(0.0)

    def _came_at(self) -> float | None:
        """When the oldest change that waits in memory was read."""
        number = self.backlog.oldest
        return None if number is None else self._arrivals.since(number)

    def _read_to(
        self,
        mark: int,
        deadline: float | None = None,
        then: Callable[[], object] | None = None,
    ) -> None:
        """Takes in deliveries until the mark has passed; `then`, which makes room, each time."""
        heard = time.monotonic()
        while self._passed < mark:
            self.controls.check()
            limit = deadline or heard + LONGEST_SILENCE_SECONDS
            if time.monotonic() > limit:
                raise errors.LockTimeout("the change source did not come to its mark in time")
            if self._take_in(min(0.1, max(0.001, limit - time.monotonic()))):
                heard = time.monotonic()
            (then or self._spill)()

    def _act(self) -> bool:
        """Acts on what may be acted on; False where that is nothing."""
        if self._suspended or self.watermark.holds_everything:
            return False
        if self.controls.steering.following_waits_for:
            return False
        self._applier.workers = self._effort.read(self._reading())
        most = BATCH * 4 if self._conflicts_in_a_row else self._applier.most
        keys = self.backlog.take(most, self.watermark.place)
        if keys:
            self._apply(keys)
        # Both in each turn: while memory always has some, what was spilled would never be reached.
        spilled = self.spill.count > 0 and self.spill.ripe and self._apply_spilled()
        return bool(keys) or spilled

    def _apply(self, keys: Sequence[KeyValue]) -> None:
        """Disjoint batches in parallel; what failed waits for another turn.

        After a duplicate all keys go in one batch: rows that exchange a unique value are then
        deleted together and read in one snapshot, so that they can't be in each other's way.
        """
        cut = [keys] if self._conflicts_in_a_row else self._applier.cut(keys)
        duplicate = self._applier.act(cut, self._acted, self._read_on)
        if duplicate is None:
            self._conflicts_in_a_row = 0
        else:
            self._resolve(duplicate)

    def _acted(self, keys: Sequence[KeyValue], done: bool) -> None:
        if done:
            self.backlog.done(keys)
            self._count(keys)
        else:
            self.backlog.put_back(keys)
            self.tracker.add(conflicts=1)

    def _count(self, keys: Sequence[KeyValue]) -> None:
        self._applied += len(keys)
        self.tracker.add(changes_applied=len(keys))

    def _resolve(self, duplicate: errors.DuplicateKey) -> None:
        """A unique value moved and its old row is stale, or the new definition has duplicates."""
        if not self._conflicts_in_a_row:
            self._conflicting_since = time.monotonic()
        self._conflicts_in_a_row += 1
        if self._conflicts_in_a_row % ROUNDS_BEFORE_PROBE == 0:
            try:
                self.probe()
            except errors.DataWouldBeLost as found:
                found.still_true = f"{self.job.original.name} still serves and is untouched"
                raise found from duplicate
            lasts = time.monotonic() - self._conflicting_since > LONGEST_CONFLICT_SECONDS
            if lasts and self._conflicts_in_a_row >= MOST_CONFLICTS:
                raise errors.DataWouldBeLost(
                    f"rows that were changed are still in each other's way: {duplicate.happened}",
                    still_true=f"{self.job.original.name} still serves and is untouched",
                    todo="look for duplicates under the new definition",
                ) from duplicate
            self.controls.pause(random.uniform(0.0, 0.05))
        self.purge()

    # Keys that memory has no room for (rule 7).

    def _make_room(self) -> bool:
        """What can be acted on is not spilled, which would cost as much: the source waits instead,
        and its server keeps for us what we have not read. True where something was spilled."""
        while self.backlog.full(MOST_IN_MEMORY):
            self.controls.check()
            if not self._act():
                return self._spill()
        return False

    def _spill(self) -> bool:
        full = self.backlog.full(MOST_IN_MEMORY)
        if full:
            self.spill.take_in(self.backlog, self._came_at() or time.monotonic())
        return full

    def _apply_spilled(self) -> bool:
        """The oldest page: forgets what lies ahead, acts on what is copied; a page with a key whose
        chunk is in flight waits."""
        page = self.spill.oldest(SPILLED_AT_ONCE)
        if page is None:
            return False
        places = {key: self.watermark.place(key) for key in page.keys}
        if Place.IN_FLIGHT in places.values():
            return False
        keys = [key for key, place in places.items() if place is Place.COPIED]
        failed: list[Sequence[KeyValue]] = []
        duplicate = self._applier.act(
            self._applier.cut(keys),
            lambda batch, done: None if done else failed.append(batch),
            self._read_on,
        )
        if duplicate is not None:
            self._resolve(duplicate)
        elif not failed:
            self.spill.forget(page)
            self._count(keys)
        return True

    def save(self) -> None:
        """Before an orderly end."""
        with self._turn:
            self._saver.save(at_once=True)
