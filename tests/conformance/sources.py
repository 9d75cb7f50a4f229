"""A source on a table of one's own, and what it delivers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from osc.engine import ChangeSource, Sync
from osc.model.change import Delivery, KeyValue
from tests.conformance.place import SOON, Place

PLAIN = "CREATE TABLE orders (id INT PRIMARY KEY, note VARCHAR(100))"


@contextmanager
def source_of(place: Place, sync: Sync = Sync.LOG) -> Iterator[ChangeSource]:
    with place.source(place.job(PLAIN), sync) as source:
        yield source


def number(place: Place, *ids: int) -> list[KeyValue]:
    """Keys of `orders`, as this engine writes them."""
    return [(one,) if place.mysql else (str(one),) for one in ids]


def read_until(source: ChangeSource, enough: Callable[[list[Delivery]], bool]) -> list[Delivery]:
    found: list[Delivery] = []
    deadline = time.monotonic() + SOON
    while not enough(found):
        assert time.monotonic() < deadline, f"only {found}"
        if delivery := source.read(0.1):
            found.append(delivery)
    return found
