"""Whoever is told of a run while it lasts, besides the person at the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from osc.config import Settings
from osc.model.controls import Controls
from osc.model.progress import Tracker
from osc.ops import metrics
from osc.ops.hooks import Hooks


@contextmanager
def told(
    settings: Settings, tracker: Tracker, controls: Controls, words: Mapping[str, str]
) -> Iterator[None]:
    """Hooks, Prometheus and StatsD, as far as they are asked for. Usage where they can't be had,
    before anything is touched."""
    with ExitStack() as stack:
        if settings.hooks_path:
            hooks = Hooks(
                Path(settings.hooks_path),
                tracker,
                controls,
                {**words, "hint": settings.hooks_hint},
                limit_seconds=settings.hooks_time_limit,
                status_seconds=settings.hooks_status_interval,
            )
            stack.enter_context(hooks.at_work())
        if settings.metrics_listen:
            stack.enter_context(metrics.served(settings.metrics_listen, tracker, controls))
        if settings.statsd:
            stack.enter_context(metrics.sent(settings.statsd, tracker, controls))
        yield
