"""An empty table in every respect like another one: what LIKE carries over, and the rest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from osc.errors import (
    Conflict,
    ConnectionLost,
    LockTimeout,
    NotAllowed,
    Precondition,
    ServerError,
)
from osc.model.table import TableName
from osc.postgres import firing, grants, heir, indexes, kin, policies, scratch
from osc.postgres.definition import COLUMN_OPTIONS, describe, differences, oid_of
from osc.postgres.quoting import identifier, literal, qualified
from osc.postgres.session import Connection, plain_names


def make(session: Connection, original: TableName, clone: TableName) -> int:
    """Makes the clone in a schema that exists; returns its OID.

    Raises Precondition where the two descriptions differ in the end: each line is something that
    would be lost, and nobody has to have thought of it before.
    """
    source = oid_of(session, original)
    if source is None:
        raise Precondition(f"there is no table {original}", still_true="nothing was touched")
    try:
        made = _make(session, source, clone)
    except (ConnectionLost, LockTimeout, Conflict):
        raise
    except ServerError as error:
        raise Precondition(
            f"an empty clone of {original} cannot be made: {error.happened}",
            still_true="nothing was touched",
            todo="give us that right, or connect as who has it"
            if isinstance(error, NotAllowed)
            else "",
        ) from error
    lost = differences(describe(session, made), describe(session, source))
    if lost:
        raise Precondition(
            f"these properties of {original} cannot be carried over:\n  " + "\n  ".join(lost),
            still_true="nothing was touched",
            todo="remove them and put them back after the migration, or use the native ALTER",
        )
    return made


def _make(session: Connection, source: int, clone: TableName) -> int:
    """The whole family, put together as pg_dump does it: every table for itself, then the children
    attached to their parents, then the indexes, those of the leaves first. What the table itself is
    a part of stands beside it as a frame, so that the server judges each change as it would judge
    it on the original."""
    frames, family = kin.parents(session, source), kin.family(session, source)
    twins = {member.oid: member.within(clone.schema) for member in (*frames, *family)}
    twins[source] = clone
    if heir.has_columns_of_parents(session, family[0]):
        made = {source: _make_heir(session, family[0], frames, twins)}
    else:
        made = {member.oid: _make_table(session, member, twins[member.oid]) for member in family}
        for frame in frames:
            _make_frame(session, frame, twins[frame.oid])
        _join(session, family, frames, twins)
        for member in family:
            if member.bound:
                for statement in kin.own_not_nulls(session, member.oid, twins[member.oid]):
                    session.execute(statement)
    for member, found in reversed(indexes.of_family(session, (*frames, *family))):
        for index in found:
            for step in (*index.build(twins[member.oid]), *index.attach(twins[member.oid])):
                session.execute(step)
    for frame in frames:
        if frame.is_partitioned:
            firing.make_on_frame(session, frame.oid, frame.name, twins[frame.oid])
    for member in family:
        policies.make(session, member.oid, member.name, twins[member.oid])
        firing.make(session, member.oid, member.name, twins[member.oid])
    # Last: who may not act for its owner in everything could not do the rest.
    with plain_names(session):
        for member in family:
            _hand_over(session, member.oid, made[member.oid], twins[member.oid])
    return made[source]


def _make_table(session: Connection, member: kin.Member, clone: TableName) -> int:
    with plain_names(session):
        session.run(_create(session, member, clone))
        made = oid_of(session, clone)
        assert made is not None
        for statement in _mending(session, member.oid, made, clone):
            session.run(statement)
    return made


def _make_heir(
    session: Connection,
    member: kin.Member,
    parents: Sequence[kin.Member],
    twins: Mapping[int, TableName],
) -> int:
    clone, frames = twins[member.oid], {one.oid: qualified(twins[one.oid]) for one in parents}
    with plain_names(session):
        for frame in frames.values():
            session.run(f"CREATE TABLE {frame} ()")
            session.run(f"COMMENT ON TABLE {frame} IS {literal(scratch.FRAME)}")
        session.run(_create(session, member, clone, heir.below([*frames.values()])))
        made = oid_of(session, clone)
        assert made is not None
        # Read and done one by one, since what was done decides on what is left.
        for statement in heir.columns(session, member.oid, qualified(clone), frames):
            session.run(statement)
        for statement in heir.constraints(session, member.oid, qualified(clone), frames):
            session.run(statement)
        for statement in _toast_options(session, member.oid, qualified(clone)):
            session.run(statement)
        for statement in _mending(session, member.oid, made, clone):
            session.run(statement)
    return made


def _toast_options(session: Connection, source: int, on: str) -> Iterator[str]:
    """An heir has no TOAST table before it has columns: what CREATE said of it went nowhere."""
    options = session.value(
        "SELECT string_agg('toast.' || o, ', ') FROM pg_class c"
        " JOIN pg_class toast ON toast.oid = c.reltoastrelid, unnest(toast.reloptions) AS o"
        " WHERE c.oid = $1",
        source,
    )
    if options:
        yield f"ALTER TABLE {on} SET ({options})"


def _make_frame(session: Connection, parent: kin.Member, clone: TableName) -> None:
    with plain_names(session):
        session.run(_create(session, parent, clone))
        made = oid_of(session, clone)
        assert made is not None
        for statement in _constraints(session, parent.oid, made, qualified(clone)):
            session.run(statement)
        session.run(f"COMMENT ON TABLE {qualified(clone)} IS {literal(scratch.FRAME)}")


def _join(
    session: Connection,
    family: Sequence[kin.Member],
    frames: Sequence[kin.Member],
    twins: Mapping[int, TableName],
) -> None:
    by_name = {member.name: twins[member.oid] for member in (*frames, *family)}
    for member in family:
        for parent in member.parents:
            session.execute(member.join(twins[member.oid], by_name[parent]))


def _create(
    session: Connection, member: kin.Member, clone: TableName, columns: str | None = None
) -> str:
    """With the columns of the member, or those that are said."""
    unlogged, method, options, tablespace, partitioned = session.rows(
        """SELECT c.relpersistence = 'u', am.amname,
                  array_to_string(coalesce(c.reloptions, '{}')
                      || ARRAY(SELECT 'toast.' || o FROM unnest(toast.reloptions) o), ', '),
                  space.spcname, pg_get_partkeydef(c.oid)
           FROM pg_class c LEFT JOIN pg_am am ON am.oid = c.relam
           LEFT JOIN pg_class toast ON toast.oid = c.reltoastrelid
           LEFT JOIN pg_tablespace space ON space.oid = c.reltablespace
           WHERE c.oid = $1""",
        member.oid,
    )[0]
    # Since 17 a partition shares the identity of its parent, and is given it when it is attached.
    shares = member.bound and session.raw.info.server_version >= 170000
    like = (
        f"(LIKE {qualified(member.name)} INCLUDING ALL"
        " EXCLUDING INDEXES EXCLUDING CONSTRAINTS EXCLUDING STATISTICS"
        + (" EXCLUDING IDENTITY)" if shares else ")")
    )
    return (
        f"CREATE {'UNLOGGED ' * (unlogged and not partitioned)}TABLE {qualified(clone)}"
        f" {columns or like}"
        + (f" PARTITION BY {partitioned}" if partitioned else "")
        + (f" USING {identifier(method)}" if method else "")
        + (f" WITH ({options})" if options else "")
        + (f" TABLESPACE {identifier(tablespace)}" if tablespace else "")
    )


COLUMN_EXTRAS = f"""
SELECT a.attname, coalesce((to_jsonb(a) ->> 'attstattarget')::int, -1),
       array_to_string({COLUMN_OPTIONS}, ', ')
