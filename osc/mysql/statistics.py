"""What somebody has had the server learn about columns, which a table leaves behind when it goes.

MySQL's histograms go with a RENAME, so the shadow is given the original's before the ALTER runs on
it: whichever the ALTER takes away (of a column that gets another type, say) is gone then. Those
with AUTO UPDATE are made anew by the ANALYZE of the full shadow. MariaDB's own statistics of
columns and indexes go with a RENAME, too; they are counted again on the full shadow.
"""

from __future__ import annotations

from collections.abc import Iterator

from osc.engine import Job, Session, Statement
from osc.model.table import TableName
from osc.mysql import quoting

_VIEW = (
    "SELECT 1 FROM information_schema.tables "
    "WHERE table_schema = %s AND LOWER(table_name) = 'column_stat{}'"
)


def carry_histograms(session: Session, original: TableName, shadow: TableName) -> None:
    """To an empty table that is like the original still."""
    if not session.query(Statement(_VIEW.format("istics"), ("information_schema",))):
        return
    found = session.query(
        Statement(
            "SELECT column_name, CAST(histogram AS CHAR) FROM information_schema.column_statistics "
            "WHERE schema_name = %s AND table_name = %s",
            (original.schema, original.name),
        )
    )
    for column, histogram in found:
        session.query(
            Statement(
                f"ANALYZE TABLE {quoting.table(shadow)} UPDATE HISTOGRAM ON "
                f"{quoting.name(str(column))} USING DATA %s",
                (str(histogram),),
            )
        )


def count_again(session: Session, job: Job) -> None:
    """On the full shadow, what is counted of the original. Who may not see MariaDB's tables of
    statistics can't tell that there are any."""
    if not session.query(Statement(_VIEW.format("s"), ("mysql",))):
        return
    columns = ", ".join(map(quoting.name, _columns(session, job)))
    indexes = ", ".join(map(_index, _indexes(session, job)))
    if columns or indexes:
        session.query(
            Statement(
                f"ANALYZE TABLE {quoting.table(job.shadow.name)} PERSISTENT "
                f"FOR COLUMNS ({columns}) INDEXES ({indexes})"
            )
        )


def _columns(session: Session, job: Job) -> Iterator[str]:
    """By the names that they have in the shadow."""
    known = _known(session, job, "column_name", "column_stats")
    sources = {pair.target: pair.source for pair in job.columns.pairs}
    for column in job.shadow.columns:
        if sources.get(column.name, column.name) in known:
            yield column.name


def _indexes(session: Session, job: Job) -> Iterator[str]:
    there = session.query(
        Statement(
            "SELECT DISTINCT index_name FROM information_schema.statistics "
            "WHERE table_schema = %s AND table_name = %s AND index_type = 'BTREE'",
            (job.shadow.name.schema, job.shadow.name.name),
        )
    )
    known = _known(session, job, "index_name", "index_stats")
    return (str(name) for (name,) in there if str(name) in known)


def _known(session: Session, job: Job, what: str, table: str) -> set[str]:
    original = job.original.name
    rows = session.query(
        Statement(
            f"SELECT DISTINCT {what} FROM mysql.{table} WHERE db_name = %s AND table_name = %s",
            (original.schema, original.name),
        )
    )
    return {str(name) for (name,) in rows}


def _index(name: str) -> str:
    """The primary key is no name, and takes no quotes."""
    return name if name == "PRIMARY" else quoting.name(name)
