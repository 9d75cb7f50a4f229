"""The files of the binlog in a row: where we are, and whether it is still the log that it was.

The server begins a dump, and each further file of it, with an artificial ROTATE that names the file
and with the file's format description:

    ROTATE*  FORMAT  (the sealed event)  …  ROTATE or STOP   ROTATE*  FORMAT  …

A file that the server closed ends with ROTATE or STOP. One that doesn't was cut off by a crash;
with sync_binlog<>1 the log may then lack transactions that the tables have.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace

from osc import errors
from osc.mysql import position
from osc.mysql.position import FARTHEST, LogPlace

HEADER = struct.Struct("<IBIIIH")
STOP, ROTATE, FORMAT_DESCRIPTION = 3, 4, 15
ARTIFICIAL = 0x20
FIRST_OFFSET = 4


@dataclass
class LogFiles:
    """`wanted` is where the dump was asked to begin; `place` is where it could begin again.

    `may_lack` says that a crash of this server may lose the end of its log.
    """

    wanted: LogPlace
    may_lack: bool = False
    checksum_bytes: int = 0

    def __post_init__(self) -> None:
        self._begin = self.wanted
        self._named = False
        self._described = False
        self._boundary = b""
        self._boundary_start = 0
        self._rounds = 0
        self._end = 0
        self._closed = False

    @property
    def file(self) -> str:
        return self._begin.file

    @property
    def place(self) -> LogPlace:
        if not self._boundary:
            return self._begin
        return replace(self._begin, offset=self._boundary_start, seal=position.seal(self._boundary))

    def opens(self, event: bytes) -> bool:
        """Takes the first events of a dump; True when the log has proved to be the one that is
        wanted. What comes after that is for the reader."""
        stamp, kind, _, _, end, flags = HEADER.unpack_from(event)
        if not self._named:
            self._named = kind == ROTATE and bool(flags & ARTIFICIAL)
            return False
        if not self._described:
            self._require_format(event, stamp)
            return not self.wanted.seal
        if position.seal(event) != self.wanted.seal:
            raise position.gone(
                f"the binlog holds something else at {self.wanted.words} than we have read there: "
                "it was reset, or a crash of the server cut off its end"
            )
        self._closed = kind in (ROTATE, STOP)
        self._end = end
        return True

    def _require_format(self, event: bytes, made: int) -> None:
        self._read_format(event)
        if self.wanted.made and made != self.wanted.made:
            raise position.was_reset(self.wanted, "that file was begun at another time")
        self._begin = replace(self.wanted, made=made)
        self._described = True

    def _read_format(self, event: bytes) -> None:
        self.checksum_bytes = 4 if event[-5] == 1 else 0

    def next_file(self, name: str) -> None:
        """An artificial ROTATE: the dump goes on in this file."""
        if position.number(name) != self._begin.number + 1:
            raise position.was_reset(self.place, f"after {self.file} comes {name}")
        if not self._closed and self.may_lack:
            raise position.gone(
                f"the server crashed at the end of {self.file}, with sync_binlog<>1: the binlog "
                "may lack changes that the table has"
            )
        self._begin = replace(self._begin, file=name, offset=FIRST_OFFSET, seal="", made=0)
        self._boundary, self._closed = b"", False
        self._rounds = self._end = 0

    def describes(self, event: bytes, made: int) -> None:
        """The format description of the file that has just begun."""
        self._read_format(event)
        self._begin = replace(self._begin, made=made)

    def passed(self, event: bytes, kind: int, end: int, *, boundary: bool) -> None:
        """An event was read; `boundary`: no transaction is open behind it.

        The header's end of an event has 32 bits and begins anew in a file that one transaction made
        larger. Where the dump can't begin, the place stays where it was.
        """
        if not end:
            return
        if end < self._end:
            self._rounds += 1
        self._end, self._closed = end, kind in (ROTATE, STOP)
        start = (self._rounds << 32) + end - len(event)
        if boundary and start <= FARTHEST:
            self._boundary, self._boundary_start = event, start


def is_next_file(event: bytes) -> bool:
    """An artificial ROTATE, with which the dump goes on in another file."""
    _, kind, _, _, _, flags = HEADER.unpack_from(event)
    return kind == ROTATE and bool(flags & ARTIFICIAL)


def require_reachable(offset: int, file: str) -> None:
    if offset > FARTHEST:
        raise errors.Precondition(
            f"the binlog file {file} is larger than 4 GB: no client can begin to read there",
            still_true="nothing was touched",
            todo="FLUSH BINARY LOGS, then start again",
        )
