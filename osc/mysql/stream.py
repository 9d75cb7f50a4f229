"""The dump of the binlog: a connection that begins at a place, once the log has proved its own."""

from __future__ import annotations

import random
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import pymysql
from pymysqlreplication import BinLogStreamReader

from osc import errors
from osc.engine import Session, Statement
from osc.model import patience
from osc.mysql import logfiles, position
from osc.mysql.line import Connection
from osc.mysql.logfiles import LogFiles
from osc.mysql.position import LogPlace
from osc.mysql.session import Address, mapped

CANNOT_READ = 1236
LONGEST_UNREAD_SECONDS = 3600
"""How long the server keeps a stream that we have no room for; by itself it is a minute."""
UNDERSTANDS_CHECKSUMS = "SET @master_binlog_checksum = 'CRC32', @source_binlog_checksum = 'CRC32'"
"""Whatever the server writes now or later: it refuses a client that knows no checksums as soon as
somebody switches them on (MySQL), or cuts them off so that lengths are not those of the log."""

BUFFER_BYTES = 1 << 18
STREAM_SETTINGS = f"{UNDERSTANDS_CHECKSUMS}, net_write_timeout = {LONGEST_UNREAD_SECONDS}"


@dataclass(frozen=True)
class Log:
    """The binlog as a session sees it now."""

    session: Session

    def server(self) -> str:
        """What tells this server from others: a failover puts another one behind the same name."""
        try:
            return str(self._one("SELECT @@server_uuid"))
        except errors.BadStatement:
            return str(self._one("SELECT @@server_id"))

    def end(self) -> LogPlace:
        """A boundary between two transactions, with nothing of the log behind it."""
        tip = self.tip()
        if tip is None:
            raise errors.Precondition(
                "the server writes no binlog",
                still_true="nothing was touched",
                todo="start it with --log-bin and --binlog-format=ROW",
            )
        file, offset = tip
        logfiles.require_reachable(offset, file)
        return LogPlace(file, offset, server=self.server())

    def tip(self) -> tuple[str, int] | None:
        """The file that is being written and how long it is; None where there is no binlog."""
        try:
            status = self.session.query(Statement("SHOW BINARY LOG STATUS"))
        except errors.BadStatement:
            status = self.session.query(Statement("SHOW MASTER STATUS"))
        return (str(status[0][0]), int(status[0][1])) if status else None

    def files(self) -> dict[str, int]:
        """Each file that is there, with its size."""
        rows = self.session.query(Statement("SHOW BINARY LOGS"))
        return {str(row[0]): int(row[1]) for row in rows}

    def may_lack(self) -> bool:
        """Whether a crash may lose transactions from the log that the tables have."""
        return int(self._one("SELECT @@GLOBAL.sync_binlog")) != 1

    def _one(self, sql: str) -> Any:
        return self.session.query(Statement(sql))[0][0]


class Stream:
    """A dump that is under way; `files` knows where. Raises PositionGone for a place that the log
    doesn't have any more, or never had."""

    def __init__(self, address: Address, log: Log, place: LogPlace) -> None:
        server = log.server()
        if place.server not in ("", server):
            raise position.gone(
                f"another server answers: it is {server}, and {place.words} was in the binlog of "
                f"{place.server}",
                "name the server that the migration was begun on, or start again on this one",
            )
        self.files = LogFiles(replace(place, server=server), log.may_lack())
        self._connection = _dump(address, place)
        try:
            while not self.files.opens(self.packet()):
                pass
        except pymysql.err.MySQLError as error:
            self.close()
            raise _refused(error, place, address, log) from error
        except BaseException:
            self.close()
            raise

    def packet(self) -> bytes:
        """One event; the first byte of a packet says that it is one."""
        packet = self._connection._read_packet()  # type: ignore[no-untyped-call]
        if packet.is_eof_packet():
            raise errors.ConnectionLost("the server ended the binlog stream")
        return bytes(packet.get_all_data()[1:])

    def close(self) -> None:
        """Ends a read that waits in another thread, too."""
        sock: socket.socket | None = getattr(self._connection, "_sock", None)
        with suppress(OSError):
            if sock is not None:
                sock.shutdown(socket.SHUT_RDWR)
        with suppress(pymysql.err.Error, OSError):
            self._connection._force_close()  # type: ignore[attr-defined]


