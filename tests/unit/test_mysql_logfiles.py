"""A log that is not the one we have read is recognised as it is opened, and at each new file."""

from __future__ import annotations

import struct

import pytest

from osc.errors import PositionGone, Precondition
from osc.model.change import Position
from osc.mysql import logfiles, position
from osc.mysql.logfiles import ARTIFICIAL, FORMAT_DESCRIPTION, HEADER, ROTATE, STOP, LogFiles
from osc.mysql.position import LogPlace, seal

XID, QUERY = 16, 2
BEGUN = 1_700_000_000


def event(kind: int, body: bytes = b"", *, end: int = 0, flags: int = 0, stamp: int = 0) -> bytes:
    return HEADER.pack(stamp, kind, 1, HEADER.size + len(body), end, flags) + body


def named(file: str) -> bytes:
    return event(ROTATE, struct.pack("<Q", 4) + file.encode(), flags=ARTIFICIAL)


def described(made: int = BEGUN, checksum: int = 1) -> bytes:
    return event(FORMAT_DESCRIPTION, bytes(57) + bytes([checksum]) + bytes(4), stamp=made)


def opened(place: LogPlace, *events: bytes, may_lack: bool = False) -> LogFiles:
    files = LogFiles(place, may_lack)
    for one in events[:-1]:
        assert not files.opens(one)
    assert files.opens(events[-1])
    return files


COMMIT = event(XID, b"12345678", end=500)
SEALED = LogPlace("bin.000007", 500 - len(COMMIT), seal(COMMIT), BEGUN, "server")


def test_a_log_that_is_opened_anew_tells_when_its_file_was_begun() -> None:
    files = opened(LogPlace("bin.000007", 500), named("bin.000007"), described())

    assert files.place == LogPlace("bin.000007", 500, made=BEGUN)


def test_a_place_is_the_same_after_it_was_opened_again() -> None:
    assert opened(SEALED, named("bin.000007"), described(), COMMIT).place == SEALED


def test_a_file_that_was_begun_at_another_time_is_another_log() -> None:
    files = LogFiles(SEALED)
    files.opens(named("bin.000007"))

    with pytest.raises(PositionGone, match="was reset"):
        files.opens(described(made=BEGUN + 1))


def test_another_event_at_the_place_is_another_log() -> None:
    files = LogFiles(SEALED)
    files.opens(named("bin.000007"))
    files.opens(described())

    with pytest.raises(PositionGone, match="something else"):
        files.opens(event(XID, b"12345679", end=500))


@pytest.mark.parametrize("name", ["bin.000007", "bin.000001", "bin.000009"])
def test_a_file_that_does_not_follow_is_another_log(name: str) -> None:
    files = opened(SEALED, named("bin.000007"), described(), COMMIT)
    files.passed(event(ROTATE, end=540), ROTATE, 540, boundary=True)

    with pytest.raises(PositionGone, match="was reset"):
        files.next_file(name)


def test_the_millionth_file_follows_too() -> None:
    files = LogFiles(LogPlace("bin.999999", 4))
    files.next_file("bin.1000000")

    assert files.place == LogPlace("bin.1000000", 4)


@pytest.mark.parametrize("kind", [ROTATE, STOP])
def test_a_file_that_was_closed_lacks_nothing(kind: int) -> None:
    files = LogFiles(LogPlace("bin.000007", 4), may_lack=True)
    files.passed(event(kind, end=540), kind, 540, boundary=True)
    files.next_file("bin.000008")

    assert files.file == "bin.000008"


@pytest.mark.parametrize("kind", [ROTATE, STOP])
def test_a_place_behind_the_end_of_a_file_shows_again_that_it_was_closed(kind: int) -> None:
    closing = event(kind, b"x", end=500)
    place = LogPlace("bin.000007", 500 - len(closing), seal(closing), BEGUN)
    files = opened(place, named("bin.000007"), described(), closing, may_lack=True)
    files.next_file("bin.000008")

    assert files.file == "bin.000008"


def test_a_file_that_a_crash_cut_off_may_lack_changes() -> None:
    files = LogFiles(LogPlace("bin.000007", 4), may_lack=True)
    files.passed(event(ROTATE, end=400), ROTATE, 400, boundary=True)
    files.passed(COMMIT, XID, 500, boundary=True)

    with pytest.raises(PositionGone, match="crashed"):
        files.next_file("bin.000008")


def test_a_log_that_is_synced_at_each_commit_lacks_nothing_after_a_crash() -> None:
    files = LogFiles(LogPlace("bin.000007", 4), may_lack=False)
    files.next_file("bin.000008")

    assert files.file == "bin.000008"


def test_where_no_dump_can_begin_the_place_stays() -> None:
    """One transaction of 6 GB: its end is at 2 GB again, as the header tells it."""
    files = LogFiles(LogPlace("bin.000007", 4))
    files.passed(COMMIT, XID, 500, boundary=True)
    before = files.place
    files.passed(event(QUERY, end=3 << 30), QUERY, 3 << 30, boundary=False)
    files.passed(event(QUERY, end=1 << 30), QUERY, 1 << 30, boundary=False)
    files.passed(event(XID, end=2 << 30), XID, 2 << 30, boundary=True)

    assert files.place == before

    files.next_file("bin.000008")
    files.passed(COMMIT, XID, 500, boundary=True)

    assert files.place.offset == 500 - len(COMMIT)


def test_nobody_begins_beyond_4_gb() -> None:
    logfiles.require_reachable((1 << 32) - 1, "bin.000007")

    with pytest.raises(Precondition, match="larger than 4 GB"):
        logfiles.require_reachable(1 << 32, "bin.000007")


@pytest.mark.parametrize(
    "place",
    [SEALED, LogPlace("bin.000007", 4), LogPlace("a:b.000001", 4, "", 5, "051b2ee7-e7ff", xa=True)],
)
def test_a_place_is_read_as_it_was_written(place: LogPlace) -> None:
    assert position.read(Position(str(place))) == place


def test_a_position_of_another_kind_is_gone() -> None:
    with pytest.raises(PositionGone, match="none of the binlog"):
        position.read(Position("0/16B3748"))
