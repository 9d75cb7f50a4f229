"""The subcommands of an ALTER one by one, and how the server is to be asked about them.

Nothing is learnt from their words but where one ends: what it costs, the server says. Exceptions
are what must never run on a clone, because it reaches for other tables (`RENAME TO`, `EXCHANGE
PARTITION`), and how the statement itself wants to be run (`ALGORITHM`, `LOCK`, `WAIT`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from osc import errors
from osc.model.alter import Alter, without_wait
from osc.model.tokens import Kind, Token, split, tokens

_HOW = {
    "ALGORITHM": ("DEFAULT", "INSTANT", "NOCOPY", "INPLACE", "COPY"),
    "LOCK": ("DEFAULT", "NONE", "SHARED", "EXCLUSIVE"),
}


@dataclass(frozen=True)
class Clauses:
    """`parts` are the subcommands word for word; `rename` is that which renames the table."""

    parts: tuple[str, ...]
    rename: str = ""
    algorithm: str = ""
    """What the statement itself asks for, such as COPY; empty where it leaves it to the server."""

    @property
    def every(self) -> tuple[str, ...]:
        return (*self.parts, *([self.rename] if self.rename else []))

    @property
    def text(self) -> str:
        return ", ".join(self.every)


@dataclass(frozen=True)
class Reference:
    """A table that a foreign key names, in the text from `start` to `end`."""

    schema: str | None
    name: str
    start: int
    end: int


def read(alter: Alter) -> Clauses:
    text = alter.clauses
    found = list(without_wait(tokens(text, mysql=True)))
    parts: list[str] = []
    rename = algorithm = ""
    for part in _parts(tuple(found)):
        if said_how := part[0].is_word(*_HOW):
            what, how, part = _how(part)
            algorithm = how if what == "ALGORITHM" else algorithm
        said = text[part[0].start : part[-1].end] if part else ""
        if part and _renames_the_table(part):
            rename = said
        elif parts and partitions_anew(said) and said_how:
            parts[-1] += f" {said}"
        elif part:
            parts.append(said)
    return Clauses(tuple(parts), rename, algorithm.removeprefix("DEFAULT"))


def _how(part: tuple[Token, ...]) -> tuple[str, str, tuple[Token, ...]]:
    """ALGORITHM or LOCK, how, and what follows without a comma, as PARTITION BY may. We leave these
    words out of what we run, so what the server would refuse is refused here."""
    what, *rest = part
    said = [token for token in rest if token.text != "="]
    how = said[0].value.upper() if said else ""
    if how not in _HOW[what.text.upper()]:
        raise errors.Precondition(
            f"the server refuses this ALTER: there is no {what.text.upper()} {how}",
            still_true="nothing was touched",
            todo=f"{what.text.upper()} may be {', '.join(_HOW[what.text.upper()])}",
        )
    return what.text.upper(), how, tuple(said[1:])


def _parts(found: tuple[Token, ...]) -> list[tuple[Token, ...]]:
    """Cut at commas; but lists of partitions and of what to sort by have commas of their own."""
    parts: list[tuple[Token, ...]] = []
    for part in split(found):
        is_list = bool(parts) and (_on_partitions(parts[-1]) or parts[-1][0].is_word("ORDER"))
        if is_list:
            joined = found[found.index(parts[-1][0]) : found.index(part[-1]) + 1]
            parts[-1] = joined
        else:
            parts.append(part)
    return parts


def _on_partitions(part: tuple[Token, ...]) -> bool:
    """Whether it is one of the commands that act on partitions and stand alone."""
    return len(part) > 1 and part[0].kind is Kind.WORD and part[1].is_word("PARTITION")


def _renames_the_table(part: tuple[Token, ...]) -> bool:
    return part[0].is_word("RENAME") and not part[1].is_word("COLUMN", "INDEX", "KEY")


def verbs(clause: str) -> tuple[str, ...]:
    """The first words of a subcommand, upper case."""
    return tuple(token.text.upper() for token in tokens(clause, mysql=True)[:3])


def acts_on_partitions(clause: str) -> bool:
    return verbs(clause)[1:2] == ("PARTITION",) or verbs(clause)[:2] == ("CONVERT", "TABLE")


def reaches_out(clause: str) -> bool:
    """Whether it changes another table, or files: it must not run on a clone."""
    first = verbs(clause)
    return first[0] in ("EXCHANGE", "DISCARD", "IMPORT") or (
        first[0] == "CONVERT" and first[1:2] != ("TO",)
    )


def partitions_anew(clause: str) -> bool:
    """PARTITION BY and REMOVE PARTITIONING, which may follow another subcommand without a comma."""
    words = [token.text.upper() for token in tokens(clause, mysql=True)]
    pairs = set(pairwise(words))
    return bool(pairs & {("PARTITION", "BY"), ("REMOVE", "PARTITIONING")})


def sets_the_counter(text: str) -> bool:
    """AUTO_INCREMENT [=] n among the options of the table, which need no comma between them."""
    words = [token.text.upper() for token in tokens(text, mysql=True)]
    return any(
        one == "AUTO_INCREMENT" and (then == "=" or then.isdigit()) for one, then in pairwise(words)
    )


def references(text: str) -> list[Reference]:
    """Every table that stands after REFERENCES."""
    found = tokens(text, mysql=True)
    named: list[Reference] = []
    for at, token in enumerate(found):
        if not token.is_word("REFERENCES") or at + 1 >= len(found):
            continue
        first, *more = found[at + 1 : at + 4]
        if len(more) == 2 and more[0].text == ".":
            named.append(Reference(first.value, more[1].value, first.start, more[1].end))
        else:
            named.append(Reference(None, first.value, first.start, first.end))
    return named


def with_parents(text: str, called: Callable[[Reference], str]) -> str:
    """The same text with each referenced table called otherwise."""
    for reference in reversed(references(text)):
        text = text[: reference.start] + called(reference) + text[reference.end :]
    return text
