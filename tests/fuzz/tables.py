"""Random tables: columns, a key, indexes and rows, each a value and together a CREATE TABLE.

Every row has a number, from 1 up, and what identifies it is made from that number: its key and
each value that must be unique. So rows are named in writes by number alone, whatever the key is.
"""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from tests.fuzz.kind import Kind, Vocabulary, bare, one_of

NAMES = ("a", "b", "select", "Mixed Case", "übung", "per%cent", 'quo`te"d', "semi;colon", "key")
ROWS = (0, 1, 2, 49, 50, 51, 100, 200, 449, 1000, 2000)


@dataclass(frozen=True)
class Column:
    """`generated` is type and expression in one, and the column is then never written."""

    name: str
    kind: Kind
    nullable: bool = True
    default: str = ""
    unique: bool = False
    generated: str = ""

    @property
    def definition(self) -> str:
        if self.generated:
            return self.generated
        return self.kind.sql + _rest(self.nullable, self.default)

    @property
    def values(self) -> tuple[str, ...]:
        return (*self.kind.values, "NULL") if self.nullable else self.kind.values


def _rest(nullable: bool, default: str) -> str:
    return (" NULL" if nullable else " NOT NULL") + (f" DEFAULT {default}" if default else "")


@dataclass(frozen=True)
class Index:
    name: str
    columns: tuple[Column, ...]
    unique: bool = False

    def parts(self, words: Vocabulary) -> str:
        """The columns in parentheses: whole where they must be unique, else as prefixes."""
        shown = [
            words.name(c.name)
            if self.unique or not c.kind.prefix
            else c.kind.prefix.replace("{}", words.name(c.name))
            for c in self.columns
        ]
        return f"({', '.join(shown)})"


@dataclass(frozen=True)
class Table:
    """`numbered` is the key's column that holds the number; the others make it a composite key."""

    words: Vocabulary
    key: tuple[Column, ...]
    numbered: Column
    columns: tuple[Column, ...]
    """All of them, the key's among them, in the table's order."""
    indexes: tuple[Index, ...]
    rows: int

    @property
    def written(self) -> tuple[Column, ...]:
        return tuple(column for column in self.columns if not column.generated)

    @property
    def plain(self) -> tuple[Column, ...]:
        """Columns that are written, and are not of the key."""
        return tuple(column for column in self.written if column not in self.key)

    def name(self, column: Column) -> str:
        return self.words.name(column.name)

    def value(self, column: Column, number: str) -> str:
        """What the row of this number has in a column, as long as nobody changes it.

        PostgreSQL is told the type: it would take a choice between literals for text.
        """
        if column is self.numbered or column.unique:
            return column.kind.of(number)
        choices = column.kind.values[:2] if column in self.key else column.values
        value = one_of(choices, number)
        return value if self.words.mysql else f"({value})::{bare(column.kind.sql)}"

    def is_row(self, number: str) -> str:
        """The condition that names one row."""
        return "(" + " AND ".join(self.assignments(self.key, number)) + ")"

    def assignments(self, columns: tuple[Column, ...], number: str) -> list[str]:
        return [f"{self.name(column)} = {self.value(column, number)}" for column in columns]

    def create(self) -> str:
        """The statements that make the table and its rows, for a case's create.sql."""
        lines = [f"{self.name(column)} {column.definition}" for column in self.columns]
        lines.append(f"PRIMARY KEY ({', '.join(self.name(column) for column in self.key)})")
        lines += [self._constraint(index) for index in self.indexes if index.unique]
        within = ",\n  ".join(lines)
        script = [f"CREATE TABLE {{t}} (\n  {within}\n);"]
        script += [
            f"CREATE INDEX {index.name} ON {{t}} {index.parts(self.words)};"
            for index in self.indexes
            if not index.unique
        ]
        script.append(self.fill())
        return "\n".join(script) + "\n"

    def fill(self) -> str:
        names = ", ".join(self.name(column) for column in self.written)
        values = ",\n  ".join(self.value(column, "n") for column in self.written)
        if not self.rows:
            return ""
        return f"INSERT INTO {{t}} ({names})\nSELECT {values}\nFROM {{numbers {self.rows}}};"

    def _constraint(self, index: Index) -> str:
        return f"CONSTRAINT {index.name} UNIQUE {index.parts(self.words)}"


@st.composite
def tables(draw: DrawFn, words: Vocabulary) -> Table:
    """One to eight columns, a key of one to three of them, up to three indexes."""
    names = iter(draw(st.permutations(NAMES)))
    key = draw(_keys(words, next(names), next(names)))
    plain = [draw(columns(words, next(names))) for _ in range(draw(st.integers(0, 5)))]
    made = [_generated(draw, words, next(names), plain)] if plain and _one_in(draw, 4) else []
    return Table(
        words=words,
        key=key,
        numbered=key[-1] if draw(st.booleans()) or len(key) == 1 else key[0],
        columns=tuple(draw(st.permutations([*key, *plain, *made]))),
        indexes=_indexes(draw, plain, ("by_one", "by_two", "by_three")),
        rows=draw(st.sampled_from(ROWS)),
    )


def _one_in(draw: DrawFn, many: int) -> bool:
    return draw(st.integers(1, many)) == many


@st.composite
def _keys(draw: DrawFn, words: Vocabulary, *names: str) -> tuple[Column, ...]:
    """Each column can hold the number, so that any of them may be the one."""
    count = draw(st.sampled_from([1, 1, 2]))
    return tuple(
        Column(name, draw(st.sampled_from(words.keys)), nullable=False) for name in names[:count]
    )


@st.composite
def columns(draw: DrawFn, words: Vocabulary, name: str) -> Column:
    kind = draw(st.sampled_from(words.kinds))
    return Column(
        name,
        kind,
        nullable=draw(st.booleans()),
        default=draw(st.sampled_from(["", kind.default])),
        unique=bool(kind.number) and _one_in(draw, 3),
    )


def _generated(draw: DrawFn, words: Vocabulary, name: str, plain: list[Column]) -> Column:
    source = draw(st.sampled_from(plain))
    text = draw(st.sampled_from(words.generated)).replace("{}", words.name(source.name))
    return Column(name, Kind("", ()), generated=text)


def _indexes(draw: DrawFn, plain: list[Column], names: tuple[str, ...]) -> tuple[Index, ...]:
    """On up to three columns each; a unique one has a column of unique values."""
    found = []
    can = [column for column in plain if column.kind.prefix]
    for name in names[: draw(st.integers(0, len(names))) if can else 0]:
        chosen = draw(st.lists(st.sampled_from(can), min_size=1, max_size=3, unique=True))
        unique = any(column.unique for column in chosen) and draw(st.booleans())
        found.append(Index(name, tuple(chosen), unique and _short_enough(chosen)))
    return tuple(found)


def _short_enough(chosen: list[Column]) -> bool:
    """A whole TEXT can't be unique on MySQL; nor can its values be long on PostgreSQL."""
    return all(column.unique or column.kind.prefix == "{}" for column in chosen) and not any(
        "long" in value for column in chosen for value in column.kind.values
    )
