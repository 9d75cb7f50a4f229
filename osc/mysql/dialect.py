"""The statements of one migration on MySQL and MariaDB, as values."""

from __future__ import annotations

from collections.abc import Sequence

from osc.engine import Job, Statement
from osc.model.change import KeyValue
from osc.model.chunk import Chunk, ChunkSize
from osc.mysql import comparison, quoting, types, versioned
from osc.mysql.types import Family


class MySQLDialect:
    """The port `Dialect`.

    Values are literals: only keys occur, and `types.literal` makes them safe. A key of several
    columns is compared column by column, because the optimiser reads ranges badly out of row
    constructors.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._original = quoting.table(job.original.name)
        self._width = job.original.bytes // job.original.rows if job.original.rows else 0
        self._shadow = quoting.table(job.shadow.name)
        self._is_versioned = versioned.is_versioned(job.shadow)
        self._all = versioned.ALL if versioned.keeps_history(job.original, job.shadow) else ""
        self._types = [types.read(job.original.column(name).type) for name in job.columns.key]
        self._shadow_types = [
            types.read(job.shadow.column(name).type) for name in job.columns.shadow_key
        ]
        self._key = [quoting.name(name) for name in job.columns.key]
        self._shadow_key = [quoting.name(name) for name in job.columns.shadow_key]
        self._by_key = f"FORCE INDEX ({quoting.name(job.key.name)})"
        self._targets = ", ".join(quoting.name(pair.target) for pair in job.columns.pairs)
        self._sources = ", ".join(pair.expression for pair in job.columns.pairs)
        self._compared = comparison.of(job)

    @property
    def session_settings(self) -> tuple[Statement, ...]:
        """A TIMESTAMP in the key must have one text for each instant, as the binlog gives it."""
        in_utc = any(of.family is Family.TIMESTAMP for of in self._types)
        zone = (Statement("SET SESSION time_zone = '+00:00'"),) if in_utc else ()
        return (*zone, versioned.SETTINGS) if self._is_versioned else zone

    def time_limit(self, seconds: float) -> Statement:
        """MariaDB reads the first comment only, and MySQL the second."""
        return Statement(
            f"SET SESSION /*M! max_statement_time = {seconds:.3f} */ "
            f"/*!50704 max_execution_time = {round(seconds * 1000)} */"
        )

    @property
    def chunk_size(self) -> ChunkSize:
        return ChunkSize(size=1_000, least=50, most=100_000).of_width(self._width)

    @property
    def most_keys(self) -> int:
        return 1_000

    @property
    def not_compared(self) -> tuple[str, ...]:
        return self._compared.not_compared

    def next_bound(self, after: KeyValue | None, rows: int) -> Statement:
        return self._bound(f"{self._original}{self._all}", self._by_key, after, rows)

    next_key = next_bound

    def _bound(self, table: str, hint: str, after: KeyValue | None, rows: int) -> Statement:
        selected = ", ".join(
            types.selected(of, column) for of, column in zip(self._types, self._key, strict=True)
        )
        return Statement(
            f"SELECT {selected} FROM {table} {hint} WHERE {self._beyond(self._key, after)} "
            f"ORDER BY {', '.join(self._key)} LIMIT 1 OFFSET {max(rows - 1, 0)}"
        )

    def key_value(self, row: tuple[object, ...]) -> KeyValue:
        """A row of `next_bound` or `differing_keys` as the change source would give it."""
        return tuple(types.part(of, value) for of, value in zip(self._types, row, strict=True))

    def copy_chunk(self, chunk: Chunk) -> Statement:
        return self._insert(self._span(self._key, chunk))

    def delete_keys(self, keys: Sequence[KeyValue]) -> Statement:
        return Statement(f"DELETE FROM {self._shadow} WHERE {self._any(self._shadow_key, keys)}")

    def insert_keys(self, keys: Sequence[KeyValue]) -> Statement:
        wanted = self._any(self._key, keys)
        if self._all:
            shadow = (self._shadow, self._shadow_key, self._job.shadow)
            original = (self._original, self._key, self._job.original)
            wanted = f"({wanted}) AND {versioned.missing(shadow, original)}"
        return self._insert(wanted)

    def _insert(self, where: str) -> Statement:
        return Statement(
            f"INSERT INTO {self._shadow} ({self._targets}) "
            f"SELECT {self._sources} FROM {self._original}{self._all} {self._by_key} WHERE {where}"
        )

    def checksum(self, span: Chunk) -> Statement:
        """Both sides in one statement: one read view (READ COMMITTED opens one a statement)."""
        original = self._sum(self._original, self._key, self._compared.original, span)
        shadow = self._sum(self._shadow, self._shadow_key, self._compared.shadow, span)
        return Statement(f"SELECT * FROM ({original}) original CROSS JOIN ({shadow}) shadow")

    def _sum(self, table: str, key: list[str], row: str, span: Chunk) -> str:
        return (
            f"SELECT COUNT(*) counted, COALESCE(SUM(CRC32({row})), 0) summed "
            f"FROM {table}{self._all} WHERE {self._span(key, span)}"
        )

    def differing_keys(self, span: Chunk, most: int) -> Statement:
        """Keys that one side lacks, or whose rows differ: what a full outer join would give."""
        columns = [f"k{n}" for n in range(len(self._key))]
        original = self._hashed(self._original, self._key, self._compared.original, span)
        shadow = self._hashed(
            self._shadow, self._shadow_key, self._compared.shadow, span, self._shadow_types
        )
        selected = ", ".join(columns)
        return Statement(
            f"SELECT {selected} FROM ({original} UNION ALL {shadow}) both_sides "
            f"GROUP BY {selected}, hashed HAVING COUNT(*) <> 2 LIMIT {most * 2}"
        )

    def _hashed(
        self,
        table: str,
        key: list[str],
        row: str,
        span: Chunk,
        held_as: Sequence[types.Type] | None = None,
    ) -> str:
        parts = ", ".join(
            f"{types.selected_from(held, of, column)} k{n}"
            for n, (held, of, column) in enumerate(
                zip(held_as or self._types, self._types, key, strict=True)
            )
        )
        return (
            f"SELECT {parts}, CRC32({row}) hashed FROM {table}{self._all} "
            f"WHERE {self._span(key, span)}"
        )

    def _span(self, key: list[str], chunk: Chunk) -> str:
        return f"{self._beyond(key, chunk.lower)} AND {self._up_to(key, chunk.upper)}"

    def _beyond(self, key: list[str], bound: KeyValue | None) -> str:
        return self._ordered(key, bound, ">", ">") if bound is not None else "TRUE"

    def _up_to(self, key: list[str], bound: KeyValue | None) -> str:
        return self._ordered(key, bound, "<", "<=") if bound is not None else "TRUE"

    def _ordered(self, key: list[str], bound: KeyValue, strict: str, last: str) -> str:
        """(a, b) > (1, 2) as (a > 1 OR (a = 1 AND b > 2)), with a plain range on `a` beside it."""
        values = self._literals(bound)
        arms = []
        for at in range(len(key)):
            sign = last if at == len(key) - 1 else strict
            equal = [f"{key[n]} = {values[n]}" for n in range(at)]
            last_one = types.compared(self._types[at], key[at], sign, bound[at], values[at])
            arms.append(" AND ".join([*equal, last_one]))
        if len(arms) == 1:
            return arms[0]
        wide = types.compared(self._types[0], key[0], f"{strict}=", bound[0], values[0])
        return f"{wide} AND ({' OR '.join(f'({arm})' for arm in arms)})"

    def _any(self, key: list[str], keys: Sequence[KeyValue]) -> str:
        if len(key) == 1:
            return f"{key[0]} IN ({', '.join(self._literals(value)[0] for value in keys)})"
        arms = (
            " AND ".join(
                f"{column} = {literal}"
                for column, literal in zip(key, self._literals(value), strict=True)
            )
            for value in keys
        )
        return " OR ".join(f"({arm})" for arm in arms)

    def _literals(self, value: KeyValue) -> list[str]:
        return [types.literal(of, part) for of, part in zip(self._types, value, strict=True)]
