"""Which server this is, and what it can do: asked, not guessed from a version number."""

from __future__ import annotations

import re
from dataclasses import dataclass

from osc import errors
from osc.engine import Session, Statement
from osc.model.table import TableName
from osc.mysql import quoting


@dataclass(frozen=True)
class Flavor:
    """The server's own words about itself."""

    version: str
    is_mariadb: bool

    @property
    def engine(self) -> str:
        return "mariadb" if self.is_mariadb else "mysql"


def flavor_of(version: str) -> Flavor:
    number = re.match(r"[\d.]+", version.removeprefix("5.5.5-"))
    return Flavor(number.group() if number else version, "mariadb" in version.lower())


def has_rename_under_lock(session: Session, schema: str) -> bool:
    """Whether RENAME TABLE works for tables that this session has locked.

    MySQL does since 8.0.13 (manual, RENAME TABLE); MariaDB answers with error 1192. Tried on two
    tables of ours, which are gone afterwards.
    """
    here = server_id(session)  # A replica may ask itself while what its source asks comes along.
    one, two = (quoting.table(TableName(schema, f"_osc_probe_{here}{n}")) for n in "ab")
    session.execute(Statement(f"DROP TABLE IF EXISTS {one}"))
    session.execute(Statement(f"DROP TABLE IF EXISTS {two}"))
    session.execute(Statement(f"CREATE TABLE {one} (id INT PRIMARY KEY)"))
    try:
        session.execute(Statement(f"LOCK TABLES {one} WRITE"))
        session.execute(Statement(f"RENAME TABLE {one} TO {two}"))
    except errors.BadStatement:
        return False
    else:
        return True
    finally:
        session.execute(Statement("UNLOCK TABLES"))
        session.execute(Statement(f"DROP TABLE IF EXISTS {one}"))
        session.execute(Statement(f"DROP TABLE IF EXISTS {two}"))


def server_id(session: Session) -> int:
    return int(session.query(Statement("SELECT @@server_id"))[0][0])


def variable(session: Session, name: str) -> str | None:
    """A global variable, or None where the server has no such."""
    rows = session.query(Statement("SHOW GLOBAL VARIABLES LIKE %s", (name,)))
    return str(rows[0][1]) if rows else None