def _dump(address: Address, place: LogPlace) -> pymysql.connections.Connection[Any]:
    """The library's connection, from which we read the packets ourselves.

    Its own event classes decode whole rows, drop what they don't know without a word and fail on
    new types; its handshake (capabilities, registering, the dump command) is what we want of it.
    """
    opened: list[pymysql.connections.Connection[Any]] = []

    def connect(**settings: Any) -> pymysql.connections.Connection[Any]:
        opened.append(Connection(**settings))
        _read_much_at_once(opened[-1])
        return opened[-1]

    reader = BinLogStreamReader(
        connection_settings={
            **address.parameters(),
            "charset": "utf8mb4",
            "connect_timeout": patience.HANDSHAKE_SECONDS,
            "read_timeout": patience.STREAM_SECONDS,
            "write_timeout": patience.STREAM_SECONDS,
            "init_command": STREAM_SETTINGS,
        },
        server_id=random.randrange(1 << 30, 1 << 31),
        log_file=place.file,
        log_pos=place.offset,
        resume_stream=True,
        blocking=True,
        slave_heartbeat=1,
        pymysql_wrapper=connect,
        enable_logging=False,
    )
    try:
        reader._BinLogStreamReader__connect_to_stream()
    except pymysql.err.MySQLError as error:
        raise told(error) from error
    return opened[-1]


def told(error: Exception) -> Exception:
    """A driver's exception in our words; ours stay as they are."""
    if isinstance(error, pymysql.err.MySQLError):
        code = error.args[0] if error.args else 0
        if code == CANNOT_READ:
            return position.gone(f"the binlog cannot be read on: {error.args[-1]}")
        return mapped(error, "reading the binlog", "the change source")
    if isinstance(error, OSError):
        return errors.ConnectionLost(f"the binlog connection broke: {error}")
    return error


def _refused(
    error: pymysql.err.MySQLError, place: LogPlace, address: Address, log: Log
) -> Exception:
    """Why the server can't begin there: it says only that it can't."""
    if not error.args or error.args[0] != CANNOT_READ:
        return told(error)
    files = log.files()
    if is_purged(place, files):
        return position.gone(
            f"the binlog file {place.file}, where we have to go on, was purged",
            "keep binlogs longer (binlog_expire_logs_seconds, expire_logs_days), start again",
        )
    if place.file not in files:
        return position.was_reset(place, f"there is no file {place.file}")
    if files[place.file] < place.offset:
        return _ends_before(place, address, log)
    return told(error)


def _read_much_at_once(connection: Any) -> None:
    """The library's own buffer has 8 kB, as most row events do, so that each took a call of the
    system and a switch to the server: a run over 2 million rows took 8.8 s instead of 8.0. Nothing
    is on its way yet that the old buffer could have kept."""
    connection._rfile = connection._sock.makefile("rb", BUFFER_BYTES)


def is_purged(place: LogPlace, files: Mapping[str, int]) -> bool:
    """The log still counts on from there, but its old files are gone."""
    return place.file not in files and min(map(position.number, files)) > place.number


def _ends_before(place: LogPlace, address: Address, log: Log) -> errors.PositionGone:
    """A file that was begun at another time tells a reset; one of the same second tells nothing."""
    try:
        Stream(address, log, replace(place, offset=logfiles.FIRST_OFFSET, seal="")).close()
    except errors.PositionGone as gone:
        return gone
    return position.gone(
        f"the binlog ends before {place.words}: a crash of the server has cut it off (sync_binlog "
        "is not 1), or it was reset"
    )


def try_stream(address: Address, session: Session) -> None:
    """Opens the log and hangs up: raises NotAllowed where REPLICATION SLAVE is missing."""
    log = Log(session)
    Stream(address, log, log.end()).close()
