"""What the rows of today may have against the new definition, asked before the copy (rule 4)."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from osc.errors import BadStatement, BadValue, DataWouldBeLost, OscError
from osc.model.columns import ColumnMap, Pair
from osc.model.table import Column, Table
from osc.postgres.blocks import only
from osc.postgres.computed import is_computed, refuse_what_differs
from osc.postgres.keys import INTEGERS, TEXTS
from osc.postgres.quoting import collation_of, identifier, literal, qualified, type_of
from osc.postgres.rehearsal import Target
from osc.postgres.session import Connection, plain_names

SHOWN = 5


@dataclass(frozen=True)
class Unique:
    """A new unique index: the expressions of its key over the new columns, and its predicate."""

    name: str
    expressions: tuple[str, ...]
    predicate: str
    nulls_meet: bool


@dataclass(frozen=True)
class Doubts:
    """`rows` are (what is wrong, SQL condition over the new columns); `casts` are new columns whose
    conversion may fail by itself; `cut` are conditions on the original's columns under which an
    explicit CAST would cut a value that an assignment refuses."""

    source: str = ""
    rows: tuple[tuple[str, str], ...] = ()
    cut: tuple[tuple[str, str], ...] = ()
    casts: tuple[str, ...] = ()
    unique: tuple[Unique, ...] = ()
    missing: tuple[str, ...] = ()


NO_DOUBTS = Doubts()


def doubts(session: Connection, original: Table, target: Target, columns: ColumnMap) -> Doubts:
    """Decides what to ask; the rehearsed table is there."""
    altered = target.table
    converted = _converted(columns)
    return Doubts(
        source=filled(original, altered, columns),
        rows=(
            *_nulls(original, altered, columns),
            *_checks(session, original, target, columns),
        ),
        cut=tuple(_cut(altered.column(p.target), p) for p in converted if _room(altered, p)),
        casts=tuple(p.target for p in converted if _may_fail(original, altered, p)),
        unique=tuple(_uniques(session, original, target, converted)),
        missing=_never_filled(altered, columns),
    )


def _converted(columns: ColumnMap) -> list[Pair]:
    return [pair for pair in columns.pairs if not pair.same_type and pair.source is not None]


def probe(session: Connection, table: Table, columns: ColumnMap, asked: Doubts) -> None:
    """One scan for all doubts about rows, and one for each new unique index."""
    name = qualified(table.name)
    if asked.missing and session.rows(f"SELECT FROM {name} LIMIT 1"):
        raise _lost(
            f"{', '.join(asked.missing)}: NOT NULL, but nothing says what the rows that are there "
            "should have in it",
            "give the new column a DEFAULT",
        )
    session.run("SET work_mem = '256MB'; RESET max_parallel_workers_per_gather")
    if asked.rows or asked.cut or asked.casts:
        _ask_rows(session, table, columns, asked)
    refuse_what_differs(session, table, columns)
    for unique in asked.unique:
        _ask_unique(session, table, unique, asked.source)


def filled(original: Table, altered: Table, columns: ColumnMap) -> str:
    """The select list that gives each row as the shadow will hold it."""
    return ", ".join(
        f"CAST({pair.expression} AS {type_of(column)}){collation_of(column)}"
        f" AS {identifier(pair.target)}"
        for pair in columns.pairs
        for column in (altered.column(pair.target),)
    )


def _nulls(original: Table, altered: Table, columns: ColumnMap) -> list[tuple[str, str]]:
    return [
        (f"{pair.target} would be NULL", f"{identifier(pair.target)} IS NULL")
        for pair in columns.pairs
        if not altered.column(pair.target).nullable
        and (pair.source is None or original.column(pair.source).nullable or is_computed(pair))
    ]


def _never_filled(altered: Table, columns: ColumnMap) -> tuple[str, ...]:
    filled = {pair.target for pair in columns.pairs}
    return tuple(
        column.name
        for column in altered.columns
        if not column.nullable
        and not column.generated
        and column.default is None
        and column.name not in filled
    )


CHECKS = """
SELECT conname, pg_get_expr(conbin, conrelid),
       ARRAY(SELECT attname::text FROM pg_attribute
             WHERE attrelid = conrelid AND attnum = ANY (conkey))
