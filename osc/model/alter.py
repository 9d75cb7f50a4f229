"""The ALTER statement: which table, and the few things that catalogs cannot tell of it.

An ALTER is never parsed to learn what it does to the data: it is run on the empty shadow, and two
catalogs are compared. Only what they cannot tell is read from the words: which column was renamed,
which was dropped and added anew under one name, the USING expression of a type change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from osc.errors import Usage
from osc.model.executable import UNKNOWN, Version, executed
from osc.model.tokens import Kind, Token, split, tokens


@dataclass(frozen=True)
class Alter:
    """`clauses` is what stands after the table's name, word for word.

    `renames` are (old, new) columns; those of `added` that are in `if_missing` too may have been
    there before (IF NOT EXISTS); `verbs` the first words of each clause, upper case, for the
    engines' refusals; `typed` are the columns that a type is told for, if it is the one they have
    (ALTER c TYPE), and `using` maps such a column to the expression of its change.
    `fold` makes column names comparable as the server compares them. `parts` are the clauses one
    by one, word for word; `only` says that tables which inherit are not meant, `if_exists` that a
    table which is not there is no fault.
    """

    schema: str | None
    table: str
    clauses: str
    mysql: bool
    renames: tuple[tuple[str, str], ...] = ()
    added: tuple[str, ...] = ()
    if_missing: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    typed: tuple[str, ...] = ()
    using: dict[str, str] = field(default_factory=dict)
    verbs: tuple[tuple[str, ...], ...] = ()
    parts: tuple[str, ...] = ()
    only: bool = False
    if_exists: bool = False

    @property
    def fold(self) -> Callable[[str], str]:
        return str.lower if self.mysql else str

    @property
    def cascades(self) -> bool:
        """Whether a column is dropped with what is computed of it."""
        return any(
            verbs[:1] == ("DROP",) and part.split()[-1].upper() == "CASCADE"
            for verbs, part in zip(self.verbs, self.parts, strict=True)
        )

    def on(self, quoted_table: str) -> str:
        """The same statement for another table."""
        return self.saying(self.clauses, quoted_table)

    def saying(self, clauses: str, quoted_table: str) -> str:
        """Other clauses, in the same manner."""
        return f"ALTER TABLE {'ONLY ' * self.only}{quoted_table} {clauses}"


BEFORE_COLUMN = ("ADD", "DROP", "ALTER", "RENAME", "MODIFY", "CHANGE")


def same(one: str, other: str, *, mysql: bool, server: Version = UNKNOWN) -> bool:
    """Whether two statements on one table say the same: neither blanks and comments tell them apart
    nor the case of words, quotes around a name that needs none, or COLUMN, which may be left out.
    Usage where one can't be read.
    """
    first, second = (parse(said, mysql=mysql, server=server) for said in (one, other))
    return (first.only, _said(first)) == (second.only, _said(second))


def _said(alter: Alter) -> list[str]:
    def folded(token: Token) -> str:
        if token.kind is Kind.QUOTED:
            return alter.fold(token.value)
        return token.text if token.kind is Kind.STRING else token.text.lower()

    found = tokens(alter.clauses, mysql=alter.mysql)
    return [
        folded(token)
        for before, token in zip((None, *found), found, strict=False)
        if not (before and before.is_word(*BEFORE_COLUMN) and token.is_word("COLUMN"))
    ]


def parse(statement: str, *, mysql: bool, server: Version = UNKNOWN) -> Alter:
    """Reads a whole `ALTER TABLE name …`; raises Usage where it is something else. What comments of
    MySQL's or MariaDB's hold for this `server` is a part of it."""
    statement = executed(statement, server) if mysql else statement
    found = tokens(statement, mysql=mysql)
    while found and found[-1].text == ";":
        found = found[:-1]
    if any(token.text == ";" for token in found):
        raise Usage("one ALTER TABLE statement at a time, please: there is a ';' in it")
    rest = _after(found, mysql)
    if_exists = len(rest) > 1 and rest[0].is_word("IF") and rest[1].is_word("EXISTS")
    rest = rest[2 * if_exists :]
    only = not mysql and bool(rest) and rest[0].is_word("ONLY")
    schema, table, rest = _name(rest[only:], mysql)
    if not rest:
        raise Usage("the ALTER TABLE says nothing after the table's name")
    clauses = statement[rest[0].start : rest[-1].end]
    found_in = _with_actions(schema, table, clauses, rest, mysql)
    return replace(found_in, only=only, if_exists=if_exists)


def from_clauses(table: str, clauses: str, *, mysql: bool) -> Alter:
    """The same from pt-osc's and gh-ost's two parts; `table` may be `schema.table`, quoted."""
    return parse(f"ALTER TABLE {table} {clauses}", mysql=mysql)


def _after(found: tuple[Token, ...], mysql: bool) -> tuple[Token, ...]:
    """What follows ALTER TABLE."""
    rest = list(found)
    for words in (("ALTER",), *([("ONLINE",), ("IGNORE",)] if mysql else []), ("TABLE",)):
        if rest and rest[0].is_word(*words):
            if words == ("IGNORE",):
                raise Usage("ALTER IGNORE drops rows without a word; it is not supported")
            rest.pop(0)
        elif words in (("ALTER",), ("TABLE",)):
            raise Usage("only ALTER TABLE statements can be run")
    return tuple(rest)


def _name(rest: tuple[Token, ...], mysql: bool) -> tuple[str | None, str, tuple[Token, ...]]:
    parts: list[str] = []
    at = 0
    while at < len(rest) and rest[at].is_name:
        parts.append(_identifier(rest[at], mysql))
        at += 1
        if at < len(rest) and rest[at].text == ".":
            at += 1
        else:
            break
    if not 1 <= len(parts) <= 2:
        raise Usage("the ALTER TABLE names no table, or not as [schema.]table")
    if not mysql and at < len(rest) and rest[at].text == "*":
        at += 1
    return (parts[0] if len(parts) == 2 else None), parts[-1], rest[at:]


def _identifier(token: Token, mysql: bool) -> str:
    return token.value if mysql or token.kind is Kind.QUOTED else token.value.lower()


_NO_COLUMN_AFTER_ADD = {
    "INDEX", "KEY", "UNIQUE", "FULLTEXT", "SPATIAL", "PRIMARY", "CONSTRAINT", "CHECK", "FOREIGN",
    "PARTITION", "EXCLUDE", "NOT",
}  # fmt: skip
_NO_COLUMN_AFTER_DROP = {
    "INDEX", "KEY", "PRIMARY", "FOREIGN", "CHECK", "CONSTRAINT", "PARTITION",
}  # fmt: skip
_NO_COLUMN_TOGETHER = {
    ("PERIOD", "FOR"), ("SYSTEM", "VERSIONING"), ("VECTOR", "INDEX"), ("VECTOR", "KEY"),
}  # fmt: skip
"""The first of each pair is a column's name by itself."""


