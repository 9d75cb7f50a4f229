"""The statements of one migration on PostgreSQL, as values.

Key values are texts, as pgoutput writes them. They travel as one array for each column of the key,
so that 50,000 keys are two parameters and the statement is the same for any number of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from osc.engine import Job, Statement
from osc.model.change import KeyValue
from osc.model.chunk import Chunk, ChunkSize
from osc.model.columns import Pair
from osc.model.table import Column
from osc.postgres import blocks
from osc.postgres.hashing import row_hash
from osc.postgres.keys import in_order
from osc.postgres.quoting import (
    collation_of,
    identifier,
    key_type_of,
    listed,
    qualified,
    type_of,
)


@dataclass(frozen=True)
class PostgresDialect:
    """Chunk bounds are one-tuples of block numbers, those of a partitioned table (leaf, block); the
    spans of a verification are keys."""

    job: Job

    @property
    def session_settings(self) -> tuple[Statement, ...]:
        """None: key texts mean the same to every session."""
        return ()

    def time_limit(self, seconds: float) -> Statement:
        return Statement(f"SET statement_timeout = {round(seconds * 1000)}")

    @property
    def chunk_size(self) -> ChunkSize:
        """In blocks of 8 kB: from 128 kB to 256 MB; fewer where much of the rows is in TOAST."""
        table = self.job.original
        width = table.bytes // table.blocks if table.blocks else 0
        return ChunkSize(size=128, least=16, most=32_768).of_width(width)

    @property
    def most_keys(self) -> int:
        return 20_000

    @property
    def not_compared(self) -> tuple[str, ...]:
        """Columns that no column of the original fills; generated ones follow from the others."""
        filled = {pair.target for pair in self.job.columns.pairs if pair.source is not None}
        return tuple(
            column.name
            for column in self.job.shadow.columns
            if column.name not in filled and not column.generated
        )

    def key_value(self, row: tuple[Any, ...]) -> KeyValue:
        """Texts of the key, or the number of a block."""
        return tuple(row)

    # The copy.

    def next_bound(self, after: KeyValue | None, rows: int) -> Statement:
        """`rows` counts blocks here, and so is chosen: chunks are cut to a time anyway."""
        return blocks.next_bound(self.job.original, after, rows)

    def copy_chunk(self, chunk: Chunk) -> Statement:
        """A row that an UPDATE moves meanwhile is copied twice, or not at all; but then its key is
        in the backlog, and before the unique indexes are built the backlog's keys are deleted.
        Which leaf of the shadow a row belongs to, the server knows."""
        into, select = self._insert()
        parts = blocks.within(self.job.original, chunk)
        return Statement(into + " UNION ALL ".join(f"{select} {part}" for part in parts))

    # Acting on keys.

    def delete_keys(self, keys: Sequence[KeyValue]) -> Statement:
        job = self.job
        return Statement(
            f"DELETE FROM {qualified(job.shadow.name)} AS shadow"
            f" USING (SELECT {self._unnested()}) AS key"
            f" WHERE {self._matches('shadow', job.columns.shadow_key)}",
            _arrays(keys),
        )

    def insert_keys(self, keys: Sequence[KeyValue]) -> Statement:
        """One row for each key, though two texts may mean the same key (1.0 and 1.00)."""
        into, select = self._insert()
        wanted = self._unnested(mapped=False)
        return Statement(
            f"{into}{select} {self._all_of_it}"
            f" WHERE ({listed(self.job.columns.key)}) IN (SELECT {wanted})",
            _arrays(keys),
        )

    # Verification.

    def next_key(self, after: KeyValue | None, rows: int) -> Statement:
        """No bound at all where the shadow orders its key in another way than the original."""
        if not self._in_order():
            return Statement("SELECT 1 WHERE false")
        columns = self._key_columns()
        where, parameters = self._after(after, self.job.columns.key, first=1)
        # The texts are made of the one row that is left: beside an OFFSET each row that is skipped
        # would get its own.
        key = listed(self.job.columns.key)
        return Statement(
            f"SELECT {', '.join(map(as_text, columns))}"
            f" FROM (SELECT {key} FROM {self._all_of_it}{' WHERE ' * bool(where)}{where}"
            f" ORDER BY {key} LIMIT 1 OFFSET {max(rows - 1, 0)}) AS found",
            parameters,
        )

    def checksum(self, span: Chunk) -> Statement:
        sums = []
        for hashed, where in self._sides(span):
            sums.append(f"SELECT count(*) AS n, coalesce(sum({hashed}), 0) AS s FROM {where}")
        return Statement(
            f"SELECT o.n, o.s::text, w.n, w.s::text FROM ({sums[0]}) AS o, ({sums[1]}) AS w",
            self._bounds(span),
        )

    def differing_keys(self, span: Chunk, most: int) -> Statement:
        (original, from_original), (shadow, from_shadow) = self._sides(span)
        keys = [f"k{n}" for n, _ in enumerate(self.job.columns.key)]
        old = [as_text(column) for column in self._key_columns()]
        new = [as_text(self.job.shadow.column(name)) for name in self.job.columns.shadow_key]
        met = [
            f"({text})::{key_type_of(c)}" for text, c in zip(new, self._shadow_key(), strict=True)
        ]
        mapped = [
            f"CAST({identifier(c.name)} AS {key_type_of(s)})"
            for c, s in zip(self._key_columns(), self._shadow_key(), strict=True)
        ]
        left = _select([*old, *mapped], [*keys, *(f"m{k}" for k in keys)], original)
        right = _select([*new, *met], [*keys, *(f"m{k}" for k in keys)], shadow)
        joined = " AND ".join(f"o.m{k} = w.m{k}" for k in keys)
        shown = ", ".join(f"coalesce(o.{k}, w.{k})" for k in keys)
        return Statement(
            f"SELECT {shown} FROM (SELECT {left} FROM {from_original}) AS o"
            f" FULL JOIN (SELECT {right} FROM {from_shadow}) AS w ON {joined}"
            f" WHERE o.h IS DISTINCT FROM w.h LIMIT {most}",
            self._bounds(span),
        )

    # Parts of statements.

    def _insert(self) -> tuple[str, str]:
        """INSERT and SELECT, up to the FROM."""
        pairs = self.job.columns.pairs
        return (
            f"INSERT INTO {qualified(self.job.shadow.name)} ({listed([p.target for p in pairs])})"
            " OVERRIDING SYSTEM VALUE ",
            f"SELECT {', '.join(p.expression for p in pairs)} FROM",
        )

    @property
    def _all_of_it(self) -> str:
        return f"{blocks.only(self.job.original)}{qualified(self.job.original.name)}"

    def _key_columns(self) -> list[Column]:
        return [self.job.original.column(name) for name in self.job.columns.key]

    def _shadow_key(self) -> list[Column]:
        return [self.job.shadow.column(name) for name in self.job.columns.shadow_key]

    def _unnested(self, *, mapped: bool = True) -> str:
        """Key texts as values of the original's types, and from these as values of the shadow's."""
        parts = []
        for n, (old, new) in enumerate(
            zip(self._key_columns(), self._shadow_key(), strict=True), 1
        ):
            value = f"unnest(${n}::text[])::{key_type_of(old)}"
            if mapped and old.type != new.type:
                value = f"({value})::{key_type_of(new)}"
            parts.append(f"{value} AS k{n}" if mapped else value)
        return ", ".join(parts)

    def _matches(self, table: str, names: tuple[str, ...]) -> str:
        return " AND ".join(
            f"{table}.{identifier(name)} = key.k{n}" for n, name in enumerate(names, 1)
        )

    def _in_order(self) -> bool:
        return all(
            in_order(old, new)
            for old, new in zip(self._key_columns(), self._shadow_key(), strict=True)
        )

    def _sides(self, span: Chunk) -> list[tuple[str, str]]:
        """For original and shadow: a row's hash, and the table with its WHERE."""
        job = self.job
        compared = [
            (p, job.shadow.column(p.target)) for p in job.columns.pairs if p.source is not None
        ]
        original = row_hash([(_value(p, column), column) for p, column in compared])
        shadow = row_hash([(identifier(p.target), column) for p, column in compared])
        return [
            (original, self._all_of_it + self._where(span, job.columns.key)),
            (shadow, qualified(job.shadow.name) + self._where(span, job.columns.shadow_key)),
        ]

    def _where(self, span: Chunk, names: tuple[str, ...]) -> str:
        lower, low = self._after(span.lower, names, first=1)
        upper, _ = self._after(span.upper, names, first=len(low) + 1, sign="<=")
        conditions = [part for part in (lower, upper) if part]
        return f" WHERE {' AND '.join(conditions)}" if conditions else ""

    def _after(
        self, bound: KeyValue | None, names: tuple[str, ...], *, first: int, sign: str = ">"
    ) -> tuple[str, tuple[object, ...]]:
        """A row comparison, which an index on the key can answer."""
        if bound is None:
            return "", ()
        values = ", ".join(
            f"${n}::text::{key_type_of(column)}"
            for n, column in enumerate(self._key_columns(), first)
        )
        return f"({listed(names)}) {sign} ({values})", tuple(bound)

    def _bounds(self, span: Chunk) -> tuple[object, ...]:
        return (*(span.lower or ()), *(span.upper or ()))


