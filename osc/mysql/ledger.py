"""Our own small tables, in the database of the table that is migrated.

On a replica that is changed for itself they have other names (`books.py`).

_osc_migration   a row for each run: what, who, how far
_osc_chunk       a row for each chunk, written in the chunk's own transaction (rule 5)
_osc_fence       a row for each migration: which process may write into its shadow
_osc_heartbeat   the barriers of the binlog (rule 2)
_osc_backlog     keys that memory has no room for (rule 7)
_osc_beat        the time, a few times a second, for replicas to show how far they are
_osc_order       what operators say to a run, and its answers
_osc_report      what a run shows of itself
_osc_note        what hangs on a table when its swap begins, for whoever has to finish it
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from osc import errors
from osc.engine import Checkpoint, Run, Session, Statement, Sync
from osc.model.change import KeyPart, KeyValue, Position
from osc.model.chunk import Chunk
from osc.model.table import Table, TableName
from osc.mysql import quoting
from osc.mysql.books import OWN, OWN_ORDER, Books, is_own
from osc.mysql.lasting import LastingSession

MIGRATION, CHUNK = "_osc_migration", "_osc_chunk"
FENCE, HEARTBEAT, BACKLOG = "_osc_fence", "_osc_heartbeat", "_osc_backlog"
BEAT, ORDER, REPORT, NOTE = "_osc_beat", "_osc_order", "_osc_report", "_osc_note"
VERSION = "osc ledger 5"
"""Goes up with every change of the tables below."""
LONGEST_ZOMBIE_SECONDS = 600

_TABLES = {
    MIGRATION: """
        id INT NOT NULL AUTO_INCREMENT PRIMARY KEY,
        table_schema VARCHAR(64) NOT NULL, table_name VARCHAR(64) NOT NULL,
        statement LONGTEXT NOT NULL, sync VARCHAR(16) NOT NULL, run_by VARCHAR(255) NOT NULL,
        phase VARCHAR(32) NOT NULL DEFAULT 'plan', position TEXT, job LONGTEXT,
        rows_copied BIGINT NOT NULL DEFAULT 0, rows_estimated BIGINT NOT NULL DEFAULT 0,
        message TEXT, result LONGTEXT, archive VARCHAR(160) NOT NULL DEFAULT '',
        settings TEXT,
        started_at DATETIME(3) NOT NULL, updated_at DATETIME(3) NOT NULL,
        finished_at DATETIME(3) NULL""",
    CHUNK: """
        migration INT NOT NULL, number INT NOT NULL, lower_bound TEXT, upper_bound TEXT,
        rows_copied BIGINT NOT NULL, PRIMARY KEY (migration, number)""",
    FENCE: """
        migration INT NOT NULL PRIMARY KEY, generation INT NOT NULL""",
    HEARTBEAT: """
        migration BIGINT NOT NULL, generation BIGINT NOT NULL, number BIGINT NOT NULL,
        PRIMARY KEY (migration, generation, number)""",
    BACKLOG: """
        number BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, migration INT NOT NULL,
        key_value TEXT NOT NULL, KEY (migration, number)""",
    BEAT: """
        migration INT NOT NULL PRIMARY KEY, at DOUBLE NOT NULL""",
    ORDER: """
        number BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, migration INT NOT NULL,
        words TEXT NOT NULL, ordered_by VARCHAR(255) NOT NULL, answer TEXT,
        ordered_at DATETIME(3) NOT NULL, KEY (migration, number)""",
    REPORT: """
        migration INT NOT NULL PRIMARY KEY, record LONGTEXT NOT NULL,
        shown_at DATETIME(3) NOT NULL""",
    NOTE: """
        migration INT NOT NULL PRIMARY KEY, record LONGTEXT NOT NULL""",
}
_OWN_FROM = {MIGRATION: OWN, ORDER: OWN_ORDER}


class MySQLLedger:
    """The port `Ledger`, for any thread. Times are the server's, in its own zone."""

    def __init__(
        self,
        connect: Callable[[str], Session],
        books: Books,
        alive: Callable[[TableName], bool],
        *,
        begins_own: bool = False,
    ) -> None:
        """`begins_own`: what is begun through this one is a replica's own run."""
        self._connect = connect
        self._books = books
        self._alive = alive
        self._begins_own = begins_own
        self._own: Session | None = None
        self._lock = threading.Lock()

    def _of(self, table: str, migration: int) -> str:
        return self._books.quoted(table, migration)

    @property
    def _next(self) -> int:
        """Tells the tables of what is begun now."""
        return OWN if self._begins_own else 0

    def _execute(self, statement: Statement) -> int:
        with self._lock:
            return self._session().execute(statement)

    def _query(self, statement: Statement) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._session().query(statement)

    def _session(self) -> Session:
        if self._own is None:
            self._own = LastingSession(lambda: self._connect("ledger"))
        return self._own

    def is_there(self) -> bool:
        return self._has(self._next)

    def _has(self, migration: int) -> bool:
        return self._version(self._books.of(MIGRATION, migration)) == VERSION

    def prepare(self) -> None:
        for kind, columns in _TABLES.items():
            table = self._books.of(kind, self._next)
            version = self._version(table)
            if version is None:
                first = f" AUTO_INCREMENT={_OWN_FROM.get(kind, 1)}" if self._begins_own else ""
                self._execute(
                    Statement(
                        f"CREATE TABLE IF NOT EXISTS {quoting.table(table)} ({columns}) "
                        "ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin "
                        f"COMMENT='{VERSION}'{first}"
                    )
                )
            elif version != VERSION:
                raise _of_another_version(table, version)

    def _version(self, table: TableName) -> str | None:
        """The comment of a table of ours; None where there is no such table."""
        found = self._query(
            Statement(
                "SELECT table_comment FROM information_schema.tables "
                "WHERE table_schema = %s AND table_name = %s",
                (table.schema, table.name),
            )
        )
        return str(found[0][0]) if found else None

    def begin(self, table: Table, statement: str, sync: Sync, by: str) -> int:
        begun = Statement(
            f"INSERT INTO {self._of(MIGRATION, self._next)} "
            "(table_schema, table_name, statement, sync, run_by, rows_estimated, "
            "started_at, updated_at) VALUES (%s, %s, %s, %s, %s, %s, SYSDATE(3), SYSDATE(3))",
            (table.name.schema, table.name.name, statement, str(sync), by, table.rows),
        )
        with self._lock:
            session = self._session()
            with session.transaction():
                session.execute(begun)
                migration = int(session.query(Statement("SELECT LAST_INSERT_ID()"))[0][0])
                session.execute(
                    Statement(
                        f"INSERT INTO {self._of(FENCE, migration)} VALUES (%s, 1)", (migration,)
                    )
                )
            return migration

    def checkpoint(self, migration: int) -> Checkpoint:
        ((statement, sync, phase, position, job, spilled, rows),) = self._query(
            Statement(
                "SELECT statement, sync, phase, position, COALESCE(job, ''), "
                f"(SELECT COUNT(*) FROM {self._of(BACKLOG, migration)} WHERE migration = m.id), "
                f"(SELECT COALESCE(SUM(rows_copied), 0) FROM {self._of(CHUNK, migration)} "
                f"WHERE migration = m.id) FROM {self._of(MIGRATION, migration)} m WHERE id = %s",
                (migration,),
            )
        )
        return Checkpoint(
            statement=str(statement),
            sync=Sync(sync),
            phase=str(phase),
            position=None if position is None else Position(str(position)),
            job=str(job),
            spilled=int(spilled),
            rows_copied=int(rows),
        )

    def take_over(self, migration: int) -> int:
        """Waits for transactions that hold the row; each wait for a lock is short by itself."""
        table = self._of(FENCE, migration)
        for attempt in _patiently():
            with attempt:
                self._execute(
                    Statement(
                        f"INSERT INTO {table} VALUES (%s, 1) "
                        "ON DUPLICATE KEY UPDATE generation = generation + 1",
                        (migration,),
                    )
                )
        found = self._query(
            Statement(f"SELECT generation FROM {table} WHERE migration = %s", (migration,))
        )
        return int(found[0][0])

    def fence(self, migration: int, generation: int) -> Statement:
        return Statement(
            f"SELECT generation FROM {self._of(FENCE, migration)} "
            f"WHERE migration = {migration} AND generation = {generation} LOCK IN SHARE MODE"
        )

    def save(self, migration: int, *, finished: bool = False, **values: Any) -> None:
        sets = [f"{quoting.name(name)} = %s" for name in values]
        sets += ["updated_at = SYSDATE(3)"] + ["finished_at = SYSDATE(3)"] * finished
        self._execute(
            Statement(
                f"UPDATE {self._of(MIGRATION, migration)} SET {', '.join(sets)} WHERE id = %s",
                (*values.values(), migration),
            )
        )

    def chunk_copied(self, migration: int, chunk: Chunk, rows: int) -> Statement:
        return Statement(
            f"INSERT INTO {self._of(CHUNK, migration)} VALUES (%s, %s, %s, %s, %s)",
            (migration, chunk.number, _bound(chunk.lower), _bound(chunk.upper), rows),
        )

    def chunks(self, migration: int) -> list[Chunk]:
        rows = self._query(
            Statement(
                f"SELECT number, lower_bound, upper_bound FROM {self._of(CHUNK, migration)} "
                "WHERE migration = %s ORDER BY number",
                (migration,),
            )
        )
        return [Chunk(int(number), _key(lower), _key(upper)) for number, lower, upper in rows]

    def forget(self, migration: int) -> None:
        for table in (CHUNK, BACKLOG, HEARTBEAT, BEAT, FENCE, NOTE):
            self._delete(table, "migration", migration)

    def withdraw(self, migration: int) -> None:
        """The row goes first: without it, nobody finds the rest."""
        self._delete(MIGRATION, "id", migration)
        for table in (FENCE, ORDER, REPORT):
            self._delete(table, "migration", migration)

    def _delete(self, table: str, column: str, migration: int) -> None:
        self._execute(
            Statement(f"DELETE FROM {self._of(table, migration)} WHERE {column} = %s", (migration,))
        )

    def spill(self, migration: int, keys: Sequence[KeyValue]) -> None:
        for start in range(0, len(keys), 5_000):
            rows = ", ".join(
                f"({migration}, {quoting.string(packed(key))})"
                for key in keys[start : start + 5_000]
            )
            self._execute(
                Statement(
                    f"INSERT INTO {self._of(BACKLOG, migration)} (migration, key_value) "
                    f"VALUES {rows}"
                )
            )

    def spilled(self, migration: int, after: int, most: int) -> list[tuple[int, KeyValue]]:
        rows = self._query(
            Statement(
                f"SELECT number, key_value FROM {self._of(BACKLOG, migration)} "
                "WHERE migration = %s AND number > %s ORDER BY number LIMIT %s",
                (migration, after, most),
            )
        )
        return [(int(number), unpacked(str(text))) for number, text in rows]

    def unspill(self, migration: int, after: int, upto: int) -> None:
        self._execute(
            Statement(
                f"DELETE FROM {self._of(BACKLOG, migration)} "
                "WHERE migration = %s AND number > %s AND number <= %s",
                (migration, after, upto),
            )
        )

    def runs(self, table: TableName | None = None) -> list[Run]:
        """Of one table only one is alive, and what is begun on a replica begins after its source's:
        a claim that is held here is its own."""
        found = [run for books in (0, OWN) if self._has(books) for run in self._runs(table, books)]
        own = {run.table for run in found if is_own(run.id) and run.finished_at is None}
        return [
            replace(run, alive=False) if run.table in own and not is_own(run.id) else run
            for run in found
        ]

    def _runs(self, table: TableName | None, books: int) -> list[Run]:
        where = "" if table is None else "WHERE table_schema = %s AND table_name = %s"
        found = self._query(
            Statement(
                "SELECT id, table_schema, table_name, statement, phase, sync, run_by, "
                "CAST(started_at AS CHAR), CAST(updated_at AS CHAR), CAST(finished_at AS CHAR), "
                "rows_copied, rows_estimated, COALESCE(message, ''), COALESCE(result, ''), "
                f"archive, COALESCE(settings, '') FROM {self._of(MIGRATION, books)} {where} "
                "ORDER BY id",
                () if table is None else (table.schema, table.name),
            )
        )
        return [self._run(row) for row in found]

    def _run(self, row: tuple[Any, ...]) -> Run:
        identity, schema, name, statement, phase, sync, by, *times = row
        started, updated, finished, copied, estimated, message, result, archive, settings = times
        table = TableName(str(schema), str(name))
        return Run(
            id=int(identity),
            table=table,
            statement=str(statement),
            phase=str(phase),
            sync=str(sync),
            by=str(by),
            started_at=str(started),
            updated_at=str(updated),
            finished_at=None if finished is None else str(finished),
            rows_copied=int(copied),
            rows_estimated=int(estimated),
            message=str(message),
            result=str(result),
            archive=str(archive),
            settings=str(settings),
            alive=finished is None and self._alive(table),
            is_sources=self._begins_own and not is_own(int(identity)),
        )

    def close(self) -> None:
        if self._own is not None:
            self._own.close()
            self._own = None


