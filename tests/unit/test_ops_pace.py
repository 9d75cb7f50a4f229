"""Rates, shares and the time that is left, from readings of the whiteboard."""

from __future__ import annotations

import pytest

from osc.model.phase import Phase
from osc.model.progress import Progress
from osc.ops.pace import Pace, details
from osc.ops.redact import redacted
from osc.ops.units import aligned, duration, size


def copying(rows: int, estimated: int = 1000, **more: object) -> Progress:
    return Progress(Phase.COPY, rows_copied=rows, rows_estimated=estimated, **more)  # type: ignore[arg-type]


def test_the_rate_is_that_of_the_last_ten_seconds() -> None:
    pace = Pace()
    readings = [(5.0, 50), (10.0, 100), (15.0, 400), (20.0, 700), (25.0, 1000)]

    rates = [pace.rate(copying(rows, phase_started_at=0.0), now) for now, rows in readings]

    assert rates == [10, 10, pytest.approx(35), 60, 60]


def test_a_new_phase_has_a_rate_of_its_own() -> None:
    pace = Pace()
    pace.rate(copying(1000), 5.0)
    verifying = Progress(Phase.VERIFY, rows_copied=1000, rows_verified=100, phase_started_at=6.0)

    assert pace.rate(verifying, 8.0) == 50


def test_a_line_says_how_far_how_fast_and_how_long() -> None:
    assert (
        details(copying(620, backlog=12), rate=10.0)
        == "62%, 38 s left, 620 of ~1,000 rows, 10 rows/s, backlog 12"
    )


def test_without_an_estimate_nothing_is_promised() -> None:
    assert details(copying(620, estimated=0), rate=10.0) == "620 rows, 10 rows/s"


def test_more_rows_than_estimated_are_not_more_than_all() -> None:
    assert details(copying(1200), rate=10.0) == "100%, 1,200 of ~1,000 rows, 10 rows/s"


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
