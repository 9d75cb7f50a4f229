"""Keys that changed, from the binlog of MySQL and MariaDB.

An event reaches a binlog client after the log is synced and *before* its engine commit: the row
that it tells of may still be the old one for every other session (with semi-sync AFTER_SYNC: as
long as the replica's answer takes). With `binlog_order_commits=ON` commits become visible in the
order of the log. So a heartbeat is a commit of our own; when it has returned, all that stands
before it in the log is visible, and only then a delivery carries its number as a barrier (rule 2):

    application            server                       us
    UPDATE row 7; COMMIT ─► log synced ───────────────► key (7) delivered, no barrier
                            … waits for a replica …
                                                        mark(): INSERT heartbeat 41; COMMIT
                            engine commit of row 7
                            engine commit of 41 ──────► mark returns; 41 read in the log:
                                                        barrier 41: key (7) may be acted on
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pymysql

from osc import errors
from osc.engine import Job, Session, Statement
from osc.model.change import Delivery, Position, fitting
from osc.model.table import TableName
from osc.mysql import position, prepared, quoting, types
from osc.mysql.events import IDLE, EventReader
from osc.mysql.logfiles import is_next_file
from osc.mysql.position import LogPlace
from osc.mysql.rows import RowReader
from osc.mysql.session import Address
from osc.mysql.statements import refuse_statement
from osc.mysql.stream import Log, Stream, is_purged, told

PULSE_SECONDS = 0.1
"""How often a barrier is set by ourselves while keys wait for one."""
MOST_KEYS = 5_000
"""A delivery's size; a huge transaction comes in several."""
IDLE_PULSE_SECONDS = 5.0
"""How often otherwise: a log that was reset is silent, and only a heartbeat shows that it is."""
SILENCE_SECONDS = 2.0
"""After so long an idle log that lacks a heartbeat which has committed is looked into."""
QUEUED_DELIVERIES = 8
LONGEST_COMMIT_SECONDS = 600.0


