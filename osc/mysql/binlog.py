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
import random
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pymysql
from pymysqlreplication import BinLogStreamReader

from osc import errors
from osc.engine import Job, Session, Statement
from osc.model import patience
from osc.model.change import Delivery, Position
from osc.model.table import TableName
from osc.mysql import quoting, types
from osc.mysql.events import EventReader
from osc.mysql.ledger import HEARTBEAT
from osc.mysql.line import Connection
from osc.mysql.rows import RowReader
from osc.mysql.session import Address, mapped
from osc.mysql.statements import refuse_statement

PULSE_SECONDS = 0.1
"""How often a barrier is set by ourselves while keys wait for one."""
MOST_KEYS = 20_000
"""A delivery's size; a huge transaction comes in several."""
QUEUED_DELIVERIES = 8
LONGEST_COMMIT_SECONDS = 600.0
LONGEST_UNREAD_SECONDS = 3600
"""How long the server keeps a stream that we have no room for; by itself it is a minute."""


class BinlogSource:
    """The port `ChangeSource`. A thread reads the log, another one sets heartbeats."""

    def __init__(
        self, job: Job, address: Address, connect: Callable[[str], Session], start: str | None
    ) -> None:
        self._job = job
        self._heartbeats = TableName(address.database, HEARTBEAT)
        self._beats = connect("heartbeats")
        self._lock = threading.Lock()
        self._committed = threading.Condition()
        self._last_mark = 0
        self._committed_mark = 0
        self._waiting = threading.Event()
        self._closed = threading.Event()
        self._deliveries: queue.Queue[Delivery | BaseException] = queue.Queue(QUEUED_DELIVERIES)
        self._start = start or current_position(self._beats)
        self._stream = _open_stream(address, self._start)
        self._reader = self._event_reader(connect)
        self._threads = [
            threading.Thread(target=self._run, args=(body,), name=f"osc {name}", daemon=True)
            for name, body in (("binlog", self._follow), ("pulse", self._pulse))
        ]
        for thread in self._threads:
            thread.start()

    @property
    def position(self) -> Position:
        return Position(self._start)

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
        _hang_up(self._stream)
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
            f"INSERT INTO {table} (migration, number) VALUES ({self._job.id}, {number})"
        )

    def _forget_beats(self, before: int) -> Statement:
        table = quoting.table(self._heartbeats)
        return Statement(
            f"DELETE FROM {table} WHERE migration = {self._job.id} AND number < {before}"
        )

    def _event_reader(self, connect: Callable[[str], Session]) -> EventReader:
        columns = self._job.original.columns
        key = [self._job.original.column(name) for name in self._job.columns.key]
        session = connect("catalog of the log")
        try:
            fold = bool(_one(session, "SELECT @@lower_case_table_names"))
            checksum = str(_one(session, "SELECT @@binlog_checksum"))
        finally:
            session.close()
        log_file, log_position = self._start.rsplit(":", 1)
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
                (0, 1),
                (number, number),
                2,
                fold_case=fold,
            ),
            migration=self._job.id,
            on_query=self._on_query,
            log_file=log_file,
            log_position=int(log_position),
            checksum_bytes=0 if checksum.upper() == "NONE" else 4,
        )

    def _run(self, body: Callable[[], None]) -> None:
        try:
            body()
        except Exception as error:
            if not self._closed.is_set():
                self._hand_over(_told(error))

    def _follow(self) -> None:
        while not self._closed.is_set():
            self._reader.feed(_packet(self._stream))
            if self._reader.mark or len(self._reader.keys) >= MOST_KEYS:
                self._deliver()
            elif self._reader.keys:
                self._waiting.set()

    def _deliver(self) -> None:
        """Hands over what was read; with a mark of ours in it, once its commit has returned."""
        reader = self._reader
        keys, mark = tuple(dict.fromkeys(reader.keys)), reader.mark
        reader.keys, reader.mark = [], 0
        if mark:
            self._await_commit(mark)
        else:
            self._waiting.set()
        self._hand_over(Delivery(keys, mark or None, Position(reader.position)))

    def _await_commit(self, mark: int) -> None:
        with self._committed:
            returned = self._committed.wait_for(
                lambda: self._committed_mark >= mark or self._closed.is_set(),
                LONGEST_COMMIT_SECONDS,
            )
        if not returned:
            raise errors.ConnectionLost("a heartbeat of ours does not come back from its commit")

    def _pulse(self) -> None:
        while not self._closed.wait(PULSE_SECONDS):
            if self._waiting.is_set():
                self._waiting.clear()
                self.mark()

    def _hand_over(self, found: Delivery | BaseException) -> None:
        while not self._closed.is_set():
            with suppress(queue.Full):
                self._deliveries.put(found, timeout=0.2)
                return

    def _on_query(self, database: str, text: str) -> None:
        refuse_statement(database, text, self._job.original.name)


