"""Extended statistics in the swap: the one thing that a table leaves behind when it moves.

They may live in another schema than their table. Those of the original go to the archive's, those
of the shadow to where the original's of the same name were.
"""

from __future__ import annotations

from osc.engine import Statement
from osc.model.table import TableName
from osc.postgres import kin, privileges
from osc.postgres.carried import Carried, Exchange
from osc.postgres.quoting import identifier, qualified
from osc.postgres.session import Connection

LIVING = """
SELECT stxname, nspname FROM pg_statistic_ext JOIN pg_namespace n ON n.oid = stxnamespace
WHERE stxrelid = $1 ORDER BY stxname
"""


def require(session: Connection, table: int) -> None:
    """Raises NotAllowed where they could not be put back where they are."""
    found = [session.rows(LIVING, member.oid) for member in kin.family(session, table)]
    privileges.require_room_in(session, {schema for living in found for _, schema in living})


def carried(session: Connection, exchange: Exchange) -> Carried:
    homes: dict[str, str] = dict(session.rows(LIVING, exchange.source))
    made = session.rows(LIVING, exchange.made)
    return Carried(
        before=tuple(_move(name, home, exchange.archive.schema) for name, home in homes.items()),
        after=tuple(
            _move(name, schema, homes.get(name, exchange.original.schema)) for name, schema in made
        ),
    )


def _move(name: str, schema: str, to: str) -> Statement:
    statistics = qualified(TableName(schema, name))
    return Statement(f"ALTER STATISTICS {statistics} SET SCHEMA {identifier(to)}")
