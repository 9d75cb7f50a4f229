"""Rates, shares and the time that is left, from readings of the whiteboard."""

from __future__ import annotations

import pytest

from osc.model.phase import Phase
from osc.model.progress import Progress
from osc.ops.pace import Pace, Speed, details
from osc.ops.redact import redacted
from osc.ops.units import aligned, duration, size


def copying(rows: int, estimated: int = 1000, **more: object) -> Progress:
    return Progress(Phase.COPY, rows_copied=rows, rows_estimated=estimated, **more)  # type: ignore[arg-type]


def test_the_rate_is_that_of_the_last_ten_seconds() -> None:
    pace = Pace()
    readings = [(5.0, 50), (10.0, 100), (15.0, 400), (20.0, 700), (25.0, 1000)]

    speeds = [pace.speed(copying(rows, phase_started_at=0.0), now) for now, rows in readings]

    assert [speed.rate for speed in speeds if speed] == [10, 10, pytest.approx(35), 60, 60]


def test_a_new_phase_has_a_rate_of_its_own() -> None:
    pace = Pace()
    pace.speed(copying(1000), 5.0)
    verifying = Progress(Phase.VERIFY, rows_copied=1000, rows_verified=100, phase_started_at=6.0)

    speed = pace.speed(verifying, 8.0)
    assert speed
    assert (speed.rate, speed.slow, speed.fast) == (50, 50, 50)


def test_where_the_speed_has_been_a_range_so_is_the_time_that_is_left() -> None:
    assert "10 s to 40 s left" in details(copying(600), Speed(20.0, slow=10.0, fast=40.0))
    assert "20 s left" in details(copying(600), Speed(20.0, slow=19.0, fast=21.0))


def test_a_copy_that_has_come_to_a_halt_is_promised_no_end() -> None:
    assert "30 s to 720 h" in details(copying(400), Speed(20.0, slow=0.0, fast=20.0))


def test_a_backlog_that_grows_for_a_minute_does_not_converge() -> None:
    pace, speed = Pace(), None
    for second in range(0, 70, 10):
        backlog = Progress(Phase.CATCH_UP, backlog=100 * second)
        speed = pace.speed(backlog, float(second))

    assert speed
    assert speed.growth == pytest.approx(100)
    assert "does not converge" in details(Progress(Phase.CATCH_UP, backlog=7000), speed)
    assert "converge" not in details(copying(10, backlog=7000), speed)


def test_bytes_are_told_with_the_rows_of_a_copy() -> None:
    assert "500 of ~1,000 rows (~4 MB)" in details(copying(500, bytes_estimated=8_000_000), None)


def test_a_line_says_how_far_how_fast_and_how_long() -> None:
    assert (
        details(copying(620, backlog=12), Speed(10.0, 10.0, 10.0))
        == "62%, 38 s left, 620 of ~1,000 rows, 10 rows/s, backlog 12"
    )


def test_without_an_estimate_nothing_is_promised() -> None:
    assert details(copying(620, estimated=0), Speed(10.0, 10.0, 10.0)) == "620 rows, 10 rows/s"


def test_more_rows_than_estimated_are_not_more_than_all() -> None:
    assert (
        details(copying(1200), Speed(10.0, 10.0, 10.0)) == "100%, 1,200 of ~1,000 rows, 10 rows/s"
    )


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0123, "12 ms"),
        (0.9999, "1000 ms"),
        (3.94, "3.9 s"),
        (59.99, "1 min 00 s"),
        (125, "2 min 05 s"),
        (15_000, "4 h 10 min"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_sizes() -> None:
    assert [size(999), size(98_000_000), size(5 * 10**12)] == ["999 bytes", "98 MB", "5.0 TB"]


def test_columns_are_aligned_and_lines_stay_in_theirs() -> None:
    assert aligned([("a", "1\n2"), ("long", "3")]) == "a     1\n      2\nlong  3"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("mysql://u:p@h:3306/d", "mysql://u:***@h:3306/d"),
        ("'mysql://u:p@ss/w:rd@h/d' failed", "'mysql://u:***@h/d' failed"),
        ("postgresql://h/d?password=p&user=u", "postgresql://h/d?password=***&user=u"),
        ("host=h password=p dbname=d", "host=h password=*** dbname=d"),
        ("postgresql://u@h:5432/d and a@b", "postgresql://u@h:5432/d and a@b"),
        ("ALTER TABLE a.b ADD c text", "ALTER TABLE a.b ADD c text"),
    ],
)
def test_passwords_are_taken_out(text: str, shown: str) -> None:
    assert redacted(text) == shown
