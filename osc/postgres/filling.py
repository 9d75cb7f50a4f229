"""How the columns of the altered table are filled from the original's, and which key joins them."""

from __future__ import annotations

from osc.errors import Precondition
from osc.model.alter import Alter
from osc.model.columns import ColumnMap, Pair, common_key, sources
from osc.model.table import Column, Key, Table, TableName
from osc.postgres import kin
from osc.postgres.computed import refuse_the_moment
from osc.postgres.keys import require_apart
from osc.postgres.quoting import identifier, literal, qualified, type_of
from osc.postgres.session import Connection


def column_map(
    session: Connection, original: Table, altered: Table, alter: Alter
) -> tuple[ColumnMap, Key]:
    """Raises Precondition where a column can't be filled as the native ALTER fills it.

    `altered` is the rehearsed table, which is there and empty: `session` is in its transaction.
    """
    found = sources(original, altered, alter)
    key, _ = common_key(original, altered, found)
    targets = {source: target for target, source in found.items()}
    shadow_key = tuple(targets[column] for column in key.columns)
    for source, target in zip(key.columns, shadow_key, strict=True):
        require_apart(original.column(source), altered.column(target), alter)
    pairs = [
        pair
        for column in altered.columns
        if not column.generated
        and (pair := _pair(session, original, altered, column, found, alter)) is not None
    ]
    return ColumnMap(tuple(pairs), key.columns, shadow_key), key


def _pair(
    session: Connection,
    original: Table,
    altered: Table,
    column: Column,
    found: dict[str, str],
    alter: Alter,
) -> Pair | None:
    source = found.get(column.name)
    if source is None:
        return _added(session, altered.name, column)
    same = original.column(source).type == column.type
    using = alter.using.get(source)
    if using:
        refuse_the_moment(column.name, using)
    expression = f"({using})" if using else identifier(source)
    return Pair(column.name, source, expression, same_type=same and not using)


NUMBERED = """
SELECT a.attidentity <> '' OR EXISTS (
    SELECT FROM pg_attrdef d JOIN pg_depend p ON p.classid = 'pg_attrdef'::regclass
        AND p.objid = d.oid AND p.refclassid = 'pg_class'::regclass
    JOIN pg_class s ON s.oid = p.refobjid AND s.relkind = 'S'
    WHERE (d.adrelid, d.adnum) = (a.attrelid, a.attnum))
FROM pg_attribute a WHERE a.attrelid = to_regclass($1) AND a.attname = $2
"""


def _added(session: Connection, altered: TableName, column: Column) -> Pair | None:
    """A new column's one value for all rows, or None where its default is to fire for each row.

    The native ALTER evaluates a default such as now() once. A volatile one, such as
    gen_random_uuid(), it evaluates for each row, and so does our INSERT when it leaves it out.
    """
    if session.value(NUMBERED, qualified(altered), column.name):
        raise Precondition(
            f"the new column {column.name!r} takes its values from a sequence: rows would be "
            "numbered in another order than the native ALTER numbers them",
            still_true="nothing was touched",
            todo="add the column without its sequence, fill it in batches, then add the sequence",
        )
    if column.default is None:
        return None
    constant = _evaluated_once(session, altered, column)
    if constant is None:
        return None
    return Pair(column.name, None, f"CAST({literal(constant)} AS {type_of(column)})")


def _evaluated_once(session: Connection, altered: TableName, column: Column) -> str | None:
    """The default's value as text; None where it is volatile or NULL.

    The server itself tells volatile defaults from others: it keeps the value of a column added to
    existing rows only where one value fits all. The type is text here, because other reasons (a
    domain with a CHECK) would make it rewrite the table; the date style because a text must mean
    the same to all our sessions.
    """
    on, name = qualified(altered), "_osc_default"
    with session.undone():
        session.run("SET LOCAL datestyle = ISO")
        session.run(f"ALTER TABLE {on} ADD COLUMN {name} text DEFAULT ({column.default})::text")
        found = session.value(
            # Of a partitioned table, any leaf has it.
            f"{kin.DESCENDANTS} SELECT (attmissingval::text::text[])[1] FROM pg_attribute"
            " JOIN tree ON attrelid = oid WHERE attname = $2 AND atthasmissing LIMIT 1",
            session.value("SELECT to_regclass($1)::oid::bigint", on),
            name,
        )
    return None if found is None else str(found)
