"""What SHOW CREATE TABLE says of columns, keys and constraints, line by line."""

from __future__ import annotations

import re
from dataclasses import dataclass

_NAME = r"`((?:[^`]|``)+)`"
_COLUMN = re.compile(rf"^  {_NAME} (.*?),?$")
_KEY = re.compile(rf"^  (?:(PRIMARY|UNIQUE|FULLTEXT|SPATIAL|VECTOR) )?KEY (?:{_NAME} )?\((.*)$")
_FOREIGN_KEY = re.compile(rf"^  CONSTRAINT {_NAME} FOREIGN KEY \(([^)]*)\) REFERENCES")


@dataclass(frozen=True)
class Index:
    """`kind` is PRIMARY, UNIQUE and so on, or empty; `parts` are columns with their prefix."""

    name: str
    kind: str
    parts: tuple[str, ...]


@dataclass(frozen=True)
class Shown:
    """A definition taken apart; a column's specification is what stands after its name."""

    columns: dict[str, str]
    indexes: tuple[Index, ...]
    foreign_keys: dict[str, tuple[str, ...]]
    rest: tuple[str, ...] = ()
    """Constraints and partitions."""
    options: str = ""
    """Of the table, in one line."""


def read(definition: str) -> Shown:
    columns: dict[str, str] = {}
    indexes: list[Index] = []
    foreign_keys: dict[str, tuple[str, ...]] = {}
    rest: list[str] = []
    options = ""
    for line in definition.split("\n")[1:]:
        if found := _COLUMN.match(line):
            columns[_plain(found[1])] = found[2]
        elif found := _KEY.match(line):
            indexes.append(Index(_plain(found[2] or "PRIMARY"), found[1] or "", _parts(found[3])))
        else:
            if line.startswith(") "):
                options = line
                continue
            rest.append(line.rstrip(","))
            if found := _FOREIGN_KEY.match(line):
                foreign_keys[_plain(found[1])] = _parts(found[2] + ")")
    return Shown(columns, tuple(indexes), foreign_keys, tuple(rest), options)


def _plain(name: str) -> str:
    return name.replace("``", "`")


def _parts(text: str) -> tuple[str, ...]:
    """What stands between the commas up to the closing parenthesis."""
    depth, inner = 0, ""
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        if depth < 0:
            break
        inner += letter
    return tuple(part.strip() for part in re.split(r",(?![^(]*\))", inner))


def attributes(specification: str) -> dict[str, str]:
    """NOT NULL, DEFAULT and the like of a column, each with its value; a comment's text is no
    attribute of another kind."""
    said = re.search(r" COMMENT ('(?:[^'\\]|\\.|'')*')", specification)
    rest = specification.replace(said.group(), "") if said else specification
    found = {"COMMENT": said[1]} if said else {}
    for word in ("NOT NULL", "AUTO_INCREMENT", "INVISIBLE", "UNSIGNED", "ZEROFILL"):
        if re.search(rf"\b{word}\b", rest, re.IGNORECASE):
            found[word] = ""
    for word, pattern in (
        ("DEFAULT", r" DEFAULT ('(?:[^'\\]|\\.|'')*'|\(.*\)|[^ ,]+)"),
        ("ON UPDATE", r" ON UPDATE ([^ ,]+)"),
        ("COLLATE", r" COLLATE (\w+)"),
        ("CHARACTER SET", r" CHARACTER SET (\w+)"),
    ):
        if match := re.search(pattern, rest):
            found[word] = match[1]
    if found.get("DEFAULT") == "NULL":
        del found["DEFAULT"]
    return found
