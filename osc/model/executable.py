"""Comments of MySQL and MariaDB whose text the server takes for a part of the statement.

`/*!50100 PARTITION BY … */`, as SHOW CREATE TABLE and dumps write it. Five or six digits name the
oldest version that executes it. MariaDB leaves MySQL's 50700 to 99999 alone, and has a mark of its
own, `/*M!`, which to MySQL is a comment like any other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from osc.model.tokens import MYSQL

_BEGINS = re.compile(r"/\*(?P<own>M?)!(?P<version>\d{5,6})?(?!\d)")
_EITHER = re.compile(r"/\*|\*/")


@dataclass(frozen=True)
class Version:
    """A server's, as such a comment names it: 9.7.4 is 90704."""

    number: int
    is_mariadb: bool

    def executes(self, mark: re.Match[str]) -> bool:
        wanted = int(mark["version"] or 0)
        if mark["own"]:
            return self.is_mariadb and wanted <= self.number
        return wanted <= self.number and not (self.is_mariadb and 50_700 <= wanted <= 99_999)


UNKNOWN = Version(50_699, False)
"""Executes what every server does that may be met."""


def version(told: str, *, is_mariadb: bool) -> Version:
    """From the server's own words, such as 10.11.18."""
    major, minor, patch = ([int(part) for part in re.findall(r"\d+", told)] + [0, 0, 0])[:3]
    return Version(major * 10_000 + minor * 100 + patch, is_mariadb)


def executed(text: str, server: Version) -> str:
    """`text`, with blanks for the marks of those comments that the server executes, and for the
    whole of those that it doesn't.

    What can't be told keeps its mark, which `tokens` does not take: a comment that is never closed,
    or one in another; and of an unknown server what not every one executes.
    """
    found = list(text)
    for start, end in _blanks(text, server):
        found[start:end] = " " * (end - start)
    return "".join(found)


def _blanks(text: str, server: Version) -> Iterator[tuple[int, int]]:
    at = 0
    while match := _BEGINS.match(text, at) or MYSQL.match(text, at):
        start, at = at, match.end()
        if match.re is MYSQL:
            continue
        if server.executes(match):
            end = _end_of_executed(text, at)
            if end is None:
                return
            yield start, at
            yield end - 2, end
            at = end
        elif server is UNKNOWN or (end := _end_of_comment(text, at)) is None:
            return
        else:
            yield start, end
            at = end


def _end_of_executed(text: str, at: int) -> int | None:
    """The text in it may hold strings, and comments of its own."""
    while not text.startswith("*/", at):
        match = MYSQL.match(text, at)
        if match is None:
            return None
        at = match.end()
    return at + 2


def _end_of_comment(text: str, at: int) -> int | None:
    depth = 1
    for match in _EITHER.finditer(text, at):
        depth += 1 if match.group() == "/*" else -1
        if depth == 0:
            return match.end()
    return None