FROM pg_attribute a WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped
AND (coalesce((to_jsonb(a) ->> 'attstattarget')::int, -1) <> -1 OR {COLUMN_OPTIONS} <> '{{}}')
"""

SEQUENCES = """
SELECT a.attname, s.relname, s.oid, obj_description(s.oid, 'pg_class'), q.seqtypid::regtype::text,
       s.oid::regclass::text
FROM pg_depend d
JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
JOIN pg_sequence q ON q.seqrelid = s.oid
JOIN pg_attribute a ON (a.attrelid, a.attnum) = (d.refobjid, d.refobjsubid)
WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
AND d.refobjid = $1 AND d.deptype = 'i'
"""

STATISTICS = """
SELECT s.stxname, s.stxkind,
       pg_get_statisticsobjdef_columns(s.oid), coalesce((to_jsonb(s) ->> 'stxstattarget')::int, -1),
       pg_get_userbyid(s.stxowner), obj_description(s.oid, 'pg_statistic_ext')
FROM pg_statistic_ext s WHERE s.stxrelid = $1
"""

CONSTRAINTS = """
SELECT o.conname, pg_get_constraintdef(o.oid), o.contype,
       obj_description(o.oid, 'pg_constraint'), m.oid IS NOT NULL,
       coalesce(m.convalidated AND NOT o.convalidated, false)
