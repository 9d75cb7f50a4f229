"""The pure parts of the benchmarks: what they say about numbers, when their load begins what."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from array import array
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from benchmarks import application, contenders, figures, load, plot, race, schedule


def test_a_percentile_is_the_smallest_value_that_so_many_do_not_exceed() -> None:
    ordered = [float(value) for value in range(1, 101)]

    found = [figures.percentile(ordered, share) for share in (0, 0.5, 0.99, 0.991, 1)]

    assert found == [1, 50, 99, 100, 100]


def test_a_single_stall_among_a_thousand_is_the_slowest_and_not_the_p99() -> None:
    spread = figures.spread([0.001] * 999 + [2.0])

    assert (spread.count, spread.p99, spread.slowest) == (1000, 1.0, 2000.0)


def test_a_ratio_to_nothing_is_none() -> None:
    assert (figures.ratio(3, 2), figures.ratio(3, 0)) == (1.5, None)


def test_a_schedule_keeps_its_rate_and_is_the_same_each_time() -> None:
    moments = list(islice(schedule.intended(300, begin=10.0), 30_000))

    assert moments[-1] - 10.0 == pytest.approx(100, rel=0.03)
    assert moments == sorted(moments)
    assert moments == list(islice(schedule.intended(300, begin=10.0), 30_000))


def test_what_was_due_in_a_stall_stays_due_with_its_own_moment() -> None:
    agenda = load.Agenda(rate=10)
    agenda.start(100.0)

    due = [agenda.due(101.0) for _ in range(3)]

    assert due == list(islice(schedule.intended(10, 100.0), 3))


def test_after_the_end_only_what_was_due_before_is_given_out() -> None:
    agenda = load.Agenda(rate=10)
    agenda.start(100.0)
    agenda.end = 101.0
    meant = [moment for moment in islice(schedule.intended(10, 100.0), 100) if moment <= 101.0]

    given = [moment for _ in range(100) if (moment := agenda.due(200.0)) is not None]

    assert given == meant
    assert agenda.is_empty


def test_a_latency_counts_from_the_intended_moment(tmp_path: Path) -> None:
    records = load.Records()
    records.transactions = array("d", [1.0, 4.0, 4.5, 2.0, 4.5, 4.6])
    records.statements = array("d", [4.0, 4.25])
    records.kinds = array("b", [load.STATEMENTS.index("commit")])
    load.write(tmp_path / "measured", records, {"cpu_share": 0.1})

    felt = application.read(tmp_path / "measured").between(0.0, 5.0)

    assert felt["transaction_ms"]["slowest"] == 3500.0
    assert (felt["statement_ms"]["slowest"], felt["slowest_statement"]) == (250.0, "commit")
    assert felt["transactions_per_second"] == 0.4


def test_a_summary_takes_medians_of_time_and_the_worst_of_stalls() -> None:
    runs = [_run("osc", 10.0, 50.0), _run("osc", 12.0, 90.0), _run("osc", 30.0, 70.0)]

    rows = race.summary([*runs, _run("pt-osc", 24.0, 900.0)])["loaded"]

    assert (rows["osc"]["seconds"], rows["osc"]["statement_slowest_ms"]) == (12.0, 90.0)
    assert rows["pt-osc"]["times_osc"] == 2.0


def test_a_run_that_failed_is_counted_and_not_averaged() -> None:
    failed = {**_run("osc", 1.0, 1.0), "problem": "exit code 3"}

    row = race.summary([failed, _run("osc", 10.0, 50.0)])["loaded"]["osc"]

    assert (row["runs"], row["failed"], row["seconds"]) == (1, 1, 10.0)


def test_a_phase_begins_when_its_event_says_so() -> None:
    event = {"action": "phase", "phase": "cut-over", "timestamp": "1970-01-01T00:01:40.500000Z"}

    assert contenders.phases_begun(json.dumps(event), monotonic=-100.0) == {"cut-over": 0.5}


def test_plots_of_what_a_race_has_found_are_valid_images(tmp_path: Path) -> None:
    runs = [_run("osc", 10.0, 50.0), {**_run("pt <osc>", 24.0, 900.0), "problem": "exit code 1"}]
    found = {"environment": ENVIRONMENT, "rate": 300.0, "summary": race.summary(runs)}
    (tmp_path / "race-mysql.json").write_text(json.dumps(found))

    drawn = plot.draw(tmp_path)

    assert [path.name for path in drawn] == ["race.svg", "stalls.svg"]
    texts = " ".join(ElementTree.parse(drawn[0]).getroot().itertext())
    assert "10.0 s" in texts and "failed" in texts


ENVIRONMENT = {"engine": "mysql", "server": "9.7.4", "cores": 2, "machine": "x", "memory_gib": 23.5,
               "date": "2026-01-01T00:00:00"}  # fmt: skip


def _run(contender: str, seconds: float, stall: float) -> dict[str, Any]:
    felt = {
        "transactions_per_second": 300.0,
        "transaction_ms": {"p50": 1.0, "p99": 9.0, "slowest": stall},
        "statement_ms": {"slowest": stall},
        "errors": {},
    }
    return {"mode": "loaded", "contender": contender, "seconds": seconds, "problem": "",
            "cost": {"log_bytes": 1}, "application": felt}  # fmt: skip
