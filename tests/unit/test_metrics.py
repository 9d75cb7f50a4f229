"""What a scrape shows of a run."""

from __future__ import annotations

import socket
import urllib.request
from functools import partial

import pytest

from osc import errors
from osc.model.controls import Controls
from osc.model.phase import Phase
from osc.model.progress import Tracker
from osc.model.reading import Reading
from osc.model.steering import Steering
from osc.ops import metrics

LAG = Reading("lag of replica db2:3306", 0.25, 1.0, "s", holds_following=True)


@pytest.fixture
def tracker() -> Tracker:
    tracker = Tracker()
    tracker.note(table="shop.orders", rows_estimated=100, backlog=3, signals=(LAG,))
    tracker.at(Phase.PREFLIGHT)
    tracker.add(rows_copied=42)
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
    assert 'osc_phase{phase="preflight",table="shop.orders"} 1.0' in lines
    assert 'osc_phase{phase="copy",table="shop.orders"} 0.0' in lines
    assert 'osc_replica_lag_seconds{replica="db2:3306"} 0.25' in lines


def test_a_scrape_says_what_it_stands_still_for(tracker: Tracker) -> None:
    controls = Controls()
    controls.steer(partial(Steering.paused, source="operator", reason="paused by ann"))

    lines = scraped(tracker, controls)

    assert 'osc_throttled{reason="paused by ann",table="shop.orders",what="copy"} 1.0' in lines


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

        assert "osc.rows_copied:42|g" in receiver.recv(65536).decode().splitlines()