def _with_actions(
    schema: str | None, table: str, clauses: str, rest: tuple[Token, ...], mysql: bool
) -> Alter:
    renames: list[tuple[str, str]] = []
    added: list[str] = []
    if_missing: list[str] = []
    dropped: list[str] = []
    typed: list[str] = []
    using: dict[str, str] = {}
    parts = split(without_wait(rest) if mysql else rest)
    for part in parts:
        words = list(_without_if_exists(part))
        verb = words[0].text.upper()
        if verb == "ADD":
            added += _added(words[1:], mysql)
            if len(words) < len(part):
                if_missing += _added(words[1:], mysql)
        elif verb == "DROP":
            dropped += _dropped(words[1:], mysql)
        elif verb == "CHANGE" and mysql:
            names = _skip(words[1:], "COLUMN", least=2)
            renames.append((names[0].value, names[1].value))
        elif verb == "RENAME":
            renames += _renamed(words[1:], mysql)
        elif verb == "ALTER" and not mysql:
            typed += _typed(words[1:])
            using.update(_using(words[1:], rest, clauses))
    return Alter(
        schema=schema,
        table=table,
        clauses=clauses,
        mysql=mysql,
        renames=tuple(pair for pair in renames if pair[0] != pair[1]),
        added=tuple(added),
        if_missing=tuple(if_missing),
        dropped=tuple(dropped),
        typed=tuple(typed),
        using=using,
        verbs=tuple(_verbs(part) for part in parts),
        parts=tuple(
            clauses[part[0].start - rest[0].start : part[-1].end - rest[0].start] for part in parts
        ),
    )


