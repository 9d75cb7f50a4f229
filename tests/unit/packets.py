"""Packets of a binlog, made by hand or recorded, and who reads them."""

from __future__ import annotations

import struct
from pathlib import Path

from osc.model.table import TableName
from osc.mysql import types
from osc.mysql.events import QUERY, TABLE_MAP, XA_PREPARE, EventReader
from osc.mysql.logfiles import ARTIFICIAL, HEADER, ROTATE, LogFiles
from osc.mysql.position import LogPlace
from osc.mysql.rows import RowReader
from osc.mysql.statements import refuse_statement

RECORDED = Path(__file__).parent / "binlogs"


ORDERS = TableName("shop", "orders")


HEARTBEAT = TableName("shop", "_osc_heartbeat")


NUMBER = types.read("bigint")


XID, ANONYMOUS_GTID, WRITE_ROWS, DELETE_ROWS = 16, 34, 30, 32


def reading(*, checksum: int = 0, xa: bool = False) -> EventReader:
    return EventReader(
        ours=RowReader(ORDERS, (0,), (types.read("int"),), 3),
        heartbeats=RowReader(HEARTBEAT, (0, 1, 2), (NUMBER, NUMBER, NUMBER), 3),
        generation=(7, 2),
        on_query=lambda database, text: refuse_statement(database, text, ORDERS),
        files=LogFiles(LogPlace("bin.1", 4, xa=xa), checksum_bytes=checksum),
    )


def recorded(recording: str) -> list[bytes]:
    lines = (RECORDED / f"{recording}.txt").read_text().split()
    return [bytes.fromhex(line) for line in lines]


def fed(*packets: bytes) -> EventReader:
    reader = reading()
    for packet in packets:
        reader.feed(packet)
    return reader


# By hand: events without checksums.


def event(kind: int, body: bytes = b"", *, end: int = 0, flags: int = 0) -> bytes:
    return HEADER.pack(0, kind, 1, HEADER.size + len(body), end, flags) + body


def query(text: str, database: str = "shop", *, end: int = 0) -> bytes:
    body = struct.pack("<IIBHH", 1, 0, len(database), 0, 0)
    return event(QUERY, body + database.encode() + b"\0" + text.encode(), end=end)


def table(number: int, name: TableName, codes: bytes, meta: bytes = b"") -> bytes:
    body = number.to_bytes(6, "little") + b"\1\0"
    for text in (name.schema, name.name):
        body += bytes([len(text)]) + text.encode() + b"\0"
    body += bytes([len(codes)]) + codes + bytes([len(meta)]) + meta + b"\0"
    return event(TABLE_MAP, body)


INT, BIGINT = 3, 8


OUR_MAP = table(1, ORDERS, bytes([INT, INT, INT]))


BEAT_MAP = table(2, HEARTBEAT, bytes([BIGINT, BIGINT, BIGINT]))


def rows(kind: int, number: int, columns: int, images: bytes) -> bytes:
    body = number.to_bytes(6, "little") + b"\1\0" + b"\2\0"
    return event(kind, body + bytes([columns, 2**columns - 1]) + images)


def our_row(key: int, kind: int = WRITE_ROWS) -> bytes:
    return rows(kind, 1, 3, b"\0" + struct.pack("<iii", key, 0, 0))


def beat(number: int, kind: int = WRITE_ROWS, migration: int = 7, generation: int = 2) -> bytes:
    return rows(kind, 2, 3, b"\0" + struct.pack("<qqq", migration, generation, number))


BEGIN, COMMIT, GTID = query("BEGIN"), event(XID, end=900), event(ANONYMOUS_GTID, end=100)


CLOSE = event(ROTATE, struct.pack("<Q", 4) + b"bin.2", end=1000)


XA_START = query("XA START X'6f6e65',X'',1")


PREPARE = event(XA_PREPARE, struct.pack("<BiII", 0, 1, 3, 0) + b"one", end=300)


def next_file(name: str) -> bytes:
    return event(ROTATE, struct.pack("<Q", 4) + name.encode(), flags=ARTIFICIAL)
