"""How much of an integer key's range is used up."""

from __future__ import annotations

from osc.model.table import Table
from osc.postgres.quoting import identifier, qualified
from osc.postgres.session import Connection

MOST = {"smallint": 2**15 - 1, "integer": 2**31 - 1, "bigint": 2**63 - 1}
PATIENCE = "200ms"


def filled(session: Connection, table: Table) -> dict[str, float]:
    """Of each key of one such column, by its greatest value, which the key's index tells at once;
    nothing where even that takes long."""
    found = {}
    for key in table.keys:
        column = table.column(key.columns[0])
        if len(key.columns) == 1 and column.type in MOST:
            name = identifier(column.name)
            with session.undone():
                session.run(f"SET LOCAL statement_timeout = '{PATIENCE}'")
                most = session.value(f"SELECT max({name})::text FROM {qualified(table.name)}")
            found[column.name] = int(most or 0) / MOST[column.type]
    return found
