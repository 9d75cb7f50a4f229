"""The ranges of blocks that the copy is cut into, through one table or from leaf to leaf.

A bound of a plain table is the last block of a chunk. Of a partitioned one it is (leaf, block), and
a block of -1 means: all leaves before this one, to their very ends, whatever was added to them.

    leaf 0                    leaf 1              leaf 2 (empty)   leaf 3
    ──┬────────┬────────────┬─────┬─────────────┬────────────────┬───────────►
    (0,99)   (0,199)     (1,-1) (1,99)        (2,-1)           (3,-1)   no bound: the last chunk

Which leaves there are is known from the beginning: whoever adds or removes one has changed the
table, and that ends the run.
"""

from __future__ import annotations

from collections.abc import Iterator

from osc.engine import Statement
from osc.model.change import KeyValue
from osc.model.chunk import Chunk
from osc.model.table import Table, TableName
from osc.postgres.quoting import qualified

Bound = tuple[int, int]


def only(table: Table) -> str:
    """Rows of children that inherit from a table aren't its own; those of partitions are."""
    return "" if table.leaves else "ONLY "


def next_bound(table: Table, after: KeyValue | None, blocks: int) -> Statement:
    """The bound so many blocks behind another one; no row: what is left is the last chunk."""
    leaf, block = _start(table, after)
    leaves = _leaves(table)
    end, has_next = block + blocks, leaf + 1 < len(leaves)
    shown = "$1::int, $2::bigint" if table.leaves else "$2::bigint"
    following = " UNION ALL SELECT $1::int + 1, -1" if has_next else ""
    within = (
        f"SELECT {shown} WHERE $1::int >= 0 AND $2::bigint + 1 <"
        " pg_relation_size(to_regclass($3)) / current_setting('block_size')::bigint"
    )
    return Statement(
        within + (following and f"{following} LIMIT 1"),
        (leaf, end, qualified(leaves[leaf]) if leaves else ""),
    )


def within(table: Table, chunk: Chunk) -> Iterator[str]:
    """What stands after FROM for each leaf that the chunk is of. One that was cut is of one leaf;
    but a gap that a resume finds may reach over several."""
    leaves = _leaves(table)
    first, low = _start(table, chunk.lower)
    last, high = _bound(table, chunk.upper) if chunk.upper is not None else (len(leaves), -1)
    for at in range(first, min(last + 1, len(leaves))):
        conditions = []
        if at == first and low >= 0:
            conditions.append(f"ctid >= '({low + 1},0)'")
        if at == last:
            if high < 0:
                return
            conditions.append(f"ctid < '({high + 1},0)'")
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        yield f"ONLY {qualified(leaves[at])}{where}"


def _leaves(table: Table) -> tuple[TableName, ...]:
    return table.leaves or (table.name,)


def _start(table: Table, after: KeyValue | None) -> Bound:
    return (0, -1) if after is None else _bound(table, after)


def _bound(table: Table, key: KeyValue) -> Bound:
    numbers = [int(part) for part in key]
    return (numbers[0], numbers[1]) if table.leaves else (0, numbers[0])
