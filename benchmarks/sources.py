"""How fast the change sources are: recorded streams, decoded to keys without a server.

The stream of a real server is recorded once, in bulk events (an UPDATE of many rows) and in
transactions of one row; then one thread decodes it again and again. So neither the server nor the
network is in the figure, and one core is.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks import figures, servers
from benchmarks.servers import Bench
from osc.model.change import Position
from osc.model.table import TableName
from osc.mysql import position, types
from osc.mysql import session as mysql_session
from osc.mysql import stream as mysql_stream
from osc.mysql.events import EventReader
from osc.mysql.logfiles import LogFiles
from osc.mysql.rows import RowReader
from osc.postgres import session as postgres_session
from osc.postgres import stream as postgres_stream
from osc.postgres.pgoutput import Reader

TIMES = 5
SHAPES = ("bulk", "single")
SLOT = "bench_source"
PREFIX = b"bench"
QUIET_SECONDS = 2.0


def sources(engine: str, *, rows: int, transactions: int) -> dict[str, Any]:
    """Row changes a second of bulk events, transactions a second of single-row ones."""
    record = _record_postgres if engine == "postgres" else _record_mysql
    with servers.start(engine) as bench:
        servers.fill(bench, rows)
        environment = servers.environment(bench)
        recorded = {shape: record(bench, _writer(bench, shape, rows, transactions))
                    for shape in SHAPES}  # fmt: skip
    found = {shape: _decoded(*recorded[shape]) for shape in SHAPES}
    return {
        "part": "sources",
        "environment": environment,
        "rows": rows,
        "transactions": transactions,
        "summary": {
            "bulk_rows_per_second": found["bulk"]["keys_per_second"],
            "single_transactions_per_second": found["single"]["keys_per_second"],
        },
        "streams": found,
    }


Decode = Callable[[], int]
"""Reads the whole recording with a new reader; returns how many keys it found."""


def _decoded(messages: list[bytes], decode: Decode) -> dict[str, Any]:
    seconds, keys = [], 0
    gc.disable()  # A run has few objects that live; here the recording is what would be traversed.
    try:
        for _ in range(TIMES):
            began = time.perf_counter()
            keys = decode()
            seconds.append(time.perf_counter() - began)
    finally:
        gc.enable()
    if not keys:
        raise RuntimeError("the recording holds no change")
    return {
        "messages": len(messages),
        "bytes": sum(map(len, messages)),
        "keys": keys,
        "seconds": [round(one, 4) for one in seconds],
        "keys_per_second": round(keys / figures.median(seconds)),
    }


def _writer(bench: Bench, shape: str, rows: int, transactions: int) -> Callable[[], None]:
    """Writes what is recorded; a table that nobody follows gets as much, as our own shadow does."""

    def write() -> None:
        with servers.connected(bench.url) as connection:
            cursor = connection.cursor()
            if shape == "bulk":
                cursor.execute("UPDATE sbtest1 SET k = k + 1")
                cursor.execute("UPDATE other SET k = k + 1")
                return
            for number in range(transactions):
                cursor.execute(f"UPDATE sbtest1 SET k = k + 1 WHERE id = {1 + number % rows}")

    if shape == "bulk":
        bench.ask("CREATE TABLE other AS SELECT * FROM sbtest1")
    return write


def _record_mysql(bench: Bench, write: Callable[[], None]) -> tuple[list[bytes], Decode]:
    address = mysql_session.address(bench.url)
    session = mysql_session.Connector(address, bench.engine == "mariadb")("recording")
    log = mysql_stream.Log(session)
    begin = log.end()
    write()
    end, may_lack = log.end(), log.may_lack()
    if end.file != begin.file:
        raise RuntimeError("the recording goes over two files of the binlog; take fewer rows")
    stream = mysql_stream.Stream(address, log, begin)
    packets: list[bytes] = []
    try:
        while not _reaches(packets, end):
            packets.append(stream.packet())
    finally:
        stream.close()
        session.close()
    checksum_bytes = stream.files.checksum_bytes

    def decode() -> int:
        number = types.read("bigint")
        files = LogFiles(begin, may_lack)
        files.checksum_bytes = checksum_bytes
        table = TableName(servers.DATABASE, "sbtest1")
        nothing = TableName(servers.DATABASE, "nothing")
        reader = EventReader(
            ours=RowReader(table, (0,), (types.read("int"),), 4),
            heartbeats=RowReader(nothing, (0, 1, 2), (number, number, number), 3),
            generation=(1, 1),
            on_query=lambda database, text: None,
            files=files,
        )
        feed, found = reader.feed, 0
        for packet in packets:
            feed(packet)
            if len(reader.keys) > 5_000:
                found += len(reader.keys)
                reader.keys = []
        return found + len(reader.keys)

    return packets, decode


def _reaches(packets: list[bytes], end: position.LogPlace) -> bool:
    """The header of an event says where in its file it ends."""
    return bool(packets) and int.from_bytes(packets[-1][13:17], "little") == end.offset


class _Recorder(Reader):
    """Keeps the messages instead of reading them."""

    def __init__(self) -> None:
        super().__init__(("public", "sbtest1"), ("id",), PREFIX)
        self.messages: list[bytes] = []

    def feed(self, message: bytes) -> None:
        self.messages.append(message)


def _record_postgres(bench: Bench, write: Callable[[], None]) -> tuple[list[bytes], Decode]:
    with _slot(bench) as start:
        write()
        stream = postgres_stream.Stream(postgres_session.address(bench.url), SLOT, start)
        recorder = _Recorder()
        try:
            while stream.feed(recorder, 1_000_000) or stream.silent_seconds < QUIET_SECONDS:
                stream.wait(0.1)
        finally:
            stream.close()
    messages = recorder.messages

    def decode() -> int:
        reader = Reader(("public", "sbtest1"), ("id",), PREFIX)
        feed, found = reader.feed, 0
        for message in messages:
            feed(message)
            if len(reader.found.keys) > 5_000:
                found += len(reader.take().keys)
        return found + len(reader.take().keys)

    return messages, decode


@contextmanager
def _slot(bench: Bench) -> Iterator[Position]:
    """A slot and its publication, with a column list as osc makes it where the server has them."""
    bench.ask(f"CREATE PUBLICATION {SLOT} FOR TABLE sbtest1 (id)")
    bench.ask(f"SELECT pg_create_logical_replication_slot('{SLOT}', 'pgoutput')")
    try:
        yield Position(
            str(bench.value(
                "SELECT confirmed_flush_lsn FROM pg_replication_slots "
                f"WHERE slot_name = '{SLOT}'"
            ))
        )  # fmt: skip
    finally:
        bench.ask(
            f"SELECT pg_drop_replication_slot('{SLOT}') FROM pg_replication_slots"
            f" WHERE slot_name = '{SLOT}' AND NOT active"
        )
        bench.ask(f"DROP PUBLICATION {SLOT}")
