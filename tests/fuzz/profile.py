"""How hypothesis draws: the one place for its settings."""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, Verbosity, settings

SECONDS_EACH_ENGINE = 25.0
"""Of the default suite."""
SUITE = settings(
    max_examples=60,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    verbosity=Verbosity.quiet,
    suppress_health_check=list(HealthCheck),
)
"""The same examples every time, and no shrinking: what fails is shown whole, as a scenario."""
LONG = settings(SUITE, derandomize=False, max_examples=40)
SHRINKING = settings(LONG, phases=[Phase.generate, Phase.shrink])
