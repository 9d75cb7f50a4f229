"""A round of random examples, which ends when its time is over."""

from __future__ import annotations

import time
from collections.abc import Callable

from hypothesis import errors, given, seed, settings
from hypothesis import strategies as st

from osc.engine import Sync
from tests.fuzz.cases import cases
from tests.fuzz.verdict import Wrong
from tests.scenarios.case import Case


def play_at_random(
    server: str,
    syncs: list[Sync],
    play: Callable[[Case, Sync], None],
    how: settings,
    end: float,
    number: int | None = None,
) -> None:
    """Raises the Wrong of the first example that fails; `number` is the seed of what is drawn.

    hypothesis plays again what has failed, and the time being over must not let it pass then. Where
    it does pass, a race was lost only once: that is a bug as well.
    """
    failed = False

    @how
    @given(case=cases(server), sync=st.sampled_from(syncs))
    def migrates(case: Case, sync: Sync) -> None:
        nonlocal failed
        if failed or time.monotonic() < end:
            try:
                play(case, sync)
            except Wrong:
                failed = True
                raise

    try:
        (migrates if number is None else seed(number)(migrates))()
    except errors.FlakyFailure as flaky:
        raise flaky.exceptions[0] from None