def _patiently() -> Retrying:
    """While a statement that outlived its client holds what we need."""
    return Retrying(
        retry=retry_if_exception_type(errors.Conflict),
        stop=stop_after_delay(LONGEST_ZOMBIE_SECONDS),
        wait=wait_fixed(0.1),
        reraise=True,
    )


def _of_another_version(table: TableName, version: str) -> errors.Precondition:
    return errors.Precondition(
        f"{table} is {version or 'a table that osc did not make'}, and this osc wants {VERSION}",
        still_true="nothing was touched",
        todo="finish the runs of the other version, then drop its _osc_ tables",
    )


def packed(key: KeyValue) -> str:
    """A key as JSON; bytes as hexadecimal, so that every part comes back as it was."""
    return json.dumps([{"b": part.hex()} if isinstance(part, bytes) else part for part in key])


def unpacked(text: str) -> KeyValue:
    return tuple(_part(part) for part in json.loads(text))


def _part(part: Any) -> KeyPart:
    if isinstance(part, dict):
        return bytes.fromhex(part["b"])
    return int(part) if isinstance(part, int) else str(part)


def _key(text: Any) -> KeyValue | None:
    return None if text is None else unpacked(str(text))


def _bound(bound: KeyValue | None) -> str | None:
    return None if bound is None else packed(bound)
