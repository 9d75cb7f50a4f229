"""Hours of the day in which something is allowed, over midnight and over a change of the clocks."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from osc import errors
from osc.model.hours import Hours, hours
from osc.ops.gauges import Clock

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("said", "inside", "outside"),
    [
        ("22:00-06:00", time(23, 30), time(6, 0)),
        ("09:00-17:30", time(9, 0), time(17, 30)),
        ("00:00-24:00", time(0, 0), time(0, 0)),
    ],
)
def test_hours_may_go_over_midnight(said: str, inside: time, outside: time) -> None:
    read = hours(said, "--only-between")

    assert read.include(inside)
    if inside != outside:
        assert not read.include(outside)


@pytest.mark.parametrize("said", ["22-6", "25:00-06:00", "22:00", ""])
def test_what_are_no_hours_is_refused(said: str) -> None:
    with pytest.raises(errors.Usage, match="--only-between"):
        hours(said, "--only-between")


def test_a_clock_outside_of_its_hours_holds_the_copy() -> None:
    noon = Clock(Hours(time(22), time(6)), now=lambda: datetime(2026, 1, 1, 12))

    assert noon.read().severity > 1


@pytest.mark.parametrize(
    ("evening", "said", "open_hours", "changes"),
    [
        (
            datetime(2026, 3, 28, 20, tzinfo=BERLIN),
            "22:00-06:00",
            7,
            2,
        ),  # after 02:00 comes 03:00
        (datetime(2026, 10, 24, 20, tzinfo=BERLIN), "22:00-06:00", 9, 2),  # 02:59 by 02:00
        (datetime(2026, 6, 1, 20, tzinfo=BERLIN), "22:00-06:00", 8, 2),
        (datetime(2026, 3, 28, 20, tzinfo=BERLIN), "02:00-03:00", 0, 0),
        (datetime(2026, 10, 24, 20, tzinfo=BERLIN), "02:00-03:00", 2, 2),
    ],
)
def test_the_wall_s_clock_counts_on_the_night_when_it_is_changed(
    evening: datetime, said: str, open_hours: int, changes: int
) -> None:
    began = evening.astimezone(UTC)
    moments = [began + timedelta(minutes=10 * at) for at in range(6 * 14)]

    def is_open_at(moment: datetime) -> bool:
        clock = Clock(hours(said, "--only-between"), now=lambda: moment.astimezone(BERLIN))
        return clock.read().severity == 0

    is_open = list(map(is_open_at, moments))

    assert sum(is_open) == 6 * open_hours
    assert sum(a != b for a, b in pairwise(is_open)) == changes
