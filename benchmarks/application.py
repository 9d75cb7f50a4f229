"""The load as a process of its own: begun, ended, and what it felt in a window of time."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks import figures
from benchmarks.load import STATEMENTS

START_SECONDS = 60.0
END_SECONDS = 90.0
WARM_UP_SECONDS = 3.0
COOL_DOWN_SECONDS = 2.0


@dataclass(frozen=True)
class Measured:
    """Everything a load has recorded; moments as `benchmarks.load` defines them."""

    transactions: list[tuple[float, float, float]]
    statements: list[tuple[float, float, str]]
    errors: dict[str, int]
    retried: dict[str, int]
    own: dict[str, float]

    def between(self, begin: float, end: float) -> dict[str, Any]:
        """What users felt whose transactions were meant to begin in that window.

        A statement counts if any part of it lies in the window. `transactions_per_second` is what
        was finished within it.
        """
        meant = [one for one in self.transactions if begin <= one[0] <= end]
        finished = sum(begin <= ended <= end for _, _, ended in self.transactions)
        felt = figures.spread(ended - intended for intended, _, ended in meant)
        statements = [one for one in self.statements if one[0] <= end and one[1] >= begin]
        slowest = max(statements, key=lambda one: one[1] - one[0], default=(0.0, 0.0, ""))
        return {
            "transactions_per_second": round(finished / (end - begin), 1),
            "meant_per_second": round(len(meant) / (end - begin), 1),
            "transaction_ms": asdict(felt),
            "statement_ms": asdict(figures.spread(end - sent for sent, end, _ in statements)),
            "slowest_statement": slowest[2],
        }

    def slowest_statement_ms(self, begin: float, end: float) -> float:
        during = (done - sent for sent, done, _ in self.statements if sent <= end and done >= begin)
        return round(1000 * max(during, default=0.0), 3)

    def total(self) -> dict[str, Any]:
        """Whatever happened from its first to its last moment, and what the load itself cost."""
        return {"errors": self.errors, "retried": self.retried, "own": self.own}


class Application:
    """A load that runs; `measured` is there once the block of `running` has ended."""

    def __init__(self) -> None:
        self._measured: Measured | None = None

    @property
    def measured(self) -> Measured:
        if self._measured is None:
            raise RuntimeError("the load still runs")
        return self._measured

    def ended(self, output: Path) -> None:
        self._measured = read(output)


@contextmanager
def running(
    url: str, rows: int, rate: float | None, connections: int = 16
) -> Iterator[Application]:
    """Transactions on `sbtest1` while the block lasts, and a while before and after it."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "measured"
        command = [
            sys.executable, "-m", "benchmarks.load", url, "--rows", str(rows),
            "--connections", str(connections), "--output", str(output),
            *(["--rate", str(rate)] if rate else []),
        ]  # fmt: skip
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert process.stdin is not None and process.stdout is not None
        application = Application()
        try:
            if process.stdout.readline() != "ready\n":
                raise RuntimeError("the load did not begin")
            time.sleep(WARM_UP_SECONDS)
            yield application
            time.sleep(COOL_DOWN_SECONDS)
            process.stdin.close()
            if process.wait(END_SECONDS):
                raise RuntimeError(f"the load ended with status {process.returncode}")
            application.ended(output)
        finally:
            process.kill()
            process.wait()
            process.stdout.close()


def read(path: Path) -> Measured:
    """What `benchmarks.load.write` has written."""
    with path.open("rb") as written:
        head = json.loads(written.readline())
        moments, statements, kinds = array("d"), array("d"), array("b")
        moments.fromfile(written, head["transactions"])
        statements.fromfile(written, head["statements"])
        kinds.fromfile(written, head["statements"] // 2)
    return Measured(
        transactions=list(zip(moments[0::3], moments[1::3], moments[2::3], strict=True)),
        statements=[
            (sent, answered, STATEMENTS[kind])
            for sent, answered, kind in zip(statements[0::2], statements[1::2], kinds, strict=True)
        ],
        errors=head["errors"],
        retried=head["retried"],
        own=head["own"],
    )
