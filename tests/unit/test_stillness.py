"""How long a run has stood still, for what, and when that is worth a line of the log."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from osc.engine import Run
from osc.model.controls import Controls
from osc.model.phase import Phase
from osc.model.progress import Progress, Tracker
from osc.model.reading import Reading
from osc.model.standstill import Standstills, with_one
from osc.model.steering import Steering
from osc.model.table import TableName
from osc.ops import listing
from osc.ops.history import text
from osc.ops.pace import numbers, signals
from osc.ops.report import report_record, report_text, stood_still
from osc.ops.stillness import Teller, standstill
from osc.ops.words import record
from tests.unit.commands import REPORT

LAG = Reading("lag of replica db2", 3.0, 1.5, "s", holds_following=True)
HELD = Steering(held_by=f"throttled: {LAG}")


def test_each_reason_has_its_time_and_a_signal_its_worst_reading() -> None:
    so_far: Standstills = ()
    for phase, steering, value in (
        (Phase.COPY, HELD, 3.0),
        (Phase.COPY, HELD, 5.0),
        (Phase.COPY, HELD, 2.0),
        (Phase.LOAD, HELD, 9.0),
        (Phase.COPY, HELD.paused("operator", "paused by ann"), 1.0),
        (Phase.CUT_OVER, Steering().postponed("hours", "its hours"), 0.1),
        (Phase.CUT_OVER, HELD, 0.1),
    ):
        moment = standstill(phase, steering, [replace(LAG, value=value)], 0.2)
        so_far = with_one(so_far, moment) if moment else so_far

    assert [(one.why, round(one.seconds, 1)) for one in so_far] == [
        ("lag of replica db2", 0.6), ("paused by ann", 0.2), ("its hours", 0.2),
    ]  # fmt: skip
    assert so_far[0].worst == "lag of replica db2 5 s of 1.5 s"
    report = replace(REPORT, standstills=so_far)
    told = "stood still  600 ms: lag of replica db2 (at worst 5 s of 1.5 s)"
    assert told in report_text(report)
    assert "paused by ann" not in stood_still(report_record(report)), "a moment is no news"
    assert text([]) == "no migration is known here"


def test_only_a_standstill_that_lasts_is_told_and_so_is_its_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    teller, copying = Teller(), Progress(phase=Phase.COPY, table="shop.orders")

    for reason in ("lag", "", *["lag"] * 4, "", ""):
        teller.hear(copying, reason, 2.0)

    assert [record.getMessage() for record in caplog.records] == [
        "copy of shop.orders stands still: lag",
        "copy of shop.orders goes on after 8.0 s",
    ]
    assert {record.action for record in caplog.records} == {"throttled"}  # type: ignore[attr-defined]


def test_a_run_that_stands_still_says_so_once_and_shows_its_signals() -> None:
    tracker, controls = Tracker(), Controls()
    older = replace(LAG, value=2.5)
    tracker.note(phase=Phase.COPY, waiting_for=f"throttled: {older}", signals=(LAG,), share=0.25)
    controls.steer(lambda now: replace(now, held_by=f"throttled: {LAG}", share=0.25))
    run = Run(
        id=7, table=TableName("shop", "orders"), statement="ALTER", phase="copy", sync="log",
        by="me", started_at="2026-01-01 00:00:00", updated_at="", finished_at=None, alive=True,
    )  # fmt: skip

    told = listing.text([run], {7: record(tracker, controls)})

    assert told.splitlines()[-2:] == [
        "  7: copy, 0 rows copied, 25% of its share, throttled: lag of replica db2 3 s of 1.5 s",
        "     signals: lag of replica db2 3 s of 1.5 s",
    ]
    assert "slowed to" not in numbers(tracker.read(), None)
    assert "slowed to 25%" in numbers(replace(tracker.read(), waiting_for=""), None)
    assert signals(tracker.read()) == str(LAG)
