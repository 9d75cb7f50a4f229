"""Reasons to refuse on MySQL and MariaDB, each with what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from osc import errors
from osc.engine import Session, Statement, Sync
from osc.model.alter import Alter
from osc.model.consent import NO_CONSENT, Consent
from osc.model.table import Table, TableName
from osc.mysql import (
    changelog,
    flavor,
    foreign_keys,
    innodb,
    privileges,
    quoting,
    stream,
    user_triggers,
)
from osc.mysql.catalog import MySQLCatalog
from osc.mysql.ledger import MIGRATION
from osc.mysql.session import Address
from osc.mysql.standing import Standing

NOTHING_TOUCHED = "nothing was touched"


@dataclass(frozen=True)
class MySQLChecks:
    """The port `Checks`."""

    session: Session
    address: Address
    is_mariadb: bool
    consent: Consent = NO_CONSENT
    try_stream: Callable[[Address, Session], None] = stream.try_stream

    def place(self) -> None:
        for refusal in self._standing.place(self.address.database, self.consent):
            raise refusal

    def server(self, sync: Sync) -> None:
        for refusal in (*self._standing.sync(sync), *self._server(sync)):
            raise refusal
        if sync is Sync.LOG:
            self._may_read_the_log()

    def table(self, table: Table, alter: Alter, sync: Sync) -> None:
        self._sees_every_child(table)
        for refusal in (*self._table(table), *self._cascades(table, sync), *_statement(alter)):
            raise refusal
        if sync is Sync.LOG:
            for refusal in _logged(self.session, table):
                raise refusal
            privileges.require_sight_of_triggers(self.session, table.name)
        else:
            for refusal in self._callers(table):
                raise refusal
            changelog.try_trigger(self.session, table.name)

    @property
    def _standing(self) -> Standing:
        return Standing(self.session, self.is_mariadb)

    def _server(self, sync: Sync) -> Iterator[errors.Precondition]:
        yield from self._about_the_log() if sync is Sync.LOG else self._about_triggers()

    def _about_the_log(self) -> Iterator[errors.Precondition]:
        if not self._is("log_bin", "ON"):
            yield _refused("the server writes no binlog", "start it with --log-bin")
        # A server without the variable knows no other format.
        if (flavor.variable(self.session, "binlog_format") or "ROW").upper() != "ROW":
            yield _refused(
                "binlog_format is not ROW, so the binlog does not tell which rows change",
                "SET GLOBAL binlog_format = 'ROW', and let the applications connect anew",
            )
        if flavor.variable(self.session, "binlog_order_commits") == "OFF":
            yield _refused(
                "binlog_order_commits is OFF: commits become visible in another order than the "
                "binlog's, so that no barrier can be set",
                "SET GLOBAL binlog_order_commits = ON",
            )

    def _about_triggers(self) -> Iterator[errors.Precondition]:
        """A replica that runs statements anew fires the triggers itself, and gives the changelog's
        rows other numbers than the primary did: sooner or later one that is taken."""
        if self._is("log_bin", "ON") and self._is("binlog_format", "STATEMENT"):
            yield _refused(
                "binlog_format is STATEMENT: the triggers would number their rows otherwise on a "
                "replica, and stop it",
                "SET GLOBAL binlog_format = 'ROW' or 'MIXED', and let the applications connect "
                "anew",
            )
        try:
            innodb.table_ids(self.session, TableName(self.address.database, MIGRATION))
        except errors.NotAllowed as error:
            raise self._not_allowed(
                "without the PROCESS privilege nothing would show a TRUNCATE, which fires no "
                "trigger",
                Sync.TRIGGERS,
            ) from error

    def _is(self, name: str, value: str) -> bool:
        found = flavor.variable(self.session, name)
        return found is not None and found.upper() == value

    def _may_read_the_log(self) -> None:
        try:
            self.try_stream(self.address, self.session)
        except errors.NotAllowed as error:
            raise self._not_allowed(
                "the binlog can't be read without REPLICATION SLAVE and REPLICATION CLIENT",
                Sync.LOG,
            ) from error
        except errors.ServerError as error:
            raise errors.NotAllowed(
                f"the binlog cannot be read: {error.happened}", still_true=NOTHING_TOUCHED
            ) from error

    def _not_allowed(self, happened: str, sync: Sync) -> errors.NotAllowed:
        """With all that is missing, so that nobody has to come back for the next one."""
        missing = privileges.lacking(self.session, self.address.database, sync)
        return errors.NotAllowed(
            happened,
            still_true=NOTHING_TOUCHED,
            todo=missing
            or "SHOW GRANTS tells what this user may do; is a role of his switched on?",
        )

    def _table(self, table: Table) -> Iterator[errors.Precondition]:
        engine = self._engine(table)
        if engine.upper() != "INNODB":
            yield _refused(
                f"{table.name} is stored by {engine}: it cannot be read consistently while it is "
                "written",
                "alter it natively; ALTER TABLE … ENGINE=InnoDB blocks writes while it runs",
            )

    def _sees_every_child(self, table: Table) -> None:
        """One that we don't see would go on referring to the old table. (Without PROCESS nobody
        tells whether there is any.)"""
        try:
            every = innodb.referring(self.session, table.name)
        except errors.NotAllowed:
            return
        catalog = MySQLCatalog(self.session, self.address.database)
        seen = foreign_keys.of_children(self.session, catalog, table.name)
        if len(every) > len(seen):
            raise errors.NotAllowed(
                f"foreign keys refer to {table.name} from tables that this user may not see: there "
                f"are {len(every)} ({', '.join(sorted(every))}), and {len(seen)} can be seen",
                still_true=NOTHING_TOUCHED,
                todo="GRANT SELECT, ALTER, REFERENCES, LOCK TABLES on these tables to this user",
            )

    def _callers(self, table: Table) -> Iterator[errors.Precondition]:
        """Where a table has triggers, a procedure that was called before remembers what they write
        into. A CALL that waits while another trigger is made goes on by that list, and the trigger
        does not find its table in it (error 1146, measured on MariaDB 10.11)."""
        if not self.is_mariadb or not user_triggers.on_table(self.session, table.name):
            return
        if called := self._procedures(table.name):
            yield _refused(
                f"{table.name} has triggers, and procedures name it ({', '.join(called)}): a CALL "
                "that waits while triggers of ours are made would fail on this server (error 1146)",
                "take --sync log; or drop these procedures for the time of the change",
            )

    def _procedures(self, table: TableName) -> list[str]:
        rows = self.session.query(
            Statement(
                "SELECT routine_schema, routine_name FROM information_schema.routines "
                "WHERE routine_type = 'PROCEDURE' "
                "AND routine_definition RLIKE %s "
                "AND (routine_schema = %s OR routine_definition RLIKE %s) ORDER BY 1, 2",
                (_as_a_word(table.name), table.schema, _as_a_word(table.schema)),
            )
        )
        return [f"{schema}.{name}" for schema, name in rows]

    def _cascades(self, table: Table, sync: Sync) -> Iterator[errors.Precondition]:
        """Rows that a cascade writes fire no trigger, and are in the log only where the server does
        the cascade above its storage engine (MySQL from 9.6 on)."""
        if sync is Sync.LOG and self._is("innodb_native_foreign_keys", "OFF"):
            return
        catalog = MySQLCatalog(self.session, self.address.database)
        for key in foreign_keys.of_table(catalog, table.name):
            for action in foreign_keys.actions(key):
                yield _refused(
                    f"{table.name}: the foreign key {key.name} has {action}, and what a change of "
                    f"{key.parent} writes into {table.name} that way is told by no trigger"
                    + ("" if sync is Sync.TRIGGERS else " and is not in this server's log"),
                    "take --sync log on a server that logs it (MySQL from 9.6 on, with "
                    "innodb_native_foreign_keys=OFF); or make the key one without the action for "
                    "the time of the change (in place, with foreign_key_checks=0), or alter "
                    "natively",
                )

    def _engine(self, table: Table) -> str:
        rows = self.session.query(
            Statement(
                "SELECT engine FROM information_schema.tables "
                "WHERE table_schema = %s AND table_name = %s",
                (table.name.schema, table.name.name),
            )
        )
        return str(rows[0][0])


def _as_a_word(name: str) -> str:
    """A pattern of MariaDB's, whose collation of a routine's text takes any letter case."""
    return rf"(^|[^[:alnum:]_$])\Q{name}\E($|[^[:alnum:]_$])"


def altered(session: Session, clone: Table) -> None:
    """What the ALTER would bring that is not carried over yet; asked of the altered clone."""
    engine = session.query(
        Statement(
            "SELECT engine FROM information_schema.tables "
            "WHERE table_schema = %s AND table_name = %s",
            (clone.name.schema, clone.name.name),
        )
    )
    if str(engine[0][0]).upper() != "INNODB":
        raise _refused(
            f"the ALTER moves the table to {engine[0][0]}, which has no transactions",
            "alter it natively",
        )

    if clone.has_column("FTS_DOC_ID") and _has_fulltext(session, clone.name):
        raise _refused(
            "the table numbers its FULLTEXT documents itself (FTS_DOC_ID): InnoDB takes no row "
            "whose number is lower than one it has had",
            "drop the FULLTEXT index for the time of the change, or alter natively",
        )


def _has_fulltext(session: Session, name: TableName) -> bool:
    found = session.query(
        Statement(
            "SELECT 1 FROM information_schema.statistics WHERE table_schema = %s "
            "AND table_name = %s AND index_type = 'FULLTEXT' LIMIT 1",
            (name.schema, name.name),
        )
    )
    return bool(found)


def _refused(happened: str, todo: str) -> errors.Precondition:
    return errors.Precondition(happened, still_true=NOTHING_TOUCHED, todo=todo)


_PARTITION_VERBS = {
    "DROP", "TRUNCATE", "DISCARD", "IMPORT", "EXCHANGE", "ANALYZE", "CHECK", "REPAIR", "CONVERT",
}  # fmt: skip


def _statement(alter: Alter) -> Iterator[errors.Precondition]:
    for verbs in alter.verbs:
        if verbs[0] == "RENAME" and _renames_the_table(verbs):
            yield _refused(
                "the ALTER renames the table",
                "do it by itself before or after: RENAME TABLE is short, it needs no copy",
            )
        elif verbs[0] in _PARTITION_VERBS and "PARTITION" in verbs[1:3]:
            yield _refused(
                f"{' '.join(verbs[:2])} acts on the rows of partitions, not on the definition",
                "run it natively: it needs no copy of the other partitions",
            )
        elif verbs[0] in ("DISCARD", "IMPORT"):
            yield _refused(f"{' '.join(verbs[:2])} acts on files", "run it natively")


def _renames_the_table(verbs: tuple[str, ...]) -> bool:
    return len(verbs) > 1 and verbs[1] not in ("COLUMN", "INDEX", "KEY")


def _logged(session: Session, table: Table) -> Iterator[errors.Precondition]:
    """binlog-do-db and binlog-ignore-db keep changes out of the log."""
    try:
        rows = session.query(Statement("SHOW BINARY LOG STATUS"))
    except errors.BadStatement:
        rows = session.query(Statement("SHOW MASTER STATUS"))
    except errors.NotAllowed as error:
        raise errors.NotAllowed(
            error.happened,
            still_true=NOTHING_TOUCHED,
            todo="GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* to this user",
        ) from error
    only, ignored = (str(text or "").split(",") for text in rows[0][2:4]) if rows else ([""], [""])
    if (only != [""] and table.name.schema not in only) or table.name.schema in ignored:
        yield _refused(
            f"changes of database {quoting.name(table.name.schema)} are not written to the binlog "
            "(binlog-do-db, binlog-ignore-db)",
            "change the server's filter",
        )
