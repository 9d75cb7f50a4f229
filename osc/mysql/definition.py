"""A table described line by line, so that two definitions can be compared.

The lines are the server's own: those of SHOW CREATE TABLE, without the table's name, its counter
and its foreign keys, which a clone has under other names; then the foreign keys, its own and those
of other tables that refer to it. The order of the columns is a line of its own, since a column that
only moves keeps its line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from osc.model.difference import CatalogDiff, between
from osc.model.relations import ForeignKey
from osc.model.table import TableName
from osc.mysql import foreign_keys, quoting

_COLUMN = re.compile(r"`((?:[^`]|``)+)` ")
_TYPED = r"^(  `(?:[^`]|``)+` \w+(?:\((?:'(?:[^'\\]|\\.|'')*'|[^')])*\))?)"
"""The beginning of a column's line, up to its type."""
_CHECK = re.compile(
    r"^(?P<head>CONSTRAINT `(?:[^`]|``)+` CHECK) \(.*\)(?P<end> /\*!.*\*/)?$", re.DOTALL
)


def describe(
    definition: str, own: Iterable[ForeignKey] = (), children: Iterable[ForeignKey] = ()
) -> tuple[str, ...]:
    """`definition` is what SHOW CREATE TABLE says."""
    body = _shown(foreign_keys.without(definition)).splitlines()[1:]
    lines = [line.strip().removesuffix(",") for line in body]
    found = [line for line in lines if line]
    names = [match[1] for line in found if (match := _COLUMN.match(line))]
    return (
        *found,
        f"order of the columns: {', '.join(names)}",
        *_keys("foreign key", own),
        *_keys("referred to by", children),
    )


def unasked(before: Iterable[str], diff: CatalogDiff, now: Iterable[str]) -> CatalogDiff:
    """What is else than it would be had `diff` been done to `before`, and nothing besides.

    The text of a CHECK is no matter here, which MySQL words anew at any ALTER (`rewording.py`).
    """
    kept = [line for line in before if line not in diff.removed]
    wanted = [_CHECK.sub(_unworded, line) for line in (*kept, *diff.added)]
    return between(wanted, [_CHECK.sub(_unworded, line) for line in now])


def _unworded(check: re.Match[str]) -> str:
    return f"{check['head']} (…){check['end'] or ''}"


def renamed(definition: str, name: TableName, to: TableName) -> str:
    """A SHOW CREATE TABLE as if the table had another name.

    MySQL names CHECK constraints after the table, and renames these with it; their names change
    with each clone.
    """
    head, _, rest = definition.partition("\n")
    head = head.replace(quoting.name(name.name), quoting.name(to.name), 1)
    auto_named = re.compile(rf"CONSTRAINT `{re.escape(name.name.replace('`', '``'))}_chk_(\d+)`")
    body = auto_named.sub(lambda at: f"CONSTRAINT {quoting.name(f'{to.name}_chk_{at[1]}')}", rest)
    return f"{head}\n{body}"


def as_made(definition: str) -> str:
    """A SHOW CREATE TABLE as it has to be said to get the very same table.

    A text column that has the table's collation because it was given none is shown with it, where
    that is no character set's first; once said, MySQL would show the character set from then on.
    """
    collation = re.search(r"^\).* COLLATE=(\w+)", definition, re.MULTILINE)
    if not collation:
        return definition
    return re.sub(rf"{_TYPED} COLLATE {collation[1]}\b", r"\1", definition, flags=re.MULTILINE)


def _shown(definition: str) -> str:
    """Bytes that are no text (`osc.mysql.encoding`) as \\xFE, so that they can be written down."""
    return definition.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _keys(what: str, keys: Iterable[ForeignKey]) -> Iterator[str]:
    for key in keys:
        columns, referenced = ", ".join(key.columns), ", ".join(key.referenced)
        rules = f" {key.rules.strip()}" if key.rules.strip() else ""
        yield f"{what} {key} ({columns}) ({referenced}){rules}"
