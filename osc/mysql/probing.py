"""Questions to the rows of today, asked before the copy: bad news in seconds and not in days.

Only what a few cheap statements can tell is asked here (rule 4); whatever they miss, the copy's own
strict mode finds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from osc import errors
from osc.engine import Rehearsal, Session, Statement
from osc.model.columns import Pair
from osc.model.table import Column, Key, Table
from osc.mysql import comparison, orphans, quoting, types
from osc.mysql.tagged import is_tag
from osc.mysql.types import Family

SHOWN = 5
_STRINGS = {Family.CHAR, Family.VARCHAR, Family.TEXT}
_MOMENTS = {Family.DATE, Family.DATETIME, Family.TIMESTAMP}


@dataclass(frozen=True)
class Probe:
    """A condition that no row may meet, and what it means if one does."""

    condition: str
    meaning: str
    column: str


def probe(session: Session, table: Table, rehearsal: Rehearsal) -> None:
    """DataWouldBeLost, naming the first rows."""
    named = tuple(pair for pair in rehearsal.columns.pairs if not is_tag(pair.target))
    rehearsal = replace(rehearsal, columns=replace(rehearsal.columns, pairs=named))
    for one in probes(table, rehearsal):
        _no_row(session, table, rehearsal.key, one)
    for key in new_keys(table, rehearsal):
        _no_duplicates(session, table, rehearsal, key)
    for tie in rehearsal.relations.doubtful:
        orphans.refuse_today(session, table, rehearsal, tie)


def probes(table: Table, rehearsal: Rehearsal) -> Iterator[Probe]:
    for pair in rehearsal.columns.pairs:
        if pair.source is not None:
            before, after = table.column(pair.source), rehearsal.table.column(pair.target)
            yield from _of_column(pair, before, after)


def _of_column(pair: Pair, before: Column, after: Column) -> Iterator[Probe]:
    value = pair.expression
    if before.nullable and not after.nullable:
        yield Probe(f"{value} IS NULL", "NULL does not fit NOT NULL", value)
    if after.default == "AUTO_INCREMENT" != before.default:
        keeps = "LOCATE('NO_AUTO_VALUE_ON_ZERO', @@GLOBAL.sql_mode) > 0"
        yield Probe(f"{value} = 0 AND NOT {keeps}", "what AUTO_INCREMENT gives a number", value)
    if pair.same_type:
        return
    old, new = types.read(before.type), types.read(after.type)
    if new.family is Family.INTEGER and old.family is Family.INTEGER:
        least, most = new.integer_range()
        if old.integer_range()[0] < least or old.integer_range()[1] > most:
            yield Probe(
                f"{value} < {least} OR {value} > {most}", f"out of range of {after.type}", value
            )
    if new.family in (Family.CHAR, Family.VARCHAR) and old.family in _STRINGS and new.arguments:
        if old.family is Family.TEXT or old.arguments > new.arguments:
            longest = new.arguments[0]
            yield Probe(
                f"CHAR_LENGTH(TRIM(TRAILING ' ' FROM {value})) > {longest}",
                f"longer than {longest} characters",
                value,
            )
        yield from _charset(value, old, new)
    if new.family is Family.INTEGER and old.family in _STRINGS:
        is_mariadb = "VERSION() LIKE '%MariaDB%'"
        yield Probe(f"{is_mariadb} AND {value} RLIKE '[.eE]'", "no whole number", value)
    if new.family in _MOMENTS and old.family in {*_STRINGS, Family.INTEGER, Family.YEAR}:
        zeros = f"DAYOFMONTH({value}) = 0 OR MONTH({value}) = 0"
        is_strict = "@@GLOBAL.sql_mode LIKE '%NO_ZERO%'"
        yield Probe(f"{is_strict} AND ({zeros})", "a date with a zero", value)
    if new.family is Family.JSON and old.family in _STRINGS:
        yield Probe(f"NOT JSON_VALID({value})", "no valid JSON", value)


def _charset(value: str, old: types.Type, new: types.Type) -> Iterator[Probe]:
    if old.charset != new.charset and new.charset not in ("utf8mb4", None):
        there_and_back = f"CONVERT(CONVERT({value} USING {new.charset}) USING utf8mb4)"
        yield Probe(
            f"BINARY {there_and_back} <> BINARY CONVERT({value} USING utf8mb4)",
            f"characters that {new.charset} does not have",
            value,
        )


def _no_row(session: Session, table: Table, key: Key, one: Probe) -> None:
    shown = quoting.names(key.columns)
    rows = session.query(
        Statement(
            f"SELECT {shown}, {one.column} FROM {quoting.table(table.name)} "
            f"WHERE {one.condition} LIMIT {SHOWN}"
        )
    )
    if rows:
        raise errors.DataWouldBeLost(
            f"{table.name}: {one.column} is {one.meaning} in the rows with "
            f"({', '.join(key.columns)}) = {', '.join(_told(row) for row in rows)}",
            still_true="nothing was touched",
            todo="change these rows or the ALTER; there may be more of them",
        )


def _told(row: tuple[object, ...]) -> str:
    value = repr(row[-1])
    key = ", ".join(repr(part) for part in row[:-1])
    return f"({key}): {value if len(value) <= 60 else value[:59] + '…'}"


def new_keys(table: Table, rehearsal: Rehearsal) -> Iterator[tuple[str, ...]]:
    """Unique keys of the altered table that the original does not enforce."""
    renamed = {pair.target: pair.source for pair in rehearsal.columns.pairs}
    enforced = {
        frozenset(key.columns)
        for key in table.uniques
        if all(_kept(name, rehearsal, table) for name in key.columns)
    }
    for key in rehearsal.table.uniques:
        sources = [renamed.get(name) for name in key.columns]
        if all(source is not None for source in sources):
            of = tuple(str(source) for source in sources)
            if not any(kept <= frozenset(of) for kept in enforced):
                yield of


def _kept(source: str, rehearsal: Rehearsal, table: Table) -> bool:
    """A column whose values stay apart if they were: its type, collation included, is the same."""
    return any(pair.source == source and pair.same_type for pair in rehearsal.columns.pairs)


def _no_duplicates(
    session: Session, table: Table, rehearsal: Rehearsal, key: tuple[str, ...]
) -> None:
    expressions = ", ".join(_as_compared(name, table, rehearsal) for name in key)
    nulls = " AND ".join(f"{quoting.name(name)} IS NOT NULL" for name in key)
    rows = session.query(
        Statement(
            f"SELECT {expressions}, COUNT(*) FROM {quoting.table(table.name)} WHERE {nulls} "
            f"GROUP BY {expressions} HAVING COUNT(*) > 1 LIMIT {SHOWN}"
        )
    )
    if rows:
        found = ", ".join(f"{row[:-1]!r} × {row[-1]}" for row in rows)
        raise errors.DataWouldBeLost(
            f"{table.name}: the new unique key over ({', '.join(key)}) has duplicates: {found}",
            still_true="nothing was touched",
            todo="remove the duplicates or the key; there may be more of them",
        )


def _as_compared(source: str, table: Table, rehearsal: Rehearsal) -> str:
    """A column as the new table holds and compares it."""
    pair = next(pair for pair in rehearsal.columns.pairs if pair.source == source)
    after = types.read(rehearsal.table.column(pair.target).type)
    if pair.same_type:
        return pair.expression
    before = types.read(table.column(source).type)
    stored = comparison.as_stored(before, after, pair.expression)
    if after.family not in _STRINGS:
        return stored or pair.expression
    text = stored or f"CONVERT({pair.expression} USING {after.charset})"
    return f"{text} COLLATE {after.collation}"