FROM pg_constraint WHERE conrelid = $1 AND contype = 'c' AND convalidated
"""


def _checks(
    session: Connection, original: Table, target: Target, columns: ColumnMap
) -> list[tuple[str, str]]:
    """CHECKs that the original hasn't, and those over a column that is converted. Not those over a
    column that only the shadow can fill, a generated one for instance: there the copy will tell."""
    with plain_names(session):
        before = {expression for _, expression, _ in session.rows(CHECKS, _oid(session, original))}
        after = session.rows(CHECKS, target.oid)
    filled = {pair.target for pair in columns.pairs}
    changed = {pair.target for pair in _converted(columns)}
    return [
        (f"the CHECK {name} says no", f"NOT ({expression})")
        for name, expression, of in after
        if filled.issuperset(of) and (expression not in before or changed.intersection(of))
    ]


def _oid(session: Connection, table: Table) -> int:
    return int(session.value("SELECT to_regclass($1)::oid::bigint", qualified(table.name)))


LENGTH = re.compile(r"^(character varying|character|bit varying|bit)\((\d+)\)$")


def _room(altered: Table, pair: Pair) -> re.Match[str] | None:
    return LENGTH.match(type_of(altered.column(pair.target)))


def _cut(column: Column, pair: Pair) -> tuple[str, str]:
    """Too long: blanks at the end of a text don't count, for an assignment drops them too."""
    found = LENGTH.match(type_of(column))
    assert found is not None
    text = f"({pair.expression})::text"
    if found[1].startswith("bit"):
        wrong = ">" if found[1] == "bit varying" else "<>"
        condition = f"length({text}) {wrong} {found[2]}"
    else:
        condition = f"length(rtrim({text}, ' ')) > {found[2]}"
    return f"{pair.target} is too long for {column.type}", condition


def _may_fail(original: Table, altered: Table, pair: Pair) -> bool:
    assert pair.source is not None
    old, new = type_of(original.column(pair.source)), type_of(altered.column(pair.target))
    if is_computed(pair):
        return True
    if old in INTEGERS and new in INTEGERS:
        return INTEGERS.index(old) > INTEGERS.index(new)
    return not (new in TEXTS[:2] or _room(altered, pair) or (old in INTEGERS and new == "numeric"))


UNIQUES = """
SELECT i.relname, ARRAY(SELECT pg_get_indexdef(i.oid, n, true)
                        FROM generate_series(1, x.indnkeyatts) AS n ORDER BY n),
       coalesce(pg_get_expr(x.indpred, x.indrelid), ''),
       coalesce((to_jsonb(x) ->> 'indnullsnotdistinct')::bool, false),
       ARRAY(SELECT a.attname::text FROM pg_attribute a
             WHERE a.attrelid = x.indrelid AND a.attnum > 0
             AND (a.attnum = ANY (x.indkey) OR EXISTS (
                 SELECT FROM pg_depend d
                 WHERE d.classid = 'pg_class'::regclass AND d.objid = i.oid
                 AND (d.refobjid, d.refobjsubid) = (a.attrelid, a.attnum))))
FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
WHERE x.indrelid = $1 AND x.indisunique AND NOT x.indisexclusion
"""


def _uniques(
    session: Connection, original: Table, target: Target, converted: list[Pair]
) -> list[Unique]:
    """Unique indexes that the original hasn't over the same, unconverted columns."""
    with plain_names(session):
        before = {
            (tuple(expressions), predicate)
            for _, expressions, predicate, _, _ in session.rows(UNIQUES, _oid(session, original))
        }
        after = session.rows(UNIQUES, target.oid)
    changed = {pair.target for pair in converted}
    return [
        Unique(name, tuple(expressions), predicate, nulls)
        for name, expressions, predicate, nulls, of in after
        if (tuple(expressions), predicate) not in before or changed.intersection(of)
    ]


