"""What Prometheus and StatsD are told of a run, from the same whiteboards that a person sees."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from osc import __version__
from osc.errors import Usage
from osc.model.controls import Controls
from osc.model.phase import Phase
from osc.model.progress import Progress, Tracker
from osc.model.reading import FREE_DISK, LATENCY, Reading, worst
from osc.model.steering import Steering
from osc.ops.pace import Pace, left

STATSD_SECONDS = 10.0

COUNTERS: dict[str, tuple[str, Callable[[Progress], float]]] = {
    "osc_rows_copied": ("Rows copied into the new table.", lambda now: now.rows_copied),
    "osc_chunks_copied": ("Chunks that have committed.", lambda now: now.chunks_copied),
    "osc_events_delivered": (
        "Changes that the change source told.", lambda now: now.changes_delivered,
    ),
    "osc_events_applied": ("Changes that were applied.", lambda now: now.changes_applied),
    "osc_log_bytes": (
        "Log that the server has written meanwhile, for whomever.", lambda now: now.log_bytes,
    ),
    "osc_rows_verified": ("Rows compared with the original.", lambda now: now.rows_verified),
    "osc_checksum_mismatches": (
        "Rows that verification found different.", lambda now: now.differences,
    ),
    "osc_conflicts": ("Deadlocks and duplicates met on the way.", lambda now: now.conflicts),
    "osc_cut_over_attempts": ("Attempts at the cut-over.", lambda now: now.cut_over_attempts),
}  # fmt: skip
"""Prometheus adds `_total` to the name of a counter."""

GAUGES: dict[str, tuple[str, Callable[[Progress, Steering], float]]] = {
    "osc_rows_estimated": (
        "Rows that the server thinks there are.", lambda now, _: now.rows_estimated,
    ),
    "osc_backlog_events": ("Changes that wait to be applied.", lambda now, _: now.backlog),
    "osc_backlog_seconds": (
        "For how long the oldest change that waits has been known to us.",
        lambda now, _: now.backlog_seconds(time.monotonic()),
    ),
    "osc_lock_wait_seconds": (
        "How long the cut-over waited for its lock.", lambda now, _: now.lock_wait_seconds,
    ),
    "osc_lock_held_seconds": (
        "How long the cut-over held its lock.", lambda now, _: now.lock_held_seconds,
    ),
    "osc_copy_share": (
        "The part of its connections and time that the copy may take.",
        lambda _, steering: steering.share,
    ),
}  # fmt: skip


class RunCollector(Collector):
    """Asked at each scrape; a run costs nothing between two."""

    def __init__(self, tracker: Tracker, controls: Controls) -> None:
        self._tracker, self._controls, self._pace = tracker, controls, Pace()

    def collect(self) -> Iterable[Metric]:
        now, steering = self._tracker.read(), self._controls.steering
        speed = self._pace.speed(now, time.monotonic())
        for name, (text, count) in COUNTERS.items():
            counter = CounterMetricFamily(name, text, labels=["table"])
            counter.add_metric([now.table], count(now))
            yield counter
        for name, (text, value) in GAUGES.items():
            gauge = GaugeMetricFamily(name, text, labels=["table"])
            gauge.add_metric([now.table], value(now, steering))
            yield gauge
        yield _of_chunks(now)
        yield from _of_state(now, steering)
        yield _of_time_left(left(now, speed), now.table)
        yield from _of_signals(now.signals)


def _of_chunks(now: Progress) -> Metric:
    took = HistogramMetricFamily("osc_chunk_seconds", "What chunks took.", labels=["table"])
    took.add_metric([now.table], now.chunk_seconds.cumulative(), now.chunk_seconds.seconds)
    return took


def _of_state(now: Progress, steering: Steering) -> Iterator[Metric]:
    phase = GaugeMetricFamily("osc_phase", "1 for the phase it is in.", labels=["table", "phase"])
    for one in Phase:
        phase.add_metric([now.table, str(one)], float(one is now.phase))
    yield phase
    throttled = GaugeMetricFamily(
        "osc_throttled", "1 while this stands still.", labels=["table", "what", "reason"]
    )
    for what, reason in (
        ("copy", steering.paused_by or _held(steering.held_by, now.signals)),
        ("following", _held(steering.following_held_by, filter(_is_lag, now.signals))),
        ("cut-over", steering.cut_over_waits_for),
    ):
        throttled.add_metric([now.table, what, reason], float(bool(reason)))
    yield throttled
    still = CounterMetricFamily(
        "osc_throttle_seconds", "How long it has stood still.", labels=["table", "reason"]
    )
    for stood in now.standstills:
        still.add_metric([now.table, stood.why], stood.seconds)
    yield still
    info = GaugeMetricFamily("osc_info", "Always 1.", labels=["table", "version"])
    info.add_metric([now.table, __version__], 1.0)
    yield info


def _held(reason: str, readings: Iterable[Reading]) -> str:
    """By which signal. Its reading is another one at each scrape, and would be another series."""
    bad = worst(readings) if reason else None
    return bad.name if bad else reason


def _is_lag(reading: Reading) -> bool:
    return reading.holds_following


def _of_time_left(left: tuple[float, float] | None, table: str) -> Metric:
    """At the speed of now, and at that of its slowest tenth; nothing where nobody knows."""
    metric = GaugeMetricFamily(
        "osc_eta_seconds", "How long this phase may take yet.", labels=["table", "q"]
    )
    for q, seconds in zip(("0.5", "0.9"), left or (), strict=False):
        metric.add_metric([table, q], seconds)
    return metric


def _of_signals(readings: Iterable[Reading]) -> Iterator[Metric]:
    value = GaugeMetricFamily("osc_signal", "What a signal shows.", labels=["signal", "unit"])
    severity = GaugeMetricFamily(
        "osc_signal_severity", "The part of its limit; above 1 it holds us.", labels=["signal"]
    )
    lag = GaugeMetricFamily(
        "osc_replica_lag_seconds", "How far a replica is behind.", labels=["replica"]
    )
    latency = GaugeMetricFamily("osc_user_latency_seconds", "What a small commit takes.")
    free = GaugeMetricFamily("osc_disk_free_bytes", "What the server's disk has left.")
    for reading in readings:
        severity.add_metric([reading.name], reading.severity)
        if reading.trouble:
            continue  # A signal without an answer has no value, and 0 would look like a good one.
        value.add_metric([reading.name, reading.unit], reading.value)
        if reading.holds_following:
            lag.add_metric([reading.name.removeprefix("lag of replica ")], reading.value)
        if reading.name in (LATENCY, FREE_DISK):
            (latency if reading.name == LATENCY else free).add_metric([], reading.value)
    yield from (value, severity, lag, latency, free)


def place(text: str, option: str, here: str = "") -> tuple[str, int]:
    """Host and port; `here` is the host where none is named. Usage where it is no such thing."""
    host, _, port = text.strip().rpartition(":")
    host = host.strip("[]") or here
    if not (host and port.isascii() and port.isdigit() and int(port) < 65_536):
        form = "HOST:PORT, or :PORT for this machine" if here else "HOST:PORT"
        raise Usage(f"{option} {text!r} is no address", todo=form)
    return host, int(port)


@contextmanager
def served(listen: str, tracker: Tracker, controls: Controls) -> Iterator[int]:
    """Answers `http://HOST:PORT/metrics` for the length of the block; gives the port. Usage where
    the address can't be had. Without a host only this machine is answered."""
    host, port = place(listen, "--metrics-listen", "127.0.0.1")
    registry = CollectorRegistry()
    registry.register(RunCollector(tracker, controls))
    try:
        server, thread = start_http_server(port, addr=host, registry=registry)
    except (OSError, ValueError, OverflowError) as error:
        raise Usage(
            f"--metrics-listen {listen!r}: {error}", todo="HOST:PORT, or :PORT for this machine"
        ) from error
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def sent(
    address: str, tracker: Tracker, controls: Controls, every_seconds: float = STATSD_SECONDS
) -> Iterator[None]:
    """Sends the same numbers as StatsD gauges over UDP, which nobody has to receive."""
    host, port = place(address, "--statsd")
    over = threading.Event()

    def run() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
            while not over.wait(every_seconds):
                _send(line, (host, port), tracker, controls)
            _send(line, (host, port), tracker, controls)

    thread = threading.Thread(target=run, name="osc statsd", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _send(line: socket.socket, to: tuple[str, int], tracker: Tracker, controls: Controls) -> None:
    now, steering = tracker.read(), controls.steering
    numbers = {name: count(now) for name, (_, count) in COUNTERS.items()}
    numbers |= {name: value(now, steering) for name, (_, value) in GAUGES.items()}
    for part in (0.5, 0.95):
        if (took := now.chunk_seconds.quantile(part)) is not None:
            numbers[f"osc_chunk_seconds.p{part * 100:.0f}"] = took
    packet = "\n".join(
        f"{name.replace('_', '.', 1)}:{value:g}|g" for name, value in numbers.items()
    )
    with suppress(OSError):
        line.sendto(packet.encode(), to)
