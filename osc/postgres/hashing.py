"""One number for all that is compared of a row.

Most types have a function that hashes a value with a seed, so that the hash of one column can be
the seed of the next. That takes half as long as to make a record and to hash it, which is left for
the others. Both take equal for identical: what is equal without being so (1.0 and 1.00, 'a' and
'A' of citext, '1 month' and '30 days') is compared as a text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from osc.model.table import Column
from osc.postgres.quoting import collation_of

SEEDED = {
    "smallint": "hashint2extended",
    "integer": "hashint4extended",
    "bigint": "hashint8extended",
    "oid": "hashoidextended",
    "uuid": "uuid_hash_extended",
    "text": "hashtextextended",
    "character varying": "hashtextextended",
    "character": "hashbpcharextended",
}
AS_THEY_ARE = (*SEEDED, "boolean", "date", "bytea", "timestamp", "time")
"""Equal is identical."""
NULL = "7"
"""What a NULL counts as; a value's own hash is that once in 2⁶⁴ times."""
MOST_SEEDED = 100
"""Functions within functions cost the server's stack."""


def row_hash(values: Sequence[tuple[str, Column]]) -> str:
    """An expression: `values` are what is compared, each with the column whose type it has."""
    seeded: list[tuple[str, str, bool]] = []
    others: list[str] = []
    for value, column in values:
        hashable = _hashable(value, column)
        function = _function(column)
        if function and len(seeded) < MOST_SEEDED:
            seeded.append((function, hashable, column.nullable))
        else:
            others.append(hashable)
    result = f"hash_record_extended(ROW({', '.join(others)}), 0)" if others else "0"
    for function, hashable, nullable in seeded:
        if nullable:
            own = f"coalesce({function}({hashable}, 0), {NULL})"
            result = f"hashint8extended({own}, {result})"
        else:
            result = f"{function}({hashable}, {result})"
    return result


def _function(column: Column) -> str | None:
    if not _is_as_it_is(column):
        return SEEDED["text"]
    return SEEDED.get(re.split(r"\(| COLLATE ", column.type)[0])


def _hashable(value: str, column: Column) -> str:
    """A text of a collation that is blind to case would be hashed without its case, and the text of
    a bpchar of no fixed length is cut behind its last letter."""
    if column.type.startswith("bpchar"):
        return f"bpcharsend({value})"
    if _is_as_it_is(column):
        return f'({value}) COLLATE "C"' if collation_of(column) else value
    return f'({value})::text COLLATE "C"'


def _is_as_it_is(column: Column) -> bool:
    return column.type.startswith((*AS_THEY_ARE, "bpchar")) and not column.type.endswith("]")