class BinlogSource:
    """The port `ChangeSource`. A thread reads the log, another one sets heartbeats."""

    def __init__(
        self,
        job: Job,
        address: Address,
        connect: Callable[[str], Session],
        start: Position | None,
        heartbeats: TableName,
    ) -> None:
        self._job = job
        self._address = address
        self._connect = connect
        self._heartbeats = heartbeats
        self._lock = threading.Lock()
        self._committed = threading.Condition()
        self._last_mark = 0
        self._most = MOST_KEYS
        self._committed_mark = 0
        self._read_mark = 0
        self._silent_since = 0.0
        self._waiting = threading.Event()
        self._closed = threading.Event()
        self._deliveries: queue.Queue[Delivery | BaseException] = queue.Queue(QUEUED_DELIVERIES)
        self._beats = connect("heartbeats")
        try:
            log = Log(self._beats)
            self._stream = Stream(address, log, position.read(start) if start else self._now(log))
            self._start = Position(str(self._stream.files.place))
            self._reader = self._event_reader()
        except BaseException:
            self._beats.close()
            raise
        self._threads = [
            threading.Thread(target=self._run, args=(body,), name=f"osc {name}", daemon=True)
            for name, body in (("binlog", self._follow), ("pulse", self._pulse))
        ]
        for thread in self._threads:
            thread.start()

    def _now(self, log: Log) -> LogPlace:
        """The end of the log; what was prepared before it is looked for afterwards, so that nothing
        is prepared in between."""
        end = log.end()
        known = prepared.leave_alone(
            self._job.original.name, self._connect, self._job.lock_budget_seconds
        )
        return replace(end, xa=known)

    @property
    def position(self) -> Position:
        return self._start

    def mark(self) -> int:
        with self._lock:
            self._last_mark += 1
            number = self._last_mark
            self._beats.execute(self._beat(number))
            if number % 1000 == 0:
                self._beats.execute(self._forget_beats(number))
        with self._committed:
            self._committed_mark = max(self._committed_mark, number)
            self._committed.notify_all()
        return number

    def read(self, timeout_seconds: float) -> Delivery | None:
        try:
            found = self._deliveries.get(timeout=timeout_seconds)
        except queue.Empty:
            return None
        if isinstance(found, BaseException):
            self._deliveries.put(found)
            raise found
        return found

    def confirm(self, position: Position) -> None:
        """The binlog is kept by the server's own rule; there is nobody to tell."""

    def close(self) -> None:
        self._closed.set()
        self._stream.close()
        with suppress(queue.Empty):
            while True:
                self._deliveries.get_nowait()
        for thread in self._threads:
            thread.join(timeout=10)
        with suppress(errors.ServerError):
            self._beats.execute(self._forget_beats(self._last_mark + 1))
        self._beats.close()

    def _beat(self, number: int) -> Statement:
        table = quoting.table(self._heartbeats)
        return Statement(
            f"INSERT INTO {table} (migration, generation, number) "
            f"VALUES ({self._job.id}, {self._job.generation}, {number})"
        )

    def _forget_beats(self, before: int) -> Statement:
        table = quoting.table(self._heartbeats)
        return Statement(
            f"DELETE FROM {table} WHERE migration = {self._job.id} "
            f"AND generation = {self._job.generation} AND number < {before}"
        )

    def _event_reader(self) -> EventReader:
        columns = self._job.original.columns
        key = [self._job.original.column(name) for name in self._job.columns.key]
        fold = bool(_one(self._beats, "SELECT @@lower_case_table_names"))
        number = types.read("bigint")
        return EventReader(
            ours=RowReader(
                self._job.original.name,
                tuple(column.ordinal - 1 for column in key),
                tuple(types.read(column.type) for column in key),
                len(columns),
                fold_case=fold,
            ),
            heartbeats=RowReader(
                self._heartbeats,
                (0, 1, 2),
                (number, number, number),
                3,
                fold_case=fold,
            ),
            generation=(self._job.id, self._job.generation),
            on_query=self._on_query,
            files=self._stream.files,
            between=self._between,
        )

    def _run(self, body: Callable[[], None]) -> None:
        try:
            body()
        except Exception as error:
            if not self._closed.is_set():
                self._hand_over(told(error))

    def _follow(self) -> None:
        while not self._closed.is_set():
            packet = self._packet()
            if is_next_file(packet):
                self._require_same_log()
            self._reader.feed(packet)
            if self._reader.mark or len(self._reader.keys) >= self._most:
                self._deliver()
            elif self._reader.keys:
                self._waiting.set()
            elif packet[4] in IDLE:
                self._listen()

    def _packet(self) -> bytes:
        """MariaDB may end the dump of a file that a RESET has deleted as if all were well, or fall
        silent until the connection is given up: then the log is gone, and not the connection."""
        try:
            return self._stream.packet()
        except (errors.ConnectionLost, pymysql.err.MySQLError, OSError):
            if not self._closed.is_set():
                with suppress(errors.Unreachable):
                    self._require_same_log()
            raise

    def _listen(self) -> None:
        """The server says that there is nothing new. After a RESET it says so for ever, because it
        waits for more in a file that is deleted; a heartbeat of ours that has committed and doesn't
        come is how to notice."""
        now = time.monotonic()
        if self._committed_mark <= self._read_mark or not self._silent_since:
            self._silent_since = now
        elif now - self._silent_since > SILENCE_SECONDS:
            self._silent_since = 0.0
            self._require_same_log()

    def _require_same_log(self) -> None:
        """Opens the place once more, and so finds it gone or not.

        After a RESET the server may go on from the end of a deleted file to the file of the next
        number, as soon as the new log has one:

            we have read bin.000007, the newest; the log is reset, and bin.000001 begins
            … bin.000007 of the new log is written and closed, bin.000008 begins
            the dump looks for what follows bin.000007, and goes on with bin.000008
        """
        place = self._reader.files.place
        session = self._connect("log check")
        try:
            log = Log(session)
            if not is_purged(place, log.files()):
                Stream(self._address, log, place).close()
        finally:
            session.close()

    def _between(self) -> None:
        """In the midst of a packet that is larger than a delivery may be."""
        if len(self._reader.keys) >= self._most:
            self._deliver()

    def _deliver(self) -> None:
        """Hands over what was read; with a mark of ours in it, once its commit has returned."""
        reader = self._reader
        keys, mark = tuple(dict.fromkeys(reader.keys)), reader.mark
        reader.keys, reader.mark = [], 0
        self._most = fitting(keys[-1], MOST_KEYS) if keys else MOST_KEYS
        self._read_mark = max(self._read_mark, mark)
        if mark:
            self._await_commit(mark)
        else:
            self._waiting.set()
        self._hand_over(Delivery(keys, mark or None, reader.position))

    def _await_commit(self, mark: int) -> None:
        with self._committed:
            returned = self._committed.wait_for(
                lambda: self._committed_mark >= mark or self._closed.is_set(),
                LONGEST_COMMIT_SECONDS,
            )
        if not returned:
            raise errors.ConnectionLost("a heartbeat of ours does not come back from its commit")

    def _pulse(self) -> None:
        marked_at = time.monotonic()
        while not self._closed.wait(PULSE_SECONDS):
            if self._waiting.is_set() or time.monotonic() - marked_at > IDLE_PULSE_SECONDS:
                self._waiting.clear()
                self.mark()
                marked_at = time.monotonic()

    def _hand_over(self, found: Delivery | BaseException) -> None:
        while not self._closed.is_set():
            with suppress(queue.Full):
                self._deliveries.put(found, timeout=0.2)
                return

    def _on_query(self, database: str, text: str) -> None:
        refuse_statement(database, text, self._job.original.name)


def _one(session: Session, sql: str) -> Any:
    return session.query(Statement(sql))[0][0]
