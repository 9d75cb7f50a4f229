"""A place in the binlog that can't lie: it knows which server wrote what stands there.

A file and an offset are names that the log of any server has. After RESET BINARY LOGS, after a
failover or after a crash that cut the log off they mean something else, and reading on from there
would leave out changes without a word. So a place also carries a fingerprint:

    server   server_uuid on MySQL; MariaDB has none: its server_id
    made     when the file was begun: the time of its format description, which the server sends
             too when a dump starts in the middle of the file
    seal     a checksum of the last event *before* the place; `offset` is where that event begins,
             so that the dump shows it again and it can be compared
    xa       no transaction that was prepared before the log was first opened touches the original
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass

from osc import errors
from osc.model.change import Position

FARTHEST = (1 << 32) - 1
"""COM_BINLOG_DUMP has 32 bits for an offset. A larger file is one that a single transaction made
so large; the place then stays before that transaction until the next file begins."""

_TEXT = re.compile(
    r"(?P<file>.+):(?P<offset>\d+):(?P<seal>\w*):(?P<made>\d+)"
    r":(?P<server>[\w-]*):(?P<xa>x?)"
)
_TAIL = 64


@dataclass(frozen=True)
class LogPlace:
    """Everything before it has been read; what is unknown yet is empty."""

    file: str
    offset: int
    seal: str = ""
    made: int = 0
    server: str = ""
    xa: bool = False

    def __str__(self) -> str:
        words = (self.file, self.offset, self.seal, self.made, self.server, "x" * self.xa)
        return ":".join(map(str, words))

    @property
    def words(self) -> str:
        return f"{self.file} at {self.offset}"

    @property
    def number(self) -> int:
        """Of the file: a log's files are counted without gaps."""
        return number(self.file)


def read(position: Position) -> LogPlace:
    found = _TEXT.fullmatch(position)
    if found is None:
        raise gone(
            f"the position {position!r} is none of the binlog",
            "start again; another version of osc has written it",
        )
    return LogPlace(
        file=found["file"],
        offset=int(found["offset"]),
        seal=found["seal"],
        made=int(found["made"]),
        server=found["server"],
        xa=bool(found["xa"]),
    )


def number(file: str) -> int:
    """MySQL and MariaDB name the files base.000001, base.000002 …"""
    digits = file.rpartition(".")[2]
    return int(digits) if digits.isdigit() else 0


def seal(event: bytes) -> str:
    """Type, time, server and length, and the end: there a checksum or the transaction's number."""
    return f"{zlib.crc32(event[:13] + event[-_TAIL:]):08x}"


def gone(happened: str, todo: str = "") -> errors.PositionGone:
    return errors.PositionGone(
        happened,
        still_true="the original still serves and is untouched",
        todo=todo or "start again: the changes in between can't be told any more",
    )


def was_reset(place: LogPlace, how: str) -> errors.PositionGone:
    return gone(
        f"the binlog was reset (RESET BINARY LOGS, RESET MASTER) after {place.words}: {how}",
        "start again, and let nobody reset the log meanwhile",
    )
