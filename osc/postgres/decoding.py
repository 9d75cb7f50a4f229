"""Changes from a logical replication slot: one thread reads the stream, `read` gives out its keys.

The slot, the publication and our marks:

    reader thread   frames ──► Reader ──► batches of keys ──► queue
    mark()          pg_logical_emit_message on a session of its own ──► comes back in the stream
    read()          takes a batch; one that ends with a mark waits until all of it is visible

Rule 2, the barrier: a commit leaves the walsender once it is flushed, before its transaction is
visible to anybody else; a synchronous standby makes this a matter of seconds. So a delivery gets
its barrier only when each of its transactions is visible to a new snapshot.
"""

from __future__ import annotations

import queue
import secrets
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass

import psycopg

from osc.engine import Job
from osc.errors import (
    ConnectionLost,
    Guarded,
    OscError,
    PositionGone,
    ServerError,
    TableChanged,
)
from osc.model import patience
from osc.model.change import Delivery, KeyValue, Position, fitting
from osc.postgres import kin, slots
from osc.postgres.definition import oid_of
from osc.postgres.flavor import Flavor
from osc.postgres.pgoutput import Reader
from osc.postgres.quoting import identifier, listed, qualified
from osc.postgres.session import Address, Connection, translated
from osc.postgres.stream import Stream

PREFIX = b"osc"
MOST_KEYS = 5_000
QUEUED_BATCHES = 8
MOST_XIDS = 20_000
"""While nobody reads, no mark is set, and the transactions between two marks become many."""
MARK_EVERY_SECONDS = 0.05
IDLE_MARK_EVERY_SECONDS = 1.0
STATUS_EVERY_SECONDS = 5.0
GUARD_EVERY_SECONDS = 5.0
VISIBLE_POLL_SECONDS = 0.002
RETAINED_BYTES = 50 * 2**30


@dataclass(frozen=True)
class Batch:
    """Keys as they came; `mark` is the newest of our marks among them, and `xids` are the
    transactions that have ended since the mark before it."""

    keys: tuple[KeyValue, ...]
    end: int
    mark: int | None = None
    xids: tuple[int, ...] = ()


