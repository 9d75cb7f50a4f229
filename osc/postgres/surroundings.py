"""What hangs on a table from outside, so that it can be compared before the swap and after it."""

from __future__ import annotations

from osc.model.table import TableName
from osc.postgres import dependents, foreign, mentions, published, rebuilt, rekeying
from osc.postgres.foreign import ForeignKey, Keys
from osc.postgres.session import Connection


def require(session: Connection, table: int, name: TableName, *, rebuild: bool) -> None:
    """Raises where something of it could not follow the new table, whatever the ALTER is."""
    found = dependents.read(session, table)
    dependents.require_known(found, name, rebuild=rebuild)
    rebuilt.require(session, table)
    mentions.require(session, found)
    for view in rebuilt.tree(session, table):
        upon = dependents.read(session, view.oid)
        dependents.require_known(upon, view.name, rebuild=rebuild)
        mentions.require(session, upon)
    rekeying.require(session, table)
    published.require(session, table)


def described(session: Connection, table: int) -> tuple[str, ...]:
    """One line for each object, foreign keys excepted."""
    found = (*dependents.read(session, table), *published.read(session, table))
    return tuple(f"needed by {dependent.words}" for dependent in found)


def keys(session: Connection, table: int, clone: int = 0) -> tuple[str, ...]:
    """One line for each foreign key, whether its rows have been checked yet or not; none for those
    of a clone that is being looked at beside it."""
    found = (key for key in foreign.read(session, table) if key.table_oid != clone)
    return tuple(sorted(_line(key) for key in found))


def lines(keys: Keys) -> tuple[str, ...]:
    """The same of what the ALTER makes of them."""
    return tuple(sorted(_line(key) for key in (*keys.own, *keys.incoming.values())))


def _line(key: ForeignKey) -> str:
    definition = key.definition.removesuffix(" NOT VALID")
    return f"foreign key {key.name} of {key.table}: {definition}, comment {key.comment}"


def left(session: Connection, archive: int, schema: str) -> tuple[str, ...]:
    """What still hangs on the archive: nothing may, or it would fall out of use without a word. Of
    the old materialized views, which are beside it, that holds as well."""
    beside = [v.oid for v in rebuilt.tree(session, archive) if v.name.schema == schema]
    old = {
        f"needed by {dependents.MATERIALIZED} {foreign.qualified_by_server(session, view)}"
        for view in beside
    }
    lines = (line for oid in (archive, *beside) for line in described(session, oid))
    return (*(line for line in lines if line not in old), *keys(session, archive))
