"""Views that can't be said again: made anew beside the shadow, with the operator's consent.

    materialized  the server has no way to say the query of one again
    plain         one that reads a column whose type the ALTER changes has other types itself, and
                  so has whatever reads it: the native ALTER refuses that

Each gets a twin in the shadow's schema that reads the shadow, with all that the view has, filled
before the lock is asked for; in the swap the twin takes its place, as the shadow takes the table's,
and what hangs on the view follows. What needs consent: its OID is another one; and the rows of a
materialized one are those of that moment, where the native ALTER leaves them as they were.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from osc.engine import Statement
from osc.errors import BadStatement, Conflict, Precondition, TableChanged
from osc.model.consent import Consent
from osc.model.table import TableName
from osc.postgres import clone, firing, grants, indexes, kin, statistics
from osc.postgres.carried import VIEW, Carried, Exchange, Lock, together
from osc.postgres.definition import describe, differences, oid_of
from osc.postgres.kin import Member
from osc.postgres.quoting import identifier, literal, qualified
from osc.postgres.session import Connection, names_within, plain_names
from osc.threads import breakable

MATERIALIZED, PLAIN, QUERY = "m", "v", 'rule "_RETURN": '

TREE = f"""
{kin.DESCENDANTS},
readers (oid, level, retyped) AS (
    SELECT oid, 0, false FROM tree
    UNION
    SELECT c.oid, r.level + 1, r.retyped OR coalesce(a.attname = ANY ($2), false) FROM readers r
    JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = r.oid
         AND d.classid = 'pg_rewrite'::regclass
    JOIN pg_rewrite w ON w.oid = d.objid AND w.rulename = '_RETURN'
    JOIN pg_class c ON c.oid = w.ev_class AND c.oid <> r.oid
    LEFT JOIN pg_attribute a ON r.level = 0 AND (a.attrelid, a.attnum) = (r.oid, d.refobjsubid)
    WHERE c.relkind = 'm' OR c.relkind = 'v' AND (r.retyped OR a.attname = ANY ($2)))
SELECT c.oid::bigint, n.nspname, c.relname, c.relkind::text, bool_or(retyped)
FROM readers JOIN pg_class c USING (oid) JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE level > 0 GROUP BY 1, 2, 3, 4 ORDER BY max(level), 1
"""

LOOKS = """
SELECT pg_get_userbyid(c.relowner), c.relispopulated, am.amname, space.spcname,
       array_to_string(coalesce(c.reloptions, '{}')
           || ARRAY(SELECT 'toast.' || o FROM unnest(toast.reloptions) o), ', '),
       obj_description(c.oid, 'pg_class')
FROM pg_class c LEFT JOIN pg_am am ON am.oid = c.relam
LEFT JOIN pg_class toast ON toast.oid = c.reltoastrelid
LEFT JOIN pg_tablespace space ON space.oid = c.reltablespace WHERE c.oid = $1
"""

COLUMNS = """
SELECT attname, col_description(attrelid, attnum), pg_get_expr(d.adbin, 0), attstorage::text,
       CASE WHEN attcompression <> '' THEN attcompression::text END
FROM pg_attribute LEFT JOIN pg_attrdef d ON (d.adrelid, d.adnum) = (attrelid, attnum)
WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped ORDER BY attnum
"""
STORAGES = {"p": "PLAIN", "e": "EXTERNAL", "m": "MAIN", "x": "EXTENDED"}
COMPRESSIONS = {"p": "pglz", "l": "lz4"}

READS = """
SELECT DISTINCT d.refobjid::regclass::text FROM pg_rewrite w
JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
     AND d.refclassid = 'pg_class'::regclass AND d.refobjid = ANY ($2)
WHERE w.ev_class = $1
"""


WITHIN = """
SELECT c.oid::bigint, c.relname, c.relkind::text FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relkind IN ('m', 'v')
"""
UNREAD = f"""{WITHIN} AND NOT EXISTS (
    SELECT FROM pg_depend d JOIN pg_rewrite w ON w.oid = d.objid
    WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass
    AND d.refobjid = c.oid AND w.ev_class <> c.oid)
"""
KINDS = {MATERIALIZED: "MATERIALIZED VIEW", PLAIN: "VIEW"}


@dataclass(frozen=True)
class View:
    """`retyped` says that it reads a column whose type changes, itself or by way of others."""

    oid: int
    name: TableName
    kind: str
    retyped: bool

    def twin(self, schema: str) -> TableName:
        return TableName(schema, self.name.name)


def tree(session: Connection, table: int, retyped: Sequence[str] = ()) -> tuple[View, ...]:
    """Those that are to be made anew where these columns change their types, each after what it
    reads. What reads a plain view that stays what it is needn't be."""
    return tuple(
        View(oid, TableName(schema, name), kind, hit)
        for oid, schema, name, kind, hit in session.rows(TREE, table, list(retyped))
    )


def rules(session: Connection, views: Sequence[int]) -> frozenset[int]:
    """The OIDs of their queries and rules, which go where they go."""
    found = session.rows(
        "SELECT oid::bigint FROM pg_rewrite WHERE ev_class = ANY ($1)", list(views)
    )
    return frozenset(oid for (oid,) in found)


