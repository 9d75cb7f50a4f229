"""What InnoDB itself calls a table: the number that a TRUNCATE changes."""

from __future__ import annotations

import re
from collections.abc import Iterable

from osc import errors
from osc.engine import Session, Statement
from osc.model.table import TableName


def table_ids(session: Session, name: TableName) -> list[tuple[str, int]]:
    """InnoDB's name and number of the table, or of each partition; NotAllowed without PROCESS."""
    like = f"{_pattern(name.schema)}/{_pattern(name.name)}"
    try:
        rows = session.query(_numbers("INNODB_TABLES", like))
    except errors.BadStatement:
        rows = session.query(_numbers("INNODB_SYS_TABLES", like))
    exactly = re.compile(f"{_regex(name.schema)}/{_regex(name.name)}(#[pP]#.*)?")
    return sorted((str(path), int(number)) for path, number in rows if exactly.fullmatch(str(path)))


def index_ids(session: Session, tables: Iterable[int]) -> list[int]:
    """MariaDB's numbers of all indexes of these tables: an index that is built has a new one."""
    rows = session.query(_of_tables("index_id", "INNODB_SYS_INDEXES", tuple(tables) or (0,)))
    return sorted(int(number) for (number,) in rows)


def row_versions(session: Session, tables: Iterable[int]) -> int:
    """How often columns were added or dropped instantly since the last rebuild: InnoDB of MySQL
    allows that 64 times. Other servers count nothing."""
    wanted = tuple(tables) or (0,)
    try:
        rows = session.query(_of_tables("total_row_versions", "INNODB_TABLES", wanted))
    except errors.BadStatement:
        return 0
    return max((int(number) for (number,) in rows), default=0)


def has_documents(session: Session, tables: Iterable[int]) -> bool:
    """Whether one of these tables has the tables beside it that a FULLTEXT index needs: they stay
    when the last one is dropped, and so does the hidden column FTS_DOC_ID, until a rebuild."""
    for number in tables:
        beside = f"%/fts\\_{number:016x}\\_config"
        try:
            rows = session.query(_numbers("INNODB_TABLES", beside))
        except errors.BadStatement:
            rows = session.query(_numbers("INNODB_SYS_TABLES", beside))
        if rows:
            return True
    return False


def _of_tables(what: str, view: str, tables: tuple[int, ...]) -> Statement:
    return Statement(
        f"SELECT {what} FROM information_schema.{view} WHERE table_id IN %s", (tables,)
    )


def referring(session: Session, name: TableName) -> list[str]:
    """InnoDB's names of the foreign keys of other tables that refer to it, those included that this
    user may not see; NotAllowed without PROCESS."""
    view = "SELECT id, for_name, ref_name FROM information_schema.{}"
    try:
        rows = session.query(Statement(view.format("INNODB_FOREIGN")))
    except errors.BadStatement:
        rows = session.query(Statement(view.format("INNODB_SYS_FOREIGN")))
    coded = re.compile(f"{_regex(name.schema)}/{_regex(name.name)}")
    plain = f"{name.schema}/{name.name}"

    def is_it(path: str) -> bool:
        return path == plain or coded.fullmatch(path) is not None

    return [str(key) for key, child, parent in rows if is_it(str(parent)) and not is_it(str(child))]


def _numbers(view: str, like: str) -> Statement:
    return Statement(
        f"SELECT name, table_id FROM information_schema.{view} WHERE name LIKE %s OR name LIKE %s",
        (like, f"{like}#p#%"),
    )


def _pattern(identifier: str) -> str:
    """For LIKE: letters, digits and _ stand for themselves in a file's name, others are coded."""
    return "".join(
        "%" if _is_coded(letter) else letter.replace("_", r"\_") for letter in identifier
    )


def _regex(identifier: str) -> str:
    """ASCII is coded as @ and four digits, the rest in shorter ways that we don't know: there any
    code will do, and a neighbour's TRUNCATE may then be taken for one of this table."""
    return "".join(
        letter
        if not _is_coded(letter)
        else f"@{ord(letter):04x}"
        if letter.isascii()
        else "@([0-9a-f]{4}|[0-9a-zA-Z]{2})"
        for letter in identifier
    )


def _is_coded(letter: str) -> bool:
    return not (letter.isascii() and (letter.isalnum() or letter == "_"))
