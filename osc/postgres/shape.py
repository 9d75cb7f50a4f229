"""Columns, constraints and indexes of a table, as far as a statement that adds them says them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from osc.model.table import TableName
from osc.postgres import indexes
from osc.postgres.double import Double
from osc.postgres.indexes import Index
from osc.postgres.quoting import identifier, qualified
from osc.postgres.session import Connection, plain_names


@dataclass(frozen=True)
class Constraint:
    """`kind` is pg_constraint's contype; `definition` speaks of the real tables, and doesn't say
    that it isn't valid."""

    name: str
    kind: str
    definition: str
    valid: bool
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Column:
    """`words` are what ADD COLUMN would say of it, without constraints."""

    name: str
    words: str
    not_null: bool


@dataclass(frozen=True)
class Shape:
    """By name."""

    columns: dict[str, Column]
    constraints: dict[str, Constraint]
    indexes: dict[str, Index]


COLUMNS = """
SELECT a.attname, a.attnotnull,
       concat(quote_ident(a.attname), ' ', format_type(a.atttypid, a.atttypmod),
              CASE WHEN a.attcollation NOT IN (0, y.typcollation)
                   THEN ' COLLATE ' || a.attcollation::regcollation END,
              CASE a.attgenerated
                   WHEN '' THEN ' DEFAULT ' || pg_get_expr(d.adbin, 0)
                   WHEN 'v' THEN format(' GENERATED ALWAYS AS (%s) VIRTUAL',
                                        pg_get_expr(d.adbin, d.adrelid)) END)
FROM pg_attribute a JOIN pg_type y ON y.oid = a.atttypid
LEFT JOIN pg_attrdef d ON (d.adrelid, d.adnum) = (a.attrelid, a.attnum)
WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""

CONSTRAINTS = """
SELECT k.conname, k.contype::text,
       regexp_replace(pg_get_constraintdef(k.oid), ' NOT VALID$', ''), k.convalidated,
       ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY AS u (n, at)
             JOIN pg_attribute a ON (a.attrelid, a.attnum) = (k.conrelid, u.n) ORDER BY u.at),
       k.confrelid::bigint
FROM pg_constraint k WHERE k.conrelid = $1 AND k.contype <> 't' ORDER BY k.conname
"""


DOUBLE = re.compile(r' REFERENCES (?:pg_temp(?:_\d+)?\.)?(?:"(?:[^"]|"")+"|\w+)\(')
"""How a definition names the table that a foreign key leads to, where that is a temporary one."""


def read(session: Connection, double: Double) -> Shape:
    with plain_names(session):
        columns = session.rows(COLUMNS, double.oid)
        found = session.rows(CONSTRAINTS, double.oid)
    constraints = {}
    for name, kind, definition, valid, of, to in found:
        if to in double.doubles:
            definition = _speaking_of(double.doubles[to], definition)
        constraints[name] = Constraint(name, kind, definition, valid, tuple(of))
    return Shape(
        {name: Column(name, words, not_null) for name, not_null, words in columns},
        constraints,
        {index.name: index for index in indexes.read(session, double.oid)},
    )


def _speaking_of(real: TableName, definition: str) -> str:
    there = f" REFERENCES {qualified(real)}("
    return DOUBLE.sub(lambda _: there, definition, count=1)


def added(constraint: Constraint) -> str:
    """The clause that adds it without looking at the rows."""
    return f"ADD CONSTRAINT {identifier(constraint.name)} {constraint.definition} NOT VALID"
