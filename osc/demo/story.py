"""The demo from its first line to its last: a server, a table, writers, the change, the verdict."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from osc import migration
from osc.config import settings
from osc.demo import client, twin
from osc.demo.journal import Journal, answered
from osc.demo.shop import DATABASE, SHOPS, Shop
from osc.demo.verdict import Verdict
from osc.demo.writers import writing
from osc.engines import engine_at
from osc.errors import Precondition
from osc.migration import Request
from osc.model.controls import Controls
from osc.model.progress import Tracker
from osc.model.report import Report
from osc.ops import display, signals
from osc.ops.output import Output
from osc.ops.units import count, duration
from osc.sandbox.server import Running, Unavailable

BEFORE_SECONDS = 3.0
AFTER_SECONDS = 1.5


def tell(kind: str, rows: int, rate: int, output: Output) -> Verdict:
    """Runs it on a throwaway server of that kind."""
    shop = SHOPS[kind]
    output.remark(f"Starting a {kind} server of our own …")
    with _server(kind, shop) as running:
        server = f"{running.server.engine} {running.server.version}"
        url = _opened(shop, running, rows, output)
        output.remark(f"4 writers: {rate} inserts, updates, deletes and changed keys a second")
        with writing(shop, url, rows, rate) as journals:
            time.sleep(BEFORE_SECONDS)
            report, began, ended = _changed(shop, url, output)
            time.sleep(AFTER_SECONDS)
        return _judged(server, shop, url, report, journals, began, ended, output)


@contextmanager
def _server(kind: str, shop: Shop) -> Iterator[Running]:
    try:
        with shop.start() as running:
            yield running
    except Unavailable as error:
        raise Precondition(
            f"no {kind} server can be had on this machine: {error}",
            still_true="nothing was touched",
            todo="see what it misses, or try one of the others: osc demo postgres|mysql|mariadb",
        ) from error


def _opened(shop: Shop, running: Running, rows: int, output: Output) -> str:
    """The shop's database with the table and its twin; its URL."""
    url = running.url(DATABASE)
    began = time.monotonic()
    client.run(running.url(shop.system_database), f"CREATE DATABASE {DATABASE}")
    client.run(url, shop.create, *shop.fill(rows))
    seconds = duration(time.monotonic() - began)
    output.remark(f"Table orders: {count(rows)} rows, and a twin to compare it with ({seconds})")
    return url


def _changed(shop: Shop, url: str, output: Output) -> tuple[Report, float, float]:
    """The change itself, as `osc run --execute` does it, and when it began and ended."""
    output.remark(f'\n$ osc run {url} "{shop.change}" --execute')
    tracker, controls = Tracker(), Controls()
    engine = engine_at(url)
    began = time.monotonic()
    try:
        request = Request(
            alter=engine.read(shop.change),
            sync=None,
            statement=shop.change,
            by="osc demo",
        )
        with signals.stopping(controls), display.shown(tracker, output.face()):
            report = migration.migrate(engine, request, settings(), tracker, controls)
    finally:
        engine.close()
    return report, began, time.monotonic()


def _judged(
    server: str,
    shop: Shop,
    url: str,
    report: Report,
    journals: list[Journal],
    began: float,
    ended: float,
    output: Output,
) -> Verdict:
    output.remark("\nThe writers have stopped; the server alters the twin and compares all rows …")
    comparison = twin.compare(shop, url, journals)
    before = answered(journals, began - BEFORE_SECONDS + 1, began)
    during = answered(journals, began, ended + AFTER_SECONDS)
    output.remark("")
    return Verdict(server, report, tuple(journals), before, during, comparison)