class SlotSource:
    """`osc.engine.ChangeSource` by logical decoding; `start` re-opens one that is there already."""

    def __init__(
        self,
        address: Address,
        flavor: Flavor,
        database: str,
        job: Job,
        *,
        start: Position | None = None,
        retained_bytes: int = RETAINED_BYTES,
    ) -> None:
        self._address = address
        self._table, self._leaves = job.original.name, job.original.leaves
        self._key = job.columns.key
        self._name = slots.slot_name(job, database)
        self._retained_bytes = retained_bytes
        self._nonce = secrets.token_hex(4)
        self._marks = 0
        self._marking = threading.Lock()
        self._stopped = threading.Event()
        self._queue: queue.Queue[Batch | OscError] = queue.Queue(QUEUED_BATCHES)
        self._held: Batch | None = None
        self._failed: OscError | None = None
        self._guarded_at = 0.0
        self._asked_again_at = 0.0
        self._marker = address.connect("marks")
        self._watcher = address.connect("visibility")
        try:
            if start is not None:
                self._take_over(start)
            self._position = start or self._create(flavor)
            self._confirmed = _number(self._position)
            self._stream = Stream(address, self._name, self._position)
        except BaseException:
            self.close()
            if start is None:
                with self._address.opened("slot cleanup") as session:
                    slots.drop(session, self._name)
            raise
        self._reader = threading.Thread(target=self._follow, name="osc pgoutput", daemon=True)
        self._reader.start()

    @property
    def position(self) -> Position:
        return self._position

    def mark(self) -> int:
        with self._marking:
            self._marks += 1
            self._marker.rows(
                "SELECT pg_logical_emit_message(true, $1, $2)",
                PREFIX.decode(),
                f"{self._nonce}:{self._marks}",
            )
            return self._marks

    def read(self, timeout_seconds: float) -> Delivery | None:
        deadline = time.monotonic() + timeout_seconds
        self._guard()
        batch = self._held or self._next(timeout_seconds)
        self._held = None
        if batch is None:
            return None
        if batch.mark is not None and not self._visible(batch.xids, deadline):
            self._held = batch
            return None
        return Delivery(batch.keys, batch.mark, _position(batch.end))

    def confirm(self, position: Position) -> None:
        self._confirmed = max(self._confirmed, _number(position))

    def close(self) -> None:
        self._stopped.set()
        if hasattr(self, "_reader"):
            self._reader.join(slots.CLOSE_SECONDS)
        if hasattr(self, "_stream"):
            self._stream.close()
        self._marker.close()
        self._watcher.close()

    # Opening.

    def _create(self, flavor: Flavor) -> Position:
        """Makes publication and slot; returns the slot's first position.

        The publication comes first: pgoutput reads it as it was when a change was made. And a
        change must be either in the stream or visible to the first chunk, but here is one that is
        neither:

            T writes row 7 and commits: its commit record is flushed at LSN 10
                                    T waits for a synchronous standby and stays invisible
            the slot is made, it begins at LSN 20: T is not in the stream
            a chunk reads row 7 as it was before T
                                    T becomes visible, and nobody ever tells

        So, once there is a slot, we wait until each transaction that was running at that moment is
        over. One of our own comes first, because a snapshot's in-progress list ends at the newest
        transaction that has completed, and T may be newer.
        """
        with self._address.opened("slot") as session:
            self._publish(session, flavor)
            with slots.patience(session, self._name):
                session.rows(
                    "SELECT pg_create_logical_replication_slot($1, 'pgoutput')", self._name
                )
                self.mark()
                self._wait_for_running(session)
            found = session.value(
                "SELECT confirmed_flush_lsn::text FROM pg_replication_slots WHERE slot_name = $1",
                self._name,
            )
        return Position(str(found))

    def _take_over(self, start: Position) -> None:
        """The walsender of a dead process may not have noticed yet that nobody listens."""
        with self._address.opened("slot") as session:
            slots.take_over(session, self._name, self._table, start)

    def _publish(self, session: Connection, flavor: Flavor) -> None:
        has_key_only = session.value(
            f"{kin.DESCENDANTS} SELECT bool_and(relreplident IN ('d', 'i'))"
            " FROM tree JOIN pg_class USING (oid)",
            oid_of(session, self._table),
        )
        # With a full replica identity the list would have to name every column, or UPDATEs of the
        # application would fail; otherwise it has to name the identity, which is our key.
        columns, generated = "", ""
        if flavor.has_column_lists() and has_key_only:
            columns = f" ({listed(self._key)})"
        elif flavor.publishes_stored_columns():
            # They are part of that identity, and the UPDATEs would fail without them, too.
            generated = ", publish_generated_columns = stored"
        session.run(
            f"CREATE PUBLICATION {identifier(self._name)}"
            f" FOR TABLE ONLY {qualified(self._table)}{columns}"
            # Whatever partition a row is in, it is told under the table's own name.
            " WITH (publish = 'insert, update, delete, truncate',"
            f" publish_via_partition_root = true{generated})"
        )

    def _wait_for_running(self, session: Connection) -> None:
        running = _snapshot(session).running
        deadline = time.monotonic() + slots.OPEN_SECONDS
        while running & _snapshot(session).running:
            if time.monotonic() > deadline:
                raise slots.too_busy(session, self._name)
            self._stopped.wait(0.01)

    # The reader thread.

    def _follow(self) -> None:
        leaves = [(leaf.schema, leaf.name) for leaf in self._leaves]
        reader = Reader((self._table.schema, self._table.name), self._key, PREFIX, leaves)
        try:
            self._read_frames(reader)
        except OscError as error:
            self._put(self._why(error))
        except psycopg.Error as error:
            self._put(self._why(translated(error, broken=True)))
        except Exception as error:  # a thread that dies silently would look like an idle table
            self._put(ServerError(f"the change stream can't be read: {error!r}"))

    def _why(self, error: OscError) -> OscError:
        """A server that gives a slot up ends its walsender first, as if the line had broken."""
        if not isinstance(error, ServerError) or self._stopped.is_set():
            return error
        try:
            with self._address.opened("slot") as session:
                slots.require(session, self._name, self._table)
        except (PositionGone, TableChanged) as gone:
            gone.__cause__ = error
            return gone
        except OscError:
            pass
        return error

    def _read_frames(self, reader: Reader) -> None:
        xids: list[int] = []
        most = MOST_KEYS
        marked_at, status_at, waiting = 0.0, time.monotonic(), False
        while not self._stopped.is_set():
            arrived = self._stream.feed(reader, most)
            found = reader.take()
            most = fitting(found.keys[-1], MOST_KEYS) if found.keys else MOST_KEYS
            if found.keys or found.commits:
                xids = self._still_invisible(xids + found.commits)
                mark = self._own(found.marks)
                waiting = mark is None and (waiting or bool(found.keys))
                ended = tuple(xids) if mark is not None else ()
                if found.keys or mark is not None:
                    self._put(Batch(tuple(found.keys), found.end, mark, ended))
                if mark is not None:
                    xids = []
            now = time.monotonic()
            due = MARK_EVERY_SECONDS if waiting else IDLE_MARK_EVERY_SECONDS
            if now - marked_at >= due:
                self.mark()
                marked_at = now
            if self._stream.asked or now - status_at >= STATUS_EVERY_SECONDS:
                self._stream.status(self._confirmed)
                status_at = now
            if not arrived:
                self._require_a_sign_of_life()
                self._stream.wait(MARK_EVERY_SECONDS)

    def _require_a_sign_of_life(self) -> None:
        """A walsender answers each status of ours, unless it is at work on a huge transaction: then
        it may be silent for minutes, and the server shows it waiting for nobody."""
        silent = self._stream.silent_seconds
        if silent < patience.STREAM_SECONDS or time.monotonic() < self._asked_again_at:
            return
        self._asked_again_at = time.monotonic() + patience.STREAM_SECONDS
        with self._address.opened("visibility") as session:
            busy = session.value(slots.BUSY, self._name)
        if not busy:
            raise ConnectionLost(f"not a word on the change stream in {silent:.0f} s")

    def _still_invisible(self, xids: list[int]) -> list[int]:
        """What has become visible stays so, and need not be asked for again."""
        if len(xids) <= MOST_XIDS:
            return xids
        with self._marking:
            snapshot = _snapshot(self._marker)
        return [xid for xid in xids if not snapshot.sees(xid)]

    def _own(self, marks: Iterable[bytes]) -> int | None:
        """The newest mark of this run; another run's marks carry another nonce."""
        newest = None
        for content in marks:
            nonce, _, number = content.decode().partition(":")
            if nonce == self._nonce:
                newest = int(number)
        return newest

    def _put(self, item: Batch | OscError) -> None:
        """Waits for room, and keeps the walsender from giving us up meanwhile."""
        while not self._stopped.is_set():
            try:
                self._queue.put(item, timeout=STATUS_EVERY_SECONDS)
                break
            except queue.Full:
                self._stream.status(self._confirmed)

    # Giving out.

    def _next(self, timeout_seconds: float) -> Batch | None:
        if self._failed is not None:
            raise self._failed
        try:
            item = self._queue.get(timeout=max(timeout_seconds, 0))
        except queue.Empty:
            return None
        if isinstance(item, OscError):
            self._failed = item
            raise item
        return item

    def _visible(self, xids: Iterable[int], deadline: float) -> bool:
        """Rule 2; polls until all are visible or the time is over."""
        waiting = set(xids)
        while True:
            snapshot = _snapshot(self._watcher)
            waiting = {xid for xid in waiting if not snapshot.sees(xid)}
            if not waiting or time.monotonic() > deadline:
                return not waiting
            self._stopped.wait(VISIBLE_POLL_SECONDS)

    def _guard(self) -> None:
        """A slot that nobody confirms holds WAL until the disk is full."""
        now = time.monotonic()
        if now - self._guarded_at < GUARD_EVERY_SECONDS:
            return
        self._guarded_at = now
        found = self._watcher.rows(
            "SELECT wal_status, pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint"
            " FROM pg_replication_slots WHERE slot_name = $1",
            self._name,
        )
        if not found or found[0][0] == "lost":
            slots.require(self._watcher, self._name, self._table)
        slots.require_published(self._watcher, self._name, self._table)
        retained = int(found[0][1] or 0)
        if retained > self._retained_bytes:
            raise Guarded(
                f"the replication slot {self._name} retains {retained >> 20} MB of WAL",
                still_true=f"{self._table} still serves, and nothing was changed",
                todo="see that the disk has room and raise the limit, or run it at a quieter time",
            )


@dataclass(frozen=True)
class Snapshot:
    """pg_current_snapshot(), with 64-bit transaction numbers."""

    xmin: int
    xmax: int
    running: frozenset[int]

    def sees(self, xid: int) -> bool:
        """Whether a finished transaction is visible; the stream tells the lower 32 bits only."""
        full = (self.xmax & ~0xFFFFFFFF) | xid
        if full - self.xmax > 2**31:
            full -= 2**32
        elif self.xmax - full > 2**31:
            full += 2**32
        return full < self.xmin or (full < self.xmax and full not in self.running)


def _snapshot(session: Connection) -> Snapshot:
    xmin, xmax, running = str(session.value("SELECT pg_current_snapshot()::text")).split(":")
    return Snapshot(int(xmin), int(xmax), frozenset(int(x) for x in running.split(",") if x))


def _number(position: Position) -> int:
    high, _, low = position.partition("/")
    return (int(high, 16) << 32) | int(low, 16)


def _position(number: int) -> Position:
    return Position(f"{number >> 32:X}/{number & 0xFFFFFFFF:X}")
