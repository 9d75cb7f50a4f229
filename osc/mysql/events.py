"""Binlog bytes → the few facts that matter, without decoding a row of any other table.

Read event by event (manual, "MySQL Internals: Binary Log Event"): what a session sets for itself
(row image, compression, statement format) shows only there. An event of a type that is not in the
tables below ends the run: it could carry changes of ours (rule: never skipped).

A transaction that is prepared with XA is written to the log at its PREPARE and becomes visible only
at its XA COMMIT, which may come hours and files later: its keys are kept back until then, and so is
the position, because who reads on behind the PREPARE never learns them.

What a session keeps out of the log (SET sql_log_bin = 0) nobody who reads it can know: verification
finds such a row before the swap.
"""

from __future__ import annotations

import io
import re
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import zstandard

from osc import errors
from osc.model.change import KeyValue, Position
from osc.model.table import TableName
from osc.mysql.logfiles import FORMAT_DESCRIPTION, HEADER, ROTATE, LogFiles, is_next_file
from osc.mysql.position import LogPlace
from osc.mysql.rows import RowReader, TableMap

QUERY, XID, TABLE_MAP = 2, 16, 19
IDLE = frozenset({27, 41})
"""Sent once a second when there is nothing else; it stands in no file."""
NO_TABLE = 0xFFFFFF
"""The number of a row event that ends a statement and has no rows."""
LOAD_QUERY, INCIDENT, XA_PREPARE, PAYLOAD = 18, 26, 38, 40
MARIADB_QUERY_COMPRESSED = 165
MARIADB_GTID, MARIADB_PREPARES = 162, 0x40
"""MariaDB has no XA START in its log: a flag of the GTID says that the group ends in a PREPARE."""
GTIDS = frozenset({33, 34, 42, 162})
ROWS = {
    20: "write", 21: "update", 22: "delete", 23: "write", 24: "update", 25: "delete",
    30: "write", 31: "update", 32: "delete", 39: "partial",
    166: "write", 167: "update", 168: "delete", 169: "write", 170: "update", 171: "delete",
}  # fmt: skip
WITH_EXTRA_HEADER = frozenset({30, 31, 32, 39, 169, 170, 171})
COMPRESSED = frozenset({166, 167, 168, 169, 170, 171})
WITHOUT_CHANGES = frozenset({3, 5, 13, 14, 17, 28, 29, 35, 36, 37, 160, 161, 163, 164} | GTIDS)
IGNORABLE_FLAG = 0x80

MOST_PREPARED = 200_000
MOST_MAPS = 1_000
"""Keys of transactions that XA has prepared and nobody has ended."""

OnQuery = Callable[[str, str], None]
"""Called with the default database and the text of each statement that is logged as text."""


@dataclass
class Transaction:
    """Keys read since the last commit; `begin` is where reading it again would begin."""

    keys: list[KeyValue] = field(default_factory=list)
    mark: int = 0
    begin: LogPlace | None = None


