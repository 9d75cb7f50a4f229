"""Secondary indexes that may be built after the copy: which they are, and taking them off."""

from __future__ import annotations

import re

from osc.engine import Session, Statement
from osc.model.table import TableName
from osc.mysql import quoting
from osc.mysql.catalog import MySQLCatalog

_KEY = re.compile(r"^  (SPATIAL |VECTOR )?KEY `((?:[^`]|``)+)` ")
"""Whose place among the others is shown; unique ones come before them, FULLTEXT ones after."""


def take_off(session: Session, catalog: MySQLCatalog, shadow: TableName) -> None:
    """Takes the non-unique indexes off an empty table."""
    names = plain_keys(catalog.definition(shadow))
    if not names:
        return
    drops = ", ".join(f"DROP KEY {quoting.name(name)}" for name in names)
    session.query(Statement(f"ALTER TABLE {quoting.table(shadow)} {drops}"))


def plain_keys(definition: str) -> dict[str, str]:
    """Name → definition of each non-unique B-tree index that may be built later.

    The index that an AUTO_INCREMENT column leans on has to be there (error 1075). One that stays
    keeps its place, and what is built later comes after it: so those before it stay as well.
    """
    lines = definition.splitlines()
    counted = {
        match.group(1)
        for line in lines
        if " AUTO_INCREMENT" in line and (match := re.match(r"  `((?:[^`]|``)+)`", line))
    }
    found: dict[str, str] = {}
    for line in lines:
        match = _KEY.match(line)
        if not match:
            continue
        if match[1] or any(f"(`{column}`" in line for column in counted):
            found.clear()
        else:
            found[match[2].replace("``", "`")] = line.strip().rstrip(",")
    return found
