"""The application of the benchmarks: transactions at times fixed beforehand, on few connections.

An open loop. Each transaction has a moment at which it is meant to begin, whatever happened to
those before it, and its latency counts from that moment: what a user feels who has to queue behind
a stall is measured, although the connection that serves them was not free to ask.

`python -m benchmarks.load URL --rows N --rate 300 --output FILE` prints "ready", goes on until its
standard input ends, serves what was due until then, and writes what it measured to FILE. Without a
rate it is a closed loop: each connection begins the next transaction at once.
"""

from __future__ import annotations

import gc
import json
import random
import select
import sys
import time
from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

import click
import psycopg
import pymysql

from benchmarks import schedule, wire

STATEMENTS = ("begin", "update indexed", "update", "delete", "insert", "commit")
LONGEST_DRAIN_SECONDS = 60.0
TEXTS = 1_000
NEVER = float("inf")


@dataclass
class Transactions:
    """The statements of sysbench's oltp_write_only, on rows all over the table."""

    rows: int
    random: random.Random
    texts: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        digits = self.random.choices
        self.texts = ["".join(digits("0123456789-", k=119)) for _ in range(TEXTS)]

    def next(self) -> list[str]:
        pick = self.random.random
        indexed, other, moved = (1 + int(pick() * self.rows) for _ in range(3))
        k, text = 1 + int(pick() * self.rows), self.texts[int(pick() * TEXTS)]
        return [
            "BEGIN",
            f"UPDATE sbtest1 SET k = k + 1 WHERE id = {indexed}",
            f"UPDATE sbtest1 SET c = '{text}' WHERE id = {other}",
            f"DELETE FROM sbtest1 WHERE id = {moved}",
            f"INSERT INTO sbtest1 (id, k, c, pad) VALUES ({moved}, {k}, '{text}', '{text[:59]}')",
            "COMMIT",
        ]


@dataclass
class Records:
    """Moments on the clock that all processes of a machine share (CLOCK_MONOTONIC), in seconds.

    A transaction is three of them: intended, begun, ended. A statement is two: sent, answered.
    """

    transactions: array[float] = field(default_factory=lambda: array("d"))
    statements: array[float] = field(default_factory=lambda: array("d"))
    kinds: array[int] = field(default_factory=lambda: array("b"))
    errors: Counter[str] = field(default_factory=Counter)
    retried: Counter[str] = field(default_factory=Counter)


class Worker:
    """One connection, and the transaction that it is at."""

    def __init__(self, url: str, records: Records) -> None:
        self._url = url
        self._records = records
        self._wire = wire.connect(url)
        self._statements: list[str] = []
        self._at = 0
        self._rolling_back = ""
        self._intended = self._begun = self._sent = 0.0

    def fileno(self) -> int:
        return self._wire.fileno()

    def begin(self, statements: list[str], intended: float) -> None:
        self._statements, self._intended, self._begun = statements, intended, time.monotonic()
        self._send(0)

    def proceed(self) -> bool:
        """Takes the answer that has arrived, and sends what comes next; True at the end."""
        code = self._wire.answer()
        if code is None:
            return False
        now = time.monotonic()
        if self._rolling_back and code != wire.GONE:
            return self._rolled_back()
        records = self._records
        records.statements.extend((self._sent, now))
        records.kinds.append(self._at)
        if code:
            return self._failed(code)
        if self._at < len(self._statements) - 1:
            self._send(self._at + 1)
            return False
        records.transactions.extend((self._intended, self._begun, now))
        return True

    def _send(self, at: int) -> None:
        self._at, self._sent = at, time.monotonic()
        self._wire.send(self._statements[at])

    def _failed(self, code: str) -> bool:
        if code == wire.GONE:
            self._records.errors[code] += 1
            self._rolling_back = ""
            self.close()
            self._wire = wire.connect(self._url)
            return True
        self._rolling_back = code
        self._wire.send("ROLLBACK")
        return False

    def _rolled_back(self) -> bool:
        code, self._rolling_back = self._rolling_back, ""
        if code in wire.PASSING:
            self._records.retried[code] += 1
            self._send(0)
            return False
        self._records.errors[code] += 1
        return True

    def close(self) -> None:
        self._wire.close()


