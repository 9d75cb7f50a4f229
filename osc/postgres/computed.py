"""What USING computes must be the same whenever it is computed.

A native ALTER computes it once for each row. We do so when a row is copied, again after it has
changed, and once more to compare: a value of the moment would be found different at the end, after
days of copying. The server can't be asked, since a function is VOLATILE where its author has not
said what it is: so it is computed twice for some rows.
"""

from __future__ import annotations

from itertools import pairwise

from osc.errors import Precondition
from osc.model.columns import ColumnMap, Pair
from osc.model.table import Table
from osc.model.tokens import tokens
from osc.postgres.blocks import only
from osc.postgres.quoting import identifier, qualified
from osc.postgres.session import Connection

SAMPLE_ROWS = 1_000
OF_THE_MOMENT = (
    "CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP", "LOCALTIME", "LOCALTIMESTAMP",
)  # fmt: skip
FUNCTIONS = (
    "NOW", "TRANSACTION_TIMESTAMP", "STATEMENT_TIMESTAMP", "CLOCK_TIMESTAMP", "TIMEOFDAY",
    "NEXTVAL", "TXID_CURRENT", "PG_CURRENT_XACT_ID",
)  # fmt: skip
"""Those that say the same within a statement, and that which takes a number each time."""


def refuse_the_moment(column: str, using: str) -> None:
    """Precondition where USING says so in words. It must not be tried, for it may take numbers."""
    if word := _of_the_moment(using):
        raise _refused(column, f" ({word})")


def refuse_what_differs(session: Connection, table: Table, columns: ColumnMap) -> None:
    """Precondition where it was computed twice for a row of today, and was not the same."""
    for pair in columns.pairs:
        if is_computed(pair) and _differs(session, table, pair):
            raise _refused(pair.target)


def _refused(column: str, why: str = "") -> Precondition:
    return Precondition(
        f"what USING computes for {column} is another value each time it is computed{why}: a copy "
        "could not be compared",
        still_true="nothing was touched",
        todo="write the value itself instead; or add a column, fill it in batches, and let it take "
        "the place of this one",
    )


def is_computed(pair: Pair) -> bool:
    """By the USING of the ALTER, which may give or refuse anything."""
    return pair.source is not None and pair.expression != identifier(pair.source)


def _of_the_moment(expression: str) -> str:
    """The word of it that says so; empty where there is none."""
    found = [*tokens(expression, mysql=False)]
    for token, after in pairwise([*found, *found[-1:]]):
        if token.is_word(*OF_THE_MOMENT) or (token.is_word(*FUNCTIONS) and after.text == "("):
            return token.text
    return ""


def _differs(session: Connection, table: Table, pair: Pair) -> bool:
    value = f"CAST({pair.expression} AS text)"
    return bool(
        session.rows(
            f"SELECT FROM (SELECT {value} AS one, {value} AS other"
            f" FROM {only(table)}{qualified(table.name)} LIMIT {SAMPLE_ROWS}) AS computed"
            " WHERE one IS DISTINCT FROM other LIMIT 1"
        )
    )
