"""The application's triggers on a table: read as they were made, and made again as they were read.

A trigger keeps the settings of the session that made it: sql_mode, character set, collation. So it
is made again under the same ones, its text as the same bytes. The text comes from SHOW CREATE
TRIGGER: MySQL's information_schema prints other names where one holds a backtick, and another text
where the client's character set was not UTF-8.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from osc import errors
from osc.engine import Session, Statement
from osc.model.table import TableName
from osc.mysql import encoding, naming, quoting
from osc.mysql.session import SQL_MODE

AS_OURS = (Statement(f"SET SESSION sql_mode = '{SQL_MODE}'"), Statement("SET NAMES utf8mb4"))
"""What a session of ours is set to again when it has made a trigger."""

_HEAD = re.compile(
    r"""\s+ | /\*.*?\*/ | (?:\#|--(?=\s))[^\n]* | `(?:[^`]|``)*` | "(?:[^"]|"")*" | '(?:[^']|'')*'
    | \w+ | .""",
    re.VERBOSE | re.DOTALL,
)

NEEDS_SUPER = "1419"
"""ER_BINLOG_CREATE_ROUTINE_NEED_SUPER."""


@dataclass(frozen=True)
class Trigger:
    """`head` is the text up to the name of the table, `body` what follows FOR EACH ROW."""

    name: str
    table: TableName
    timing: str
    event: str
    definer: str
    head: str
    body: str
    sql_mode: str
    character_set: str
    collation: str
    database_collation: str

    @property
    def moment(self) -> tuple[str, str]:
        """Triggers of one moment have an order."""
        return self.timing, self.event

    @property
    def settings(self) -> Statement:
        """Of the session that makes it."""
        return Statement(
            f"SET SESSION sql_mode = '{self.sql_mode}', "
            f"character_set_client = {self.character_set}, collation_connection = {self.collation}"
        )

    def on(self, table: TableName) -> Statement:
        """The same trigger on another table of the same database."""
        return self._in_its_bytes(f"{self.head}{quoting.name(table.name)} FOR EACH ROW{self.body}")

    def called(self, name: str, table: TableName, body: str, before: str = "") -> Statement:
        """A trigger of the same moment and definer; `before` names the one that it comes before."""
        order = f" PRECEDES {quoting.name(before)}" if before else ""
        return self._in_its_bytes(
            f"CREATE DEFINER={_account(self.definer)} TRIGGER {quoting.name(name)} "
            f"{self.timing} {self.event} ON {quoting.name(table.name)} FOR EACH ROW{order}{body}"
        )

    def _in_its_bytes(self, text: str) -> Statement:
        return Statement(encoding.sent_as(text, self.character_set))


def _account(definer: str) -> str:
    """`user@host` as SQL; a role of MariaDB has no host."""
    user, at, host = definer.rpartition("@")
    if not at:
        return quoting.name(definer)
    return f"{quoting.name(user)}@{quoting.name(host)}" if host else quoting.name(user)


def on_table(session: Session, table: TableName) -> tuple[Trigger, ...]:
    """The application's, in an order that makes them fire as they do when made one by one."""
    rows = session.query(
        Statement(
            "SELECT trigger_name, action_timing, event_manipulation, definer "
            "FROM information_schema.triggers "
            "WHERE event_object_schema = %s AND event_object_table = %s "
            "ORDER BY event_manipulation, action_timing, action_order",
            (table.schema, table.name),
        )
    )
    return tuple(
        read(session, table, str(name), str(timing), str(event), str(definer))
        for name, timing, event, definer in rows
        if not naming.is_ours(str(name))
    )


def read(
    session: Session, table: TableName, name: str, timing: str, event: str, definer: str
) -> Trigger:
    shown = quoting.table(TableName(table.schema, name))
    row = session.query(Statement(f"SHOW CREATE TRIGGER {shown}"))[0]
    _, sql_mode, text, character_set, collation, database_collation = map(str, row[:6])
    head, body = parts(text)
    return Trigger(
        name, table, timing, event, definer, head, body, sql_mode, character_set, collation,
        database_collation,
    )  # fmt: skip


def parts(text: str) -> tuple[str, str]:
    """What stands before the table's name, and what follows FOR EACH ROW.

    MySQL writes the head anew; MariaDB keeps it as it was typed, comments and all.
    """
    found = [match for match in _HEAD.finditer(text) if match.group().strip()]
    words = [match.group().upper() for match in found]
    each = next(at for at in range(len(words)) if words[at : at + 3] == ["FOR", "EACH", "ROW"])
    on = max(at for at in range(each) if words[at] == "ON")
    return text[: found[on].end()] + " ", text[found[each + 2].end() :]


def made(session: Session, trigger: Trigger, statement: Statement) -> None:
    """Runs one of the trigger's statements as it was run; asked, because a definer who is gone and
    an sql_mode of old times are warnings, here as in a native ALTER."""
    session.query(Statement(f"USE {quoting.name(trigger.table.schema)}"))
    session.query(trigger.settings)
    try:
        session.query(statement)
    finally:
        for setting in AS_OURS:
            session.query(setting)


def dropped(table: TableName, name: str) -> Statement:
    return Statement(f"DROP TRIGGER {quoting.table(TableName(table.schema, name))}")


def refuse_what_cannot_be_made(session: Session, table: TableName, clone: TableName) -> None:
    """Makes each on the altered clone, where the server says all that it would say later."""
    found = on_table(session, table)
    collation = _collation_of(session, table.schema) if found else ""
    for number, trigger in enumerate(found):
        if trigger.database_collation != collation:
            raise _refused(
                f"the trigger {trigger.name} was made when the database's collation was "
                f"{trigger.database_collation}, and today it is {collation}",
                "make the trigger anew, so that it has the collation of today",
            )
        _try(session, trigger, number, clone)


def _try(session: Session, trigger: Trigger, number: int, clone: TableName) -> None:
    name = f"{naming.OURS}try_{naming.digest(clone)}_{number}"
    session.query(Statement(f"USE {quoting.name(clone.schema)}"))
    session.query(trigger.settings)
    try:
        session.query(trigger.called(name, clone, trigger.body))
        session.query(dropped(clone, name))
    except errors.NotAllowed as error:
        raise errors.NotAllowed(
            f"the trigger {trigger.name} of {trigger.definer} can't be made anew: {error.happened}",
            still_true="nothing was touched",
            todo="GRANT SET_ANY_DEFINER, ALLOW_NONEXISTENT_DEFINER (MySQL), SET USER (MariaDB) or "
            "SUPER ON *.* to this user, and TRIGGER on the database",
        ) from error
    except errors.BadStatement as error:
        if error.code == NEEDS_SUPER:
            raise needs_super() from error
        raise _refused(
            f"the trigger {trigger.name} does not go with the altered table: {error.happened}; a "
            "native ALTER would keep it, and whatever fires it would fail",
            "drop or change the trigger first",
        ) from error
    finally:
        for setting in AS_OURS:
            session.query(setting)


def needs_super() -> errors.Precondition:
    return _refused(
        "the server lets only a user with the SUPER privilege make triggers, because it writes a "
        "binlog (error 1419)",
        "SET GLOBAL log_bin_trust_function_creators = ON, or GRANT SUPER to this user",
    )


def _collation_of(session: Session, schema: str) -> str:
    rows = session.query(
        Statement(
            "SELECT default_collation_name FROM information_schema.schemata WHERE schema_name = %s",
            (schema,),
        )
    )
    return str(rows[0][0])


def _refused(happened: str, todo: str) -> errors.Precondition:
    return errors.Precondition(happened, still_true="nothing was touched", todo=todo)


def in_schema(session: Session, schema: str, names: Iterable[str]) -> dict[str, TableName]:
    """Which of these triggers exist, and the tables that they are on."""
    rows = session.query(
        Statement(
            "SELECT trigger_name, event_object_table FROM information_schema.triggers "
            "WHERE trigger_schema = %s",
            (schema,),
        )
    )
    wanted = set(names)
    return {str(name): TableName(schema, str(on)) for name, on in rows if name in wanted}
