"""A table as the catalog describes it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TableName:
    """A table's schema (MySQL: database) and name, unquoted."""

    schema: str
    name: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}" if self.schema else self.name


@dataclass(frozen=True)
class Column:
    """A column; `type` is the server's own full wording, character set and collation included.

    `sortable` says that Python orders this column's key values as the server does (rule 7).
    `generated` columns are computed by the server and can't be inserted. `base` is the type that a
    domain restricts, where it has no collation; empty for any other type.
    """

    name: str
    type: str
    nullable: bool = True
    generated: bool = False
    sortable: bool = False
    default: str | None = None
    ordinal: int = 0
    base: str = ""


@dataclass(frozen=True)
class Key:
    """A unique key over whole NOT NULL columns: it tells any two rows apart."""

    name: str
    columns: tuple[str, ...]
    primary: bool = False


@dataclass(frozen=True)
class Table:
    """What the catalog says of one table at one moment.

    `keys` are the usable ones, best first; `uniques` are all unique indexes over whole columns, the
    nullable ones included. `identity` changes when the table is altered, truncated
    or replaced. `rows` and `bytes` are the server's estimates, `blocks` those of the rows alone
    where they are copied by blocks. `leaves` are the tables that hold the rows, where the table
    itself is only what they are parts of.
    """

    name: TableName
    columns: tuple[Column, ...]
    keys: tuple[Key, ...]
    identity: str
    rows: int = 0
    bytes: int = 0
    blocks: int = 0
    uniques: tuple[Key, ...] = ()
    leaves: tuple[TableName, ...] = ()

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)

    def has_column(self, name: str) -> bool:
        return any(column.name == name for column in self.columns)
