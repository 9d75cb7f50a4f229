"""The bridge of a run: all that steers it stands here while it is under way.

Words are heard from the first thing that is made to the last that is cleaned up, through the socket
and the rows of the ledger. Gauges and their throttle, files and hours hold it from before its first
chunk to the swap. Nothing that stands here can end it by failing, except by intent.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from osc.config import Settings
from osc.engine import Engine, Gauges
from osc.model.controls import Controls
from osc.model.hours import hours
from osc.model.progress import Tracker
from osc.model.steering import OPERATOR, Steering
from osc.ops import control, gauges, sense
from osc.ops.desk import Desk
from osc.ops.guards import Guards
from osc.ops.helm import Helm, Watch
from osc.ops.throttle import Gauge, Throttle
from osc.ops.words import Words

POSTPONED = "the cut-over waits for `osc cut-over` (--postpone-cut-over)"


@contextmanager
def steered(
    engine: Engine,
    migration: int,
    settings: Settings,
    tracker: Tracker,
    controls: Controls,
) -> Iterator[Words]:
    """For the length of the block the run is held to its limits and obeys its operators."""
    with (
        heard(engine, settings, tracker, controls) as desk,
        desk.sitting(migration),
        limited(engine, settings, desk),
    ):
        yield desk.words


@contextmanager
def heard(
    engine: Engine, settings: Settings, tracker: Tracker, controls: Controls
) -> Iterator[Desk]:
    """For the length of the block the run obeys its operators, also before it has a number."""
    desk = Desk(engine.board, engine.ledger, Words(tracker, controls), settings)
    if settings.postpone_cut_over:
        controls.steer(partial(Steering.postponed, source=OPERATOR, reason=POSTPONED))
    with ExitStack() as stack:
        if settings.control_socket:
            stack.enter_context(control.listening(Path(settings.control_socket), desk.hear))
        yield desk


@contextmanager
def limited(engine: Engine, settings: Settings, desk: Desk) -> Iterator[None]:
    """For the length of the block the run is held to its limits, and they may be changed."""
    words = desk.words
    helm = Helm(
        settings,
        words.controls,
        lambda chosen: _held(engine, chosen, desk),
        require=partial(_require, engine),
    )
    with helm.at_work():
        words.helm = helm
        try:
            yield
        finally:
            words.helm = None


@contextmanager
def _held(engine: Engine, settings: Settings, desk: Desk) -> Iterator[Watch]:
    """To its limits."""
    tracker, controls = desk.words.tracker, desk.words.controls
    with ExitStack() as stack:
        signals = list(_signals(engine, settings, desk.migration, tracker, stack))
        throttle = stack.enter_context(Throttle(signals, controls, tracker).at_work())
        guards = _guards(engine, settings, desk, stack)
        stack.enter_context(guards.at_work())
        yield throttle, guards


def _require(engine: Engine, settings: Settings) -> None:
    sense.require(settings)
    sense.ask(engine, settings)


def _opened(make: Callable[[], Gauges], stack: ExitStack) -> Gauges:
    """Gauges that are closed at the end; each thread has a session of its own."""
    found = make()
    stack.callback(found.close)
    return found


def _signals(
    engine: Engine, settings: Settings, migration: int, tracker: Tracker, stack: ExitStack
) -> Iterator[Gauge]:
    replicas = engine.watching(settings.replica) or engine.replicas()
    for name, replica in replicas.items():
        yield gauges.ReplicaLag(
            f"lag of replica {name}", _opened(replica, stack), migration, settings.max_lag
        )
    if not engine.mysql:  # MySQL and MariaDB know their replicas by name at most.
        yield gauges.ServerLag(_opened(engine.gauges, stack), settings.max_lag)
    limit = settings.max_latency / 1000 if settings.max_latency else math.inf
    server = _opened(engine.gauges, stack)
    yield gauges.Latency(server, migration, limit, settings.latency_query)
    server = _opened(engine.gauges, stack)
    if server.free_disk() is not None:
        yield gauges.FreeDisk(server, settings.min_free_disk * 1e9)
    server = _opened(engine.gauges, stack)
    if server.log_written() is not None:
        yield gauges.WrittenLog(server, tracker)
    for name, limit in gauges.limits(settings.max_load, "--max-load").items():
        yield gauges.Load(name, _opened(engine.gauges, stack), limit)
    if settings.throttle_query:
        yield gauges.Asked(_opened(engine.gauges, stack), settings.throttle_query)
    if settings.throttle_http:
        yield gauges.Http(settings.throttle_http)
    if settings.only_between:
        yield gauges.Clock(hours(settings.only_between, "--only-between"))


def _guards(engine: Engine, settings: Settings, desk: Desk, stack: ExitStack) -> Guards:
    critical = gauges.limits(settings.critical_load, "--critical-load")
    window = settings.cut_over_between
    return Guards(
        desk.words.controls,
        told=desk.note,
        pause_files=tuple(map(Path, (*settings.pause_file, *settings.throttle_flag_file))),
        postpone_files=tuple(map(Path, settings.postpone_cut_over_flag_file)),
        panic_file=Path(settings.panic_flag_file) if settings.panic_flag_file else None,
        cut_over_hours=hours(window, "--cut-over-between") if window else None,
        critical=critical,
        hibernate_seconds=settings.critical_load_hibernate,
        gauges=_opened(engine.gauges, stack) if critical else None,
    )