def _told(error: Exception) -> Exception:
    """A driver's exception in our words; ours stay as they are."""
    if isinstance(error, pymysql.err.MySQLError):
        code = error.args[0] if error.args else 0
        if code == 1236:
            return errors.PositionGone(
                f"the binlog cannot be read from where we need it: {error.args[-1]}",
                still_true="the original still serves and is untouched",
                todo="keep binlogs longer, remove leftovers with `osc cleanup`, start again",
            )
        return mapped(error, "reading the binlog", "the change source")
    if isinstance(error, OSError):
        return errors.ConnectionLost(f"the binlog connection broke: {error}")
    return error


def current_position(session: Session) -> str:
    """`file:offset` of the end of the log."""
    try:
        status = session.query(Statement("SHOW BINARY LOG STATUS"))
    except errors.BadStatement:
        status = session.query(Statement("SHOW MASTER STATUS"))
    if not status:
        raise errors.Precondition(
            "the server writes no binlog",
            still_true="nothing was touched",
            todo="start it with --log-bin and --binlog-format=ROW",
        )
    return f"{status[0][0]}:{status[0][1]}"


def _open_stream(address: Address, start: str) -> pymysql.connections.Connection[Any]:
    """The library's connection at `start`, from which we read the packets ourselves.

    Its own event classes decode whole rows, drop what they don't know without a word and fail on
    new types; its handshake (checksums, capabilities, the dump command) is what we want of it.
    """
    log_file, log_position = start.rsplit(":", 1)
    opened: list[pymysql.connections.Connection[Any]] = []

    def connect(**settings: Any) -> pymysql.connections.Connection[Any]:
        opened.append(Connection(**settings))
        return opened[-1]

    reader = BinLogStreamReader(
        connection_settings={
            **address.parameters(),
            "charset": "utf8mb4",
            "connect_timeout": patience.HANDSHAKE_SECONDS,
            "read_timeout": patience.STREAM_SECONDS,
            "write_timeout": patience.STREAM_SECONDS,
            "init_command": f"SET SESSION net_write_timeout = {LONGEST_UNREAD_SECONDS}",
        },
        server_id=random.randrange(1 << 30, 1 << 31),
        log_file=log_file,
        log_pos=int(log_position),
        resume_stream=True,
        blocking=True,
        slave_heartbeat=1,
        pymysql_wrapper=connect,
        enable_logging=False,
    )
    try:
        reader._BinLogStreamReader__connect_to_stream()
    except pymysql.err.MySQLError as error:
        raise _told(error) from error
    return opened[-1]


def _packet(stream: pymysql.connections.Connection[Any]) -> bytes:
    """One event; the first byte of a packet says that it is one."""
    packet = stream._read_packet()  # type: ignore[no-untyped-call]
    if packet.is_eof_packet():
        raise errors.ConnectionLost("the server ended the binlog stream")
    return bytes(packet.get_all_data()[1:])


def _hang_up(stream: pymysql.connections.Connection[Any]) -> None:
    """Ends a read that waits in another thread."""
    sock: socket.socket | None = getattr(stream, "_sock", None)
    with suppress(OSError):
        if sock is not None:
            sock.shutdown(socket.SHUT_RDWR)
    with suppress(pymysql.err.Error, OSError):
        stream._force_close()  # type: ignore[attr-defined]


def try_stream(address: Address, session: Session) -> None:
    """Opens the log and hangs up: raises NotAllowed where REPLICATION SLAVE is missing."""
    stream = _open_stream(address, current_position(session))
    try:
        _packet(stream)
    except pymysql.err.MySQLError as error:
        raise _told(error) from error
    finally:
        _hang_up(stream)


def _one(session: Session, sql: str) -> Any:
    return session.query(Statement(sql))[0][0]
