"""A key value in SQL, in Python and in the log is one and the same."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osc.errors import Bug
from osc.model.change import KeyPart
from osc.mysql import types
from osc.mysql.types import Family

UTF8 = " CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"


@pytest.mark.parametrize(
    ("column_type", "family", "arguments", "unsigned"),
    [
        ("int", Family.INTEGER, (), False),
        ("int(11)", Family.INTEGER, (11,), False),
        ("bigint unsigned", Family.INTEGER, (), True),
        ("int(10) unsigned zerofill", Family.INTEGER, (10,), True),
        ("year", Family.YEAR, (), False),
        ("decimal(10,2)", Family.DECIMAL, (10, 2), False),
        ("decimal(10,0) unsigned", Family.DECIMAL, (10, 0), True),
        ("varchar(9)" + UTF8, Family.VARCHAR, (9,), False),
        ("char(1) CHARACTER SET latin1 COLLATE latin1_swedish_ci", Family.CHAR, (1,), False),
        ("binary(16)", Family.BINARY, (16,), False),
        ("datetime(6)", Family.DATETIME, (6,), False),
        ("timestamp", Family.TIMESTAMP, (), False),
        ("uuid", Family.UUID, (), False),
        ("enum('int','a unsigned')" + UTF8, Family.ENUM, (), True),
        ("point", Family.OTHER, (), False),
        ("vector(3)", Family.OTHER, (3,), False),
    ],
)
def test_a_type_is_read_as_the_server_prints_it(
    column_type: str, family: Family, arguments: tuple[int, ...], unsigned: bool
) -> None:
    found = types.read(column_type)

    assert (found.family, found.arguments, found.unsigned) == (family, arguments, unsigned)


def test_a_text_type_has_a_character_set_and_a_collation() -> None:
    found = types.read("varchar(9)" + UTF8)

    assert (found.charset, found.collation) == ("utf8mb4", "utf8mb4_bin")


@pytest.mark.parametrize("column_type", ["float", "double", "json", "text", "blob", "point"])
def test_what_tells_no_row_apart_is_no_key(column_type: str) -> None:
    assert not types.read(column_type).can_be_key
    assert not types.read(column_type).sortable


@pytest.mark.parametrize("column_type", ["bit(3)", "enum('a')", "set('a')"])
def test_what_the_server_numbers_is_a_key_of_numbers(column_type: str) -> None:
    of = types.read(column_type)

    assert of.can_be_key
    assert of.sortable
    assert types.part(of, 3) == 3
    assert types.literal(of, 3) == "3"


@pytest.mark.parametrize(
    ("sign", "told"),
    [(">", "e IN (3)"), (">=", "e IN (3, 2)"), ("<", "e IN (0, 1)"), ("<=", "e IN (0, 1, 2)")],
)
def test_a_range_of_an_enum_is_given_member_by_member(sign: str, told: str) -> None:
    of = types.read("enum('a','it''s, b','c')")

    assert types.compared(of, "e", sign, 2, "2") == told
    assert types.compared(of, "e", ">", 3, "3") == "FALSE"


@pytest.mark.parametrize("column_type", ["char(3)" + UTF8, "varchar(3)" + UTF8, "time", "uuid"])
def test_what_python_orders_in_another_way_is_a_key_that_is_not_sorted(column_type: str) -> None:
    assert types.read(column_type).can_be_key
    assert not types.read(column_type).sortable


@pytest.mark.parametrize(
    "column_type",
    ["int", "year", "decimal(3,1)", "binary(3)", "varbinary(3)", "date", "datetime", "timestamp"],
)
def test_what_python_orders_as_the_server_is_sorted(column_type: str) -> None:
    assert types.read(column_type).sortable


@pytest.mark.parametrize(
    ("column_type", "least", "most"),
    [
        ("tinyint", -128, 127),
        ("smallint unsigned", 0, 65535),
        ("mediumint", -8388608, 8388607),
        ("int", -(2**31), 2**31 - 1),
        ("bigint unsigned", 0, 2**64 - 1),
    ],
)
def test_an_integer_type_has_its_range(column_type: str, least: int, most: int) -> None:
    assert types.read(column_type).integer_range() == (least, most)


@pytest.mark.parametrize(
    ("column_type", "value", "expected"),
    [
        ("int", -5, "-5"),
        ("bigint unsigned", 2**64 - 1, "18446744073709551615"),
        ("decimal(10,2)", -5, "-0.05"),
        ("decimal(10,2)", 10, "0.10"),
        ("decimal(65,0)", 10**65 - 1, "9" * 65),
        ("decimal(30,12)", 1, "0.000000000001"),
        ("binary(2)", b"\x00'", "X'0027'"),
        ("varchar(9)" + UTF8, b"it's", "_utf8mb4 X'69742773'"),
        ("varbinary(9)", b"", "X''"),
        ("date", "2024-02-29", "'2024-02-29'"),
    ],
)
def test_a_key_value_as_a_literal(column_type: str, value: KeyPart, expected: str) -> None:
    assert types.literal(types.read(column_type), value) == expected


@given(st.binary())
def test_no_byte_can_end_a_literal(value: bytes) -> None:
    literal = types.literal(types.read("varchar(9)" + UTF8), value)

    assert literal.removeprefix("_utf8mb4 X'").removesuffix("'").isalnum() or value == b""


@pytest.mark.parametrize("value", ["' OR 1=1 -- ", "a'b", "a\\", "2024-01-01'"])
def test_a_text_that_could_end_its_literal_is_refused(value: str) -> None:
    with pytest.raises(Bug, match="is no date"):
        types.literal(types.read("date"), value)


@given(st.integers(-(10**65) + 1, 10**65 - 1), st.integers(0, 30))
def test_a_decimal_literal_is_the_value_that_was_scaled(value: int, scale: int) -> None:
    of = types.read(f"decimal(65,{scale})")

    assert types.part(of, Decimal(types.literal(of, value))) == value


@pytest.mark.parametrize(
    ("column_type", "expected"),
    [
        ("int", "`k`"),
        ("decimal(9,2)", "`k`"),
        ("binary(3)", "`k`"),
        ("char(3)" + UTF8, "CAST(`k` AS BINARY)"),
        ("varchar(3)" + UTF8, "CAST(`k` AS BINARY)"),
        ("datetime(6)", "CAST(`k` AS CHAR)"),
        ("time", "CAST(`k` AS CHAR)"),
        ("uuid", "CAST(`k` AS CHAR)"),
    ],
)
def test_a_key_column_is_selected_in_the_form_that_the_log_has(
    column_type: str, expected: str
) -> None:
    assert types.selected(types.read(column_type), "`k`") == expected


@pytest.mark.parametrize(
    ("column_type", "value", "expected"),
    [
        ("int", 7, 7),
        ("decimal(10,2)", Decimal("-0.05"), -5),
        ("decimal(40,0)", Decimal("9" * 40), int("9" * 40)),
        (
            "decimal(30,12)",
            Decimal("-123456789012345678.123456789012"),
            -(123456789012345678123456789012),
        ),
        ("varchar(9)" + UTF8, bytearray(b"a"), b"a"),
        ("date", "2024-02-29", "2024-02-29"),
    ],
)
def test_a_selected_value_is_the_one_that_the_log_gives(
    column_type: str, value: object, expected: KeyPart
) -> None:
    assert types.part(types.read(column_type), value) == expected
