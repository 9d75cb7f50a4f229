"""The key by which a row of the original is found again in the shadow."""

from __future__ import annotations

from dataclasses import dataclass

from osc import errors
from osc.model import columns
from osc.model.columns import Pair
from osc.model.table import Key, Table
from osc.mysql import tagged, types
from osc.mysql.types import Family, Type

_STRINGS = {Family.CHAR, Family.VARCHAR}
_MOMENTS = {Family.DATETIME, Family.TIMESTAMP, Family.TIME}
_NUMBERED = {Family.ENUM, Family.SET}


@dataclass(frozen=True)
class Identified:
    """How rows are found again: by `other`, which the altered table has; or, because of `refusal`,
    by an index of ours over `stays`, the altered table's columns that hold the key as it was, or by
    tags that bear the original's key."""

    key: Key
    other: Key | None = None
    refusal: errors.Precondition | None = None
    stays: tuple[str, ...] = ()

    @property
    def tags(self) -> tuple[Pair, ...]:
        return tagged.pairs(self.key) if self.refusal and not self.stays else ()

    def found_by(self, found: dict[str, str]) -> tuple[str, ...]:
        """The shadow's columns for those of the key; `found` maps its columns to their sources."""
        if self.refusal:
            return self.stays or tagged.columns(self.key)
        targets = {source: target for target, source in found.items()}
        return tuple(targets[name] for name in self.key.columns)

    @property
    def findings(self) -> tuple[str, ...]:
        if self.refusal:
            told = tagged.INDEXED if self.stays else tagged.FINDING
            return (told.format(key=self.key.name),)
        if self.other and self.other.name != self.key.name:
            return (
                f"{self.key.name}, by which rows are told apart, is {self.other.name} afterwards",
            )
        return ()


def identify(original: Table, shadow: Table, found: dict[str, str]) -> Identified:
    """Precondition where the original has no key at all."""
    try:
        return Identified(*choose(original, shadow, found))
    except errors.Precondition as refusal:
        if not original.keys:
            raise _unfit(original) from refusal
        for key in original.keys:
            if stays := _stays(original, shadow, key, found):
                return Identified(key, refusal=refusal, stays=stays)
        return Identified(original.keys[0], refusal=refusal)


def choose(original: Table, shadow: Table, found: dict[str, str]) -> tuple[Key, Key]:
    """The best key of the original whose values the shadow holds too, and what finds them there.

    The shadow's key is one over the same columns, where there is one. One over more columns does as
    well if it begins with these, and one over some of them: the original's key tells rows apart,
    the shadow's only has to find them.
    """
    refusal: errors.Precondition | None = None
    for key in original.keys:
        other = _twin(key, shadow, found) or _kin(key, shadow, found)
        if other is None:
            continue
        refused = _other_values(original, shadow, key, found)
        if refused is None:
            return key, other
        refusal = refusal or refused
    if refusal is not None:
        raise refusal
    return columns.common_key(original, shadow, found)  # which says what is wrong


def _unfit(original: Table) -> errors.Precondition:
    """What is wrong with the keys that there are."""
    told = "; ".join(f"{key.name} over ({', '.join(key.columns)})" for key in original.uniques)
    has = f"only {told}" if told else "none"
    return errors.Precondition(
        f"{original.name} has no key by which a row can be told from another: that takes a primary "
        "key or a unique key over whole columns that are NOT NULL, not generated, and no FLOAT or "
        f"DOUBLE, whose values have no exact text; it has {has}",
        still_true="nothing was touched",
        todo="add such a key first (a UNIQUE index over such columns is enough, and is built in "
        "place), or alter natively",
    )


def _twin(key: Key, shadow: Table, found: dict[str, str]) -> Key | None:
    wanted = set(key.columns)
    return next((one for one in shadow.keys if set(_sources(one, found)) == wanted), None)


def _kin(key: Key, shadow: Table, found: dict[str, str]) -> Key | None:
    wanted = set(key.columns)
    if not wanted <= set(found.values()):
        return None
    for one in shadow.uniques:
        sources = _sources(one, found)
        if set(sources[: len(wanted)]) == wanted or set(sources) < wanted:
            return one
    return None


def _sources(key: Key, found: dict[str, str]) -> list[str]:
    return [found.get(name, "") for name in key.columns]


def _other_values(
    original: Table, shadow: Table, key: Key, found: dict[str, str]
) -> errors.Precondition | None:
    """Why a value of the key would be another value in the shadow: keys are deleted from it by the
    values that the original's rows have."""
    targets = {source: target for target, source in found.items()}
    for name in key.columns:
        before, after = original.column(name), shadow.column(targets[name])
        if not _keeps(types.read(before.type), types.read(after.type)):
            return errors.Precondition(
                f"the key column {name!r} turns from {before.type} into {after.type}: the new "
                "table's rows could not be found by the old ones' keys",
                still_true="nothing was touched",
                todo="change the other columns first; a key over other columns would do as well",
            )
    return None


def _stays(original: Table, shadow: Table, key: Key, found: dict[str, str]) -> tuple[str, ...]:
    """The shadow's columns with the values of the key, if it has all of them as they were. None
    where it has no primary key: rows might lie in the order of an index of ours, which could not go
    without a rebuild then."""
    targets = {source: target for target, source in found.items()}
    has_primary = any(one.primary for one in shadow.uniques)
    if not has_primary or not all(name in targets for name in key.columns):
        return ()
    if _other_values(original, shadow, key, found):
        return ()
    return tuple(targets[name] for name in key.columns)


def _keeps(before: Type, after: Type) -> bool:
    if before.family in _STRINGS and after.family in _STRINGS:
        same = before.charset == after.charset and before.collation == after.collation
        return same and before.family is after.family
    if before.family is Family.INTEGER and after.family is Family.DECIMAL:
        return True
    if before.family is not after.family or before.scale != after.scale:
        return False
    if before.family in _NUMBERED:
        return after.members[: len(before.members)] == before.members
    if before.family is Family.BINARY:
        return before.arguments == after.arguments
    if before.family in _MOMENTS:
        return before.fraction <= after.fraction
    return True
