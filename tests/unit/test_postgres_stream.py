"""Frames of a walsender become deliveries that end where a mark does."""

from __future__ import annotations

import struct
from typing import Any, cast

import pytest

from osc.errors import ConnectionLost, ServerError
from osc.postgres.pgoutput import Reader
from osc.postgres.stream import Stream
from tests.unit.test_pgoutput import begin, change, commit, message, relation, row


class Walsender:
    """libpq's connection with frames that have arrived already."""

    def __init__(self, *frames: bytes, ended: bool = False) -> None:
        self.frames = list(frames)
        self.ended = ended
        self.sent: list[bytes] = []

    def get_copy_data(self, _: int) -> tuple[int, memoryview]:
        if not self.frames:
            return (-1 if self.ended else 0), memoryview(b"")
        frame = self.frames.pop(0)
        return len(frame), memoryview(frame)

    def put_copy_data(self, data: bytes) -> None:
        self.sent.append(data)

    def flush(self) -> None:
        pass

    def select(self, _: float) -> list[object]:
        return []


def stream(walsender: Walsender) -> Stream:
    made = Stream.__new__(Stream)
    made._pgconn = cast(Any, walsender)
    made._selector = cast(Any, walsender)
    made.asked = False
    made._silent_since = None
    return made


def frame(data: bytes) -> bytes:
    return b"w" + bytes(24) + data


def reader() -> Reader:
    made = Reader(("public", "orders"), ("id",), b"osc")
    made.feed(relation("id"))
    return made


def test_nothing_is_read_behind_a_mark_before_the_mark_was_taken() -> None:
    """The interleaving is in the docstring of `Stream.feed`."""
    mark = (begin(1), message(b"osc", b"n:5"), commit(10))
    half_a_transaction = (begin(2), change(b"I", b"N", row("7")))
    opened = stream(Walsender(*map(frame, (*mark, *half_a_transaction))))
    feed = reader()

    opened.feed(feed, 100)
    first = feed.take()
    opened.feed(feed, 100)
    second = feed.take()

    assert (first.marks, first.keys, first.commits) == ([b"n:5"], [], [1])
    assert (second.marks, second.keys, second.commits) == ([], [("7",)], [])


def test_a_reading_takes_about_as_many_keys_as_it_may() -> None:
    rows = [frame(change(b"I", b"N", row(str(n)))) for n in range(10)]
    opened, feed = stream(Walsender(*rows)), reader()

    assert opened.feed(feed, 4)
    assert feed.take().keys == [("0",), ("1",), ("2",), ("3",)]


def test_nothing_that_has_arrived_is_told() -> None:
    assert not stream(Walsender()).feed(reader(), 100)


def test_a_keepalive_that_wants_an_answer_is_remembered_until_it_has_one() -> None:
    walsender = Walsender(b"k" + bytes(16) + b"\1", b"k" + bytes(17))
    opened = stream(walsender)

    opened.feed(reader(), 100)
    asked = opened.asked
    opened.status(0x10)

    assert asked and not opened.asked
    assert walsender.sent == [b"r" + struct.pack("!QQQqB", 0x10, 0x10, 0x10, 0, 1)]


def test_silence_is_counted_from_the_first_look_that_finds_nothing() -> None:
    walsender = Walsender(b"k" + bytes(17))
    opened = stream(walsender)
    before = opened.silent_seconds

    opened.feed(reader(), 100)
    opened.feed(reader(), 100)

    assert before == 0.0 < opened.silent_seconds


def test_a_stream_that_the_server_ends_is_a_lost_connection() -> None:
    with pytest.raises(ConnectionLost):
        stream(Walsender(ended=True)).feed(reader(), 100)


def test_an_unknown_frame_is_an_error() -> None:
    with pytest.raises(ServerError, match="unknown frame"):
        stream(Walsender(b"?")).feed(reader(), 100)
