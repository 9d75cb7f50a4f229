"""A table made by INHERITS (…): columns that it has from its parents alone.

LIKE makes every column the table's own, and nothing takes that back. So the clone of such an heir
is made empty, below empty frames, and gets its columns one by one in the heir's order: its own from
ADD COLUMN on itself, the others from ADD COLUMN on the frames, and those that are both from both.
Constraints come in the same way. `clone.make` compares the result with the original.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from osc.postgres.kin import Member
from osc.postgres.quoting import literal
from osc.postgres.session import Connection

COLUMNS = """
SELECT quote_ident(a.attname),
       concat(format_type(a.atttypid, a.atttypmod),
              CASE WHEN a.attcollation NOT IN (0, y.typcollation)
                   THEN ' COLLATE ' || a.attcollation::regcollation END,
              CASE WHEN a.attgenerated <> ''
                   THEN format(' GENERATED ALWAYS AS (%s) %s', pg_get_expr(d.adbin, d.adrelid),
                               CASE a.attgenerated WHEN 's' THEN 'STORED' ELSE 'VIRTUAL' END) END),
       a.attislocal, a.attnotnull,
       CASE WHEN a.attgenerated = '' THEN pg_get_expr(d.adbin, 0) END,
       (SELECT format('%s AS IDENTITY (START %s INCREMENT %s MINVALUE %s MAXVALUE %s CACHE %s %s)',
                      CASE a.attidentity WHEN 'a' THEN 'ALWAYS' ELSE 'BY DEFAULT' END, seqstart,
                      seqincrement, seqmin, seqmax, seqcache,
                      CASE WHEN seqcycle THEN 'CYCLE' ELSE 'NO CYCLE' END)
        FROM pg_depend s JOIN pg_sequence ON seqrelid = s.objid
        WHERE s.classid = 'pg_class'::regclass AND s.refclassid = 'pg_class'::regclass
        AND (s.refobjid, s.refobjsubid) = (a.attrelid, a.attnum) AND s.deptype = 'i'),
       CASE WHEN a.attstorage <> y.typstorage
            THEN CASE a.attstorage WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL'
                      WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END END,
       CASE to_jsonb(a) ->> 'attcompression' WHEN 'p' THEN 'pglz' WHEN 'l' THEN 'lz4' END,
       col_description(a.attrelid, a.attnum),
       ARRAY(SELECT i.inhparent::bigint FROM pg_inherits i
             JOIN pg_attribute p ON p.attrelid = i.inhparent AND p.attname = a.attname
                  AND NOT p.attisdropped
             WHERE i.inhrelid = a.attrelid ORDER BY i.inhseqno)
FROM pg_attribute a JOIN pg_type y ON y.oid = a.atttypid
LEFT JOIN pg_attrdef d ON (d.adrelid, d.adnum) = (a.attrelid, a.attnum)
WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""

CONSTRAINTS = """
SELECT quote_ident(conname), pg_get_constraintdef(oid) FROM pg_constraint
WHERE conrelid = $1 AND contype IN ('c', 'n') AND (conislocal OR $2) ORDER BY conname
"""


def has_columns_of_parents(session: Connection, member: Member) -> bool:
    return not member.bound and bool(
        session.value(
            "SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = $1 AND attnum > 0"
            " AND NOT attisdropped AND NOT attislocal)",
            member.oid,
        )
    )


def columns(session: Connection, heir: int, clone: str, frames: Mapping[int, str]) -> Iterator[str]:
    """What fills an empty clone below its empty frames, which are given by their parents' OIDs."""
    for (
        name, words, local, required, default, identity, storage, compression, comment, parents,
    ) in session.rows(COLUMNS, heir):  # fmt: skip
        if local:
            yield f"ALTER TABLE {clone} ADD COLUMN {name} {words}"
        for parent in parents:
            yield f"ALTER TABLE {frames[parent]} ADD COLUMN {name} {words}"
        alter = f"ALTER TABLE {clone} ALTER COLUMN {name}"
        if required and session.raw.info.server_version < 180000:
            yield f"{alter} SET NOT NULL"
        if default is not None:
            yield f"{alter} SET DEFAULT {default}"
        if identity:
            yield f"{alter} SET NOT NULL"
            yield f"{alter} ADD GENERATED {identity}"
        if storage:
            yield f"{alter} SET STORAGE {storage}"
        if compression:
            yield f"{alter} SET COMPRESSION {compression}"
        if comment is not None:
            yield f"COMMENT ON COLUMN {clone}.{name} IS {literal(comment)}"


def constraints(
    session: Connection, heir: int, clone: str, frames: Mapping[int, str]
) -> Iterator[str]:
    """The heir's own first: those of the frames are then merged into them. A frame stands without
    the parents that its own constraints may be from."""
    for table, oid in ((clone, heir), *((frame, parent) for parent, frame in frames.items())):
        for name, definition in session.rows(CONSTRAINTS, oid, oid != heir):
            yield f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}"


def below(frames: Sequence[str]) -> str:
    return f"() INHERITS ({', '.join(frames)})"
