"""Who is in the way of a cut-over, and who is ended for it."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from osc.model.blocker import Blocker, Kill
from osc.stages import cutover
from tests.fakes import (
    REPORT,
)
from tests.unit.cutting_over import (
    LOCKED,
    Bench,
)

LOCKED_FIVE_TIMES = [LOCKED] * 5


WORKING = Blocker(43, "app", "db8", "active", 9.0, "UPDATE orders SET x = 1")


def test_nobody_is_ended_unless_the_operator_says_so(bench: Bench) -> None:
    bench.swapper.before = [*LOCKED_FIVE_TIMES]

    bench.run(attempts=6)

    assert bench.swapper.ended == []


def test_an_idle_transaction_is_ended_after_a_few_attempts_and_that_is_told(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.swapper.before = [LOCKED] * cutover.PATIENT_ATTEMPTS
    bench.swapper.in_the_way = [REPORT, WORKING]

    caplog.set_level(logging.INFO)

    bench.run(attempts=6, kill=Kill.IDLE)

    assert bench.swapper.ended == [42]
    assert "as ann@here allowed" in caplog.text
    assert bench.ended == [str(REPORT)]
    told = [one for one in caplog.records if getattr(one, "action", "") == "blocked"]
    assert [one.attempt for one in told] == [1, 2, 3]  # type: ignore[attr-defined]
    assert str(WORKING) in told[0].getMessage()
    assert told[0].getMessage().endswith("it is tried again")


def test_a_working_session_is_ended_only_if_all_may_be(bench: Bench) -> None:
    bench.swapper.before = [LOCKED] * cutover.PATIENT_ATTEMPTS
    bench.swapper.in_the_way = [REPORT, WORKING]

    bench.run(attempts=6, kill=Kill.ALL)

    assert bench.swapper.ended == [42, 43]


@pytest.mark.parametrize(
    "spared",
    [
        replace(WORKING, system=True),
        replace(WORKING, certain=False),
        replace(WORKING, place="'pg_dump' from 10.0.0.1"),
        replace(WORKING, statement="SELECT /* mysqldump */ 1"),
        replace(WORKING, statement=" alter table orders add x int"),
        replace(WORKING, statement="VACUUM orders"),
    ],
    ids=lambda blocker: blocker.spared,
)
def test_some_are_never_ended(bench: Bench, spared: Blocker) -> None:
    bench.swapper.before = [LOCKED] * cutover.PATIENT_ATTEMPTS
    bench.swapper.in_the_way = [spared]

    bench.run(attempts=6, kill=Kill.ALL)

    assert bench.swapper.ended == []
