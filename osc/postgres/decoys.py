"""Names that are taken beside the original, taken beside its clone, too.

A constraint or a sequence that the ALTER gives no name gets one from the server: the first of
`t_a_check`, `t_a_check1` … that nobody in the schema has. A clone stands in a schema of its own,
where they are all free. Sequences that the table's own columns own are among them, until the ALTER
drops the column.
"""

from __future__ import annotations

from osc.model.table import TableName
from osc.postgres.definition import oid_of
from osc.postgres.quoting import identifier, qualified
from osc.postgres.session import Connection

NEIGHBOURLY = """
SELECT name FROM (
    SELECT relname AS name FROM pg_class WHERE relnamespace = $2::regnamespace AND oid <> $1
    AND oid NOT IN (SELECT indexrelid FROM pg_index WHERE indrelid = $1)
    AND oid NOT IN (SELECT objid FROM pg_depend WHERE classid = 'pg_class'::regclass
                    AND refclassid = 'pg_class'::regclass AND refobjid = $1
                    AND deptype IN ('a', 'i'))
    UNION SELECT conname FROM pg_constraint
    WHERE connamespace = $2::regnamespace AND conrelid <> $1) AS named
WHERE starts_with(name, left($3, 20))
AND name ~ '_(check|key|pkey|fkey|not_null|excl|seq)[0-9]*$' LIMIT 100
"""
"""Names of others that the server might have chosen for something of the table."""


OWNED = """
SELECT s.relname, a.attname, pg_get_userbyid(c.relowner)
FROM pg_class c
JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
     AND d.refobjid = c.oid AND d.deptype = 'a'
JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S' AND s.relnamespace = c.relnamespace
JOIN pg_attribute a ON (a.attrelid, a.attnum) = (d.refobjid, d.refobjsubid)
WHERE c.oid = $1
"""


def set_up(session: Connection, source: int, original: TableName, schema: str) -> list[str]:
    """Tables in `schema` that keep the names from being chosen, by relation and by constraint; in
    words for `take_down`."""
    made = []
    names = session.rows(NEIGHBOURLY, source, identifier(original.schema), original.name)
    for (name,) in names:
        decoy = TableName(schema, name)
        if oid_of(session, decoy) is None:
            own = identifier(name)
            session.run(f"CREATE TABLE {qualified(decoy)} (CONSTRAINT {own} CHECK (true))")
            made.append(f"TABLE {qualified(decoy)}")
    return made


def own(session: Connection, source: int, clone: TableName) -> list[str]:
    """The same for the sequences of serial columns: each goes with its column, as the real one."""
    made = []
    for name, column, owner in session.rows(OWNED, source):
        sequence = qualified(TableName(clone.schema, name))
        session.run(f"CREATE SEQUENCE {sequence}")
        session.run(f"ALTER SEQUENCE {sequence} OWNER TO {identifier(owner)}")
        session.run(f"ALTER SEQUENCE {sequence} OWNED BY {qualified(clone)}.{identifier(column)}")
        made.append(f"SEQUENCE IF EXISTS {sequence}")
    return made


def take_down(session: Connection, decoys: list[str]) -> None:
    for decoy in decoys:
        session.run(f"DROP {decoy}")
