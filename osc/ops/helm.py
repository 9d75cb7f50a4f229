"""The limits of a run, and how they are changed while it is under way.

A limit that is changed is the same run with another setting: its gauges are opened anew, and those
of before are closed once the new ones have been read. What an operator has changed holds for the
attempts that follow, too.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace

from osc.config import Settings, changed
from osc.errors import Usage
from osc.model.controls import Controls
from osc.model.steering import Steering
from osc.ops.guards import Guards
from osc.ops.redact import redacted
from osc.ops.throttle import Throttle

Watch = tuple[Throttle, Guards]


@dataclass
class Helm:
    """`open` gives what holds a run with these settings to its limits, for the length of a block;
    `require` raises for settings that can't be meant. An OscError of either leaves all as it was.
    """

    settings: Settings
    controls: Controls
    open: Callable[[Settings], AbstractContextManager[Watch]]
    require: Callable[[Settings], None]
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stack: ExitStack = field(default_factory=ExitStack)
    _watch: Watch | None = None
    _is_over: bool = False

    @contextmanager
    def at_work(self) -> Iterator[None]:
        self._take(replace_all(self.settings, self.controls.steering), ExitStack())
        try:
            yield
        finally:
            with self._lock:
                self._is_over = True
                self._stack.close()

    def value(self, name: str) -> str:
        """The present one of a setting, as its option would be written; without passwords."""
        found = getattr(self.settings, name)
        return redacted(",".join(found) if isinstance(found, tuple) else str(found))

    def change(self, name: str, text: str, by: str) -> str:
        """Gives the value that holds from now on."""
        with self._lock:
            if self._is_over:
                raise Usage(f"{name} came too late: nothing is held back any more")
            wanted = changed(self.settings, name, text)
            self.require(wanted)
            before, watch = self._stack, self._watch
            self._take(wanted, before)
            if watch and self._watch:
                self._let_go(watch[1].sources - self._watch[1].sources, by)
            kept = {**dict(self.controls.steering.changed), name: getattr(wanted, name)}
            self.controls.steer(lambda now: replace(now, changed=tuple(kept.items())))
        return self.value(name)

    def _take(self, wanted: Settings, before: ExitStack) -> None:
        after = ExitStack()
        watch = after.enter_context(self.open(wanted))
        if self._watch:
            self._watch[0].give_way()
        before.close()
        self.settings, self._stack, self._watch = wanted, after, watch
        limit = wanted.max_latency / 1000 or math.inf
        self.controls.steer(
            lambda now: replace(now, nice_ratio=wanted.nice_ratio, latency_seconds=limit)
        )

    def _let_go(self, sources: frozenset[str], by: str) -> None:
        """What nobody wishes any more, since its file or its hours are no longer asked."""

        def without(now: Steering) -> Steering:
            for source in sources:
                now = now.paused(source, "").postponed(source, "", by)
            return now

        self.controls.steer(without)


def replace_all(settings: Settings, steering: Steering) -> Settings:
    """With what an operator has changed in an earlier attempt of the same run."""
    return settings.model_copy(update=dict(steering.changed))