def _ask_unique(session: Connection, table: Table, unique: Unique, source: str) -> None:
    shown = ", ".join(f"({e})::text" for e in unique.expressions)
    grouped = ", ".join(f"({e})" for e in unique.expressions)
    conditions = [f"({unique.predicate})"] * bool(unique.predicate)
    if not unique.nulls_meet:
        conditions += [f"({e}) IS NOT NULL" for e in unique.expressions]
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    try:
        found = session.rows(
            f"SELECT {shown}, count(*) FROM {_rows_of(table, source)}{where}"
            f" GROUP BY {grouped} HAVING count(*) > 1 LIMIT {SHOWN}"
        )
    except BadStatement:
        # It stands on a column that only the shadow can compute: building it will tell.
        return
    if found:
        values = "; ".join(f"({', '.join(map(str, row[:-1]))}) {row[-1]} times" for row in found)
        raise _lost(
            f"the new unique index {unique.name} has duplicates: {values}",
            "remove the duplicates first",
        )


def _rows_of(table: Table, source: str, where: str = "") -> str:
    alias = identifier(table.name.name)
    return f"(SELECT {source} FROM {only(table)}{qualified(table.name)}{where}) AS {alias}"


def _ask_rows(session: Connection, table: Table, columns: ColumnMap, asked: Doubts) -> None:
    """A conversion that raises names no row, so the blocks are halved until one is left."""
    try:
        found = _wrong_rows(session, table, columns, asked)
    except BadValue as error:
        where = _first_bad_row(session, table, columns, asked)
        raise _lost(f"{error.happened}{where}", "correct these rows first") from error
    if found:
        rows = "; ".join(f"{what} where {key}" for what, key in found)
        raise _lost(rows, "correct these rows first")


def _wrong_rows(
    session: Connection, table: Table, columns: ColumnMap, asked: Doubts, where: str = ""
) -> list[tuple[str, str]]:
    key = " || ', ' || ".join(
        f"{literal(name + ' = ')} || {identifier(name)}::text" for name in columns.key
    )
    cuts = [f"({condition}) AS {identifier(f'_osc_cut_{n}')}" for n, (_, condition) in
            enumerate(asked.cut)]  # fmt: skip
    source = ", ".join([asked.source, f"{key} AS _osc_key", *cuts])
    conditions = [
        *asked.rows,
        *((what, identifier(f"_osc_cut_{n}")) for n, (what, _) in enumerate(asked.cut)),
    ]
    if asked.casts:
        # Never true, but it makes the server compute each of them.
        names = ", ".join(map(identifier, asked.casts))
        conditions.append(("a conversion", f"num_nonnulls({names}) < 0"))
    what = " ".join(f"WHEN {condition} THEN {literal(said)}" for said, condition in conditions)
    either = " OR ".join(f"({condition})" for _, condition in conditions)
    rows = session.rows(
        f"SELECT CASE {what} END, _osc_key FROM {_rows_of(table, source, where)}"
        f" WHERE {either} LIMIT {SHOWN}"
    )
    return [(said, where) for said, where in rows]


def _first_bad_row(session: Connection, table: Table, columns: ColumnMap, asked: Doubts) -> str:
    """Which column of which row can't be converted; nothing if it is gone meanwhile."""
    low, high = (
        0,
        session.value(
            "SELECT pg_relation_size(to_regclass($1)) / current_setting('block_size')::int",
            qualified(table.name),
        ),
    )
    while high - low > 1:
        middle = (low + high) // 2
        if _fails(session, table, columns, asked, f"ctid >= '({low},0)' AND ctid < '({middle},0)'"):
            high = middle
        else:
            low = middle
    key = ", ".join(f"{identifier(name)}::text" for name in columns.key)
    within = f"ctid >= '({low},0)' AND ctid < '({low + 1},0)'"
    for at, *values in session.rows(
        f"SELECT ctid::text, {key} FROM ONLY {qualified(table.name)} WHERE {within} ORDER BY ctid"
    ):
        if _fails(session, table, columns, asked, f"ctid = '{at}'"):
            bad = [
                name
                for name in asked.casts
                if _fails(session, table, columns, replace(asked, casts=(name,)), f"ctid = '{at}'")
            ]
            said = (f"{n} = {v}" for n, v in zip(columns.key, values, strict=True))
            return f": {', '.join(bad)} where {', '.join(said)}"
    return ""


def _fails(
    session: Connection, table: Table, columns: ColumnMap, asked: Doubts, condition: str
) -> bool:
    try:
        _wrong_rows(session, table, columns, asked, f" WHERE {condition}")
    except BadValue:
        return True
    return False


def _lost(happened: str, todo: str) -> OscError:
    return DataWouldBeLost(happened, still_true="nothing was touched", todo=todo)
