"""Sequences of serial and identity columns in the swap: the same one, or one that goes on counting.

A sequence that a column merely owns goes where its table goes, so it is let go first, and owned
again by the column of the new table. An identity column has a sequence of its own; the value is
read after the original has moved: from then on its sequences are locked against nextval, too.
"""

from __future__ import annotations

from collections.abc import Iterator

from osc.engine import Statement
from osc.model.table import TableName
from osc.postgres.carried import Carried, Exchange
from osc.postgres.clone import SEQUENCES
from osc.postgres.quoting import identifier, qualified
from osc.postgres.session import Connection

OWNED = """
SELECT n.nspname, s.relname, a.attname
FROM pg_depend d
JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
JOIN pg_namespace n ON n.oid = s.relnamespace
JOIN pg_attribute a ON (a.attrelid, a.attnum) = (d.refobjid, d.refobjsubid)
WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
AND d.refobjid = $1 AND d.deptype = 'a'
"""


def carried(session: Connection, exchange: Exchange) -> Carried:
    owned = _owned(session, exchange)
    own = [
        Statement(f"ALTER SEQUENCE {sequence} OWNED BY {qualified(exchange.original)}.{column}")
        for sequence, column in owned
    ]
    return Carried(
        before=tuple(
            Statement(f"ALTER SEQUENCE {sequence} OWNED BY NONE") for sequence, _ in owned
        ),
        after=(*own, *_identity_values(session, exchange)),
    )


def _owned(session: Connection, exchange: Exchange) -> list[tuple[str, str]]:
    """Serial sequences and the new table's column that is to own each. That of a column which
    the ALTER drops is not among them: it goes with the archive, as it would have gone."""
    return [
        (qualified(TableName(schema, name)), identifier(exchange.columns[column]))
        for schema, name, column in session.rows(OWNED, exchange.source)
        if column in exchange.columns
    ]


def _identity_values(session: Connection, exchange: Exchange) -> Iterator[Statement]:
    """The new identity columns go on counting where the old ones stopped."""
    new = {column: oid for column, _, oid, *_ in session.rows(SEQUENCES, exchange.made)}
    for column, name, *_ in session.rows(SEQUENCES, exchange.source):
        target = exchange.columns.get(column)
        if target in new:
            stopped = qualified(TableName(exchange.archive.schema, name))
            yield Statement(
                f"SELECT setval($1::oid::regclass, last_value, is_called) FROM {stopped}",
                (new[target],),
            )
