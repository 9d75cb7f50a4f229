"""Row security policies on the clone; from its first moment, so that there is none without them."""

from __future__ import annotations

from osc.model.table import TableName
from osc.postgres.quoting import identifier, literal, qualified
from osc.postgres.session import Connection, names_within, plain_names

POLICIES = """
SELECT oid::bigint, polname, polpermissive, polcmd::text,
       ARRAY(SELECT CASE r WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(r)) END
             FROM unnest(polroles) AS r),
       obj_description(oid, 'pg_policy')
FROM pg_policy WHERE polrelid = $1 ORDER BY polname
"""

EXPRESSIONS = """
SELECT pg_catalog.pg_get_expr(polqual, polrelid), pg_catalog.pg_get_expr(polwithcheck, polrelid)
FROM pg_catalog.pg_policy WHERE oid OPERATOR(pg_catalog.=) $1::pg_catalog.oid
"""

COMMANDS = {"*": "ALL", "r": "SELECT", "a": "INSERT", "w": "UPDATE", "d": "DELETE"}


def make(session: Connection, source: int, original: TableName, clone: TableName) -> None:
    """An expression may name its own table in a sub-select: that means the clone (`firing.py`)."""
    on = qualified(clone)
    with plain_names(session):
        found = session.rows(POLICIES, source)
    for oid, name, permissive, command, roles, comment in found:
        with names_within(session, original.schema):
            using, check = session.rows(EXPRESSIONS, oid)[0]
        with names_within(session, clone.schema, original.schema):
            session.run(
                f"CREATE POLICY {identifier(name)} ON {on}"
                f" AS {'PERMISSIVE' if permissive else 'RESTRICTIVE'} FOR {COMMANDS[command]}"
                f" TO {', '.join(roles)}"
                + (f" USING ({using})" if using is not None else "")
                + (f" WITH CHECK ({check})" if check is not None else "")
            )
        if comment is not None:
            session.run(f"COMMENT ON POLICY {identifier(name)} ON {on} IS {literal(comment)}")
