"""Materialized views that read the table: made anew beside the shadow, with the operator's consent.

The server has no way to say the query of one again. So each gets a twin in the shadow's schema that
reads the shadow, with all that the view has, filled before the lock is asked for; in the swap the
twin takes its place, as the shadow takes the table's, and what hangs on the view follows. What
needs consent: its rows are those of that moment, where the native ALTER leaves them as they were,
and its OID is another one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from osc.engine import Statement
from osc.errors import Conflict, Precondition
from osc.model.table import TableName
from osc.postgres import clone, grants, indexes, kin, statistics
from osc.postgres.carried import VIEW, Carried, Exchange, Lock, together
from osc.postgres.definition import describe, differences, oid_of
from osc.postgres.kin import Member
from osc.postgres.quoting import identifier, literal, qualified
from osc.postgres.session import Connection, names_within, plain_names
from osc.threads import breakable

OPTION = "--rebuild-materialized-views"
KIND, QUERY = "m", 'rule "_RETURN": '

TREE = f"""
{kin.DESCENDANTS},
readers (oid, level) AS (
    SELECT oid, 0 FROM tree
    UNION
    SELECT c.oid, r.level + 1 FROM readers r
    JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = r.oid
         AND d.classid = 'pg_rewrite'::regclass
    JOIN pg_rewrite w ON w.oid = d.objid
    JOIN pg_class c ON c.oid = w.ev_class AND c.relkind = 'm' AND c.oid <> r.oid)
SELECT c.oid::bigint, n.nspname, c.relname FROM readers JOIN pg_class c USING (oid)
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE level > 0 GROUP BY 1, 2, 3 ORDER BY max(level), 1
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
SELECT attname, col_description(attrelid, attnum), attstorage::text,
       CASE WHEN attcompression <> '' THEN attcompression::text END
FROM pg_attribute WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped ORDER BY attnum
"""
STORAGES = {"p": "PLAIN", "e": "EXTERNAL", "m": "MAIN", "x": "EXTENDED"}
COMPRESSIONS = {"p": "pglz", "l": "lz4"}

READS = """
SELECT DISTINCT d.refobjid::regclass::text FROM pg_rewrite w
JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
     AND d.refclassid = 'pg_class'::regclass AND d.refobjid = ANY ($2)
WHERE w.ev_class = $1
"""


@dataclass(frozen=True)
class View:
    oid: int
    name: TableName

    def twin(self, schema: str) -> TableName:
        return TableName(schema, self.name.name)


def tree(session: Connection, table: int) -> tuple[View, ...]:
    """Those that read the table, and those that read them, each after what it reads. One that reads
    a plain view is not among them: that view stays what it is."""
    found = session.rows(TREE, table)
    return tuple(View(oid, TableName(schema, name)) for oid, schema, name in found)


def require(session: Connection, table: int) -> None:
    """Raises Precondition where their twins have no room in the one schema."""
    family, views = kin.family(session, table), tree(session, table)
    names = [*(member.name.name for member in family), *(view.name.name for view in views)]
    for one in names:
        if names.count(one) > 1:
            raise Precondition(
                f"several of the table and its materialized views are called {one}",
                still_true="nothing was touched",
                todo="rename them, so that their twins can stand in one schema",
            )


def prepare(
    session: Connection,
    exchange: Exchange,
    renamed: Callable[[Sequence[Statement]], Iterator[Statement]],
    check: Callable[[], None],
) -> None:
    """Makes the twins, full and with their indexes. `renamed` puts statements between others that
    make the shadow wear the names of the original's columns: the views speak of these."""
    schema, views = exchange.shadow.schema, tree(session, exchange.source)
    family = kin.family(session, exchange.source)
    drop(session, schema)
    names = [*(member.name for member in family), *(view.name for view in views)]
    originals = [*(member.oid for member in family), *(view.oid for view in views)]
    spoken = tuple(dict.fromkeys(name.schema for name in names))
    with session.transaction():
        made = [_create(session, view, schema, spoken) for view in views]
        with names_within(session, schema, *spoken):
            for statement in renamed([Statement(sql) for sql in made]):
                session.execute(statement)
        for view in views:
            _dress(session, view, schema)
            _require_own(session, view, schema, originals)
    for view in views:
        _fill(session, view, schema, check)
        _require_alike(session, view, schema)


def drop(session: Connection, schema: str) -> None:
    """All that are in a scratch schema of ours."""
    found = session.rows(
        "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = $1 AND c.relkind = 'm'",
        schema,
    )
    if found:
        names = ", ".join(qualified(TableName(schema, name)) for (name,) in found)
        session.run(f"DROP MATERIALIZED VIEW {names}")


