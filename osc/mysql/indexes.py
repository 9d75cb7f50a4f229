"""Secondary indexes that may be built after the copy: which they are, and taking them off."""

from __future__ import annotations

import re

from osc.engine import Session, Statement
from osc.model.table import TableName
from osc.mysql import quoting
from osc.mysql.catalog import MySQLCatalog

_PLAIN_KEY = re.compile(r"^  KEY `((?:[^`]|``)+)` ")


def take_off(session: Session, catalog: MySQLCatalog, shadow: TableName) -> None:
    """Takes the non-unique indexes off an empty table."""
    names = plain_keys(catalog.definition(shadow))
    if not names:
        return
    drops = ", ".join(f"DROP KEY {quoting.name(name)}" for name in names)
    session.query(Statement(f"ALTER TABLE {quoting.table(shadow)} {drops}"))


def plain_keys(definition: str) -> dict[str, str]:
    """Name → definition of each non-unique B-tree index that may be built later.

    The index that an AUTO_INCREMENT column leans on has to be there (error 1075).
    """
    lines = definition.splitlines()
    counted = {
        match.group(1)
        for line in lines
        if " AUTO_INCREMENT" in line and (match := re.match(r"  `((?:[^`]|``)+)`", line))
    }
    found: dict[str, str] = {}
    for line in lines:
        match = _PLAIN_KEY.match(line)
        if match and not any(f"(`{column}`" in line for column in counted):
            found[match.group(1).replace("``", "`")] = line.strip().rstrip(",")
    return found