class Agenda:
    """What is due when; after `end` nothing new is, but what was due before still has to be done.

    Without a rate it is a closed loop: something is always due.
    """

    def __init__(self, rate: float | None) -> None:
        self._rate = rate
        self._moments: Iterator[float] = iter(())
        self._next = 0.0
        self.end = NEVER

    def start(self, now: float) -> None:
        if self._rate is not None:
            self._moments = schedule.intended(self._rate, now)
            self._next = next(self._moments)

    @property
    def is_empty(self) -> bool:
        return self._rate is None or self._next > self.end

    def due(self, now: float) -> float | None:
        """The intended moment of the oldest transaction that is due and not given out yet."""
        if self._rate is None:
            return now if now <= self.end else None
        if self._next > min(now, self.end):
            return None
        moment, self._next = self._next, next(self._moments)
        return moment

    def wait(self, now: float) -> float:
        """Seconds until something is due, a second at most."""
        return min(max(0.0, self._next - now), 1.0)


class Load:
    """The loop: gives each due transaction to a free connection, oldest first."""

    def __init__(self, url: str, rows: int, agenda: Agenda, connections: int) -> None:
        self.records = Records()
        self._agenda = agenda
        self._transactions = Transactions(rows, random.Random(7))
        self._idle = [Worker(url, self.records) for _ in range(connections)]
        self._busy: dict[int, Worker] = {}

    def run(self, until: TextIO) -> dict[str, float]:
        """Until that input ends; returns what the load itself cost."""
        began, cpu = time.monotonic(), time.process_time()
        self._agenda.start(began)
        ends = [until.fileno()]
        while not self._over():
            now = time.monotonic()
            while self._idle and (moment := self._agenda.due(now)) is not None:
                worker = self._idle.pop()
                worker.begin(self._transactions.next(), moment)
                self._busy[worker.fileno()] = worker
            wait = self._agenda.wait(now) if self._idle else 1.0
            # Not epoll: it waits whole milliseconds.
            readable, _, _ = select.select([*self._busy, *ends], (), (), wait)
            if ends and ends[0] in readable:
                readable.remove(ends.pop())
                self._agenda.end = time.monotonic()
            self._proceed(readable)
        seconds = time.monotonic() - began
        return {
            "seconds": seconds,
            "cpu_share": (time.process_time() - cpu) / seconds,
            "unfinished": len(self._busy),
        }

    def _over(self) -> bool:
        end = self._agenda.end
        if end is NEVER:
            return False
        served = self._agenda.is_empty and not self._busy
        return served or time.monotonic() > end + LONGEST_DRAIN_SECONDS

    def _proceed(self, readable: list[int]) -> None:
        for number in readable:
            worker = self._busy[number]
            if worker.proceed():
                del self._busy[number]
                self._idle.append(worker)


def write(path: Path, records: Records, own: dict[str, float]) -> None:
    """One line of JSON, then the numbers as they are in memory."""
    head = {
        "transactions": len(records.transactions),
        "statements": len(records.statements),
        "errors": records.errors,
        "retried": records.retried,
        "own": own,
    }
    with path.open("wb") as out:
        out.write(json.dumps(head).encode() + b"\n")
        for numbers in (records.transactions, records.statements, records.kinds):
            numbers.tofile(out)


@click.command(help=__doc__)
@click.argument("url")
@click.option("--rows", required=True, type=int)
@click.option("--rate", type=float, help="Transactions a second; as fast as it goes, if none.")
@click.option("--connections", default=16, show_default=True)
@click.option("--output", required=True, type=click.Path(path_type=Path))
def main(url: str, rows: int, rate: float | None, connections: int, output: Path) -> None:
    try:
        load = Load(url, rows, Agenda(rate), connections)
    except (psycopg.Error, pymysql.err.MySQLError) as error:
        raise click.ClickException(f"the load can't connect: {error}") from error
    gc.disable()  # A pause of our own would look like one of the server's.
    click.echo("ready")
    own = load.run(sys.stdin)
    write(output, load.records, own)


if __name__ == "__main__":
    main()
