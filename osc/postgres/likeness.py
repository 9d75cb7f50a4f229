"""Whether two tables are alike in all that an ALTER may be about."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from osc.errors import Precondition, ServerError
from osc.model.alter import Alter
from osc.model.table import TableName
from osc.postgres import foreign, rehearsal
from osc.postgres.definition import describe, oid_of
from osc.postgres.foreign import ForeignKey
from osc.postgres.session import Connection

SILENCED = """
SELECT k.conname, tgtype, tgenabled, count(*)
FROM pg_trigger JOIN pg_constraint k ON k.oid = tgconstraint
WHERE tgrelid = $1 AND tgisinternal GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""


def described(session: Connection, oid: int) -> tuple[str, ...]:
    """With foreign keys, as valid as they are, and their triggers: an ALTER may be about nothing
    else."""
    triggers = (f"triggers of constraint {row}" for row in _silenced(session, oid))
    return (*describe(session, oid), *_told(foreign.read(session, oid)), *triggers)


def is_there_already(session: Connection, original: TableName, alter: Alter) -> bool:
    """Whether an ALTER that changes nothing on a double changes nothing on the table. The double
    lacks what costs nothing to change: owner, statistics targets, silenced keys. So a clone has the
    last word, which has all that; where there can't be one, the server does what it finds to do.
    Where a sequence stands, no description tells."""
    if any("RESTART" in verbs for verbs in alter.verbs):
        return False
    try:
        with rehearsal.rehearsed(session, original, alter) as target:
            source = oid_of(session, original)
            assert source is not None
            found = foreign.read(session, source)
            there = _told(key for key in found if key.oid in target.keys.known)
            wanted = _told((*target.keys.own, *target.keys.incoming.values()))
            have = (*describe(session, source), *there, *_silenced(session, source))
            return have == (*target.lines, *wanted, *_silenced(session, target.oid))
    except (Precondition, ServerError):
        return False


def _told(keys: Iterable[ForeignKey]) -> list[str]:
    """Without OIDs: doubles of two rehearsals have others."""
    nameless = (replace(key, oid=0, table_oid=0, parent_oid=0) for key in keys)
    return sorted(f"foreign key {key.name}: {key}" for key in nameless)


def _silenced(session: Connection, oid: int) -> list[tuple[Any, ...]]:
    return session.rows(SILENCED, oid)
