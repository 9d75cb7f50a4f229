"""PostgreSQL: a database with two schemas, and how their tables are read for a comparison."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any, cast
from urllib.parse import quote

import psycopg
from psycopg import sql

from tests.scenarios.case import Case
from tests.scenarios.postgres_surroundings import dumped, rows_beside
from tests.scenarios.site import Place, Row, Session, SqlError
from tests.servers import Lease

TWIN = "osc_twin"


class PostgresSession:
    """A connection of an application."""

    def __init__(self, url: str, schema: str = "public") -> None:
        self._connection = psycopg.connect(url, autocommit=True, prepare_threshold=None)
        self.run(f"SELECT set_config('search_path', '{_quoted(schema)}, public', false)")

    def run(self, sql: str) -> Sequence[Row]:
        try:
            cursor = self._connection.execute(cast(Any, sql))
            return cursor.fetchall() if cursor.description else []
        except psycopg.Error as error:
            raise SqlError(error.sqlstate or "", str(error), sql) from error

    def close(self) -> None:
        self._connection.close()


class PostgresSite:
    """One database a case: the original is in the case's schema, the twin in `osc_twin`."""

    engine = "postgres"
    conflicts = frozenset({"40P01", "40001"})

    def __init__(self, case: Case, lease: Lease) -> None:
        self.database = "osc_" + case.name.replace("-", "_")
        self.url = lease.url(quote(self.database))
        self.original = _place(case.schema, case.table)
        self.twin = _place(TWIN, case.table)

    def connect(self, place: Place) -> Session:
        return PostgresSession(self.url, place.schema)

    def rows(self, place: Place, leave_out: Mapping[str, str]) -> tuple[list[str], list[Row]]:
        with closing(self.connect(place)) as session:
            session.run("SET TimeZone = 'UTC'")
            columns = [c for c in _columns(session, place) if c not in leave_out]
            values = ", ".join(_exact(name) for name in columns) or "1"
            return columns, list(session.run(f"SELECT {values} FROM {place.quoted}"))

    def definition(self, place: Place) -> list[str]:
        """Of the whole schema: the dump says nothing of what is off by default."""
        with closing(self.connect(place)) as session:
            # What the search path finds is shown without its schema, on both sides.
            facts = [_without(place.schema, fact) for fact in _facts(session, place)]
            beside = list(rows_beside(session, place))
        return [*facts, *dumped(self.url, place), *beside]

    def inventory(self) -> set[str]:
        with closing(PostgresSession(self.url)) as session:
            return {
                f"{what} {'.'.join(map(str, row))}"
                for what, query in INVENTORY.items()
                for row in session.run(query)
            }

    def may_stay(self, thing: str, archive: str) -> bool:
        schema = archive.partition(".")[0]
        return any(
            thing == f"schema {ours}" or thing.startswith((f"relation {ours}.", f"trigger {ours}."))
            for ours in ("osc", *([schema] if schema else []))
        )


@contextmanager
def postgres_site(case: Case, lease: Lease) -> Iterator[PostgresSite]:
    """The database with both schemas, empty; it is gone again afterwards."""
    site = PostgresSite(case, lease)
    with closing(PostgresSession(lease.url("postgres"))) as session:
        drop = f"DROP DATABASE IF EXISTS {_quoted(site.database)} WITH (FORCE)"
        session.run(drop)
        session.run(f"CREATE DATABASE {_quoted(site.database)}")
        try:
            with closing(PostgresSession(site.url)) as inside:
                for schema in (site.original.schema, TWIN):
                    inside.run(f"CREATE SCHEMA IF NOT EXISTS {_quoted(schema)}")
            yield site
        finally:
            session.run(
                "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots "
                f"WHERE database = '{site.database}' AND NOT active"
            )
            session.run(drop)


def _place(schema: str, table: str) -> Place:
    return Place(schema, table, f"{_quoted(schema)}.{_quoted(table)}")


def _quoted(name: str) -> str:
    return sql.Identifier(name).as_string(None)


def _text(value: str) -> str:
    return sql.Literal(value).as_string(None)


def _columns(session: Session, place: Place) -> list[str]:
    found = session.run(
        f"SELECT attname FROM pg_attribute WHERE attrelid = {_text(place.quoted)}::regclass "
        "AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
    )
    return [str(row[0]) for row in found]


