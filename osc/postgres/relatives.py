"""Reasons to refuse that come from what a table is a part of, or from what is a part of it."""

from __future__ import annotations

from osc.errors import Precondition
from osc.model.alter import Alter
from osc.postgres import kin
from osc.postgres.kin import Member
from osc.postgres.session import Connection

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
        if verbs[:1] in CHANGES_PARENTS or verbs[:2] in CHANGES_PARENTS:
            raise _refused(
                f"the ALTER changes which tables belong together ({' '.join(verbs[:2])})",
                "do that in a statement of its own: it needs no copy",
            )


def require(session: Connection, oid: int) -> None:
    family, parents = kin.family(session, oid), kin.parents(session, oid)
    for member in family[1:]:
        if member.kind == "f":
            raise _refused(
                f"the partition {member.name} is a foreign table: its rows are elsewhere",
                "detach it, and attach it again after the migration",
            )
    names = [member.name.name for member in (*parents, *family)]
    for name in names:
        if names.count(name) > 1:
            raise _refused(
                f"several of the tables that belong together are called {name}",
                "rename them, so that their twins can stand in one schema",
            )
    for default in kin.default_partition(session, oid):
        _require_small(session, default)


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
    found = session.rows(
        f"""{kin.DESCENDANTS}
        SELECT c.oid::regclass::text FROM tree JOIN pg_class c USING (oid)
        JOIN pg_class root ON root.oid = $1
        WHERE c.oid <> root.oid AND c.relkind = 'r' AND (
            c.relreplident <> root.relreplident OR c.relreplident IN ('d', 'i') AND NOT EXISTS (
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
            f"the log doesn't tell the key of rows in {named}: the replica identity there is not"
            " what it is in the table itself",
            "ALTER TABLE … REPLICA IDENTITY there as in the table itself",
        )


def _refused(happened: str, todo: str) -> Precondition:
    return Precondition(happened, still_true="nothing was touched", todo=todo)