@dataclass
class EventReader:
    """Feed it packets; it keeps `keys`, `mark` and `position` up to date.

    `ours` decodes rows of the original, `heartbeats` those of the ledger's heartbeat table; every
    other table is skipped by its id. `keys` are ready to be delivered: what is in the log is
    committed, but for what XA prepares. `mark` is the newest heartbeat of ours that has been read:
    of our migration and `generation`, because a log that is read again tells of dead processes too.
    """

    ours: RowReader
    heartbeats: RowReader
    generation: tuple[int, int]
    on_query: OnQuery
    files: LogFiles
    between: Callable[[], None] = lambda: None
    """Called between the events of a compressed transaction: one packet, and millions of keys."""
    keys: list[KeyValue] = field(default_factory=list)
    mark: int = 0
    _tables: dict[int, TableMap | None] = field(default_factory=dict)
    _maps: dict[bytes, TableMap | None] = field(default_factory=dict)
    """By their bytes: before each row event the server says again what the table is like."""
    _open: Transaction = field(default_factory=Transaction)
    _prepared: dict[str, Transaction] = field(default_factory=dict)
    _in_transaction: bool = False
    _in_xa: bool = False

    @property
    def place(self) -> LogPlace:
        """Where reading may start again: the end of the last whole transaction, and no prepared one
        that changes the original and is not decided begins before it."""
        waiting = (one.begin for one in self._prepared.values() if one.keys)
        return next(waiting, None) or self.files.place

    @property
    def position(self) -> Position:
        return Position(str(self.place))

    def feed(self, packet: bytes) -> None:
        """One event as the server sent it."""
        stamp, kind, _, _, end, flags = HEADER.unpack_from(packet)
        if kind in IDLE:
            return
        body = packet[HEADER.size : len(packet) - self.files.checksum_bytes]
        if kind == FORMAT_DESCRIPTION:
            self.files.describes(packet, stamp)
        elif is_next_file(packet):
            self.files.next_file(body[8:].decode())
            self._tables.clear()
        else:
            if kind != ROTATE:
                self._event(kind, body, flags)
            self.files.passed(packet, kind, end, boundary=not self._in_transaction)

    def _event(self, kind: int, body: bytes, flags: int) -> None:
        if kind in ROWS:
            self._rows(kind, body)
        elif kind == TABLE_MAP:
            self._map(body)
        elif kind in GTIDS:
            self._in_transaction = True
            self._in_xa = kind == MARIADB_GTID and bool(body[12] & MARIADB_PREPARES)
        elif kind == XID:
            self._commit()
        elif kind == QUERY:
            self._query(body)
        elif kind == PAYLOAD:
            for inner_kind, inner, inner_flags in _unpacked(body):
                self._event(inner_kind, inner, inner_flags)
                self.between()
        elif kind == XA_PREPARE:
            self._prepare(body)
        elif kind == MARIADB_QUERY_COMPRESSED:
            self._query(body, compressed=True)
        elif kind == LOAD_QUERY:
            self.on_query("", "LOAD DATA")
        elif kind == INCIDENT:
            raise errors.PositionGone(
                "the binlog reports an incident: changes may be missing in it"
            )
        elif kind not in WITHOUT_CHANGES and not flags & IGNORABLE_FLAG:
            raise errors.Bug(
                f"binlog event of unknown type {kind}; it could be a change of ours",
                still_true="the original still serves and is untouched",
                todo="report it, and use another way to follow changes meanwhile",
            )

    def _map(self, body: bytes) -> None:
        if body not in self._maps:
            if len(self._maps) == MOST_MAPS:
                self._maps.clear()
            self._maps[body] = self._read_map(body)
        self._tables[int.from_bytes(body[:6], "little")] = self._maps[body]

    def _read_map(self, body: bytes) -> TableMap | None:
        schema_length = body[8]
        schema = body[9 : 9 + schema_length].decode()
        at = 10 + schema_length
        name = body[at + 1 : at + 1 + body[at]].decode()
        reader = self._reader(TableName(schema, name))
        return reader.table_map(body, at + 2 + body[at]) if reader else None

    def _reader(self, name: TableName) -> RowReader | None:
        return next((one for one in (self.ours, self.heartbeats) if one.reads(name)), None)

    def _rows(self, kind: int, body: bytes) -> None:
        number = int.from_bytes(body[:6], "little")
        if number not in self._tables and number != NO_TABLE:
            raise errors.Bug(f"a row event of table number {number}, which the binlog never named")
        table = self._tables.get(number)
        if table is None:
            return
        at = 8
        if kind in WITH_EXTRA_HEADER:
            at += int.from_bytes(body[8:10], "little")
        found = table.keys(body, at, ROWS[kind], compressed=kind in COMPRESSED)
        if table.reader is self.ours:
            (self._open.keys if self._in_xa else self.keys).extend(found)
            if self._in_xa:
                self._refuse_too_many_prepared()
        elif ROWS[kind] == "write":
            # The DELETE that forgets old heartbeats must not be taken for heartbeats.
            mine = [int(number) for *beating, number in found if tuple(beating) == self.generation]
            self._open.mark = max(self._open.mark, *mine, 0)

    def _refuse_too_many_prepared(self) -> None:
        """They can't be given out, and would have to be held for as long as somebody wants."""
        held = sum(len(one.keys) for one in self._prepared.values()) + len(self._open.keys)
        if held > MOST_PREPARED:
            raise errors.Guarded(
                f"XA transactions hold {held:,} changes of {self.ours.name} that are prepared and "
                "neither committed nor rolled back",
                still_true=f"{self.ours.name} still serves and is untouched",
                todo="end them (XA RECOVER shows them), then go on",
            )

    def _query(self, body: bytes, *, compressed: bool = False) -> None:
        database, text = _query_text(body, compressed=compressed)
        words = text[:80].upper().split()
        first = words[0] if words else ""
        if first == "BEGIN":
            self._in_transaction = True
        elif first == "ROLLBACK" and "TO" in words[1:3]:
            return
        elif first in ("COMMIT", "ROLLBACK"):
            self._commit()
        elif first == "XA":
            self._xa(words, text)
        elif first not in ("SAVEPOINT", "RELEASE"):
            self.on_query(database, text)
            # CREATE TABLE … SELECT is a transaction whose rows are still to come (MySQL ≥ 8.0.21).
            if not text.rstrip().upper().endswith("START TRANSACTION"):
                self._commit()

    def _commit(self) -> None:
        self.keys += self._open.keys
        self.mark = max(self.mark, self._open.mark)
        self._end()

    def _end(self) -> None:
        self._open = Transaction()
        self._in_transaction = self._in_xa = False

    def _prepare(self, body: bytes) -> None:
        one_phase, format_id, global_length, branch_length = struct.unpack_from("<BiII", body)
        if one_phase:
            self._commit()
            return
        data = body[13 : 13 + global_length + branch_length]
        self._open.begin = self.files.place
        self._prepared[_xid(data[:global_length], data[global_length:], format_id)] = self._open
        self._end()

    def _xa(self, words: list[str], text: str) -> None:
        """XA START and XA END belong to a transaction; COMMIT and ROLLBACK end a prepared one."""
        verb = words[1] if len(words) > 1 else ""
        if verb in ("START", "BEGIN"):
            self._in_transaction = self._in_xa = True
        elif verb in ("COMMIT", "ROLLBACK"):
            prepared = self._prepared.pop(_xid_of(text), None)
            if prepared is None and verb == "COMMIT" and not self.files.wanted.xa:
                raise errors.TableChanged(
                    "an XA transaction that was prepared before this run has been committed; "
                    "which rows it changed can't be told",
                    still_true="the original still serves and is untouched",
                    todo="GRANT XA_RECOVER_ADMIN to this user, or start again when XA RECOVER "
                    "shows no prepared transaction",
                )
            if prepared is not None and verb == "COMMIT":
                self._open = prepared
            self._commit()


