"""Reasons to refuse that come from what a table is a part of, or from what is a part of it."""

from __future__ import annotations

from collections.abc import Sequence

from osc.errors import Precondition
from osc.model.alter import Alter
from osc.model.table import Table
from osc.postgres import foreign, kin
from osc.postgres.foreign import Keys
from osc.postgres.kin import Member
from osc.postgres.session import Connection, plain_names

SCANNED_BYTES = 16 << 20
"""So much of a default partition is read in a few milliseconds, under the lock."""

CHANGES_PARENTS = {
    ("ATTACH",),
    ("DETACH",),
    ("INHERIT",),
    ("NO", "INHERIT"),
    ("SPLIT",),
    ("MERGE",),
}


def require_no_change(alter: Alter) -> None:
    """These would act on other tables than the clone that they are tried on."""
    for verbs in alter.verbs:
        if changes_parents(verbs):
            raise _refused(
                f"the ALTER changes which tables belong together ({' '.join(verbs[:2])})",
                "do that in a statement of its own, without --force-copy: it needs no copy",
            )


def changes_parents(verbs: tuple[str, ...]) -> bool:
    return verbs[:1] in CHANGES_PARENTS or verbs[:2] in CHANGES_PARENTS


def require(session: Connection, oid: int) -> None:
    family, parents = kin.family(session, oid), kin.parents(session, oid)
    for member in family[1:]:
        if member.kind == "f":
            raise _refused(
                f"the partition {member.name} is a foreign table: its rows are elsewhere",
                "detach it and add a primary key, which the table can't have beside it and without"
                " which no change of a row can be followed; after the migration drop the key,"
                " give the foreign table the same ALTER, and attach it again",
            )
    names = [member.name.name for member in (*parents, *family)]
    for name in names:
        if names.count(name) > 1:
            raise _refused(
                f"several of the tables that belong together are called {name}",
                "rename them, so that their twins can stand in one schema",
            )
    if len(family) > 1:
        _require_room_for_locks(session, oid)
    if family[0].bound:
        _require_no_keys(session, parents)
    for default in kin.default_partition(session, oid):
        _require_small(session, default)


LOCKS = f"""
{kin.DESCENDANTS},
own (oid) AS (
    SELECT oid FROM tree UNION ALL SELECT reltoastrelid FROM tree JOIN pg_class USING (oid))
SELECT (SELECT count(*) FROM own) + (SELECT count(*) FROM own JOIN pg_index ON indrelid = own.oid),
       current_setting('max_locks_per_transaction')::int
       * (current_setting('max_connections')::int
          + current_setting('max_prepared_transactions')::int)
"""


def _require_room_for_locks(session: Connection, oid: int) -> None:
    """One transaction locks the tables, their indexes and all their twins; when the server has no
    room for more locks, it is the applications' statements that fail."""
    relations, room = session.rows(LOCKS, oid)[0]
    if 4 * relations > room:
        raise _refused(
            f"the table and its partitions are {relations} relations, and to swap them takes a"
            f" lock on twice as many at once; the server has room for {room} altogether",
            f"raise max_locks_per_transaction, so that there is room for {4 * relations}",
        )


def require_keys(session: Connection, table: Table, keys: Keys) -> None:
    """An ALTER may have added some; NOT VALID, as the swap adds them, a partitioned table can't
    have them before PostgreSQL 18."""
    whole = [key for key in keys.own if key.partitioned]
    if whole and session.raw.info.server_version < 180000:
        raise _refused(
            f"the partitioned table {table.name} would have the foreign key {whole[0].name}:"
            " this server can't add one there without reading every row under the lock",
            "drop it and add it again after the migration, or use PostgreSQL 18",
        )


NULL_UNDER_NOT_NULL = """
SELECT p.attrelid::regclass::text, quote_ident(p.attname) FROM pg_inherits
JOIN pg_attribute p ON p.attrelid = inhparent AND p.attnotnull AND NOT p.attisdropped
JOIN pg_attribute c ON c.attrelid = $2 AND c.attname = p.attname AND NOT c.attnotnull
WHERE inhrelid = $1 AND current_setting('server_version_num')::int < 180000
ORDER BY inhseqno, p.attnum LIMIT 1
"""


def require_not_null(session: Connection, oid: int, clone: int) -> None:
    """Before 18 a child may drop the NOT NULL that its parent has, but nobody comes to such a
    parent by INHERIT, as the clone has to in the swap."""
    with plain_names(session):
        found = session.rows(NULL_UNDER_NOT_NULL, oid, clone)
    for parent, column in found:
        raise _refused(
            f"{column} would be without NOT NULL, which it has in {parent}: the server lets no"
            " table inherit from there that is so",
            f"leave that clause to a statement of its own, after this one, or ALTER TABLE {parent}"
            f" ALTER COLUMN {column} DROP NOT NULL first",
        )


def _require_no_keys(session: Connection, parents: Sequence[Member]) -> None:
    """A partition that comes back would be checked against its parent's foreign keys row by row,
    under the lock; and none can be detached while rows of others refer to it."""
    for member in parents:
        keys = foreign.of_one(session, member.oid)
        if keys:
            raise _refused(
                f"the foreign key {keys[0].name} is of {keys[0].table}, which refers to"
                f" {keys[0].parent}: a partition that is altered alone can't keep it",
                "alter the whole table, or drop the key and add it again after the migration",
            )


def _require_small(session: Connection, default: Member) -> None:
    """ATTACH looks in it for rows of the partition that comes back."""
    size = session.value(
        f"{kin.DESCENDANTS} SELECT coalesce(sum(pg_relation_size(oid)), 0)::bigint FROM tree",
        default.oid,
    )
    if size > SCANNED_BYTES:
        raise _refused(
            f"the default partition {default.name} has {size >> 20} MB, which the server would read"
            " under the lock of the cut-over",
            "move its rows to partitions of their own first",
        )


def require_one_identity(session: Connection, oid: int) -> None:
    """The log tells the key of a row by the replica identity of the partition that it is in."""
    with plain_names(session):
        found = session.rows(
            f"""{kin.DESCENDANTS}
        SELECT c.oid::regclass::text FROM tree JOIN pg_class c USING (oid)
        JOIN pg_class root ON root.oid = $1
        WHERE root.relkind = 'p' AND (c.relkind = 'r' OR c.oid = root.oid) AND (
            root.relreplident NOT IN ('d', 'f') OR c.relreplident <> root.relreplident
            OR c.relreplident IN ('d', 'i') AND NOT EXISTS (
                SELECT FROM pg_index x WHERE x.indrelid = c.oid
                AND CASE c.relreplident WHEN 'd' THEN x.indisprimary ELSE x.indisreplident END
                AND EXISTS (
                    SELECT FROM pg_partition_ancestors(x.indexrelid) AS a (oid)
                    JOIN pg_index r ON r.indexrelid = a.oid AND r.indrelid = root.oid
                    AND CASE c.relreplident WHEN 'd' THEN r.indisprimary
                             ELSE r.indisreplident END)))
        ORDER BY 1""",
            oid,
        )
    if found:
        named = ", ".join(name for (name,) in found)
        raise _refused(
            f"the log doesn't tell the key of rows in {named} as it does for the table itself, and"
            " would not for a partition that is added meanwhile",
            "ALTER TABLE … REPLICA IDENTITY DEFAULT, there and on the table itself, which needs a"
            " primary key for it; or follow it by --sync triggers",
        )


def _refused(happened: str, todo: str) -> Precondition:
    return Precondition(happened, still_true="nothing was touched", todo=todo)
