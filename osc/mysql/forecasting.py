"""What a way will take on MySQL and MariaDB: time, disk and log, told from a sample of rows."""

from __future__ import annotations

import time
from collections.abc import Callable

from osc import errors
from osc.engine import Session
from osc.model.ladder import Cost, Forecast, Outlook, Way
from osc.model.table import Table
from osc.mysql import duration, flavor, trial
from osc.mysql.catalog import MySQLCatalog
from osc.mysql.trial import Trial

AT_LEAST, AT_MOST = 0.5, 4.0
"""A copy runs on several connections, but beside applications, and it is verified."""
METADATA_SECONDS = (0.0, 1.0)


def forecast(
    connect: Callable[[str], Session],
    catalog: MySQLCatalog,
    table: Table,
    outlook: Outlook,
    *,
    is_mariadb: bool,
) -> Forecast:
    known = Forecast(table.rows, table.bytes)
    costs = [step.cost for step in outlook.steps]
    if outlook.way is not Way.COPY and max(costs, default=Cost.FREE) <= Cost.METADATA:
        return Forecast(table.rows, table.bytes, seconds=METADATA_SECONDS)
    is_rewritten = outlook.way is Way.COPY or Cost.REWRITE in costs
    try:
        with trial.running(connect, catalog, table, is_mariadb=is_mariadb) as sampled:
            seconds = _copying(sampled, table)
            is_logged = flavor.variable(sampled.session, "log_bin") == "ON"
    except errors.NotAllowed:
        return known
    if outlook.way is not Way.COPY:
        return Forecast(
            table.rows,
            table.bytes,
            disk_bytes=table.bytes if is_rewritten else table.bytes // 4,
            seconds=(seconds * AT_LEAST / 2, seconds * duration.CAUTION),
        )
    return Forecast(
        table.rows,
        table.bytes,
        disk_bytes=table.bytes,
        log_bytes=table.bytes if is_logged else 0,
        seconds=(seconds * AT_LEAST, seconds * AT_MOST),
    )


def _copying(sampled: Trial, table: Table) -> float:
    """Seconds that one connection would take to copy all rows."""
    sampled.renew()
    began = time.monotonic()
    rows = sampled.fill(duration.sample(table))
    seconds = time.monotonic() - began
    return seconds * max(1.0, table.rows / max(1, rows))