def _exact(name: str) -> str:
    text = f"{_quoted(name)}::text"
    return (
        f"CASE WHEN length({text}) > 200 THEN length({text}) || '#' || md5({text}) ELSE {text} END"
    )


def _without(schema: str, fact: str) -> str:
    for shown in {schema, _quoted(schema)}:
        fact = fact.replace(f"{shown}.", "SCHEMA.").replace(f"schema={shown}", "schema=SCHEMA")
    return fact


def _facts(session: Session, place: Place) -> Iterator[str]:
    table = f"{_text(place.quoted)}::regclass"
    for what, query in FACTS.items():
        for row in session.run(query.replace("{oid}", table)):
            yield f"{what} " + " ".join(f"{value!s}" for value in row if value is not None)


_SEQUENCES = """
    SELECT d.objid AS oid, a.attname, d.deptype FROM pg_depend d
    JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
    WHERE d.refobjid = {oid} AND d.classid = 'pg_class'::regclass
    AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
    AND EXISTS (SELECT FROM pg_class s WHERE s.oid = d.objid AND s.relkind = 'S')
"""

FACTS = {
    "table": """
        SELECT 'schema=' || relnamespace::regnamespace, relname, 'kind=' || relkind::text,
        'persistence=' || relpersistence::text, 'owner=' || relowner::regrole,
        'acl=' || (SELECT string_agg(x, ',' ORDER BY x) FROM unnest(relacl::text[]) x),
        'options=' || reloptions::text,
        'toast=' || (SELECT reloptions::text FROM pg_class x WHERE x.oid = c.reltoastrelid),
        'rls=' || relrowsecurity::text || relforcerowsecurity::text,
        'identity=' || relreplident::text, 'tablespace=' || reltablespace,
        'method=' || (SELECT amname FROM pg_am WHERE oid = relam),
        'comment=' || obj_description(c.oid, 'pg_class')
        FROM pg_class c WHERE c.oid = {oid}""",
    "column": """
        SELECT row_number() OVER (ORDER BY attnum), attname, format_type(atttypid, atttypmod),
        'notnull=' || attnotnull, 'identity=' || attidentity::text,
        'generated=' || attgenerated::text,
        'default=' || pg_get_expr(adbin, adrelid), 'storage=' || attstorage::text,
        'compression=' || attcompression::text,
        'collation=' || (SELECT collname FROM pg_collation WHERE oid = attcollation),
        'statistics=' || nullif(coalesce(attstattarget, -1), -1),
        'options=' || nullif(ARRAY(SELECT x FROM unnest(attoptions) x
                                   WHERE NOT starts_with(x, 'pg_attver=')), '{}')::text,
        'acl=' || attacl::text, 'local=' || attislocal,
        'comment=' || col_description(attrelid, attnum)
        FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
        WHERE attrelid = {oid} AND attnum > 0 AND NOT attisdropped ORDER BY attnum""",
    "constraint": """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid),
        'valid=' || convalidated,
        CASE WHEN contype IN ('c', 'n') THEN 'noinherit=' || connoinherit END,
        'local=' || conislocal, 'inherited=' || coninhcount,
        'index=' || (SELECT relname FROM pg_class WHERE oid = conindid),
        'comment=' || obj_description(oid, 'pg_constraint')
        FROM pg_constraint WHERE conrelid = {oid}
        OR conrelid IN (SELECT relid FROM pg_partition_tree({oid})) ORDER BY 1, conname""",
    "referenced by": """
        SELECT conname, conrelid::regclass, pg_get_constraintdef(oid), 'valid=' || convalidated
        FROM pg_constraint WHERE confrelid = {oid} ORDER BY 1""",
    "index": """
        SELECT relname, pg_get_indexdef(indexrelid), 'valid=' || (indisvalid AND indisready),
        'primary=' || indisprimary, 'unique=' || indisunique, 'clustered=' || indisclustered,
        'identity=' || indisreplident, 'immediate=' || indimmediate,
        'options=' || reloptions::text, 'tablespace=' || reltablespace,
        'comment=' || obj_description(indexrelid, 'pg_class'),
        'statistics=' || (SELECT string_agg(attnum || ':' || attstattarget, ',')
            FROM pg_attribute WHERE attrelid = indexrelid AND attstattarget >= 0)
        FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
        WHERE indrelid = {oid} ORDER BY relname""",
    "sequence": f"""
        SELECT c.relname, 'schema=' || c.relnamespace::regnamespace, 'of=' || o.attname,
        'how=' || o.deptype::text, 'owner=' || c.relowner::regrole, 'acl=' || c.relacl::text,
        'type=' || format_type(s.seqtypid, NULL), 'start=' || seqstart, 'by=' || seqincrement,
        'min=' || seqmin, 'max=' || seqmax, 'cache=' || seqcache, 'cycle=' || seqcycle,
        'last=' || pg_sequence_last_value(c.oid), 'persistence=' || c.relpersistence::text,
        'comment=' || obj_description(c.oid, 'pg_class')
        FROM ({_SEQUENCES}) o JOIN pg_class c ON c.oid = o.oid
        JOIN pg_sequence s ON s.seqrelid = c.oid ORDER BY c.relname""",
    "trigger": """
        SELECT tgname, pg_get_triggerdef(oid), 'enabled=' || tgenabled::text,
        'comment=' || obj_description(oid, 'pg_trigger')
        FROM pg_trigger WHERE tgrelid = {oid} AND NOT tgisinternal ORDER BY tgname""",
    "policy": """
        SELECT polname, polcmd, polpermissive, polroles::regrole[]::text,
        pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)
        FROM pg_policy WHERE polrelid = {oid} ORDER BY polname""",
    "rule": """
        SELECT pg_get_ruledef(oid), ev_enabled FROM pg_rewrite WHERE ev_class = {oid} ORDER BY 1""",
    "statistics": """
        SELECT stxname, 'schema=' || stxnamespace::regnamespace, pg_get_statisticsobjdef(oid),
        'owner=' || stxowner::regrole, 'target=' || nullif(coalesce(stxstattarget, -1), -1),
        'comment=' || obj_description(oid, 'pg_statistic_ext')
        FROM pg_statistic_ext WHERE stxrelid = {oid} ORDER BY stxname""",
    "published by": """
        SELECT pubname, pg_get_expr(prqual, prrelid), prattrs::text FROM pg_publication_rel
        JOIN pg_publication p ON p.oid = prpubid WHERE prrelid = {oid} ORDER BY 1""",
    "inherits": """
        SELECT inhparent::regclass FROM pg_inherits WHERE inhrelid = {oid} ORDER BY inhseqno""",
    "parent of": """
        SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = {oid} ORDER BY 1""",
    "view": """
        SELECT DISTINCT ev_class::regclass::text, pg_get_viewdef(ev_class) FROM pg_depend
        JOIN pg_rewrite ON pg_rewrite.oid = objid AND classid = 'pg_rewrite'::regclass
        WHERE refobjid = {oid} AND ev_class <> {oid} ORDER BY 1""",
}

