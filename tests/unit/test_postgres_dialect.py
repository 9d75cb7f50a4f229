"""The statements of a migration on PostgreSQL, compared as texts."""

from __future__ import annotations

import pytest

from osc.engine import Job, Names
from osc.errors import Precondition
from osc.model.alter import Alter, parse
from osc.model.chunk import Chunk
from osc.model.columns import ColumnMap, Pair
from osc.model.table import Column, Key, Table, TableName
from osc.postgres.dialect import PostgresDialect
from osc.postgres.keys import in_order, require_apart
from osc.postgres.quoting import identifier, key_type_of, literal

NAME = TableName("public", "orders")
SHADOW = TableName("_osc_new_1", "orders")
INSERT = (
    'INSERT INTO "_osc_new_1"."orders" ("id", "v") OVERRIDING SYSTEM VALUE'
    ' SELECT "id", "v" FROM ONLY "public"."orders"'
)


def dialect(
    *key: tuple[str, str], shadow: dict[str, str] | None = None, extra: tuple[Pair, ...] = ()
) -> PostgresDialect:
    """A table of the key's columns (name, type) and `v`, which becomes bigint."""
    key = key or (("id", "integer"),)
    changed = shadow or {}
    names = tuple(name for name, _ in key)
    old = (*(Column(n, t, nullable=False) for n, t in key), Column("v", "integer"))
    new = (
        *(Column(n, changed.get(n, t), nullable=False) for n, t in key),
        Column("v", "bigint"),
        *(Column(pair.target, "text") for pair in extra),
    )
    pairs = tuple(
        Pair(column.name, column.name, identifier(column.name), column.type == old[n].type)
        for n, column in enumerate(new[: len(old)])
    )
    job = Job(
        id=1,
        original=Table(NAME, old, (Key("orders_pkey", names, True),), "1/2/3"),
        shadow=Table(SHADOW, new, (Key("orders_pkey", names, True),), "4/5/6"),
        names=Names(SHADOW, TableName("_osc_old_1", "orders")),
        alter=parse("ALTER TABLE orders ALTER v TYPE bigint", mysql=False),
        columns=ColumnMap((*pairs, *extra), names, names),
        key=Key("orders_pkey", names, True),
        sortable=False,
    )
    return PostgresDialect(job)


def test_a_chunk_is_the_blocks_after_its_lower_bound_up_to_its_upper_one() -> None:
    assert dialect().copy_chunk(Chunk(1, (9,), (19,))).sql == (
        f"{INSERT} WHERE ctid >= '(10,0)' AND ctid < '(20,0)'"
    )


def test_the_first_chunk_begins_at_the_beginning() -> None:
    assert dialect().copy_chunk(Chunk(1, None, (19,))).sql == f"{INSERT} WHERE ctid < '(20,0)'"


def test_the_last_chunk_takes_blocks_that_were_not_there_when_it_was_cut() -> None:
    assert dialect().copy_chunk(Chunk(1, (9,), None)).sql == f"{INSERT} WHERE ctid >= '(10,0)'"


def test_a_new_column_gets_one_value_and_is_not_compared() -> None:
    made = dialect(extra=(Pair("since", None, "CAST('now' AS text)"),))

    assert "CAST('now' AS text)" in made.copy_chunk(Chunk(1, None, None)).sql
    assert "since" not in made.checksum(Chunk(1, None, None)).sql


def test_fifty_thousand_keys_are_one_parameter() -> None:
    statement = dialect().delete_keys([(str(n),) for n in range(50_000)])

    assert len(statement.parameters) == 1
    assert len(statement.parameters[0]) == 50_000


def test_keys_of_several_columns_stay_together() -> None:
    made = dialect(("a", "integer"), ("b", "text"))

    statement = made.delete_keys([("1", "x"), ("2", "y")])

    assert statement.parameters == (["1", "2"], ["x", "y"])
    assert statement.sql == (
        'DELETE FROM "_osc_new_1"."orders" AS shadow USING'
        " (SELECT unnest($1::text[])::integer AS k1, unnest($2::text[])::text AS k2) AS key"
        ' WHERE shadow."a" = key.k1 AND shadow."b" = key.k2'
    )


def test_a_key_that_is_widened_is_read_as_the_old_type_and_found_as_the_new_one() -> None:
    made = dialect(("id", "character(5)"), shadow={"id": "text"})

    assert "((unnest($1::text[])::bpchar)::text" not in made.insert_keys([("a",)]).sql
    assert "(unnest($1::text[])::bpchar)::text AS k1" in made.delete_keys([("a",)]).sql


def test_inserting_reads_each_row_once_though_its_key_may_be_written_in_two_ways() -> None:
    assert dialect().insert_keys([("1",)]).sql == (
        f'{INSERT} WHERE ("id") IN (SELECT unnest($1::text[])::integer)'
    )


