"""Names and texts as SQL wants them written."""

from __future__ import annotations

import re

from osc.model.table import Column, TableName


def identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def qualified(name: TableName) -> str:
    return f"{identifier(name.schema)}.{identifier(name.name)}"


def literal(text: str) -> str:
    """Safe whatever standard_conforming_strings says."""
    quoted = "'" + text.replace("'", "''").replace("\\", "\\\\") + "'"
    return "E" + quoted if "\\" in text else quoted


def listed(names: tuple[str, ...] | list[str]) -> str:
    return ", ".join(identifier(name) for name in names)


COLLATION = re.compile(r' COLLATE (?:"(?:[^"]|"")*"|\w+)(?:\.(?:"(?:[^"]|"")*"|\w+))?$')


def type_of(column: Column) -> str:
    """What CAST takes: the column's type without its collation."""
    return COLLATION.sub("", column.type)


def collation_of(column: Column) -> str:
    """` COLLATE x` where the column's collation isn't its type's own."""
    found = COLLATION.search(column.type)
    return found.group() if found else ""


LENGTH = re.compile(r"^(character varying|character|bit varying|bit)\(\d+\)(.*)$")
UNBOUNDED = {"character": "bpchar", "bit": "bit varying"}


def key_type_of(column: Column) -> str:
    """The type that a key's text is cast to: without a length, because a cast would cut the key
    down to it, and so hit another row."""
    type = type_of(column)
    found = LENGTH.match(type)
    if found is None:
        return UNBOUNDED.get(type, type)
    return UNBOUNDED.get(found[1], found[1]) + found[2]
