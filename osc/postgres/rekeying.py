"""Foreign keys in the swap: dropped from the archive, added to the new table, both ways."""

from __future__ import annotations

from functools import partial

from osc.errors import Conflict, NotAllowed, Precondition
from osc.postgres import kin, privileges
from osc.postgres.carried import CHILD, PARENT, Carried, Exchange, Lock, Unvalidated
from osc.postgres.foreign import ForeignKey, read
from osc.postgres.quoting import identifier
from osc.postgres.session import Connection, plain_names

MAY_LOCK = "SELECT has_table_privilege($1::oid, 'UPDATE, DELETE, TRUNCATE')"
"""Without it the parent is locked all the same, when its key is dropped, but not in our order."""

RIGHTS = """
SELECT current_user, c.oid::regclass::text, pg_get_userbyid(c.relowner),
       pg_has_role(c.relowner, 'USAGE'),
       ARRAY(SELECT right_to FROM unnest(ARRAY['REFERENCES', 'SELECT']) AS right_to
             WHERE NOT has_table_privilege(c.oid, right_to))
FROM pg_class c WHERE c.oid = $1
"""

SILENCED = f"""
{kin.DESCENDANTS}
SELECT string_agg(DISTINCT k.conname, ', ') FROM pg_constraint k
JOIN pg_trigger g ON g.tgconstraint = k.oid
WHERE k.contype = 'f' AND g.tgenabled <> 'O'
AND (k.conrelid IN (SELECT oid FROM tree) OR k.confrelid IN (SELECT oid FROM tree))
"""


def require(session: Connection, source: int) -> None:
    """Raises where a key could not be dropped and added again."""
    require_loud(session, source)
    keys = read(session, source)
    for key in keys:
        if key.partitioned and session.raw.info.server_version < 180000:
            raise Precondition(
                f"the foreign key {key.name} of the partitioned table {key.table} refers to"
                f" {key.parent}: this server can't add one there without reading every row under"
                " the lock",
                still_true="nothing was touched",
                todo="drop it and add it again after the migration, or use PostgreSQL 18",
            )
    family = _family(session, source)
    privileges.all_of(partial(_require_rights, session, key, family) for key in keys)


def _family(session: Connection, source: int) -> frozenset[int]:
    return frozenset(member.oid for member in kin.family(session, source))


def require_loud(session: Connection, table: int) -> None:
    """Raises Precondition where a key of the table, or of its altered clone, is not in force as it
    would be once it is added anew."""
    silenced = session.value(SILENCED, table)
    if silenced:
        raise Precondition(
            f"triggers of the foreign key {silenced} are or would be disabled or always on, and"
            " can't be carried over so",
            still_true="nothing was touched",
            todo="ALTER TABLE … ENABLE TRIGGER ALL on both tables, or drop the key",
        )


def _require_rights(session: Connection, key: ForeignKey, family: frozenset[int]) -> None:
    is_own = key.table_oid in family
    other = key.parent_oid if is_own else key.table_oid
    with plain_names(session):
        role, name, owner, owns, lacks = session.rows(RIGHTS, other)[0]
    if not is_own and not owns:
        raise NotAllowed(
            f"{name}, whose foreign key {key.name} refers to the table, belongs to {owner}",
            still_true="nothing was touched",
            todo=privileges.membership(session, owner),
        )
    if is_own and lacks:
        raise NotAllowed(
            f"the foreign key {key.name} can't be made again: we may not refer to {name}, or not"
            " look whether its rows are there",
            still_true="nothing was touched",
            todo=f"GRANT {', '.join(lacks)} ON {name} TO {identifier(role)}",
        )


def carried(session: Connection, exchange: Exchange) -> Carried:
    """The archive keeps no key: a parent's DELETE would be checked against rows of yesterday."""
    source, keys = exchange.source, exchange.target.keys
    family = _family(session, source)
    now = read(session, source)
    if {key.oid for key in now} != keys.known:
        raise Conflict("foreign keys were added or dropped meanwhile")
    others = [key for key in now if key.table_oid not in family]
    wanted = [*keys.own, *(keys.incoming[k.oid] for k in others if k.oid in keys.incoming)]
    locks = {_lock(CHILD, key.table_oid, key.table, key.partitioned) for key in others} | {
        _lock(PARENT, key.parent_oid, key.parent, key.parent_partitioned)
        for key in (*now, *keys.own)
        if key.parent_oid not in family
        and not key.on_itself
        and session.value(MAY_LOCK, key.parent_oid)
    }
    return Carried(
        locks=tuple(locks),
        before=tuple(key.drop() for key in now),
        after=tuple(step for key in wanted for step in key.add(unvalidated=True)),
        unvalidated=tuple(Unvalidated(key.table, key.name) for key in wanted if key.valid),
    )


def _lock(rank: int, oid: int, name: str, partitioned: bool) -> Lock:
    only = "" if partitioned else "ONLY "
    return Lock(rank, oid, f"LOCK TABLE {only}{name} IN ACCESS EXCLUSIVE MODE")
