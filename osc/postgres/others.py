"""Other tables that an ALTER names: those it refers to, attaches, detaches or inherits from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from osc.model.table import TableName
from osc.model.tokens import Token, tokens
from osc.postgres.quoting import qualified
from osc.postgres.session import Connection

BEFORE_A_TABLE = ("REFERENCES", "INHERIT", "PARTITION")


@dataclass(frozen=True)
class Mention:
    """Where in the text which name stands; `schema` is None where it says none."""

    start: int
    end: int
    schema: str | None
    name: str


def mentions(clauses: str) -> Iterator[Mention]:
    found = tokens(clauses, mysql=False)
    for at, token in enumerate(found):
        follows = found[at + 1 : at + 2]
        if token.is_word(*BEFORE_A_TABLE) and follows and follows[0].is_name:
            yield _mention(found[at + 1 :])


def _mention(rest: tuple[Token, ...]) -> Mention:
    first = rest[0]
    if len(rest) > 2 and rest[1].text == "." and rest[2].is_name:
        return Mention(first.start, rest[2].end, _name(first), _name(rest[2]))
    return Mention(first.start, first.end, None, _name(first))


def _name(token: Token) -> str:
    return token.value if token.text.startswith('"') else token.value.lower()


def resolved(session: Connection, clauses: str) -> tuple[TableName, ...]:
    """The tables that are named, as the role's search_path finds them."""
    found = (_resolve(session, mention) for mention in mentions(clauses))
    return tuple(dict.fromkeys(name for name in found if name is not None))


def _resolve(session: Connection, mention: Mention) -> TableName | None:
    found = session.rows(
        "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.oid = to_regclass(concat(quote_ident($1) || '.', quote_ident($2)))",
        mention.schema,
        mention.name,
    )
    return TableName(*found[0]) if found else None


def retargeted(
    session: Connection, clauses: str, double_of: Callable[[TableName], TableName | None]
) -> str:
    """The clauses, speaking of the tables' doubles. What has none keeps its name."""
    for mention in reversed(list(mentions(clauses))):
        real = _resolve(session, mention)
        double = double_of(real) if real else None
        if double is not None:
            clauses = clauses[: mention.start] + qualified(double) + clauses[mention.end :]
    return clauses
