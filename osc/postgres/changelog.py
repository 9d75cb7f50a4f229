"""The changelog of a migration and the triggers that fill it: made, found again, removed.

A trigger runs once a statement and writes keys only, never rows: whatever a bulk statement changed
is in its transition tables. The application's statement cannot fail because the shadow has no room
for a value, and pays for one INSERT … SELECT of keys. The key's columns have the original's own
types; texts are made when we read, under our own settings, so that no session's date style matters.

The function belongs to us and runs as us (SECURITY DEFINER, a pinned search_path): applications
need no privilege. ENABLE ALWAYS, because a session in which session_replication_role is `replica`
fires no others. TRUNCATE writes a row without a key.

Who writes to a partitioned table fires its statement triggers and not those of the partitions, and
who writes to a partition only those of the partition; with inheritance it is the same. There row
triggers write the keys: those of a partitioned table are its partitions' too, whichever way a row
comes, and a row that an UPDATE moves is deleted here and inserted there. TRUNCATE has none of them,
so each partition has one of its own.

The application must not notice. So no sequence numbers the rows: whoever asks lastval() for the row
that he has inserted would be given ours. Every column is qualified in the function, because a key
may be called `found` or `old`, as variables of PL/pgSQL are. And when somebody has renamed, dropped
or retyped a column of the key, a row says so: a function that still named it would fail, and with
it every write to the table.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from osc.engine import Job
from osc.errors import BadStatement, OscError, TableChanged
from osc.model.table import TableName
from osc.postgres import kin
from osc.postgres.definition import oid_of
from osc.postgres.locking import lock, within_budget
from osc.postgres.quoting import identifier, literal, qualified
from osc.postgres.session import Connection, Open

EVENTS = {
    "insert": "REFERENCING NEW TABLE AS osc_new",
    "update": "REFERENCING OLD TABLE AS osc_old NEW TABLE AS osc_new",
    "delete": "REFERENCING OLD TABLE AS osc_old",
    "truncate": "",
}
ROWS = ("insert", "update", "delete")
LOCK_BUDGET_SECONDS = 0.25
OURS = r"^_osc_[0-9]+_(insert|update|delete|truncate)$"
"""What our triggers are called; `definition.describe` leaves these out."""

FOUND = """
SELECT g.tgname, n.nspname, c.relname, p.proname
FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid
JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_proc p ON p.oid = g.tgfoid
WHERE NOT g.tgisinternal AND g.tgname ~ $1 AND p.pronamespace = to_regnamespace('osc')
AND g.tgparentid = 0 AND obj_description(p.oid, 'pg_proc') = $2 ORDER BY g.tgname
"""

INCARNATION = f"""
{kin.DESCENDANTS}
SELECT to_regclass($2)::oid::text, g.tgname, g.oid::text, g.xmin::text, g.tgenabled::text,
       p.oid::text, p.xmin::text
FROM pg_trigger g JOIN pg_proc p ON p.oid = g.tgfoid
WHERE g.tgrelid = $1 AND g.tgname = ANY ($3) AND g.tgenabled = 'A'
AND NOT EXISTS (
    SELECT FROM tree WHERE EXISTS (SELECT FROM pg_subscription_rel WHERE srrelid = tree.oid)
    OR (SELECT count(*) FROM pg_trigger part WHERE part.tgrelid = tree.oid
        AND part.tgname = ANY ($3) AND part.tgenabled = 'A') < cardinality($3))
ORDER BY g.tgname
"""

TYPES = """
WITH RECURSIVE type (name, oid) AS (
    SELECT attname, atttypid FROM pg_attribute
    WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped
    UNION ALL SELECT name, typbasetype FROM type JOIN pg_type y USING (oid) WHERE typtype = 'd')
