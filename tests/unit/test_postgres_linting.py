"""What a colleague would say of an ALTER on PostgreSQL: each rule once, and that it keeps quiet."""

from __future__ import annotations

from dataclasses import replace

import pytest

from osc.model import alter
from osc.model.ladder import Clause, Cost
from osc.model.table import Column, Key, Table, TableName
from osc.postgres.indexes import Index
from osc.postgres.linting import Change, findings
from osc.postgres.shape import Constraint, Shape

ID = Column("id", "integer", nullable=False)
OLD = Column("note", "text")
T = Table(TableName("public", "t"), (ID, OLD), (Key("t_pkey", ("id",), True),), "1")
EMPTY = Shape({}, {}, {})
FOREIGN = Constraint("f", "f", "FOREIGN KEY (note) REFERENCES r(id)", True, ("note",))
UNIQUE = Constraint("u", "u", "UNIQUE (note)", True, ("note",))


def change(clauses: str, /, *columns: Column, new: Shape = EMPTY, **more: object) -> Change:
    words = alter.from_clauses("t", clauses, mysql=False)
    whole = (Clause(clauses, Cost.METADATA),)
    made = Change(T, replace(T, columns=columns or T.columns), EMPTY, new, words, whole)
    return replace(made, **more)  # type: ignore[arg-type]


def column(type: str, name: str = "n", **more: object) -> Column:
    return replace(Column(name, type, default="x", nullable=False), **more)  # type: ignore[arg-type]


SAID = [
    ("dropped-column", change("DROP note", ID)),
    ("renamed-column", change("RENAME note TO n", ID, replace(OLD, name="n"))),
    ("renamed-table", change("RENAME TO other")),
    ("prepared-statements", change("ALTER id TYPE bigint", replace(ID, type="bigint"), OLD)),
    ("prepared-statements", change("ADD n int", ID, OLD, column("integer"))),
    ("cascade", change("DROP CONSTRAINT c CASCADE")),
    (
        "not-null-without-default",
        change("ADD n int NOT NULL", ID, OLD, column("integer", default=None)),
    ),
    (
        "volatile-default",
        change(
            "ADD n uuid", ID, OLD, column("uuid"), clauses=(Clause("ADD n uuid", Cost.REWRITE),)
        ),
    ),
    ("new-not-null", change("ALTER note SET NOT NULL", ID, replace(OLD, nullable=False))),
    ("null-allowed", change("ALTER id DROP NOT NULL", replace(ID, nullable=True), OLD)),
    ("narrowed", change("ALTER note TYPE x", ID, replace(OLD, type="character varying(9)"))),
    ("narrowed", change("ALTER id TYPE x", replace(ID, type="smallint"), OLD)),
    ("new-unique", change("ADD UNIQUE (note)", new=Shape({}, {"u": UNIQUE}, {}))),
    ("key-near-its-end", change("ADD n int", fill={"id": 0.93})),
    ("foreign-key-without-index", change("ADD f", new=Shape({}, {"f": FOREIGN}, {}))),
    ("char", change("ADD n", ID, OLD, column("character(3)"))),
    ("varchar-limit", change("ADD n", ID, OLD, column("character varying(3)"))),
    ("json", change("ADD n", ID, OLD, column("json"))),
    ("timestamp-without-zone", change("ADD n", ID, OLD, column("timestamp without time zone"))),
    ("money", change("ADD n", ID, OLD, column("money"))),
    ("float-money", change("ADD price", ID, OLD, column("real", "price"))),
    ("serial", change("ADD n", ID, OLD, column("integer", default="nextval('s'::regclass)"))),
    ("nullable-column", change("ADD n", ID, OLD, column("integer", default=None, nullable=True))),
]
INDEX = Index("i", "btree (note)", unique=False)
QUIET = [
    change("ADD n", ID, OLD, column("jsonb")),
    change("ADD n", ID, OLD, column("timestamp with time zone")),
    change("ADD n", ID, OLD, column("numeric(10,2)", "price")),
    change("ALTER id TYPE bigint", replace(ID, type="bigint"), OLD, fill={"id": 0.93}),
    change("ADD f", new=Shape({}, {"f": FOREIGN}, {"i": INDEX})),
    change("ADD n", fill={"id": 0.5}),
]


@pytest.mark.parametrize(("rule", "made"), SAID, ids=[rule for rule, _ in SAID])
def test_each_rule_says_what_is_to_be_said(rule: str, made: Change) -> None:
    assert rule in [finding.rule for finding in findings(made)]


@pytest.mark.parametrize("made", QUIET, ids=[made.alter.clauses for made in QUIET])
def test_nothing_is_said_of_what_is_well_done(made: Change) -> None:
    assert {finding.rule for finding in findings(made)} <= {"prepared-statements"}


def test_the_worst_comes_first() -> None:
    made = change("DROP note, ADD n json", ID, column("json", nullable=True, default=None))

    assert [finding.severity for finding in findings(made)] == ["danger"] + ["note"] * 3