def without_wait(found: tuple[Token, ...]) -> tuple[Token, ...]:
    """What follows MariaDB's WAIT n or NOWAIT: we have a budget of our own."""
    if found and found[0].is_word("NOWAIT"):
        return found[1:]
    if len(found) > 1 and found[0].is_word("WAIT") and found[1].kind is Kind.OTHER:
        return found[2:]
    return found


def _verbs(part: tuple[Token, ...]) -> tuple[str, ...]:
    return tuple(
        token.text.upper() if token.kind is not Kind.QUOTED else token.text for token in part[:6]
    )


def _without_if_exists(part: tuple[Token, ...]) -> Iterator[Token]:
    """MariaDB and PostgreSQL allow IF [NOT] EXISTS after the verb: what it names still counts."""
    at = 0
    while at < len(part):
        if part[at].is_word("IF"):
            after = at + 1 + (at + 1 < len(part) and part[at + 1].is_word("NOT"))
            if after < len(part) and part[after].is_word("EXISTS"):
                at = after + 1
                continue
        yield part[at]
        at += 1


def _skip(words: list[Token], optional: str, least: int = 1) -> list[Token]:
    rest = words[1:] if words and words[0].is_word(optional) else words
    if len(rest) < least:
        raise _too_short(words)
    return rest


def _too_short(words: list[Token]) -> Usage:
    after = f" after {words[-1].text}" if words else ""
    return Usage(f"a clause of the ALTER ends{after} where a name or an expression must follow")


def _begins_with(words: Sequence[Token], no_column: set[str]) -> bool:
    """Whether this adds or drops something else than a column."""
    if not words:
        return False
    together = tuple(word.text.upper() for word in words[:2])
    return words[0].is_word(*no_column) or together in _NO_COLUMN_TOGETHER


def _added(words: list[Token], mysql: bool) -> list[str]:
    if _begins_with(words, _NO_COLUMN_AFTER_ADD):
        return []
    rest = _skip(words, "COLUMN")
    if rest[0].text != "(":
        return [_identifier(rest[0], mysql)]
    inner = [part for part in split(tuple(rest[1:-1])) if part]
    return [part[0].value for part in inner if not _begins_with(part, _NO_COLUMN_AFTER_ADD)]


def _dropped(words: list[Token], mysql: bool) -> list[str]:
    if _begins_with(words, _NO_COLUMN_AFTER_DROP):
        return []
    return [_identifier(_skip(words, "COLUMN")[0], mysql)]


def _renamed(words: list[Token], mysql: bool) -> list[tuple[str, str]]:
    """RENAME [COLUMN] a TO b; RENAME INDEX, KEY, CONSTRAINT, TO and AS rename no column."""
    if not words or words[0].is_word("INDEX", "KEY", "CONSTRAINT", "TO", "AS"):
        return []
    names = _skip(words, "COLUMN")
    if len(names) < 3 or not names[1].is_word("TO"):
        return []
    return [(_identifier(names[0], mysql), _identifier(names[2], mysql))]


def _typed(words: list[Token]) -> list[str]:
    """ALTER [COLUMN] c [SET DATA] TYPE t."""
    names = _skip(words, "COLUMN")
    says = [token.text.upper() for token in names[1:4]]
    said = says[:1] == ["TYPE"] or says == ["SET", "DATA", "TYPE"]
    return [_identifier(names[0], False)] if said else []


def _using(words: list[Token], rest: tuple[Token, ...], clauses: str) -> dict[str, str]:
    """ALTER [COLUMN] c [SET DATA] TYPE t [COLLATE x] USING expression."""
    names = _skip(words, "COLUMN")
    depth = 0
    for at, token in enumerate(names):
        if token.kind is Kind.OTHER:
            depth += (token.text in "([") - (token.text in ")]")
        if depth == 0 and token.is_word("USING"):
            if token is names[-1]:
                raise _too_short(names)
            start = names[at + 1].start - rest[0].start
            end = names[-1].end - rest[0].start
            return {_identifier(names[0], False): clauses[start:end]}
    return {}
