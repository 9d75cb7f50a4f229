"""What hangs on a table from outside, so that it can be compared before the swap and after it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial

from osc.model.consent import Consent
from osc.model.table import TableName
from osc.postgres import (
    dependents,
    foreign,
    kin,
    mentions,
    privileges,
    published,
    rebuilt,
    rekeying,
    statistics,
)
from osc.postgres.foreign import ForeignKey, Keys
from osc.postgres.session import Connection


def require(session: Connection, table: int, name: TableName, consent: Consent) -> None:
    """Raises where something of it could not follow the new table, whatever the ALTER is."""
    privileges.all_of(
        (
            partial(require_views, session, table, name, (), consent),
            partial(rekeying.require, session, table),
            partial(published.require, session, table),
            partial(statistics.require, session, table),
        )
    )


def require_views(
    session: Connection, table: int, name: TableName, retyped: Sequence[str], consent: Consent
) -> None:
    """Raises where the views that have to be made anew can't be, or what mentions them or the table
    can't be said again."""
    views = rebuilt.tree(session, table, retyped)
    rebuilt.require(session, table, views)
    for oid, whose in ((table, name), *((view.oid, view.name) for view in views)):
        found = dependents.read(session, oid)
        dependents.require_known(found, whose, consent)
        mentions.require(session, found)


def described(session: Connection, table: int, known: Collection[int] = ()) -> tuple[str, ...]:
    """One line for each object, foreign keys and what is `known` by its OID excepted."""
    found = (*dependents.read(session, table), *published.read(session, table))
    return tuple(f"needed by {one.words}" for one in found if one.oid not in known)


def keys(session: Connection, table: int, clone: int = 0) -> tuple[str, ...]:
    """One line for each foreign key, whether its rows have been checked yet or not; none for those
    of a clone that is being looked at beside it."""
    clones = {member.oid for member in kin.family(session, clone)}
    found = (key for key in foreign.read(session, table) if key.table_oid not in clones)
    return tuple(sorted(_line(key) for key in found))


def lines(keys: Keys) -> tuple[str, ...]:
    """The same of what the ALTER makes of them."""
    return tuple(sorted(_line(key) for key in (*keys.own, *keys.incoming.values())))


def _line(key: ForeignKey) -> str:
    definition = key.definition.removesuffix(" NOT VALID")
    return f"foreign key {key.name} of {key.table}: {definition}, comment {key.comment}"


def left(session: Connection, archive: int, schema: str) -> tuple[str, ...]:
    """What still hangs on the archive: nothing may, or it would fall out of use without a word. Of
    the old views that were made anew, which are beside it, that holds as well."""
    beside, rules = rebuilt.within(session, schema)
    lines = (line for oid in (archive, *beside) for line in described(session, oid, rules))
    return (*lines, *keys(session, archive))
