"""Which conversions of a key column keep any two rows apart, and which keep their order too."""

from __future__ import annotations

import re

from osc.errors import Precondition
from osc.model.alter import Alter
from osc.model.table import Column
from osc.postgres.quoting import collation_of, type_of

INTEGERS = ("smallint", "integer", "bigint")
TEXTS = ("text", "character varying", "character")

APART = {
    *((a, b) for a in INTEGERS for b in (*INTEGERS, "numeric", "text", "character varying")),
    *((a, b) for a in TEXTS for b in ("text", "character varying")),
    ("uuid", "text"),
    ("date", "timestamp without time zone"),
}
"""Two values can't become one: a conversion fits or fails. What is not here may be as good, but a
key by which two rows meet would lose one of them."""

IN_ORDER = {
    *((a, b) for a in INTEGERS for b in (*INTEGERS, "numeric")),
    *((a, b) for a in TEXTS[:2] for b in TEXTS[:2]),
    ("date", "timestamp without time zone"),
}

CAST = re.compile(
    r'\(*\s*(?:cast\s*\(\s*)?"?(?P<name>[^\s"():]+)"?\s*(?:::|\s+as\s+)\s*[\w\s"().,]+',
    re.IGNORECASE,
)
"""`USING id::bigint` says no more than the type does."""


def require_apart(source: Column, target: Column, alter: Alter) -> None:
    """Raises where two rows of the original could meet under one key of the shadow."""
    using = alter.using.get(source.name)
    cast = CAST.fullmatch(using) if using else None
    if using and (cast is None or cast["name"].lower() != source.name.lower()):
        raise _refused(source, f"is computed anew, USING {using}")
    if source.type != target.type and not _apart(source, target):
        raise _refused(source, f"changes from {source.type} to {target.type}")


def in_order(source: Column, target: Column) -> bool:
    """A range of keys of the original holds the same rows as that range in the shadow."""
    old, new = _base(source), _base(target)
    return (old == new or (old, new) in IN_ORDER) and collation_of(source) == collation_of(target)


def _apart(source: Column, target: Column) -> bool:
    old, new = _base(source), _base(target)
    both_text = old in TEXTS and new in TEXTS
    if (old == new or both_text) and collation_of(source) != collation_of(target):
        return False
    if old == new or both_text:
        return (old == new or (old, new) in APART) and _wide_enough(_room(source), _room(target))
    return (old, new) in APART and "-" not in (target.base or target.type)


def _wide_enough(needed: tuple[int, ...], room: tuple[int, ...]) -> bool:
    """A narrower type may cut blanks or round; no numbers at all mean no limit."""
    return not room or (bool(needed) and all(r >= n for n, r in zip(needed, room, strict=True)))


def _base(column: Column) -> str:
    return re.sub(r"\([\d,-]+\)", "", column.base or type_of(column))


def _room(column: Column) -> tuple[int, ...]:
    found = re.search(r"\(([\d,-]+)\)", column.base or type_of(column))
    return tuple(map(int, found[1].split(","))) if found else ()


def _refused(column: Column, how: str) -> Precondition:
    return Precondition(
        f"the key column {column.name!r} {how}: two rows might meet under one key",
        still_true="nothing was touched",
        todo="keep the key as it is, or widen it only (integer to bigint, varchar to text …)",
    )
