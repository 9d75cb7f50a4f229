"""SQL text cut into tokens, so that a word in a string or comment is never taken for a keyword."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from osc.errors import Usage


class Kind(Enum):
    """What a token is."""

    WORD = "word"
    QUOTED = "quoted identifier"
    STRING = "string"
    OTHER = "number or punctuation"


@dataclass(frozen=True)
class Token:
    """A token and where it stands; `value` is an identifier without its quotes."""

    kind: Kind
    text: str
    start: int
    value: str

    @property
    def end(self) -> int:
        return self.start + len(self.text)

    def is_word(self, *words: str) -> bool:
        return self.kind is Kind.WORD and self.text.upper() in words

    @property
    def is_name(self) -> bool:
        """Where a name stands, a text in double quotes is one (MySQL with ANSI_QUOTES; without it
        the server takes no such statement)."""
        return self.kind in (Kind.WORD, Kind.QUOTED) or self.text.startswith('"')


_WORD = r"[^\W\d][\w$]*"
MYSQL = re.compile(
    rf"""
    (?P<skip>\s+|\#[^\n]*|--(?=\s|$)[^\n]*|/\*(?!M?!)(?:.|\n)*?\*/)
  | (?P<quoted>`(?:[^`]|``)*`)
  | (?P<string>'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*")
  | (?P<word>\d*{_WORD}|\$[\w$]*)
  | (?P<other>\d+(?:\.\d+)?|[^\s`'"])
    """,
    re.VERBOSE | re.DOTALL,
)
_POSTGRES = re.compile(
    rf"""
    (?P<skip>\s+|--[^\n]*)
  | (?P<quoted>"(?:[^"]|"")*")
  | (?P<string>[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|\$(?P<tag>\w*)\$(?:.|\n)*?\$(?P=tag)\$)
  | (?P<word>{_WORD})
  | (?P<other>\d+(?:\.\d+)?|[^\s"'])
    """,
    re.VERBOSE | re.DOTALL,
)


def tokens(text: str, *, mysql: bool) -> tuple[Token, ...]:
    """The tokens of `text`; raises Usage at a character that starts none (an open quote)."""
    pattern = MYSQL if mysql else _POSTGRES
    found: list[Token] = []
    at = 0
    while at < len(text):
        if not mysql and text.startswith("/*", at):
            at = _end_of_nested_comment(text, at)
            continue
        match = pattern.match(text, at)
        if match is None or (mysql and re.match(r"/\*M?!", text[at:])):
            raise Usage(f"the ALTER can't be read from here: {text[at : at + 40]!r}")
        at = match.end()
        if match.lastgroup != "skip" and not match.group("skip"):
            found.append(_token(match))
    return tuple(found)


def _token(match: re.Match[str]) -> Token:
    text = match.group()
    if match.group("quoted"):
        return Token(Kind.QUOTED, text, match.start(), _unquoted(text))
    if match.group("string"):
        value = _unquoted(text) if text.startswith('"') else text
        return Token(Kind.STRING, text, match.start(), value)
    kind = Kind.WORD if match.group("word") else Kind.OTHER
    return Token(kind, text, match.start(), text)


def _unquoted(text: str) -> str:
    return text[1:-1].replace(text[0] * 2, text[0])


def _end_of_nested_comment(text: str, at: int) -> int:
    depth = 0
    for match in re.compile(r"/\*|\*/").finditer(text, at):
        depth += 1 if match.group() == "/*" else -1
        if depth == 0:
            return match.end()
    raise Usage("a comment in the ALTER is never closed")


def split(found: tuple[Token, ...], separator: str = ",") -> list[tuple[Token, ...]]:
    """The tokens between top-level separators, parentheses and brackets respected."""
    parts: list[list[Token]] = [[]]
    depth = 0
    for token in found:
        if token.kind is Kind.OTHER:
            depth += (token.text in "([") - (token.text in ")]")
        if depth == 0 and token.kind is Kind.OTHER and token.text == separator:
            parts.append([])
        else:
            parts[-1].append(token)
    return [tuple(part) for part in parts if part]
