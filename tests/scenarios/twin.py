"""The comparison of the migrated table with its twin: every row, every value, every property."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.scenarios.site import Row, Site

SHOWN = 5


def differences(site: Site, leave_out: Mapping[str, str] = {}) -> list[str]:
    """What is not alike in the original's place and the twin's; empty if they are equal."""
    return [*_of_definition(site), *_of_rows(site, leave_out)]


def _of_definition(site: Site) -> Iterator[str]:
    ours, theirs = site.definition(site.original), site.definition(site.twin)
    for line in difflib.unified_diff(theirs, ours, "twin", "migrated", n=0, lineterm=""):
        if not line.startswith(("---", "+++", "@@")):
            yield f"definition {'migrated' if line[0] == '+' else 'twin    '}: {line[1:].strip()}"


def _of_rows(site: Site, leave_out: Mapping[str, str]) -> Iterator[str]:
    columns, ours = site.rows(site.original, leave_out)
    others, theirs = site.rows(site.twin, leave_out)
    if columns != others:
        yield f"columns: migrated {columns}, twin {others}"
        return
    here, there = Counter(ours), Counter(theirs)
    extra, missing = list((here - there).elements()), list((there - here).elements())
    if extra or missing:
        yield f"rows: migrated {len(ours)}, twin {len(theirs)}; {len(extra)} are only in the "
        yield f"migrated table, {len(missing)} only in the twin"
    yield from _pairs(columns, extra, missing)


def _pairs(columns: Sequence[str], extra: list[Row], missing: list[Row]) -> Iterator[str]:
    """The first rows that differ, those with an equal first column side by side."""
    theirs = {row[0]: row for row in missing}
    for row in sorted(extra, key=repr)[:SHOWN]:
        if other := theirs.pop(row[0], None):
            yield f"row {_readable(row[0])}: " + ", ".join(_unequal(columns, row, other))
        else:
            yield f"row only in the migrated table: {_shown(columns, row)}"
    ours = {row[0] for row in extra}
    alone = [row for row in missing if row[0] not in ours]
    for row in sorted(alone, key=repr)[:SHOWN]:
        yield f"row only in the twin: {_shown(columns, row)}"


def _unequal(columns: Sequence[str], row: Row, other: Row) -> Iterator[str]:
    for name, ours, theirs in zip(columns, row, other, strict=True):
        if ours != theirs:
            yield f"{name} is {_readable(ours)}, in the twin {_readable(theirs)}"


def _shown(columns: Sequence[str], row: Row) -> str:
    return ", ".join(f"{name}={_readable(value)}" for name, value in zip(columns, row, strict=True))


def _readable(value: Any) -> str:
    """The value as it was read, with the text that it may be the bytes of."""
    try:
        text = bytes.fromhex(value).decode()
    except (TypeError, ValueError):
        return repr(value)
    return f"{value} {text!r}" if text.isprintable() else str(value)
