"""Applications that write while something happens to their table."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count

from tests.conformance.place import App, Place


@dataclass
class Writer(threading.Thread):
    """Inserts and updates rows of its own; `wrote` is what the server has acknowledged."""

    app: App
    numbers: Iterator[int]
    pause: float
    wrote: list[int] = field(default_factory=list)
    failed: list[Exception] = field(default_factory=list)
    slowest: float = 0.0
    stop: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        super().__init__(daemon=True)

    __hash__ = threading.Thread.__hash__

    def run(self) -> None:
        try:
            while not self.stop.wait(self.pause):
                number, started = next(self.numbers), time.monotonic()
                self.app.run(f"INSERT INTO orders VALUES ({number}, 'x')")
                self.slowest = max(self.slowest, time.monotonic() - started)
                self.wrote.append(number)
                self.app.run(f"UPDATE orders SET note = 'y' WHERE id = {number}")
        except Exception as error:
            self.failed.append(error)


@contextmanager
def writing(place: Place, how_many: int = 4, pause: float = 0.001) -> Iterator[list[Writer]]:
    writers = [Writer(place.another_app(), count(n * 1_000_000), pause) for n in range(how_many)]
    for writer in writers:
        writer.start()
    try:
        yield writers
    finally:
        for writer in writers:
            writer.stop.set()
        for writer in writers:
            writer.join()
