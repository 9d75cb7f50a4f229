"""What this user may do, as SHOW GRANTS tells it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from osc import errors
from osc.engine import Session, Statement, Sync
from osc.model.table import TableName
from osc.mysql import changelog, quoting

_GRANT = re.compile(
    r"(?P<verb>GRANT|REVOKE) (?P<what>.+?) ON (?:TABLE )?"
    r"(?P<schema>\*|`(?:[^`]|``)+`)\.(?P<table>\*|`(?:[^`]|``)+`) (?:TO|FROM) ",
    re.DOTALL,
)


OF_THE_SERVER = {
    Sync.LOG: ("REPLICATION SLAVE", "REPLICATION CLIENT", "PROCESS"),
    Sync.TRIGGERS: ("PROCESS",),
}
OF_THE_DATABASE = (
    "SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "ALTER", "INDEX", "TRIGGER",
    "LOCK TABLES",
)  # fmt: skip
"""What a copy needs; README has the same."""
_ALSO_CALLED = {"REPLICATION CLIENT": "BINLOG MONITOR"}
"""By MariaDB from 10.5 on, whichever of the two was granted."""


def lacking(session: Session, schema: str, sync: Sync) -> str:
    """What to grant to this user, all at once, as far as SHOW GRANTS tells: a role may have it."""
    lines = [str(line) for (line,) in session.query(Statement("SHOW GRANTS"))]
    user = str(session.query(Statement("SELECT CURRENT_USER()"))[0][0])
    whom = "@".join(quoting.name(part) for part in user.rsplit("@", 1))
    nowhere, here = TableName("", ""), TableName(schema, "")
    wanted = (
        (OF_THE_SERVER[sync], nowhere, "*.*"),
        (OF_THE_DATABASE, here, f"{quoting.name(schema)}.*"),
    )
    missing = (
        ([privilege for privilege in each if not has(lines, privilege, table)], on)
        for each, table, on in wanted
    )
    return "; ".join(
        f"GRANT {', '.join(found)} ON {on} TO {whom}" for found, on in missing if found
    )


def require_sight_of_triggers(session: Session, table: TableName) -> None:
    """NotAllowed where triggers of the table may be hidden from this user: the server lists them to
    those alone who have the TRIGGER privilege (manual, 28.3.46), and a swap would lose them.

    A privilege that comes by a role is not in SHOW GRANTS everywhere: then a trigger on a table of
    ours is tried.
    """
    lines = [str(line) for (line,) in session.query(Statement("SHOW GRANTS"))]
    if has(lines, "TRIGGER", table):
        return
    try:
        changelog.try_trigger(session, table)
    except (errors.NotAllowed, errors.Precondition) as error:
        raise errors.NotAllowed(
            f"without the TRIGGER privilege nobody tells whether {table} has triggers, and they "
            f"would be lost: {error.happened}",
            still_true="nothing was touched",
            todo=f"GRANT TRIGGER ON {quoting.name(table.schema)}.* to this user",
        ) from error


def has(grants: Iterable[str], privilege: str, table: TableName) -> bool:
    """Whether these lines give a privilege on the table, and none takes it back."""
    found = [
        match["verb"]
        for match in map(_GRANT.match, grants)
        if match and _names(match["what"], privilege) and _covers(match, table)
    ]
    return "GRANT" in found and "REVOKE" not in found


def _names(what: str, privilege: str) -> bool:
    listed = {word.strip().upper() for word in re.sub(r"\([^)]*\)", "", what).split(",")}
    called = _ALSO_CALLED.get(privilege, privilege)
    return bool({privilege, called, "ALL PRIVILEGES", "ALL"} & listed)


def _covers(match: re.Match[str], table: TableName) -> bool:
    """A database may be a pattern of LIKE, unless a table is named with it."""
    schema, name = match["schema"], match["table"]
    if schema == "*":
        return True
    if name == "*":
        return re.fullmatch(_pattern(_plain(schema)), table.schema) is not None
    return (_plain(schema), _plain(name)) == (table.schema, table.name)


def _plain(quoted: str) -> str:
    return quoted[1:-1].replace("``", "`")


def _pattern(like: str) -> str:
    parts = re.findall(r"\\.|.", like, re.DOTALL)
    wild = {"%": ".*", "_": "."}
    return "".join(wild.get(part) or re.escape(part[-1]) for part in parts)
