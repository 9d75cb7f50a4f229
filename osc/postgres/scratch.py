"""The schemas of ours in which shadow, archive and rehearsal live."""

from __future__ import annotations

import hashlib

from osc.engine import Names
from osc.errors import Bug
from osc.model.table import TableName
from osc.postgres.quoting import identifier, qualified
from osc.postgres.session import Connection

SHADOW, ARCHIVE, TRIAL = "_osc_new_", "_osc_old", "_osc_try_"
FRAME = "osc: stands for the parent of the table beside it until the cut-over"
"""The comment by which a frame is known."""


def names(session: Connection, table: TableName) -> Names:
    """The shadow's is the same for every run on a table, so that what a dead run left is found;
    the archive's is the first that no kept archive has."""
    taken = found(session, table, *archives(table))
    archive = next(name for name in archives(table) if name not in taken)
    return Names(shadow=shadow(table), archive=archive)


def shadow(table: TableName) -> TableName:
    return TableName(SHADOW + _digest(table), table.name)


def archives(table: TableName) -> list[TableName]:
    """Names to try in turn: an archive of an earlier run may still be kept."""
    return [
        TableName(f"{ARCHIVE}{number}_{_digest(table)}", table.name)
        for number in ("", *range(2, 100))
    ]


def found(session: Connection, table: TableName, *names: TableName) -> list[TableName]:
    """Which of these are there."""
    schemas = session.rows(
        "SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.relname = $1 AND c.relkind IN ('r', 'p') AND n.nspname = ANY ($2) ORDER BY 1",
        table.name,
        [name.schema for name in names],
    )
    return [TableName(schema, table.name) for (schema,) in schemas]


def trial(table: TableName) -> TableName:
    """Where the rehearsal's clone is, for as long as its transaction lasts."""
    return TableName(TRIAL + _digest(table), table.name)


def _digest(table: TableName) -> str:
    return hashlib.sha1(f"{table.schema}.{table.name}".encode()).hexdigest()[:8]


def make_schema(session: Connection, schema: str, table: TableName) -> None:
    """The owner of `table` must be able to create in it, or the clone can't be made his."""
    if session.value("SELECT true FROM pg_namespace WHERE nspname = $1", schema):
        return
    session.run(f"CREATE SCHEMA {identifier(schema)}")
    owner = session.value(
        "SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = to_regclass($1)"
        " AND pg_get_userbyid(relowner) <> current_user",
        qualified(table),
    )
    if owner:
        session.run(f"GRANT USAGE, CREATE ON SCHEMA {identifier(schema)} TO {identifier(owner)}")


def drop_frames(session: Connection, schema: str) -> None:
    """What stood for parents of a shadow that has gone, in one way or the other."""
    frames = session.rows(
        "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = $1 AND obj_description(c.oid, 'pg_class') = $2",
        schema,
        FRAME,
    )
    for (name,) in frames:
        session.run(f"DROP TABLE IF EXISTS {qualified(TableName(schema, name))}")


def drop_empty(session: Connection, schema: str) -> None:
    """Drops the scratch schemas of one table that are empty: the one given, and those that were
    made beside it. Any other schema is none of our business."""
    if not schema.startswith((SHADOW, ARCHIVE)):
        raise Bug(f"{schema} is no scratch schema of ours")
    empty = session.rows(
        "SELECT nspname FROM pg_namespace n WHERE nspname ~ $1"
        " AND NOT EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = n.oid)",
        f"^({SHADOW}|{ARCHIVE}[0-9]*_){schema[-8:]}$",
    )
    for (name,) in empty:
        session.run(f"DROP SCHEMA IF EXISTS {identifier(name)}")
