"""CHECK constraints that MySQL words anew at whatever ALTER comes next.

Where MySQL (measured on 9.7) opens a table it folds constants that a BIGINT is compared with, and
each ALTER prints what was folded: `v >= -(7)` is `v >= -7` after the next one, and stays so. The
meaning is the same, and a native ALTER is one; but a shadow that is altered once more than that,
because its indexes are taken off for the copy, would be worded otherwise than a native ALTER leaves
it. So such a shadow keeps its indexes. One that must be altered all the same, to be given foreign
keys or a counter, is worded as any table is after its next ALTER.
"""

from __future__ import annotations

import re

from osc.engine import Session, Statement
from osc.model.table import TableName
from osc.mysql import family, quoting
from osc.mysql.catalog import MySQLCatalog

_CHECK = re.compile(r"^  CONSTRAINT `(?:[^`]|``)+` CHECK .*?,?$", re.MULTILINE)


def checks(definition: str) -> list[str]:
    """The lines of a SHOW CREATE TABLE that tell its CHECK constraints."""
    return [line.removesuffix(",") for line in _CHECK.findall(definition)]


def reword(session: Session, clone: TableName) -> None:
    """Alters a clone without changing it. It may have a row, whose parents it doesn't have; and one
    with a FULLTEXT index is copied, which looks at them."""
    with family.unchecked(session):
        session.query(Statement(f"ALTER TABLE {quoting.table(clone)} FORCE"))


def foretold(session: Session, catalog: MySQLCatalog, clone: TableName) -> tuple[str, ...]:
    """What one more ALTER makes of their text, in sentences; the clone is altered."""
    before = checks(catalog.definition(clone))
    if not before:
        return ()
    reword(session, clone)
    both = zip(before, checks(catalog.definition(clone)), strict=True)
    return tuple(
        f"{_text(old)} may be worded {_text(new)} afterwards, which means the same: MySQL words it "
        "so at the next ALTER, and the new table needs one more to get its foreign keys, its "
        "counter or its key"
        for old, new in both
        if old != new
    )


def _text(check: str) -> str:
    return check.strip().removeprefix("CONSTRAINT ")