def within(session: Connection, schema: str) -> tuple[list[int], frozenset[int]]:
    """All views in a scratch schema of ours, and their rules."""
    views = [oid for oid, *_ in session.rows(WITHIN, schema)]
    return views, rules(session, views)


def require(session: Connection, table: int, views: Sequence[View]) -> None:
    """Raises Precondition where their twins have no room in the one schema."""
    family = kin.family(session, table)
    names = [*(member.name.name for member in family), *(view.name.name for view in views)]
    for one in names:
        if names.count(one) > 1:
            raise Precondition(
                f"several of the table and its views are called {one}",
                still_true="nothing was touched",
                todo="rename them, so that their twins can stand in one schema",
            )


def require_allowed(views: Sequence[View], table: TableName, consent: Consent) -> None:
    plain = [str(view.name) for view in views if view.kind == PLAIN]
    if plain and not consent.views:
        raise TableChanged(
            f"{', '.join(plain)}: made meanwhile, of a column of {table} that gets another type",
            still_true="the original serves and is untouched",
            todo="drop it, or allow --rebuild-views, and start again",
        )


def prepare(
    session: Connection,
    exchange: Exchange,
    renamed: Callable[[Sequence[Statement]], Iterator[Statement]],
    check: Callable[[], None],
) -> None:
    """Makes the twins, full and with their indexes. `renamed` puts statements between others that
    make the shadow wear the names of the original's columns: the views speak of these."""
    schema, views = exchange.shadow.schema, tree(session, exchange.source, exchange.retyped)
    family = kin.family(session, exchange.source)
    drop(session, schema)
    originals = [*(member.oid for member in family), *(view.oid for view in views)]
    spoken = _spoken(family, views)
    with session.transaction():
        made = [_create(session, view, schema, spoken) for view in views]
        with names_within(session, schema, *spoken):
            for statement in renamed([Statement(sql) for sql in made]):
                session.execute(statement)
        for view in views:
            _dress(session, view, schema, spoken)
            _require_own(session, view, schema, originals)
    for view in views:
        if view.kind == MATERIALIZED:
            _fill(session, view, schema, check)
        _require_alike(session, view, schema, spoken)


def try_out(
    session: Connection,
    table: int,
    schema: str,
    views: Sequence[View],
    renamed: Callable[[Sequence[Statement]], Iterator[Statement]],
) -> None:
    """Raises Precondition where the server doesn't understand their queries with the new types; the
    altered clone is in the schema, and nothing is left there."""
    spoken = _spoken(kin.family(session, table), views)
    with session.undone():
        made = [_create(session, view, schema, spoken) for view in views]
        try:
            with names_within(session, schema, *spoken):
                for statement in renamed([Statement(sql) for sql in made]):
                    session.execute(statement)
        except BadStatement as error:
            named = ", ".join(str(view.name) for view in views)
            raise Precondition(
                f"of the views that would be made anew ({named}) one doesn't go with the new"
                f" types: {error.happened}",
                still_true="nothing was touched",
                todo="drop it first, and make it otherwise after the migration",
            ) from error


def _spoken(family: Sequence[Member], views: Sequence[View]) -> tuple[str, ...]:
    """The schemas in which their queries find what has a twin."""
    names = [*(member.name for member in family), *(view.name for view in views)]
    return tuple(dict.fromkeys(name.schema for name in names))


def drop(session: Connection, schema: str) -> None:
    """All that are in a scratch schema of ours, each before what it reads."""
    while found := session.rows(UNREAD, schema):
        for _, name, kind in found:
            session.run(f"DROP {KINDS[kind]} {qualified(TableName(schema, name))}")


def carried(session: Connection, exchange: Exchange) -> Carried:
    """Each moves as a table does; the locks come first, as those of all views."""
    views = tree(session, exchange.source, exchange.retyped)
    return together(_moved(session, view, exchange) for view in views)


def _moved(session: Connection, view: View, exchange: Exchange) -> Carried:
    twin = view.twin(exchange.shadow.schema)
    made = oid_of(session, twin)
    if made is None:
        raise Conflict(f"the view {view.name} has come to read the table meanwhile")
    owner = session.rows(LOOKS, view.oid)[0][0]
    lock = f"ALTER {KINDS[view.kind]} {qualified(view.name)} OWNER TO {identifier(owner)}"
    own = Carried(
        locks=(Lock(VIEW, view.oid, lock),),
        before=(_move(view, view.name, exchange.archive.schema),),
        placed=(_move(view, twin, view.name.schema),),
    )
    pair = exchange.of(Member(view.oid, view.name, view.kind), Member(made, twin, view.kind))
    return together((own, statistics.carried(session, pair)))


def _move(view: View, name: TableName, schema: str) -> Statement:
    alter = f"ALTER {KINDS[view.kind]} {qualified(name)}"
    return Statement(f"{alter} SET SCHEMA {identifier(schema)}")