_OURS_ALONE = "NOT IN ('pg_catalog', 'information_schema') AND nspname !~ '^pg_(toast|temp)'"

INVENTORY = {
    "schema": f"SELECT nspname FROM pg_namespace WHERE nspname {_OURS_ALONE}",
    "relation": "SELECT nspname, relname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace "
    f"WHERE relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND nspname {_OURS_ALONE}",
    "function": "SELECT nspname, proname FROM pg_proc JOIN pg_namespace n ON n.oid = pronamespace "
    f"WHERE nspname {_OURS_ALONE}",
    "type": "SELECT nspname, typname FROM pg_type t JOIN pg_namespace n ON n.oid = typnamespace "
    f"WHERE typrelid = 0 AND typelem = 0 AND nspname {_OURS_ALONE}",
    "trigger": "SELECT tgrelid::regclass, tgname FROM pg_trigger WHERE NOT tgisinternal",
    "event trigger": "SELECT evtname FROM pg_event_trigger",
    "publication": "SELECT pubname FROM pg_publication",
    "slot": "SELECT slot_name FROM pg_replication_slots WHERE database = current_database()",
    "advisory lock": "SELECT classid, objid FROM pg_locks WHERE locktype = 'advisory' "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
    "role": "SELECT rolname FROM pg_roles",
}
