"""Sequences of serial and identity columns in the swap: the same one, or one that goes on counting.

A sequence that a column merely owns goes where its table goes, so it is let go first, and owned
again by the column of the new table. An identity column has a sequence of its own; the value is
read after the original has moved: from then on its sequences are locked against nextval, too. But
what the ALTER restarts, or makes anew, starts where the ALTER says.
"""

from __future__ import annotations

from collections.abc import Iterator

from osc.engine import Statement
from osc.errors import Precondition
from osc.model.columns import ColumnMap
from osc.model.table import TableName
from osc.postgres.carried import Carried, Exchange
from osc.postgres.clone import SEQUENCES
from osc.postgres.quoting import identifier, qualified
from osc.postgres.session import Connection, plain_names

OWNED = """
SELECT n.nspname, s.relname, a.attname
FROM pg_depend d
JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
JOIN pg_namespace n ON n.oid = s.relnamespace
JOIN pg_attribute a ON (a.attrelid, a.attnum) = (d.refobjid, d.refobjsubid)
WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
AND d.refobjid = $1 AND d.deptype = 'a'
"""

BECOMES = """
SELECT CASE WHEN old.relowner <> new.relowner
            THEN format('OWNER TO %I', pg_get_userbyid(new.relowner)) END,
       CASE WHEN old.relpersistence <> new.relpersistence
            AND current_setting('server_version_num')::int >= 150000
            THEN CASE new.relpersistence WHEN 'u' THEN 'SET UNLOGGED' ELSE 'SET LOGGED' END END
FROM pg_class old, pg_class new WHERE old.oid = $1 AND new.oid = $2
"""
"""What the ALTER makes of the table, it makes of the sequences that it owns: a table can't even own
one that is somebody else's. Before 15 a sequence is always logged."""

DROPPED = """
SELECT s.oid::regclass::text, pg_describe_object(d.classid, d.objid, d.objsubid)
FROM pg_depend o JOIN pg_class s ON s.oid = o.objid AND s.relkind = 'S'
JOIN pg_attribute a ON (a.attrelid, a.attnum) = (o.refobjid, o.refobjsubid)
JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = s.oid AND d.deptype = 'n'
LEFT JOIN pg_attrdef own ON d.classid = 'pg_attrdef'::regclass AND own.oid = d.objid
LEFT JOIN pg_attribute b ON (b.attrelid, b.attnum) = (own.adrelid, own.adnum)
WHERE o.classid = 'pg_class'::regclass AND o.refclassid = 'pg_class'::regclass
AND o.refobjid = $1
AND CASE o.deptype WHEN 'a' THEN NOT a.attname = ANY ($2) WHEN 'i' THEN NOT a.attname = ANY ($3) END
AND (b.attrelid = $1 AND NOT b.attname = ANY ($2)) IS NOT TRUE
"""


def require_free(session: Connection, source: int, made: int, columns: ColumnMap) -> None:
    """A serial column that is dropped takes its sequence along, as an identity column does that is
    none any more; but not from others that use it."""
    kept = {pair.target: pair.source for pair in columns.pairs if pair.source is not None}
    counting = [kept[column] for column, *_ in session.rows(SEQUENCES, made) if column in kept]
    with plain_names(session):
        used = session.rows(DROPPED, source, [*kept.values()], counting)
    if used:
        raise Precondition(
            f"the sequence {used[0][0]} goes with its column, and is needed by {used[0][1]}",
            still_true="nothing was touched",
            todo="drop that first, or let a serial sequence go: ALTER SEQUENCE … OWNED BY NONE",
        )


def carried(session: Connection, exchange: Exchange) -> Carried:
    owned = _owned(session, exchange)
    owner, logged = session.rows(BECOMES, exchange.source, exchange.made)[0]
    own = [
        Statement(f"ALTER SEQUENCE {sequence} {what}")
        for sequence, column in owned
        for what in (owner, f"OWNED BY {qualified(exchange.original)}.{column}", logged)
        if what
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
    new = {
        column: oid
        for column, _, oid, *_, sequence in session.rows(SEQUENCES, exchange.made)
        if session.value(f"SELECT is_called FROM {sequence}")
    }
    for column, name, *_ in session.rows(SEQUENCES, exchange.source):
        target = exchange.columns.get(column)
        if target in new:
            stopped = qualified(TableName(exchange.archive.schema, name))
            yield Statement(
                f"SELECT setval($1::oid::regclass, last_value, is_called) FROM {stopped}",
                (new[target],),
            )