def _arrays(keys: Sequence[KeyValue]) -> tuple[object, ...]:
    return tuple(list(values) for values in zip(*keys, strict=True))


def as_text(column: Column) -> str:
    """A key's text as the change stream writes it: by the type's output function, which a cast to
    text is not for all types (boolean, inet, character). It depends on the session's date style and
    zone for some; there JSON has one style, and only its T is another letter."""
    name = identifier(column.name)
    if column.type.startswith("timestamp") and column.type.endswith("with time zone"):
        finite = f"replace(to_jsonb({name} AT TIME ZONE 'UTC')#>>'{{}}', 'T', ' ') || '+00'"
        return f"CASE WHEN isfinite({name}) THEN {finite} ELSE {name}::text END"
    if column.type.startswith(("timestamp", "date", "time")):
        return f"replace(to_jsonb({name})#>>'{{}}', 'T', ' ')"
    return f"format('%s', {name})"


def _value(pair: Pair, column: Column) -> str:
    """What the original's row has in this column once it is the shadow's."""
    if pair.same_type:
        return pair.expression
    return f"CAST({pair.expression} AS {type_of(column)}){collation_of(column)}"


def _select(expressions: list[str], names: list[str], hashed: str) -> str:
    columns = [f"{e} AS {n}" for e, n in zip(expressions, names, strict=True)]
    return ", ".join([*columns, f"{hashed} AS h"])
