"""Random transactions of applications, as templates of a case's writes.sql.

Each writer has rows of its own ({own …}) and never touches others, so that the statements need not
come in the same order on the original and on its twin.
"""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from tests.fuzz.tables import Column, Table

AWAY = 100_000
"""A row that moves gets this added to its number, and is still its writer's."""
FRESH = 200_000

Statement = Callable[[DrawFn, Table], str]


@st.composite
def writes(draw: DrawFn, table: Table) -> str:
    """Two to six transactions, an empty line between them."""
    made = draw(st.lists(_transactions(table), min_size=2, max_size=6))
    return "\n\n".join(made) + "\n"


@st.composite
def _transactions(draw: DrawFn, table: Table) -> str:
    shape = draw(st.sampled_from(["plain", "plain", "plain", "long", "undone", "partly", "swap"]))
    some = _statements(draw, table)
    if shape == "swap" and (swap := _swap(draw, table)):
        return _script(["BEGIN", *swap, "COMMIT"])
    if shape == "long":
        return _script(["BEGIN", *some, f"WAIT {draw(st.integers(1, 8))}", "COMMIT"])
    if shape == "undone":
        return _script(["BEGIN", *some, "ROLLBACK"])
    if shape == "partly":
        undone = ["SAVEPOINT one", *_statements(draw, table), "ROLLBACK TO SAVEPOINT one"]
        return _script(["BEGIN", *some, *undone, *_statements(draw, table), "COMMIT"])
    return _script(["BEGIN", *some, "COMMIT"])


def _script(statements: list[str]) -> str:
    return "\n".join(f"{statement};" for statement in statements)


def _statements(draw: DrawFn, table: Table) -> list[str]:
    makes = draw(st.lists(st.sampled_from(STATEMENTS), min_size=1, max_size=3))
    return [make(draw, table) for make in makes]


def _own(draw: DrawFn, table: Table) -> str:
    """The blank that draws a row; a hot one is among the first few. `{a}` is not shared between
    statements, so that each may draw anew."""
    last = draw(st.sampled_from([max(table.rows, 12), max(table.rows, 12), 9]))
    return f"own 1..{last}"


def _update(draw: DrawFn, table: Table) -> str:
    return f"UPDATE {{t}} SET {_assigned(draw, table)} WHERE {_row(draw, table)}"


def _row(draw: DrawFn, table: Table, name: str = "a") -> str:
    """The condition names one row by a number drawn once, however often it stands there."""
    return _once(table.is_row(f"{{{name}}}"), name, _own(draw, table))


def _once(sql: str, name: str, blank: str) -> str:
    """`{a}` at its first place draws, and is that number again at the others."""
    return sql.replace(f"{{{name}}}", f"{{{name}:{blank}}}", 1)


def _assigned(draw: DrawFn, table: Table, new: str = "") -> str:
    """One to three columns, not those of the key nor of unique values; where there is no other, one
    to itself, and `new` says how it is called in an upsert."""
    free = [column for column in table.plain if not column.unique]
    if not free:
        column = table.key[0]
        return f"{table.name(column)} = {new}{table.name(column)}"
    chosen = draw(st.lists(st.sampled_from(free), min_size=1, max_size=3, unique=True))
    return ", ".join(f"{table.name(c)} = {_any_value(draw, c)}" for c in chosen)


def _any_value(draw: DrawFn, column: Column) -> str:
    return draw(st.sampled_from(column.values))


def _delete(draw: DrawFn, table: Table) -> str:
    return f"DELETE FROM {{t}} WHERE {_row(draw, table)}"


def _insert(draw: DrawFn, table: Table) -> str:
    """New rows, one or some: what no writer has inserted before in this case."""
    count = draw(st.sampled_from([1, 1, 1, 3]))
    slot = draw(st.integers(0, 4))
    numbers = [f"({FRESH} + {{n}} * 16 + {slot * 3 + i})" for i in range(count)]
    return _into(table, numbers)


def _into(table: Table, numbers: list[str]) -> str:
    names = ", ".join(table.name(column) for column in table.written)
    rows = (
        "(" + ", ".join(table.value(c, number) for c in table.written) + ")" for number in numbers
    )
    return f"INSERT INTO {{t}} ({names}) VALUES {', '.join(rows)}"


def _insert_again(draw: DrawFn, table: Table) -> str:
    """A row that may be there already or not, by the engine's ways to say so."""
    insert = _into(table, ["{a}"])
    ways = (
        ["INSERT IGNORE", "REPLACE", "DUPLICATE"] if table.words.mysql else ["CONFLICT", "UPDATE"]
    )
    match draw(st.sampled_from(ways)):
        case "INSERT IGNORE":
            sql = insert.replace("INSERT", "INSERT IGNORE", 1)
        case "REPLACE":
            sql = insert.replace("INSERT", "REPLACE", 1)
        case "DUPLICATE":
            sql = f"{insert} ON DUPLICATE KEY UPDATE {_assigned(draw, table)}"
        case "CONFLICT":
            sql = f"{insert} ON CONFLICT DO NOTHING"
        case _:
            key = ", ".join(table.name(column) for column in table.key)
            assigned = _assigned(draw, table, "EXCLUDED.")
            sql = f"{insert} ON CONFLICT ({key}) DO UPDATE SET {assigned}"
    return _once(sql, "a", _own(draw, table))


def _move(draw: DrawFn, table: Table) -> str:
    """The key itself changes, away and with luck back again."""
    there, back = "{a}", f"({AWAY} + {{a}})"
    if draw(st.booleans()):
        there, back = back, there
    changed = ", ".join(table.assignments(table.key, back))
    sql = f"UPDATE {{t}} SET {changed} WHERE {table.is_row(there)}"
    return _once(sql, "a", _own(draw, table))


def _several(draw: DrawFn, table: Table) -> str:
    """Many rows in one statement."""
    count = draw(st.integers(2, 6))
    rows = " OR ".join(_row(draw, table, name) for name in "abcdef"[:count])
    if draw(st.integers(1, 4)) == 4:
        return f"DELETE FROM {{t}} WHERE {rows}"
    return f"UPDATE {{t}} SET {_assigned(draw, table)} WHERE {rows}"


def _swap(draw: DrawFn, table: Table) -> list[str]:
    """Two rows exchange a unique value through a third one, that nobody else has."""
    unique = [column for column in table.plain if column.unique]
    if not unique:
        return []
    column = draw(st.sampled_from(unique))
    name = table.name(column)
    last = max(table.rows, 12)
    spare = table.value(column, f"({FRESH * 3} + {{n}})")
    first, second = table.is_row("{a}"), table.is_row("{b}")
    return [
        _once(f"UPDATE {{t}} SET {name} = {spare} WHERE {first}", "a", f"own 1..{last}"),
        _once(
            f"UPDATE {{t}} SET {name} = {table.value(column, '{a}')} WHERE {second}",
            "b",
            f"own 1..{last}",
        ),
        f"UPDATE {{t}} SET {name} = {table.value(column, '{b}')} WHERE {first}",
    ]


STATEMENTS: tuple[Statement, ...] = (
    _update, _update, _update, _insert, _delete, _insert_again, _move, _several,
)  # fmt: skip