def carried(session: Connection, exchange: Exchange) -> Carried:
    """Each moves as a table does; the locks come first, as those of all views."""
    return together(_moved(session, view, exchange) for view in tree(session, exchange.source))


def _moved(session: Connection, view: View, exchange: Exchange) -> Carried:
    twin = view.twin(exchange.shadow.schema)
    made = oid_of(session, twin)
    if made is None:
        raise Conflict(f"the materialized view {view.name} has come to read the table meanwhile")
    owner = session.rows(LOOKS, view.oid)[0][0]
    own = Carried(
        locks=(Lock(VIEW, view.oid, f"{_alter(view.name)} OWNER TO {identifier(owner)}"),),
        before=(_move(view.name, exchange.archive.schema),),
        placed=(_move(twin, view.name.schema),),
    )
    pair = exchange.of(Member(view.oid, view.name, KIND), Member(made, twin, KIND))
    return together((own, statistics.carried(session, pair)))


def _alter(name: TableName) -> str:
    return f"ALTER MATERIALIZED VIEW {qualified(name)}"


def _move(name: TableName, schema: str) -> Statement:
    return Statement(f"{_alter(name)} SET SCHEMA {identifier(schema)}")


def _create(session: Connection, view: View, schema: str, spoken: Sequence[str]) -> str:
    """The query is printed without the schemas, so that it finds the twins' before the others."""
    _, _, method, tablespace, options, _ = session.rows(LOOKS, view.oid)[0]
    with names_within(session, *spoken):
        query = str(session.value("SELECT pg_catalog.pg_get_viewdef($1::pg_catalog.oid)", view.oid))
    return (
        f"CREATE MATERIALIZED VIEW {qualified(view.twin(schema))}"
        + (f" USING {identifier(method)}" if method else "")
        + (f" WITH ({options})" if options else "")
        + (f" TABLESPACE {identifier(tablespace)}" if tablespace else "")
        + f" AS {query.rstrip().removesuffix(';')} WITH NO DATA"
    )


def _dress(session: Connection, view: View, schema: str) -> None:
    """What the view has, its rows and its indexes excepted."""
    twin = view.twin(schema)
    on, made = qualified(twin), oid_of(session, twin)
    assert made is not None
    owner, *_, comment = session.rows(LOOKS, view.oid)[0]
    if comment is not None:
        session.run(f"COMMENT ON MATERIALIZED VIEW {on} IS {literal(comment)}")
    looks = zip(session.rows(COLUMNS, view.oid), session.rows(COLUMNS, made), strict=True)
    for (name, said, storage, compression), (_, _, stored, compressed) in looks:
        column = f"{on}.{identifier(name)}"
        alter = f"ALTER MATERIALIZED VIEW {on} ALTER COLUMN {identifier(name)} SET"
        if said is not None:
            session.run(f"COMMENT ON COLUMN {column} IS {literal(said)}")
        if storage != stored:
            session.run(f"{alter} STORAGE {STORAGES[storage]}")
        if compression != compressed:
            session.run(f"{alter} COMPRESSION {COMPRESSIONS.get(compression, 'DEFAULT')}")
    with plain_names(session):
        for statement in (
            *clone.column_extras(session, view.oid, on),
            *clone.extended_statistics(session, view.oid, twin),
        ):
            session.run(statement)
    if owner != session.value("SELECT current_user"):
        session.run(f"GRANT USAGE, CREATE ON SCHEMA {identifier(schema)} TO {identifier(owner)}")
        session.run(f"{_alter(twin)} OWNER TO {identifier(owner)}")
    grants.replay(session, on, view.oid, made, schema)


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


def _require_alike(session: Connection, view: View, schema: str) -> None:
    made = oid_of(session, view.twin(schema))
    assert made is not None
    found = differences(_described(session, made), _described(session, view.oid))
    if found:
        raise _unlike(view, "its twin differs:\n  " + "\n  ".join(found))


def _described(session: Connection, oid: int) -> tuple[str, ...]:
    """The query excepted: it is the same, of other tables."""
    return tuple(line for line in describe(session, oid) if not line.startswith(QUERY))


def _unlike(view: View, why: str) -> Precondition:
    return Precondition(
        f"the materialized view {view.name} can't be made anew: {why}",
        still_true="the original serves and is untouched",
        todo="drop the view, go on with `osc resume`, and make it again after the migration",
    )
