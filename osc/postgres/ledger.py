"""Our own small tables in the schema `osc`: what runs, how far it is, which keys were spilled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from osc.engine import Checkpoint, Run, Statement, Sync
from osc.errors import NotAllowed, Precondition
from osc.model.change import KeyValue
from osc.model.chunk import Chunk
from osc.model.table import Table, TableName
from osc.postgres.claim import CLAIMS
from osc.postgres.lasting import Lasting
from osc.postgres.quoting import identifier
from osc.postgres.session import Address, Connection, speaking

VERSION = "osc ledger 5"
"""Goes up with every change of the tables below."""
LONGEST_ZOMBIE_SECONDS = 600

TABLES = f"""
CREATE TABLE IF NOT EXISTS osc.migration (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    table_schema text NOT NULL,
    table_name text NOT NULL,
    statement text NOT NULL,
    sync text NOT NULL,
    started_by text NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    phase text NOT NULL DEFAULT 'plan',
    position text,
    job text NOT NULL DEFAULT '',
    rows_copied bigint NOT NULL DEFAULT 0,
    rows_estimated bigint NOT NULL DEFAULT 0,
    message text NOT NULL DEFAULT '',
    result text NOT NULL DEFAULT '',
    archive text NOT NULL DEFAULT '',
    settings text NOT NULL DEFAULT ''
);
CREATE TABLE IF NOT EXISTS osc.chunk (
    migration bigint NOT NULL REFERENCES osc.migration ON DELETE CASCADE,
    number bigint NOT NULL,
    lower text[],
    upper text[],
    rows bigint NOT NULL,
    PRIMARY KEY (migration, number)
);
CREATE TABLE IF NOT EXISTS osc.backlog (
    migration bigint NOT NULL REFERENCES osc.migration ON DELETE CASCADE,
    number bigint GENERATED ALWAYS AS IDENTITY,
    key text[] NOT NULL,
    PRIMARY KEY (migration, number)
);
CREATE TABLE IF NOT EXISTS osc.fence (
    migration bigint PRIMARY KEY REFERENCES osc.migration ON DELETE CASCADE,
    generation integer NOT NULL
);
CREATE TABLE IF NOT EXISTS osc.instruction (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    migration bigint NOT NULL REFERENCES osc.migration ON DELETE CASCADE,
    words text NOT NULL,
    ordered_by text NOT NULL,
    ordered_at timestamptz NOT NULL DEFAULT now(),
    answer text
);
CREATE TABLE IF NOT EXISTS osc.report (
    migration bigint PRIMARY KEY REFERENCES osc.migration ON DELETE CASCADE,
    record text NOT NULL,
    shown_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE IF NOT EXISTS osc.beat (
    migration bigint PRIMARY KEY REFERENCES osc.migration ON DELETE CASCADE,
    at double precision NOT NULL
) WITH (fillfactor = 10);
COMMENT ON TABLE osc.migration IS '{VERSION}';
"""

RUNS = """
SELECT m.id, m.table_schema, m.table_name, m.statement, m.phase, m.sync, m.started_by,
       m.started_at::text, m.updated_at::text, m.finished_at::text, m.rows_copied,
       m.rows_estimated, m.message, m.result, m.archive, m.settings,
       m.finished_at IS NULL AND EXISTS (SELECT FROM pg_locks l
               WHERE l.locktype = 'advisory' AND l.objsubid = 2 AND l.granted
               AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
               AND (l.classid::bigint, l.objid::bigint)
                   = ($3::bigint, ('x' || substr(md5(m.table_schema || '.' || m.table_name), 1, 8))
                                  ::bit(32)::bigint))
FROM osc.migration m
WHERE $1::text IS NULL OR (m.table_schema, m.table_name) = ($1, $2)
ORDER BY m.id
"""


class PostgresLedger:
    """One session behind a lock: these are few statements, from several threads."""

    def __init__(self, address: Address) -> None:
        self._lasting = Lasting(address, "ledger")
        self._opened = self._lasting.opened

    def is_there(self) -> bool:
        with self._opened() as session:
            return _version(session) == VERSION

    def prepare(self) -> None:
        with self._opened() as session:
            try:
                version = _version(session)
                if version is None:
                    session.run("CREATE SCHEMA IF NOT EXISTS osc")
                    session.run(TABLES)
                elif version != VERSION:
                    raise _of_another_version(version)
            except NotAllowed as error:
                raise Precondition(
                    f"our own tables can't be made in the schema osc: {error.happened}",
                    still_true="nothing was touched",
                    todo=_grant(session),
                ) from error

    def begin(self, table: Table, statement: str, sync: Sync, by: str) -> int:
        with self._opened() as session, session.transaction():
            number = session.value(
                "INSERT INTO osc.migration (table_schema, table_name, statement, sync, started_by,"
                " rows_estimated) VALUES ($1, $2, $3, $4, $5, $6) RETURNING id",
                table.name.schema,
                table.name.name,
                statement,
                str(sync),
                by,
                table.rows,
            )
            session.run("INSERT INTO osc.fence VALUES ($1, 1)", number)
        return int(number)

    def save(self, migration: int, *, finished: bool = False, **values: Any) -> None:
        sets = [f"{identifier(name)} = ${n}" for n, name in enumerate(values, 2)]
        sets += ["updated_at = now()"] + ["finished_at = now()"] * finished
        with self._opened() as session:
            session.run(
                f"UPDATE osc.migration SET {', '.join(sets)} WHERE id = $1",
                migration,
                *values.values(),
            )

    def checkpoint(self, migration: int) -> Checkpoint:
        with self._opened() as session:
            ((statement, sync, phase, position, job, spilled, rows),) = session.rows(
                "SELECT statement, sync, phase, position, job,"
                " (SELECT count(*) FROM osc.backlog WHERE migration = m.id),"
                " (SELECT coalesce(sum(rows), 0)::bigint FROM osc.chunk WHERE migration = m.id)"
                " FROM osc.migration m WHERE id = $1",
                migration,
            )
        return Checkpoint(statement, Sync(sync), phase, position, job, spilled, rows)

    def take_over(self, migration: int) -> int:
        with self._opened() as session, session.transaction():
            session.run(f"SET LOCAL lock_timeout = '{LONGEST_ZOMBIE_SECONDS}s'")
            generation = session.value(
                "INSERT INTO osc.fence AS f VALUES ($1, 1)"
                " ON CONFLICT (migration) DO UPDATE SET generation = f.generation + 1"
                " RETURNING generation",
                migration,
            )
        return int(generation)

    def fence(self, migration: int, generation: int) -> Statement:
        return Statement(
            "SELECT generation FROM osc.fence WHERE migration = $1 AND generation = $2 FOR SHARE",
            (migration, generation),
        )

    def chunk_copied(self, migration: int, chunk: Chunk, rows: int) -> Statement:
        return Statement(
            "INSERT INTO osc.chunk (migration, number, lower, upper, rows)"
            " VALUES ($1, $2, $3::text[], $4::text[], $5)",
            (migration, chunk.number, _texts(chunk.lower), _texts(chunk.upper), rows),
        )

    def step_taken(self, migration: int, position: str) -> Statement:
        """Runs in the step's own transaction, as far as it has one (rule 5)."""
        return Statement(
            "UPDATE osc.migration SET position = $2, updated_at = now() WHERE id = $1",
            (migration, position),
        )

    def chunks(self, migration: int) -> list[Chunk]:
        with self._opened() as session:
            found = session.rows(
                "SELECT number, lower, upper FROM osc.chunk WHERE migration = $1 ORDER BY number",
                migration,
            )
        return [Chunk(number, _key(lower), _key(upper)) for number, lower, upper in found]

    def forget(self, migration: int) -> None:
        with self._opened() as session:
            for table in ("chunk", "backlog", "beat", "fence"):
                session.run(f"DELETE FROM osc.{table} WHERE migration = $1", migration)

    def withdraw(self, migration: int) -> None:
        """What refers to the row goes with it."""
        with self._opened() as session:
            session.run("DELETE FROM osc.migration WHERE id = $1", migration)

    def spill(self, migration: int, keys: Sequence[KeyValue]) -> None:
        with (
            self._opened() as session,
            speaking(session.raw),
            session.raw.cursor() as cursor,
            cursor.copy("COPY osc.backlog (migration, key) FROM STDIN") as copy,
        ):
            for key in keys:
                copy.write_row((migration, _texts(key)))

    def spilled(self, migration: int, after: int, most: int) -> list[tuple[int, KeyValue]]:
        with self._opened() as session:
            found = session.rows(
                "SELECT number, key FROM osc.backlog WHERE migration = $1 AND number > $2"
                " ORDER BY number LIMIT $3",
                migration,
                after,
                most,
            )
        return [(number, tuple(key)) for number, key in found]

    def unspill(self, migration: int, after: int, upto: int) -> None:
        with self._opened() as session:
            session.run(
                "DELETE FROM osc.backlog WHERE migration = $1 AND number > $2 AND number <= $3",
                migration,
                after,
                upto,
            )

    def runs(self, table: TableName | None = None) -> list[Run]:
        with self._opened() as session:
            schema, name = (table.schema, table.name) if table else (None, None)
            try:
                if _version(session) != VERSION:
                    return []
                found = session.rows(RUNS, schema, name, CLAIMS)
            except NotAllowed as error:
                raise NotAllowed(
                    "this role may not look into the schema osc, where runs are kept",
                    still_true="nothing was touched",
                    todo=_grant(session),
                ) from error
        return [_run(*row) for row in found]

    def close(self) -> None:
        self._lasting.close()


def _version(session: Connection) -> str | None:
    """The comment of our first table; None where there is no such table."""
    found = session.rows(
        "SELECT coalesce(obj_description(to_regclass('osc.migration'), 'pg_class'), '')"
        " WHERE to_regclass('osc.migration') IS NOT NULL"
    )
    return str(found[0][0]) if found else None


def _of_another_version(version: str) -> Precondition:
    return Precondition(
        f"osc.migration is {version or 'a table that osc did not make'}, and this osc wants"
        f" {VERSION}",
        still_true="nothing was touched",
        todo="finish the runs of the other version, then drop the schema osc",
    )


def _grant(session: Connection) -> str:
    """Where the schema is there, another role has made it."""
    database, role, is_there = session.rows(
        "SELECT current_database(), current_user, EXISTS (SELECT FROM pg_namespace"
        " WHERE nspname = 'osc')"
    )[0]
    if is_there:
        return (
            f"GRANT USAGE, CREATE ON SCHEMA osc TO {identifier(role)};"
            f" GRANT ALL ON ALL TABLES IN SCHEMA osc TO {identifier(role)}"
        )
    return f"GRANT CREATE ON DATABASE {identifier(database)} TO {identifier(role)}"


def _key(texts: list[str] | None) -> KeyValue | None:
    return None if texts is None else tuple(texts)


def _texts(key: KeyValue | None) -> list[str] | None:
    return None if key is None else [str(part) for part in key]


def _run(id: int, schema: str, name: str, *rest: Any) -> Run:
    return Run(id, TableName(schema, name), *rest)
