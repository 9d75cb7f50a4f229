"""A column type, as a random table needs it: its values, keys, and what it may become.

Everything is SQL text, so that a random example is a case like those that were written by hand, and
can be put beside them word by word.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """A type of one engine.

    `number` makes a value from a number, `#`, so that no two numbers give the same: where it is
    given the type can be of a key. `widens` are types that have room for every value, `narrows`
    those that have not, or that round. `prefix` is how an index writes the column, `{}`, where
    that is not its name alone; None: there is no index on it.
    """

    sql: str
    values: tuple[str, ...]
    number: str = ""
    widens: tuple[str, ...] = ()
    narrows: tuple[str, ...] = ()
    default: str = ""
    prefix: str | None = "{}"

    def of(self, number: str) -> str:
        """The value for a number, itself an SQL expression."""
        return self.number.replace("#", number)


@dataclass(frozen=True)
class Vocabulary:
    """What tables of one engine are made of.

    `generated` are columns that are computed from another, `{}`: type and expression in one, as a
    column definition has them. `charsets` are what CONVERT TO CHARACTER SET may be told; `options`
    are clauses on the table itself. The two spellings of a unique violation are its codes.
    """

    engine: str
    kinds: tuple[Kind, ...]
    keys: tuple[Kind, ...]
    generated: tuple[str, ...]
    options: tuple[str, ...]
    quote: str
    duplicate: str
    charsets: tuple[str, ...] = ()

    @property
    def mysql(self) -> bool:
        return self.engine != "postgres"

    def name(self, plain: str) -> str:
        return self.quote + plain.replace(self.quote, self.quote * 2) + self.quote


def bare(sql: str) -> str:
    """The type for a cast, which takes no collation."""
    return sql.partition(" COLLATE")[0]


def one_of(values: Sequence[str], number: str) -> str:
    """The value that a number chooses: the first again after the last."""
    if len(values) == 1:
        return values[0]
    arms = " ".join(f"WHEN {i} THEN {value}" for i, value in enumerate(values))
    return f"CASE {number} % {len(values)} {arms} END"
