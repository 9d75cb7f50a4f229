"""The signals that an operator may have set a limit for: one class a kind."""

from __future__ import annotations

import math
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from http.client import HTTPException
from typing import Any

from osc.engine import Gauges
from osc.errors import OscError, Usage
from osc.model.hours import Hours
from osc.model.progress import Tracker
from osc.model.reading import FREE_DISK, LATENCY, LOG_WRITTEN, Reading

HTTP_SECONDS = 1.0
BEAT_SECONDS = 0.1
FELT_SECONDS, MANY_LOOKS = 2.0, 30
"""How long a commit beyond its limit is remembered; among so many, one is no sign of us."""


class _Here(urllib.request.HTTPRedirectHandler):
    """The answer of the address that was named, and of no other."""

    def redirect_request(self, *_: Any) -> None:
        return None


ASKING = urllib.request.build_opener(_Here)


@dataclass(frozen=True)
class ReplicaLag:
    """How long ago the newest beat was written that has come to this replica. Both times are of our
    own clock: no other clock has to be right. Between two beats it grows by itself. Until one has
    come that was written since we look, nobody knows: an older one is an earlier attempt's."""

    name: str
    replica: Gauges
    migration: int
    limit_seconds: float
    every_seconds: float = BEAT_SECONDS
    since: float = field(default_factory=time.time)

    def read(self) -> Reading:
        seen = self.replica.beaten(self.migration)
        if seen is None or seen < self.since:
            trouble = "no heartbeat of ours has come there yet"
            return Reading(self.name, trouble=trouble, is_awaited=True)
        behind = max(0.0, time.time() - seen - BEAT_SECONDS)
        return Reading(self.name, behind, self.limit_seconds, "s", holds_following=True)


@dataclass(frozen=True)
class ServerLag:
    """The longest lag of the replicas that the server itself knows of."""

    server: Gauges
    limit_seconds: float
    name: str = "replica lag"
    every_seconds: float = 0.5

    def read(self) -> Reading:
        lags = self.server.lags()
        if not lags:
            return Reading(self.name, 0.0, self.limit_seconds, "s")
        slowest = max(lags, key=lambda replica: lags[replica])
        return Reading(
            f"lag of replica {slowest}", lags[slowest], self.limit_seconds, "s",
            holds_following=True,
        )  # fmt: skip


@dataclass(frozen=True)
class Load:
    """A number that the server counts, as `--max-load` names it."""

    name: str
    server: Gauges
    limit: float
    every_seconds: float = 0.5

    def read(self) -> Reading:
        unit = self.server.known.get(self.name, "")
        return Reading(self.name, self.server.read(self.name), self.limit, unit)


@dataclass(frozen=True)
class FreeDisk:
    """What is left where the server keeps its data; asked for only where it can be known."""

    server: Gauges
    least_bytes: float
    name: str = FREE_DISK
    every_seconds: float = 2.0

    def read(self) -> Reading:
        free = self.server.free_disk()
        if free is None:
            return Reading(self.name, trouble="the server doesn't say it any more")
        return Reading(self.name, free, self.least_bytes, "bytes", at_least=True)


@dataclass
class WrittenLog:
    """What the server has written into its log since the run began, the applications' part of it,
    too: no server says who made it grow. Asked for only where it can be known, and it holds
    nothing back: a look that fails is made up for by the next."""

    server: Gauges
    tracker: Tracker
    name: str = LOG_WRITTEN
    every_seconds: float = 2.0
    _told: int = 0

    def read(self) -> Reading:
        with suppress(OscError):
            written = self.server.log_written() or 0
            self.tracker.add(log_bytes=max(0, written - self._told))
            self._told = max(self._told, written)
        return Reading(self.name, float(self.tracker.read().log_bytes), math.inf, "bytes")


@dataclass
class Latency:
    """What an application's statement takes at the moment: a small commit of our own, which is a
    beat for the replicas, too, and a query if one is given.

    Where there is a limit it is taken more often, and what is beyond it counts for a while: a copy
    that works a tenth of the time is met by one look in ten, and felt by one user in ten. About 40
    looks of the last 2 s are remembered, and of so many one may be beyond the limit: so the copy
    stands still before one commit in twenty is, and a server that has a bad moment now and then by
    itself doesn't hold it for ever.
    """

    server: Gauges
    migration: int
    limit_seconds: float
    query: str = ""
    name: str = LATENCY
    now: Callable[[], float] = time.monotonic
    _recent: deque[tuple[float, float]] = field(default_factory=deque)

    @property
    def every_seconds(self) -> float:
        return BEAT_SECONDS if math.isinf(self.limit_seconds) else BEAT_SECONDS / 2

    def read(self) -> Reading:
        began = self.now()
        self.server.beat(self.migration, time.time())
        if self.query:
            self.server.probe(self.query)
        now = self.now()
        self._recent.append((now, now - began))
        while self._recent[0][0] < now - FELT_SECONDS:
            self._recent.popleft()
        ordered = sorted((took for _, took in self._recent), reverse=True)
        peak = ordered[min(1, len(ordered) // MANY_LOOKS)]
        return Reading(self.name, now - began, self.limit_seconds, "s", peak=peak)


@dataclass(frozen=True)
class Asked:
    """A query of the operator's: anything above 0 holds the copy, as gh-ost has it."""

    server: Gauges
    query: str
    name: str = "--throttle-query"
    every_seconds: float = 1.0

    def read(self) -> Reading:
        return Reading(self.name, self.server.value(self.query), 0.0)


@dataclass(frozen=True)
class Http:
    """A HEAD request: anything but 200 holds the copy. A redirection is not followed: it may lead
    to a page for logging in, which answers 200 whatever the load is."""

    url: str
    name: str = "--throttle-http"
    every_seconds: float = 0.5

    def read(self) -> Reading:
        request = urllib.request.Request(self.url, method="HEAD")
        try:
            with ASKING.open(request, timeout=HTTP_SECONDS) as answer:
                status = int(answer.status)
        except urllib.error.HTTPError as error:
            status = error.code
        except (OSError, ValueError, HTTPException) as error:
            return Reading(self.name, trouble=f"no answer: {error or repr(error)}")
        return Reading(f"{self.name} answered {status}", float(status != 200), 0.0)


@dataclass(frozen=True)
class Clock:
    """The copy runs only between these hours, of the local clock of this machine."""

    hours: Hours
    now: Callable[[], datetime] = datetime.now
    every_seconds: float = 1.0

    @property
    def name(self) -> str:
        return f"the hours {self.hours}"

    def read(self) -> Reading:
        return Reading(self.name, float(not self.hours.include(self.now().time())), 0.0)


def limits(text: str, option: str) -> dict[str, float]:
    """Reads `Threads_running=25,history=1000000`, in pt-osc's form with `:`, too."""
    found: dict[str, float] = {}
    for part in filter(None, (word.strip() for word in text.split(","))):
        name, _mark, value = part.replace(":", "=").partition("=")
        limit = _limit(value)
        if not name.strip() or limit is None:
            raise Usage(
                f"{option} says {part!r}", todo=f"write {option} NAME=NUMBER, several with a comma"
            )
        found[name.strip()] = limit
    return found


def _limit(text: str) -> float | None:
    """None for what is none: what is counted is never below 0, and no number is not a limit."""
    try:
        found = float(text)
    except ValueError:
        return None
    return found if 0 <= found < math.inf else None
