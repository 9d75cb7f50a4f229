"""What a change will take: estimates from the catalog and from a moment's reading."""

from __future__ import annotations

import time

from osc.model.ladder import Cost, Forecast, Outlook, Way
from osc.model.table import Table
from osc.postgres.quoting import qualified
from osc.postgres.session import Connection

PROBE_ROWS = 5_000
PROBE_SECONDS = 2
WIDELY = (0.5, 4.0)
"""The range around what a probe of a moment would make of it."""
WRITING = 4.0
"""How much longer a row takes that is copied, indexed and compared than one that is read."""

SIZES = """
SELECT coalesce(sum(pg_total_relation_size(relid)), 0)::bigint,
       coalesce(sum(greatest(reltuples, 0)), 0)::bigint
FROM (SELECT $1::bigint::oid AS relid UNION
      SELECT relid FROM pg_partition_tree($1::bigint::oid)) AS tree
JOIN pg_class ON pg_class.oid = relid
"""


def sizes(session: Connection, oid: int) -> tuple[int, int]:
    """Bytes with all indexes, and rows; partitions included."""
    size, rows = session.rows(SIZES, oid)[0]
    return int(size), int(rows)


def forecast(session: Connection, table: Table, oid: int, outlook: Outlook) -> Forecast:
    size, rows = sizes(session, oid)
    if outlook.way is Way.NOTHING or (outlook.way is Way.NATIVE and outlook.cost <= Cost.METADATA):
        return Forecast(rows, size)
    a_row = _seconds_a_row(session, table)
    scans = sum(step.patient for step in outlook.steps) or 1
    effort = a_row * rows * (WRITING if outlook.way is Way.COPY else scans)
    least, most = (effort * factor for factor in WIDELY)
    written = {Way.COPY: size, Way.SEQUENCE: _indexes(size, outlook)}.get(outlook.way, size)
    return Forecast(rows, size, written, written, (round(least, 1), round(most, 1)))


def _indexes(size: int, outlook: Outlook) -> int:
    """An index is seldom larger than a third of its table."""
    return sum(step.alone for step in outlook.steps) * size // 3


def _seconds_a_row(session: Connection, table: Table) -> float:
    """Reads the first rows, as text: that is about what a checksum costs."""
    with session.undone():
        session.run(f"SET LOCAL statement_timeout = '{PROBE_SECONDS}s'")
        began = time.monotonic()
        read = session.value(
            "SELECT count(md5(r::text)) FROM"
            f" (SELECT * FROM {qualified(table.name)} LIMIT {PROBE_ROWS}) AS r"
        )
        spent = time.monotonic() - began
    return spent / read if read else 0.0
