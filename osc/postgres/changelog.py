"""The changelog of a migration and the triggers that fill it: made, found again, removed.

A trigger runs once a statement and writes keys only, never rows: whatever a bulk statement changed
is in its transition tables. The application's statement cannot fail because the shadow has no room
for a value, and pays for one INSERT … SELECT of keys. The key's columns have the original's own
types; texts are made when we read, under our own settings, so that no session's date style matters.

The function belongs to us and runs as us (SECURITY DEFINER, a pinned search_path): applications
need no privilege. ENABLE ALWAYS, because a session in which session_replication_role is `replica`
fires no others. TRUNCATE writes a row without a key.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

from osc.engine import Job
from osc.errors import BadStatement, OscError
from osc.model.table import Column, TableName
from osc.postgres.locking import within_budget
from osc.postgres.quoting import identifier, listed, literal, qualified, type_of
from osc.postgres.session import Connection, Open

EVENTS = {
    "insert": "REFERENCING NEW TABLE AS osc_new",
    "update": "REFERENCING OLD TABLE AS osc_old NEW TABLE AS osc_new",
    "delete": "REFERENCING OLD TABLE AS osc_old",
    "truncate": "",
}
LOCK_BUDGET_SECONDS = 0.25
OURS = r"^_osc_[0-9]+_(insert|update|delete|truncate)$"
"""What our triggers are called; `definition.describe` leaves these out."""

FOUND = """
SELECT g.tgname, n.nspname, c.relname, p.proname
FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid
JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_proc p ON p.oid = g.tgfoid
WHERE NOT g.tgisinternal AND g.tgname ~ $1 AND p.pronamespace = to_regnamespace('osc')
AND obj_description(p.oid, 'pg_proc') = $2 ORDER BY g.tgname
"""

INCARNATION = """
SELECT g.tgname, g.oid::text, g.xmin::text, g.tgenabled::text, p.oid::text, p.xmin::text
FROM pg_trigger g JOIN pg_proc p ON p.oid = g.tgfoid
WHERE g.tgrelid = to_regclass($1) AND g.tgname = ANY ($2) AND g.tgenabled = 'A' ORDER BY g.tgname
"""


@dataclass(frozen=True)
class Changelog:
    """`columns` are the key's, called k0, k1 …; numbers are given as rows are written, not as they
    are committed."""

    name: TableName
    original: TableName
    migration: int
    key: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def triggers(self) -> dict[str, str]:
        """Their names, each with its event."""
        return {f"_osc_{self.migration}_{event}": event for event in EVENTS}

    def create(self, opened: Open, budget_seconds: float) -> None:
        """All of it or nothing; CutOverNotObtained where the original can't be locked.

        Whoever wrote before the triggers were there has ended when their lock is granted, and is
        visible: a transaction lets go of its locks only when it is no longer shown as running, with
        synchronous standbys too (`ProcArrayEndTransaction` precedes `ResourceOwnerRelease`).
        """
        try:
            with opened("changelog") as session, session.transaction():
                for statement in self._table_and_function():
                    session.run(statement)
            within_budget(opened, self.original, budget_seconds, self._create_triggers)
        except BaseException:
            # The first error counts; `osc cleanup` finds what can't be removed now.
            with suppress(OscError):
                sweep(opened, self.original, execute=True)
            raise

    def _table_and_function(self) -> Iterator[str]:
        name = qualified(self.name)
        columns = "".join(f", {identifier(c.name)} {type_of(c)}" for c in self.columns)
        yield f"DROP TABLE IF EXISTS {name}"
        yield (
            f"CREATE TABLE {name} (number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
            f" truncated boolean NOT NULL DEFAULT false{columns})"
            " WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000)"
        )
        yield (
            f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER"
            f" SET search_path = pg_catalog, pg_temp AS {literal(self._body())}"
        )
        yield f"REVOKE ALL ON FUNCTION {name}() FROM PUBLIC"
        for kind, called in (("TABLE", name), ("FUNCTION", f"{name}()")):
            yield f"COMMENT ON {kind} {called} IS {literal(_comment(self.original))}"

    def _body(self) -> str:
        """An UPDATE writes each key that was there and each that is there, once."""
        into = f"INSERT INTO {qualified(self.name)}"
        log = f"{into} ({listed([c.name for c in self.columns])})"
        old, new = (f"SELECT {listed(self.key)} FROM {rows}" for rows in ("osc_old", "osc_new"))
        return (
            "BEGIN"
            f" IF TG_OP = 'INSERT' THEN {log} {new};"
            f" ELSIF TG_OP = 'DELETE' THEN {log} {old};"
            f" ELSIF TG_OP = 'UPDATE' THEN {log} {old} UNION {new};"
            f" ELSE {into} (truncated) VALUES (true);"
            " END IF; RETURN NULL; END"
        )

    def _create_triggers(self, session: Connection) -> None:
        on = qualified(self.original)
        session.run(f"LOCK TABLE ONLY {on} IN SHARE ROW EXCLUSIVE MODE")
        for name, event in self.triggers.items():
            session.run(
                f"CREATE OR REPLACE TRIGGER {identifier(name)} AFTER {event.upper()} ON {on}"
                f" {EVENTS[event]} FOR EACH STATEMENT EXECUTE FUNCTION {qualified(self.name)}()"
            )
            session.run(f"ALTER TABLE ONLY {on} ENABLE ALWAYS TRIGGER {identifier(name)}")

    def incarnation(self, session: Connection) -> str:
        """Empty where a trigger or the changelog is missing or disabled; otherwise it changes when
        one is disabled, enabled, or made anew: what changed meanwhile was never written down."""
        found = session.rows(INCARNATION, qualified(self.original), list(self.triggers))
        there = session.value("SELECT to_regclass($1)::oid::text", qualified(self.name))
        if len(found) < len(EVENTS) or there is None:
            return ""
        return hashlib.sha256(repr((found, there)).encode()).hexdigest()[:12]


def of(job: Job) -> Changelog:
    columns = tuple(
        replace(job.original.column(name), name=f"k{n}") for n, name in enumerate(job.columns.key)
    )
    name = TableName("osc", f"changelog_{job.id}")
    return Changelog(name, job.original.name, job.id, job.columns.key, columns)


def sweep(opened: Open, original: TableName, *, execute: bool) -> list[str]:
    """What runs on this table left behind, on it or on its archives; in words. The triggers go
    first: one that has nowhere to write would make the application's statement fail."""
    with opened("sweep") as session:
        found = session.rows(FOUND, OURS, _comment(original))
        logs = _logs(session, original)
    triggers = [(str(name), TableName(schema, table)) for name, schema, table, _ in found]
    if execute:
        for on in dict.fromkeys(table for _, table in triggers):
            names = [name for name, table in triggers if table == on]
            within_budget(opened, on, LOCK_BUDGET_SECONDS, partial(_drop, on=on, triggers=names))
        with opened("sweep") as session:
            for log in logs:
                session.run(f"DROP FUNCTION IF EXISTS {qualified(log)}()")
                session.run(f"DROP TABLE IF EXISTS {qualified(log)}")
    return [f"trigger {name} on {on}" for name, on in triggers] + [f"table {log}" for log in logs]


def _drop(session: Connection, on: TableName, triggers: list[str]) -> None:
    for name in triggers:
        session.run(f"DROP TRIGGER IF EXISTS {identifier(name)} ON {qualified(on)}")


def _logs(session: Connection, original: TableName) -> list[TableName]:
    try:
        rows = session.rows(
            "SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace('osc')"
            " AND relkind = 'r' AND obj_description(oid, 'pg_class') = $1 ORDER BY 1",
            _comment(original),
        )
    except BadStatement:
        return []
    return [TableName("osc", str(name)) for (name,) in rows]


def _comment(original: TableName) -> str:
    return f"osc changelog of {original.schema}.{original.name}"