def _create(session: Connection, view: View, schema: str, spoken: Sequence[str]) -> str:
    """The query is printed without the schemas, so that it finds the twins' before the others."""
    _, _, method, tablespace, options, _ = session.rows(LOOKS, view.oid)[0]
    with names_within(session, *spoken):
        query = str(session.value("SELECT pg_catalog.pg_get_viewdef($1::pg_catalog.oid)", view.oid))
    return (
        f"CREATE {KINDS[view.kind]} {qualified(view.twin(schema))}"
        + (f" USING {identifier(method)}" if method else "")
        + (f" WITH ({options})" if options else "")
        + (f" TABLESPACE {identifier(tablespace)}" if tablespace else "")
        + f" AS {query.rstrip().removesuffix(';')}"
        + (" WITH NO DATA" if view.kind == MATERIALIZED else "")
    )


def _dress(session: Connection, view: View, schema: str, spoken: Sequence[str]) -> None:
    """What the view has, its rows and its indexes excepted."""
    twin, kind = view.twin(schema), KINDS[view.kind]
    on, made = qualified(twin), oid_of(session, twin)
    assert made is not None
    owner, *_, comment = session.rows(LOOKS, view.oid)[0]
    if comment is not None:
        session.run(f"COMMENT ON {kind} {on} IS {literal(comment)}")
    with plain_names(session):
        for statement in (
            *_columns(session, view, made, on),
            *clone.column_extras(session, view.oid, on),
            *clone.extended_statistics(session, view.oid, twin),
            *clone.labels(session, view.oid, kind, on),
        ):
            session.run(statement)
    firing.make(session, view.oid, view.name, twin, *spoken)
    if owner != session.value("SELECT current_user"):
        session.run(f"GRANT USAGE, CREATE ON SCHEMA {identifier(schema)} TO {identifier(owner)}")
        session.run(f"ALTER {kind} {on} OWNER TO {identifier(owner)}")
    grants.replay(session, on, view.oid, made, schema)


def _columns(session: Connection, view: View, made: int, on: str) -> Iterator[str]:
    """What its columns have: comments, a plain view's defaults, how a materialized one stores."""
    looks = zip(session.rows(COLUMNS, view.oid), session.rows(COLUMNS, made), strict=True)
    for (name, said, default, storage, compression), (*_, stored, compressed) in looks:
        alter = f"ALTER {KINDS[view.kind]} {on} ALTER COLUMN {identifier(name)} SET"
        if said is not None:
            yield f"COMMENT ON COLUMN {on}.{identifier(name)} IS {literal(said)}"
        if default is not None:
            yield f"{alter} DEFAULT {default}"
        if view.retyped:
            continue  # As its new types are stored.
        if storage != stored:
            yield f"{alter} STORAGE {STORAGES[storage]}"
        if compression != compressed:
            yield f"{alter} COMPRESSION {COMPRESSIONS.get(compression, 'DEFAULT')}"


def _require_own(session: Connection, view: View, schema: str, others: Sequence[int]) -> None:
    with plain_names(session):
        read = session.rows(READS, oid_of(session, view.twin(schema)), list(others))
    if read:
        raise _unlike(view, f"its twin would go on to read {read[0][0]}")


def _fill(session: Connection, view: View, schema: str, check: Callable[[], None]) -> None:
    twin = view.twin(schema)
    with breakable(check, session.raw.cancel_safe):
        if session.rows(LOOKS, view.oid)[0][1]:
            session.run(f"REFRESH MATERIALIZED VIEW {qualified(twin)}")
        for index in indexes.read(session, view.oid):
            for statement in (*index.build(twin), *index.attach(twin)):
                session.execute(statement)
        session.run(f"ANALYZE {qualified(twin)}")


def _require_alike(session: Connection, view: View, schema: str, spoken: Sequence[str]) -> None:
    made = oid_of(session, view.twin(schema))
    assert made is not None
    known = _described(session, view, view.oid, spoken)
    found = differences(_described(session, view, made, [schema]), known)
    if found:
        raise _unlike(view, "its twin differs:\n  " + "\n  ".join(found))


def _described(session: Connection, view: View, oid: int, schemas: Sequence[str]) -> list[str]:
    """The query excepted, which is the same, of other tables; of rules, the schemas of these; and
    of columns that may have other types, all but name, comment and default."""
    lines = [line for line in describe(session, oid) if not line.startswith(QUERY)]
    if view.retyped:
        lines = [line for line in lines if not line.startswith("column ")]
        lines += [f"column {row[:3]}" for row in session.rows(COLUMNS, oid)]
    return [_unqualified(line, schemas) if line.startswith("rule ") else line for line in lines]


def _unqualified(line: str, schemas: Sequence[str]) -> str:
    for schema in schemas:
        line = line.replace(f"{identifier(schema)}.", "").replace(f"{schema}.", "")
    return line


def _unlike(view: View, why: str) -> Precondition:
    return Precondition(
        f"the {KINDS[view.kind].lower()} {view.name} can't be made anew: {why}",
        still_true="the original serves and is untouched",
        todo="drop the view, go on with `osc resume`, and make it again after the migration",
    )
