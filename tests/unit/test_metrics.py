"""What a scrape shows of a run."""

from __future__ import annotations

import socket
import time
import urllib.request
from dataclasses import replace
from functools import partial

import pytest

from osc import errors
from osc.model.controls import Controls
from osc.model.phase import Phase
from osc.model.progress import Tracker
from osc.model.reading import Reading
from osc.model.standstill import Standstill
from osc.model.steering import Steering
from osc.ops import metrics

LAG = Reading("lag of replica db2:3306", 0.25, 1.0, "s", holds_following=True)


@pytest.fixture
def tracker() -> Tracker:
    tracker = Tracker()
    tracker.note(table="shop.orders", rows_estimated=100, backlog=3, signals=(LAG,))
    tracker.at(Phase.PREFLIGHT)
    tracker.chunk(rows=42, seconds=0.3)
    return tracker


def scraped(tracker: Tracker, controls: Controls) -> list[str]:
    with metrics.served(":0", tracker, controls) as port:
        address = f"http://127.0.0.1:{port}/metrics"
        with urllib.request.urlopen(address, timeout=10) as answer:
            return str(answer.read().decode()).splitlines()


def test_a_scrape_shows_rows_backlog_phase_and_lag(tracker: Tracker) -> None:
    lines = scraped(tracker, Controls())

    assert 'osc_rows_copied_total{table="shop.orders"} 42.0' in lines
    assert 'osc_rows_estimated{table="shop.orders"} 100.0' in lines
    assert 'osc_backlog_events{table="shop.orders"} 3.0' in lines
    assert 'osc_chunk_seconds_bucket{le="0.25",table="shop.orders"} 0.0' in lines
    assert 'osc_chunk_seconds_bucket{le="0.5",table="shop.orders"} 1.0' in lines
    assert 'osc_chunk_seconds_sum{table="shop.orders"} 0.3' in lines
    assert 'osc_phase{phase="preflight",table="shop.orders"} 1.0' in lines
    assert 'osc_phase{phase="copy",table="shop.orders"} 0.0' in lines
    assert 'osc_replica_lag_seconds{replica="db2:3306"} 0.25' in lines


def test_the_age_of_the_backlog_grows_while_nothing_is_applied(tracker: Tracker) -> None:
    def age() -> float:
        named = (one for one in scraped(tracker, Controls()) if "osc_backlog_seconds{" in one)
        return float(next(named).split()[-1])

    unknown = age()
    tracker.note(oldest_change_at=time.monotonic() - 60)

    assert (unknown, 60 <= age() < 120) == (0.0, True)


def test_a_scrape_says_what_it_stands_still_for(tracker: Tracker) -> None:
    controls = Controls()
    controls.steer(partial(Steering.paused, source="operator", reason="paused by ann"))

    lines = scraped(tracker, controls)

    assert 'osc_throttled{reason="paused by ann",table="shop.orders",what="copy"} 1.0' in lines


def test_a_signal_that_holds_it_is_one_series_whatever_it_reads(tracker: Tracker) -> None:
    controls, lag = Controls(), replace(LAG, value=3.25)
    tracker.note(
        signals=(lag, Reading("running", trouble="no answer for 4 s")),
        standstills=(Standstill(LAG.name, 2.5, str(lag)),),
    )
    controls.steer(lambda now: replace(now, held_by=f"throttled: {lag}", following_held_by="lag"))

    lines = scraped(tracker, controls)

    labels = f'{{reason="{LAG.name}",table="shop.orders",what="following"}}'
    assert f"osc_throttled{labels} 1.0" in lines
    held = [line for line in lines if line.startswith("osc_throttled{") and 'what="copy"' in line]
    assert held == ['osc_throttled{reason="running",table="shop.orders",what="copy"} 1.0']
    total = f'osc_throttle_seconds_total{{reason="{LAG.name}",table="shop.orders"}} 2.5'
    assert total in lines
    assert 'osc_signal_severity{signal="running"} +Inf' in lines
    assert not any(line.startswith('osc_signal{signal="running"') for line in lines)


def test_the_time_that_is_left_is_told_once_there_is_a_speed(tracker: Tracker) -> None:
    for phase in (Phase.SHADOW, Phase.COPY):
        tracker.at(phase)
    collector = metrics.RunCollector(tracker, Controls())
    samples = [one for metric in collector.collect() for one in metric.samples]

    left = {one.labels["q"]: one.value for one in samples if one.name == "osc_eta_seconds"}

    assert set(left) == {"0.5", "0.9"}
    assert 0 < left["0.5"] <= left["0.9"]


@pytest.mark.parametrize("listen", ["nonsense", ":99999999", "no.such.host.invalid:9"])
def test_an_address_that_can_not_be_had_is_wrong_usage(listen: str, tracker: Tracker) -> None:
    with (
        pytest.raises(errors.Usage, match="--metrics-listen"),
        metrics.served(listen, tracker, Controls()),
    ):
        pass


def test_statsd_gets_the_same_numbers(tracker: Tracker) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(10)
        port = receiver.getsockname()[1]

        with metrics.sent(f"127.0.0.1:{port}", tracker, Controls(), every_seconds=30):
            pass

        lines = receiver.recv(65536).decode().splitlines()

    assert {"osc.rows_copied:42|g", "osc.chunk_seconds.p95:0.5|g"} <= set(lines)