def _query_text(body: bytes, *, compressed: bool) -> tuple[str, str]:
    _, _, database_length, _, status_length = struct.unpack_from("<IIBHH", body)
    at = 13 + status_length
    database = body[at : at + database_length].decode("utf-8", "replace")
    text = body[at + database_length + 1 :]
    return database, (inflated(text) if compressed else text).decode("utf-8", "replace")


def inflated(packed: bytes) -> bytes:
    """MariaDB's log_bin_compress: one header byte, the length in so many bytes, then zlib."""
    algorithm, length_bytes = (packed[0] & 0x70) >> 4, packed[0] & 0x07
    if not packed[0] & 0x80 or algorithm != 0:
        raise errors.Bug(f"compressed binlog event with unknown header {packed[0]:#x}")
    return zlib.decompress(packed[1 + length_bytes :])


def _unpacked(body: bytes) -> Iterator[tuple[int, bytes, int]]:
    """The events inside a compressed transaction (event 0x28): fields, then zstd or nothing."""
    at, algorithm = 0, 0
    while True:
        field_type, at = _packed_integer(body, at)
        if field_type == 0:
            break
        length, at = _packed_integer(body, at)
        if field_type == 2:
            algorithm, _ = _packed_integer(body, at)
        at += length
    if algorithm not in (0, 255):
        raise errors.Bug(f"transaction payload compressed with unknown algorithm {algorithm}")
    packed = io.BytesIO(body[at:])
    if algorithm == 255:
        yield from _events(packed)
        return
    # Bit by bit: a transaction may be many times larger than what is sent of it.
    unpacked: Any = zstandard.ZstdDecompressor().stream_reader(packed, read_across_frames=True)
    yield from _events(io.BufferedReader(unpacked))


def _events(data: BinaryIO) -> Iterator[tuple[int, bytes, int]]:
    while header := data.read(HEADER.size):
        _, kind, _, size, _, flags = HEADER.unpack(header)
        yield kind, data.read(size - HEADER.size), flags


def _packed_integer(data: bytes, at: int) -> tuple[int, int]:
    first = data[at]
    if first < 251:
        return first, at + 1
    width = {252: 2, 253: 3, 254: 8}[first]
    return int.from_bytes(data[at + 1 : at + 1 + width], "little"), at + 1 + width


def _xid(global_part: bytes, branch: bytes, format_id: int) -> str:
    return f"{global_part.hex()},{branch.hex()},{format_id}"


def _xid_of(text: str) -> str:
    """The server writes XA COMMIT X'hex',X'hex',format into the log."""
    parts = re.findall(r"X'([0-9a-fA-F]*)'", text)
    numbers = re.search(r",\s*(\d+)\s*(?:ONE PHASE)?\s*$", text)
    global_part, branch = (*parts, "", "")[:2]
    return f"{global_part.lower()},{branch.lower()},{numbers.group(1) if numbers else 1}"
