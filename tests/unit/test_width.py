"""The number of connections that copy settles where the server makes the most of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from osc.model.width import FELT_SECONDS, REST_SECONDS, Width

Server = Callable[[int], tuple[float, float]]
"""For a number of connections: rows a second in all, and the seconds a small commit takes."""


def copying(
    server: Server,
    *,
    start: int = 2,
    most: int = 16,
    seconds: float = 900,
    is_shared: bool = False,
    quiet_seconds: float = 0.001,
) -> list[int]:
    """The widths that were used, with chunks of half a second."""
    width, now, used = Width(start, most, 0.0, quiet_seconds), 0.0, []
    while now < seconds:
        rate, commit_seconds = server(width.width)
        now += 0.5 / width.width
        rows = round(rate * 0.5 / width.width)
        width.done(now, rows, commit_seconds, is_shared=is_shared)
        used.append(width.width)
    return used


def cores(number: int) -> Server:
    return lambda width: (1000.0 * min(width, number), 0.001)


def contended(best: int) -> Server:
    """Beyond the best, each further connection is in the way of the others."""
    return lambda width: (1000.0 * min(width, best) - 400.0 * max(0, width - best), 0.001)


@pytest.mark.parametrize("number", [1, 2, 3, 8])
def test_it_settles_at_as_many_as_make_it_faster(number: int) -> None:
    used = copying(cores(number))

    settled = used[len(used) // 2 :]
    assert sum(w == number for w in settled) > 0.7 * len(settled)


def test_it_goes_up_without_a_rest_as_long_as_that_helps() -> None:
    used = copying(cores(99), seconds=2 * REST_SECONDS, most=8)

    assert max(used) == 8


def test_it_never_goes_beyond_its_limits() -> None:
    assert max(copying(cores(99), most=5)) == 5
    assert min(copying(lambda width: (1000.0, 0.001), start=3)) == 1
    assert max(copying(cores(99), start=4, most=2)) == 4


def test_it_leaves_a_width_at_which_the_connections_are_in_each_other_s_way() -> None:
    used = copying(contended(2), start=6)

    assert used[-1] in (1, 2, 3)
    assert used.count(2) > 0.6 * len(used)


def test_what_users_feel_ends_a_try_before_it_is_measured() -> None:
    slow = 10 * FELT_SECONDS
    width = Width(2, 16, 0.0)
    now = 0.0
    while width.width == 2:
        now += 0.25
        width.done(now, 500, 0.001)
    for _ in range(3):
        width.done(now, 1000, 0.001)
    assert (width.width, width.settled) == (3, 2)

    width.done(now + 0.1, 9000, slow)

    assert width.width == 2


def hurting(gain: float) -> Server:
    """A second connection makes the copy that much faster, and commits slow."""
    return lambda width: (
        1000.0 * (1 + gain * (width > 1)),
        5 * FELT_SECONDS if width > 1 else 0.001,
    )


def test_what_others_feel_makes_it_narrower_at_once_and_for_good() -> None:
    used = copying(hurting(0.2), is_shared=True)

    assert 1 in used[:8]
    assert sum(width == 1 for width in used) > 0.9 * len(used)


def test_it_stays_as_wide_as_it_was_where_calm_would_cost_too_much() -> None:
    used = copying(hurting(0.8), is_shared=True)

    assert sum(width == 2 for width in used) > 0.8 * len(used)


def test_commits_that_were_as_slow_before_the_copy_are_nothing_to_relieve() -> None:
    slow = 5 * FELT_SECONDS
    used = copying(
        lambda width: (1000.0 * (1 + 0.2 * (width > 1)), slow), is_shared=True, quiet_seconds=slow
    )

    assert sum(width == 2 for width in used) > 0.8 * len(used)


def test_slow_commits_hurt_nobody_where_nobody_else_writes() -> None:
    assert 1 not in copying(hurting(0.2), seconds=REST_SECONDS)


def test_a_commit_that_was_slow_before_says_nothing_against_one_more() -> None:
    used = copying(lambda width: (1000.0 * min(width, 4), 0.5))

    assert max(used) >= 4


def test_what_was_measured_while_the_copy_was_held_back_does_not_count() -> None:
    width, now = Width(2, 16, 0.0), 0.0
    while width.width == 2:
        now += 0.25
        width.done(now, 500, 0.001)

    width.disturbed(now)

    assert width.width == 2
    for _ in range(8):
        now += 0.25
        width.done(now, 500, 0.001)
    assert width.width == 2, "a rest comes first"