SELECT name, format_type(oid, -1) FROM type JOIN pg_type y USING (oid) WHERE typtype <> 'd'
"""
"""A domain may refuse NULL, which is the key of a row without one; and a length is no business of
ours (format_type has none for -1, where NULL would make `character` a single one)."""


@dataclass(frozen=True)
class Changelog:
    """`key` are columns of the original; in the changelog they are k0, k1 … `xact` is the number of
    the transaction, by which snapshots tell what they show (`triggers.py`)."""

    name: TableName
    original: TableName
    oid: int
    migration: int
    key: tuple[str, ...]

    @property
    def triggers(self) -> dict[str, str]:
        """Their names, each with its event."""
        return {f"_osc_{self.migration}_{event}": event for event in EVENTS}

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(f"k{n}" for n, _ in enumerate(self.key))

    def create(self, opened: Open, budget_seconds: float) -> None:
        """All of it or nothing; CutOverNotObtained where the original can't be locked.

        Whoever wrote before the triggers were there has ended when their lock is granted, and is
        visible: a transaction lets go of its locks only when it is no longer shown as running, with
        synchronous standbys too (`ProcArrayEndTransaction` precedes `ResourceOwnerRelease`; a
        prepared one likewise). And whoever writes later finds them: a session reads what the
        catalog says of a table anew after it was granted a lock on it.
        """
        try:
            with opened("changelog") as session, session.transaction():
                for statement in self._table_and_function(session):
                    session.run(statement)
            within_budget(
                opened,
                self.original,
                budget_seconds,
                partial(self._create_triggers, budget_seconds=budget_seconds),
            )
        except BaseException:
            # The first error counts; `osc cleanup` finds what can't be removed now.
            with suppress(OscError):
                sweep(opened, self.original, execute=True)
            raise

    def _table_and_function(self, session: Connection) -> Iterator[str]:
        """A vacuum that gave the table's end back to the disk would lock it against applications;
        one for what was inserted is not worth its while."""
        name = qualified(self.name)
        types: dict[str, str] = dict(session.rows(TYPES, self.oid))
        columns = "".join(
            f", {column} {types[of]}" for column, of in zip(self.columns, self.key, strict=True)
        )
        yield f"DROP TABLE IF EXISTS {name}"
        yield (
            f"CREATE TABLE {name} (xact xid8 NOT NULL DEFAULT pg_catalog.pg_current_xact_id(),"
            f" mishap text{columns})"
            " WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000,"
            " autovacuum_vacuum_insert_threshold = -1, vacuum_truncate = off)"
        )
        yield f"CREATE INDEX ON {name} (xact)"
        # There are event triggers that force row level security on whatever is created.
        yield f"ALTER TABLE {name} DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY"
        yield (
            f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER"
            f" SET search_path = pg_catalog, pg_temp AS {literal(self._body(session))}"
        )
        yield f"REVOKE ALL ON FUNCTION {name}() FROM PUBLIC"
        for kind, called in (("TABLE", name), ("FUNCTION", f"{name}()")):
            yield f"COMMENT ON {kind} {called} IS {literal(_comment(self.original))}"

    def _body(self, session: Connection) -> str:
        log = self._log_rows() if self._by_row(session) else self._log_statements()
        truncated, altered = (
            f"INSERT INTO {qualified(self.name)} (mishap) VALUES ({literal(mishap)})"
            for mishap in ("truncated", "altered")
        )
        return (
            f"BEGIN IF TG_OP = 'TRUNCATE' THEN {truncated};"
            f" ELSIF NOT ({self._is_as_it_was(session)}) THEN {altered};"
            f" ELSIF TG_OP = 'INSERT' THEN {log['insert']};"
            f" ELSIF TG_OP = 'DELETE' THEN {log['delete']};"
            f" ELSE {log['update']}; END IF; RETURN NULL; END"
        )

    def _log_statements(self) -> dict[str, str]:
        """An UPDATE writes each key that was there and each that is there, once."""
        log = f"INSERT INTO {qualified(self.name)} ({', '.join(self.columns)})"
        old, new = (
            f"SELECT {', '.join(f'r.{identifier(column)}' for column in self.key)} FROM {rows} AS r"
            for rows in ("osc_old", "osc_new")
        )
        return {
            "insert": f"{log} {new}",
            "delete": f"{log} {old}",
            "update": f"{log} {old} UNION {new}",
        }

    def _log_rows(self) -> dict[str, str]:
        log = f"INSERT INTO {qualified(self.name)} ({', '.join(self.columns)}) VALUES"
        old, new = (
            f"({', '.join(f'{row}.{identifier(column)}' for column in self.key)})"
            for row in ("OLD", "NEW")
        )
        both = f"{log} {old}; IF ROW{old} IS DISTINCT FROM ROW{new} THEN {log} {new}; END IF"
        return {"insert": f"{log} {new}", "delete": f"{log} {old}", "update": both}

    def _by_row(self, session: Connection) -> bool:
        return len(kin.family(session, self.oid)) > 1 or bool(kin.parents(session, self.oid))

    def _is_as_it_was(self, session: Connection) -> str:
        """Partitions may have their columns in another order than their parent."""
        found = session.rows(
            "SELECT attname, atttypid::bigint FROM pg_attribute WHERE attrelid = $1"
            " AND NOT attisdropped AND attname = ANY ($2) ORDER BY attnum",
            self.oid,
            list(self.key),
        )
        return " AND ".join(
            "EXISTS (SELECT FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = TG_RELID"
            f" AND NOT a.attisdropped AND a.attname = {literal(name)} AND a.atttypid = {type})"
            for name, type in found
        )

    def _create_triggers(self, session: Connection, budget_seconds: float) -> None:
        members, by_row = kin.family(session, self.oid), self._by_row(session)
        if oid_of(session, self.original) == self.oid:
            lock(session, members, budget_seconds, "SHARE ROW EXCLUSIVE")
        if oid_of(session, self.original) != self.oid:
            raise TableChanged(
                f"{self.original} was replaced by somebody else",
                still_true="it serves as they left it; nothing was changed by us",
                todo="start again",
            )
        for name, event in self.triggers.items():
            each = by_row and event in ROWS
            how = "FOR EACH ROW" if each else f"{EVENTS[event]} FOR EACH STATEMENT"
            for member in members[:1] if each else members:
                on = qualified(member.name)
                session.run(
                    f"CREATE OR REPLACE TRIGGER {identifier(name)} AFTER {event.upper()} ON {on}"
                    f" {how} EXECUTE FUNCTION {qualified(self.name)}()"
                )
                only = "" if each else "ONLY "
                session.run(f"ALTER TABLE {only}{on} ENABLE ALWAYS TRIGGER {identifier(name)}")

    def incarnation(self, session: Connection) -> str:
        """Empty where a trigger or the changelog is missing or disabled, or where a subscription
        writes past the triggers; otherwise it changes when one is disabled, enabled, or made anew:
        what changed meanwhile was never written down.

        The original is known by its OID: swapped or renamed, it is the same.
        """
        found = session.rows(INCARNATION, self.oid, qualified(self.name), list(self.triggers))
        if len(found) < len(EVENTS) or found[0][0] is None:
            return ""
        return hashlib.sha256(repr(found).encode()).hexdigest()[:12]


def of(job: Job) -> Changelog:
    name, oid = TableName("osc", f"changelog_{job.id}"), job.original.identity.partition("/")[0]
    return Changelog(name, job.original.name, int(oid), job.id, job.columns.key)


def sweep(opened: Open, original: TableName, *, execute: bool) -> list[str]:
    """What runs on this table left behind, on it or on its archives; in words. The triggers go
    first: one that has nowhere to write would make the application's statement fail."""
    with opened("leftovers") as session:
        found = session.rows(FOUND, OURS, _comment(original))
        logs = _logs(session, original)
    triggers = [(str(name), TableName(schema, table)) for name, schema, table, _ in found]
    if execute:
        for on in dict.fromkeys(table for _, table in triggers):
            names = [name for name, table in triggers if table == on]
            within_budget(opened, on, LOCK_BUDGET_SECONDS, partial(_drop, on=on, triggers=names))
    if execute and logs:
        with opened("sweep") as session:
            for log in logs:
                session.run(f"DROP FUNCTION IF EXISTS {qualified(log)}()")
                session.run(f"DROP TABLE IF EXISTS {qualified(log)}")
    return [f"trigger {name} on {on}" for name, on in triggers] + [f"table {log}" for log in logs]


def _drop(session: Connection, on: TableName, triggers: list[str]) -> None:
    oid = oid_of(session, on)
    if oid is not None:
        lock(session, kin.family(session, oid), LOCK_BUDGET_SECONDS)
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