FROM pg_constraint o
LEFT JOIN pg_constraint m ON m.conrelid = $2 AND m.conname = o.conname
WHERE o.conrelid = $1 AND o.contype IN ('c', 'n') ORDER BY o.conname
"""

KINDS = {"d": "ndistinct", "f": "dependencies", "m": "mcv"}


def _mending(session: Connection, source: int, made: int, clone: TableName) -> Iterator[str]:
    """The statements for what LIKE leaves out, grants and owner excepted."""
    on = qualified(clone)
    yield from column_extras(session, source, on)
    yield from _constraints(session, source, made, on)
    yield from _sequences(session, source, made, clone)
    yield from extended_statistics(session, source, clone)
    yield from labels(session, source, "TABLE", on)
    identity, secured, forced, type, comment, row_type, of_row_type = session.rows(
        "SELECT relreplident, relrowsecurity, relforcerowsecurity,"
        " CASE WHEN reloftype <> 0 THEN reloftype::regtype::text END,"
        " obj_description(oid, 'pg_class'), reltype, obj_description(reltype, 'pg_type')"
        " FROM pg_class WHERE oid = $1",
        source,
    )[0]
    yield from labels(session, row_type, "TYPE", on)
    if of_row_type is not None:
        yield f"COMMENT ON TYPE {on} IS {literal(of_row_type)}"
    if identity in ("f", "n"):
        yield f"ALTER TABLE {on} REPLICA IDENTITY {'FULL' if identity == 'f' else 'NOTHING'}"
    if secured:
        yield f"ALTER TABLE {on} ENABLE ROW LEVEL SECURITY"
    if forced:
        yield f"ALTER TABLE {on} FORCE ROW LEVEL SECURITY"
    if type is not None:
        yield f"ALTER TABLE {on} OF {type}"
    if comment is not None:
        yield f"COMMENT ON TABLE {on} IS {literal(comment)}"


def _constraints(session: Connection, source: int, made: int, on: str) -> Iterator[str]:
    """CHECKs, as valid as they are; and named NOT NULLs, which LIKE would validate."""
    for name, definition, kind, comment, there, too_valid in session.rows(
        CONSTRAINTS, source, made
    ):
        anew = kind == "n" and too_valid
        if anew:
            yield f"ALTER TABLE {on} DROP CONSTRAINT {identifier(name)}"
        if not there or anew:
            yield f"ALTER TABLE {on} ADD CONSTRAINT {identifier(name)} {definition}"
        if comment is not None:
            yield f"COMMENT ON CONSTRAINT {identifier(name)} ON {on} IS {literal(comment)}"


def _sequences(session: Connection, source: int, made: int, clone: TableName) -> Iterator[str]:
    """LIKE gives an identity column a sequence of its own name and type, without a comment. It gets
    the value of the original's, as one that was used: where it isn't after the ALTER, that has
    restarted it or made another one."""
    have = {column: name for column, name, *_ in session.rows(SEQUENCES, made)}
    for column, name, oid, comment, type, counting in session.rows(SEQUENCES, source):
        fresh = TableName(clone.schema, have[column])
        sequence = qualified(TableName(clone.schema, name))
        if fresh.name != name:
            yield f"ALTER SEQUENCE {qualified(fresh)} RENAME TO {identifier(name)}"
        yield f"ALTER SEQUENCE {sequence} AS {type}"
        yield f"SELECT setval({literal(sequence)}, last_value, true) FROM {counting}"
        if comment is not None:
            yield f"COMMENT ON SEQUENCE {sequence} IS {literal(comment)}"
        yield from labels(session, oid, "SEQUENCE", sequence)


def column_extras(session: Connection, source: int, on: str) -> Iterator[str]:
    """Statistics targets and options of columns."""
    for name, target, options in session.rows(COLUMN_EXTRAS, source):
        alter = f"ALTER TABLE {on} ALTER COLUMN {identifier(name)} SET"
        if target != -1:
            yield f"{alter} STATISTICS {target}"
        if options:
            yield f"{alter} ({options})"


def extended_statistics(session: Connection, source: int, clone: TableName) -> Iterator[str]:
    """Extended statistics live in the clone's schema until the swap moves them to where those of
    the original were."""
    for name, kinds, columns, target, owner, comment in session.rows(STATISTICS, source):
        own = qualified(TableName(clone.schema, name))
        kind = ", ".join(KINDS[k] for k in kinds if k in KINDS)
        yield (
            f"CREATE STATISTICS {own} {f'({kind}) ' if kind else ''}ON {columns}"
            f" FROM {qualified(clone)}"
        )
        if target != -1:
            yield f"ALTER STATISTICS {own} SET STATISTICS {target}"
        if comment is not None:
            yield f"COMMENT ON STATISTICS {own} IS {literal(comment)}"
        if owner != session.value("SELECT current_user"):
            yield f"ALTER STATISTICS {own} OWNER TO {identifier(owner)}"


LABELS = """
SELECT l.provider, l.label, a.attname
FROM pg_seclabel l LEFT JOIN pg_attribute a ON (a.attrelid, a.attnum) = (l.objoid, l.objsubid)
WHERE l.classoid = $2::text::regclass AND l.objoid = $1
"""


def labels(session: Connection, source: int, kind: str, on: str) -> Iterator[str]:
    """Of a relation of that kind and of its columns, or of a row type. Who gives them may refuse:
    then there can be no clone, and the refusal has his words."""
    catalog = "pg_type" if kind == "TYPE" else "pg_class"
    for provider, label, column in session.rows(LABELS, source, catalog):
        what = f"{kind} {on}" if column is None else f"COLUMN {on}.{identifier(column)}"
        yield f"SECURITY LABEL FOR {identifier(provider)} ON {what} IS {literal(label)}"


def _hand_over(session: Connection, source: int, made: int, clone: TableName) -> None:
    """The owner first, so that nobody's privileges are taken for the owner's."""
    owner, ours = session.rows(
        "SELECT pg_get_userbyid(relowner), pg_get_userbyid(relowner) = current_user"
        " FROM pg_class WHERE oid = $1",
        source,
    )[0]
    if not ours:
        session.run(f"ALTER TABLE {qualified(clone)} OWNER TO {identifier(owner)}")
    for on, twins in (
        (qualified(clone), (source, made)),
        *_sequence_pairs(session, source, made, clone),
    ):
        grants.replay(session, on, *twins, clone.schema)
    grants.replay_of_type(session, qualified(clone), source, clone.schema)


def _sequence_pairs(
    session: Connection, source: int, made: int, clone: TableName
) -> Iterator[tuple[str, tuple[int, int]]]:
    of_clone = {column: oid for column, _, oid, *_ in session.rows(SEQUENCES, made)}
    for column, name, oid, *_ in session.rows(SEQUENCES, source):
        yield f"SEQUENCE {qualified(TableName(clone.schema, name))}", (oid, of_clone[column])