def test_spans_are_walked_in_the_order_of_the_key_not_of_its_text() -> None:
    statement = dialect().next_key(("9",), 100)

    assert statement.sql == (
        'SELECT format(\'%s\', "id") FROM (SELECT "id" FROM ONLY "public"."orders"'
        ' WHERE ("id") > ($1::text::integer) ORDER BY "id" LIMIT 1 OFFSET 99) AS found'
    )
    assert statement.parameters == ("9",)


def test_a_key_whose_order_changes_is_verified_in_one_span() -> None:
    made = dialect(("id", "integer"), shadow={"id": "text"})

    assert made.next_key(None, 100).sql.endswith("WHERE false")


def test_both_sides_are_hashed_by_one_statement_over_the_same_span() -> None:
    statement = dialect().checksum(Chunk(1, ("1",), ("5",)))

    assert statement.parameters == ("1", "5")
    span = '("id") > ($1::text::integer) AND ("id") <= ($2::text::integer)'
    assert statement.sql.count(span) == 2
    assert 'hashint8extended(CAST("v" AS bigint), 0)' in statement.sql
    assert 'hashint8extended("v", 0)' in statement.sql


@pytest.mark.parametrize("type", ["numeric(10,2)", "citext", "interval", "json", "real"])
def test_types_under_which_equal_is_not_identical_are_compared_as_texts(type: str) -> None:
    made = dialect(("id", type))

    assert '("id")::text' in made.checksum(Chunk(1, None, None)).sql


@pytest.mark.parametrize(
    ("type", "cast"),
    [
        ("character varying(5)", "character varying"),
        ("character(5)", "bpchar"),
        ("character varying(5)[]", "character varying[]"),
        ("bit(3)", "bit varying"),
        ('text COLLATE "C"', "text"),
        ("numeric(10,2)", "numeric(10,2)"),
    ],
)
def test_a_key_is_never_cut_to_the_length_of_its_type(type: str, cast: str) -> None:
    assert key_type_of(Column("id", type)) == cast


def test_names_and_texts_keep_their_quotes_and_backslashes() -> None:
    assert identifier('a"b') == '"a""b"'
    assert literal("it's") == "'it''s'"
    assert literal("a\\b'") == "E'a\\\\b'''"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("integer", "bigint"),
        ("integer", "text"),
        ("bigint", "integer"),
        ("character varying(5)", "character varying(9)"),
        ("character varying(5)", "text"),
        ("character(5)", "text"),
        ("numeric(10,2)", "numeric(12,2)"),
        ("numeric(10,2)", "numeric"),
        ("date", "timestamp without time zone"),
    ],
)
def test_a_key_may_be_widened(old: str, new: str) -> None:
    require_apart(Column("id", old), Column("id", new), alter())


def test_a_domain_keeps_apart_what_its_type_keeps_apart() -> None:
    small = Column("id", "public.small", base="integer")

    require_apart(small, Column("id", "bigint"), alter())
    require_apart(Column("id", "smallint"), small, alter())
    with pytest.raises(Precondition, match="two rows might meet"):
        require_apart(Column("id", "numeric"), small, alter())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("text", "integer"),
        ("numeric(10,2)", "numeric(10,1)"),
        ("numeric", "integer"),
        ("character varying(9)", "character varying(5)"),
        ("text", "character varying(5)"),
        ("text", "citext"),
        ('text COLLATE "C"', "text"),
        ("timestamp without time zone", "timestamp with time zone"),
        ("timestamp without time zone", "timestamp(3) without time zone"),
        ("integer", "numeric(5,-2)"),
    ],
)
def test_a_key_under_which_two_rows_might_meet_is_refused(old: str, new: str) -> None:
    with pytest.raises(Precondition, match="two rows might meet"):
        require_apart(Column("id", old), Column("id", new), alter())


@pytest.mark.parametrize("using", ["id::bigint", '"id"::bigint', "CAST(id AS bigint)"])
def test_a_plain_cast_of_a_key_is_no_computation(using: str) -> None:
    clauses = f"ALTER id TYPE bigint USING {using}"

    require_apart(Column("id", "integer"), Column("id", "bigint"), alter(clauses))


@pytest.mark.parametrize("using", ["id / 2", "other::bigint", "abs(id)::bigint"])
def test_a_key_that_is_computed_is_refused(using: str) -> None:
    clauses = f"ALTER id TYPE bigint USING {using}"

    with pytest.raises(Precondition, match="computed anew"):
        require_apart(Column("id", "integer"), Column("id", "bigint"), alter(clauses))


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("integer", "bigint", True),
        ("integer", "text", False),
        ("text", "character varying", True),
        ("text", 'text COLLATE "C"', False),
        ("uuid", "text", False),
    ],
)
def test_a_conversion_keeps_the_order_of_keys_or_is_known_not_to(
    old: str, new: str, same: bool
) -> None:
    assert in_order(Column("id", old), Column("id", new)) is same


def alter(clauses: str = "ALTER id TYPE bigint") -> Alter:
    return parse(f"ALTER TABLE orders {clauses}", mysql=False)
