"""Identifiers and values as MySQL reads them."""

from __future__ import annotations

from osc.model.table import TableName


def name(identifier: str) -> str:
    return "`" + identifier.replace("`", "``") + "`"


def table(of: TableName) -> str:
    return f"{name(of.schema)}.{name(of.name)}"


def names(identifiers: tuple[str, ...] | list[str]) -> str:
    return ", ".join(name(identifier) for identifier in identifiers)


def string(text: str) -> str:
    """A literal that no sql_mode and no character can break: hexadecimal, converted."""
    return f"CONVERT(X'{text.encode().hex()}' USING utf8mb4)"
