"""Statements that the log holds as text: which of them change the table behind our back."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from osc import errors
from osc.model.table import TableName
from osc.model.tokens import Token, tokens
from osc.mysql.rows import changed

_DATA = frozenset(
    {"INSERT", "UPDATE", "DELETE", "REPLACE", "LOAD", "CALL", "WITH", "SELECT", "DO", "HANDLER"}
)
_DEFINITION = frozenset({"ALTER", "RENAME", "DROP", "TRUNCATE", "CREATE", "OPTIMIZE"})
_KINDS = frozenset(
    {"TABLE", "TABLES", "INDEX", "TRIGGER", "VIEW", "DATABASE", "SCHEMA", "PROCEDURE", "FUNCTION",
     "EVENT", "USER", "ROLE", "SERVER", "SEQUENCE", "TABLESPACE", "LOGFILE", "PACKAGE", "RESOURCE"}
)  # fmt: skip
_NOISE = _KINDS | frozenset(
    {"ALTER", "ONLINE", "IGNORE", "IF", "EXISTS", "RENAME", "DROP", "TRUNCATE", "OPTIMIZE", "TO",
     "CREATE", "OR", "REPLACE", "WAIT", "NOWAIT", "ON", "LOCAL", "NO_WRITE_TO_BINLOG"}
)  # fmt: skip
_BEFORE_THE_VERB = re.compile(
    r"(?: [\s(;] | /\*(?!M?!).*?\*/ | /\*M?!\d* | (?:\#|--(?=\s))[^\n]* )*", re.DOTALL | re.VERBOSE
)
_EXECUTABLE = re.compile(r"/\*(?!M?!).*?\*/|/\*M?!\d*|\*/", re.DOTALL)


def refuse_statement(database: str, text: str, original: TableName) -> None:
    """Raises TableChanged for a statement in the log that changes the table, or might.

    Data changes that are logged as text (binlog_format=STATEMENT in some session) name no keys and
    may reach the table through a view, a trigger or a routine: any of them ends the run.
    """
    begin = _BEFORE_THE_VERB.match(text)
    statement = text[begin.end() :] if begin else text
    verb = re.match(r"\w*", statement)
    first, told = verb.group().upper() if verb else "", " ".join(text.split())[:100]
    if first in _DATA:
        raise changed(
            original,
            "a session writes in STATEMENT format, which doesn't tell which rows it changes "
            f"({told})",
        )
    if first in _DEFINITION and _changes(statement, database, original):
        raise changed(original, told)


def _changes(statement: str, database: str, original: TableName) -> bool:
    """Whether a definition statement acts on the table, or on the database around it."""
    try:
        found = _tokens(statement)
    except errors.Usage:
        return re.search(rf"\b{re.escape(original.name)}\b", statement, re.IGNORECASE) is not None
    words = [token.text.upper() for token in found]
    kind = next((word for word in words if word in _KINDS), "TABLE")
    if kind in ("DATABASE", "SCHEMA"):
        dropped = [name for _, name in _names(found)]
        return words[0] == "DROP" and original.schema.lower() in dropped
    return any(
        name == original.name.lower() and (schema or database.lower()) == original.schema.lower()
        for schema, name in _acted_on(found, words, kind)
    )


def _tokens(statement: str) -> tuple[Token, ...]:
    """What an executable comment holds was executed: mysqldump writes ALTERs that way."""
    try:
        return tokens(statement, mysql=True)
    except errors.Usage:
        return tokens(_EXECUTABLE.sub(" ", statement), mysql=True)


def _acted_on(
    found: tuple[Token, ...], words: list[str], kind: str
) -> Iterator[tuple[str | None, str]]:
    """The tables it acts on, lower case: a column, an index or a routine may have the same name.

    ALTER TABLE names its table first (and another one to exchange a partition with), an index names
    it after ON; a CREATE TABLE changes one only where it replaces it. A trigger is carried over as
    it is when we swap.
    """
    before = words[: words.index(kind)] if kind in words else words[:1]
    if "TEMPORARY" in before:
        return
    if kind == "INDEX":
        yield from list(_names(found[words.index("ON") :]))[:1] if "ON" in words else ()
    elif kind in ("TABLE", "TABLES"):
        every = list(_names(found))
        if words[0] == "CREATE":
            yield from every[:1] if "REPLACE" in before else ()
        else:
            first_only = words[0] == "ALTER" and "EXCHANGE" not in words
            yield from every[:1] if first_only else every


def _names(found: Sequence[Token]) -> Iterator[tuple[str | None, str]]:
    at = 0
    while at < len(found):
        token = found[at]
        at += 1
        if not token.is_name or token.is_word(*_NOISE):
            continue
        if at + 1 < len(found) and found[at].text == "." and found[at + 1].is_name:
            yield token.value.lower(), found[at + 1].value.lower()
            at += 2
        else:
            yield None, token.value.lower()
