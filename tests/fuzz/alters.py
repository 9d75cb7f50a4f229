"""Random ALTERs: one to four clauses that don't touch the same column twice.

Most clauses suit every row. A few don't, so that refusals are met too: what the server's own ALTER
then does decides what is right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from tests.fuzz.kind import Kind, bare
from tests.fuzz.tables import Column, Index, Table

RARELY = 8
NEW_NAMES = ("fresh", "new name", "ändern", "z")


@dataclass
class _Left:
    """What no clause has touched yet."""

    columns: list[Column]
    indexes: list[str]
    names: Iterator[str]

    def take(self, draw: DrawFn, which: Callable[[Column], bool] = lambda _: True) -> Column | None:
        can = [column for column in self.columns if which(column)]
        if not can:
            return None
        chosen = draw(st.sampled_from(can))
        self.columns.remove(chosen)
        return chosen


@st.composite
def alters(draw: DrawFn, table: Table) -> str:
    """A whole `ALTER TABLE {t} …`."""
    left = _Left(list(table.columns), [i.name for i in table.indexes], iter(NEW_NAMES))
    clauses = MYSQL if table.words.mysql else POSTGRES
    if not table.words.mysql and draw(st.integers(1, RARELY)) == RARELY:
        return f"ALTER TABLE {{t}} {_rename(draw, table, left) or _add(draw, table, left)}"
    drawn = [
        clause
        for make in draw(st.lists(st.sampled_from(clauses), min_size=1, max_size=4))
        if (clause := make(draw, table, left))
    ]
    return "ALTER TABLE {t} " + ", ".join(drawn or [_add(draw, table, left)])


Clause = Callable[[DrawFn, Table, _Left], str]


def _rarely(draw: DrawFn) -> bool:
    return draw(st.integers(1, RARELY)) == RARELY


def _is_plain(column: Column) -> bool:
    return not column.generated


def _free(table: Table) -> Callable[[Column], bool]:
    """Neither of the key nor what a generated column is computed from."""
    needed = [column.generated for column in table.columns if column.generated]
    return lambda column: (
        column not in table.key and not any(table.name(column) in text for text in needed)
    )


def _new_type(draw: DrawFn, kind: Kind) -> str:
    if kind.narrows and _rarely(draw):
        return draw(st.sampled_from(kind.narrows))
    return draw(st.sampled_from(kind.widens or (kind.sql,)))


def _place(draw: DrawFn, table: Table, left: _Left) -> str:
    """FIRST or AFTER a column that keeps its name: an untouched one, and it stays so."""
    places = ["", "", " FIRST"]
    if after := left.take(draw, lambda column: draw(st.booleans())):
        places.append(f" AFTER {table.name(after)}")
    return draw(st.sampled_from(places))


def _add(draw: DrawFn, table: Table, left: _Left) -> str:
    kind = draw(st.sampled_from([k for k in table.words.kinds if k.default or _is_free(k)]))
    name = table.words.name(next(left.names, "last"))
    rest = draw(st.sampled_from(["", " NULL"]))
    if kind.default:
        rest = draw(
            st.sampled_from([f" NOT NULL DEFAULT {kind.default}", f" DEFAULT {kind.default}"])
        )
    place = _place(draw, table, left) if table.words.mysql else ""
    return f"ADD COLUMN {name} {kind.sql}{rest}{place}"


def _is_free(kind: Kind) -> bool:
    """A TIMESTAMP without a word fills itself in on some servers."""
    return not kind.sql.startswith("TIMESTAMP")


def _drop(draw: DrawFn, table: Table, left: _Left) -> str:
    column = left.take(draw, _free(table))
    return f"DROP COLUMN {table.name(column)}" if column else ""


def _modify(draw: DrawFn, table: Table, left: _Left) -> str:
    column = left.take(draw, _is_plain)
    if column is None:
        return ""
    renamed = _free(table)(column) and draw(st.booleans())
    definition = _new_type(draw, column.kind) + _nullness(draw, table, column)
    if renamed:
        new = table.words.name(next(left.names, "last"))
        return f"CHANGE COLUMN {table.name(column)} {new} {definition}"
    return f"MODIFY {table.name(column)} {definition}{_place(draw, table, left)}"


def _nullness(draw: DrawFn, table: Table, column: Column) -> str:
    if column in table.key:
        return " NOT NULL"
    if _rarely(draw):
        return " NOT NULL" if column.nullable else " NULL"
    return " NULL" if column.nullable else " NOT NULL"


def _rename(draw: DrawFn, table: Table, left: _Left) -> str:
    column = left.take(draw, _free(table) if table.words.mysql else _is_plain)
    if column is None:
        return ""
    return f"RENAME COLUMN {table.name(column)} TO {table.words.name(next(left.names, 'last'))}"


def _set_default(draw: DrawFn, table: Table, left: _Left) -> str:
    column = left.take(draw, lambda c: bool(c.kind.default) and not c.generated)
    if column is None:
        return ""
    change = draw(st.sampled_from([f"SET DEFAULT {column.kind.default}", "DROP DEFAULT"]))
    return f"ALTER COLUMN {table.name(column)} {change}"


def _add_index(draw: DrawFn, table: Table, left: _Left) -> str:
    """Unique only where the values are, or rarely where they are not."""
    columns = [c for _ in range(2) if (c := left.take(draw, _can_be_indexed))]
    if not columns:
        return ""
    first, mysql = columns[0], table.words.mysql
    fits = (first.unique or first is table.numbered) and first.kind.prefix == "{}"
    if fits or _rarely(draw):
        return f"ADD UNIQUE {'INDEX ' if mysql else ''}({table.name(first)})"
    if not mysql:
        name = table.name(first)
        return f"ADD CHECK ({name} IS NOT NULL OR {name} IS NULL)"
    return f"ADD INDEX {Index('', tuple(columns)).parts(table.words)}"


def _can_be_indexed(column: Column) -> bool:
    return bool(column.kind.prefix) and not column.generated


def _drop_index(draw: DrawFn, table: Table, left: _Left) -> str:
    of_mine = [i.name for i in table.indexes if i.name in left.indexes]
    if not table.words.mysql:
        of_mine = [i.name for i in table.indexes if i.unique and i.name in left.indexes]
    if not of_mine:
        return ""
    name = draw(st.sampled_from(of_mine))
    left.indexes.remove(name)
    if not table.words.mysql:
        return f"DROP CONSTRAINT {name}"
    return draw(st.sampled_from([f"DROP INDEX {name}", f"RENAME INDEX {name} TO renamed_{name}"]))


def _retype(draw: DrawFn, table: Table, left: _Left) -> str:
    """A default need not fit the new type: it goes first, as the server would say."""
    column = left.take(draw, lambda c: _free(table)(c) or c in table.key)
    if column is None:
        return ""
    name, new = table.name(column), _new_type(draw, column.kind)
    using = f" USING {name}::{bare(new)}"
    if not column.default and column.kind.sql != "json":
        using = draw(st.sampled_from([using, ""]))
    change = f"ALTER COLUMN {name} TYPE {new}{using}"
    return f"ALTER COLUMN {name} DROP DEFAULT, {change}" if column.default else change


def _set_null(draw: DrawFn, table: Table, left: _Left) -> str:
    column = left.take(draw, lambda c: c not in table.key and not c.generated)
    if column is None:
        return ""
    sets = column.nullable and _rarely(draw)
    return f"ALTER COLUMN {table.name(column)} {'SET' if sets else 'DROP'} NOT NULL"


def _option(draw: DrawFn, table: Table, left: _Left) -> str:
    return draw(st.sampled_from(table.words.options))


def _convert(draw: DrawFn, table: Table, left: _Left) -> str:
    """The whole table: what is latin1 fits everywhere, the rest into utf8mb4 only."""
    fits = [c for c in table.words.charsets if c.startswith("utf8mb4")]
    charsets = table.words.charsets if _rarely(draw) else fits
    return "CONVERT TO CHARACTER SET " + draw(st.sampled_from(charsets))


MYSQL: tuple[Clause, ...] = (
    _add, _add, _drop, _modify, _modify, _modify, _rename, _set_default, _add_index, _drop_index,
    _option, _convert,
)  # fmt: skip
POSTGRES: tuple[Clause, ...] = (
    _add, _add, _drop, _retype, _retype, _retype, _set_default, _add_index, _drop_index, _set_null,
    _option,
)  # fmt: skip
