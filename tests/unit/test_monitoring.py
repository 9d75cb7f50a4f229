"""The dashboard and the alert rules speak of metrics that are there, and of all of them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from osc.model.controls import Controls
from osc.model.phase import Phase
from osc.model.progress import Tracker
from osc.model.reading import FREE_DISK, LATENCY, Reading
from osc.model.standstill import Standstill
from osc.ops.metrics import RunCollector

MONITORING = Path(__file__).parents[2] / "docker" / "monitoring"
SIGNALS = (
    Reading("lag of replica r", 0.1, 1.0, "s", holds_following=True),
    Reading(LATENCY, 0.002, 0.01, "s"),
    Reading(FREE_DISK, 5e9, 1e9, "bytes", at_least=True),
)


def exported() -> set[str]:
    """By a run in whose life everything has happened that there is a metric for."""
    tracker = Tracker()
    still = (Standstill("lag of replica r", 1.5),)
    tracker.note(phase=Phase.COPY, rows_estimated=9, rows_copied=3, signals=SIGNALS)
    tracker.note(standstills=still)
    metrics = RunCollector(tracker, Controls()).collect()
    return {sample.name for metric in metrics for sample in metric.samples}


def named(text: str) -> set[str]:
    return set(re.findall(r"\bosc_[a-z_]+", text))


@pytest.mark.parametrize("file", ["grafana-osc.json", "alerts.yml"])
def test_each_metric_that_is_named_is_exported(file: str) -> None:
    found = named((MONITORING / file).read_text())

    assert found
    assert found <= exported()


def test_the_dashboard_is_json_with_panels() -> None:
    dashboard = json.loads((MONITORING / "grafana-osc.json").read_text())

    assert len(dashboard["panels"]) >= 8
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
