"""MySQL's option files: who and where we are, as its own client would find it.

    [client]
    user = osc
    password = "secret # and more"
    !includedir /etc/mysql/conf.d/

(manual, "Using Option Files"). What is meant for clients counts, and what is meant for us: [osc].
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from osc.errors import Usage

FILES = ("/etc/my.cnf", "/etc/mysql/my.cnf", "~/.my.cnf")
"""Where the servers' own clients look; the later one wins."""
GROUPS = ("client", "client-server", "client-mariadb", "osc")
"""The later one wins. What is meant for `mysql` alone is not meant for us."""
KNOWN = {
    "user", "password", "host", "port", "socket",
    "ssl-mode", "ssl-ca", "ssl-cert", "ssl-key", "ssl-verify-server-cert",
}  # fmt: skip
DEEPEST = 10
ESCAPES = {"b": "\b", "t": "\t", "n": "\n", "r": "\r", "\\": "\\", "s": " "}

Line = tuple[str, str, str]
"""Group, name and value."""


def read(named: str | None) -> dict[str, str]:
    """What the groups say, by names with `-`: of the file that is named, or of those that the
    servers' own clients read. Usage where a file can't be read that has to be."""
    found: dict[str, dict[str, str]] = {group: {} for group in GROUPS}
    for path in [Path(named)] if named else map(Path, FILES):
        for group, name, value in _lines(path, needed=named is not None):
            known = name.replace("_", "-").removeprefix("loose-")
            if group in found and known in KNOWN:
                found[group][known] = value
    return {name: value for group in GROUPS for name, value in found[group].items()}


def _lines(path: Path, *, needed: bool, depth: int = 0) -> Iterator[Line]:
    if depth > DEEPEST:
        raise Usage(f"the option file {path} includes itself")
    group = ""
    for line in map(str.strip, _text(path, needed=needed).splitlines()):
        match line[:1]:
            case "" | "#" | ";":
                continue
            case "!":
                yield from _included(line, path, depth)
            case "[":
                group = line[1:].partition("]")[0].strip().lower()
            case _ if not group:
                # The line is not quoted: it may be the password.
                raise Usage(f"the option file {path} is not written as one: no [group] comes first")
            case _:
                name, mark, value = line.partition("=")
                yield group, name.strip().lower(), _value(value.strip()) if mark else "1"


def _text(path: Path, *, needed: bool) -> str:
    """Empty where it need not be there, or where everybody may write into it: such a file says
    nothing to the servers' clients either."""
    try:
        path = path.expanduser()
        if path.stat().st_mode & stat.S_IWOTH and path.is_file():
            if needed:
                raise Usage(
                    f"everybody may write into the option file {path}", todo=f"chmod 600 {path}"
                )
            return ""
        return path.read_text()
    except (OSError, UnicodeDecodeError, RuntimeError) as error:
        if not needed:
            return ""
        raise Usage(f"the option file {path} can't be read: {error}") from error


def _included(line: str, path: Path, depth: int) -> Iterator[Line]:
    word, _, rest = line.partition(" ")
    place = path.expanduser().parent / os.path.expanduser(rest.strip())
    if word == "!include":
        yield from _lines(place, needed=True, depth=depth + 1)
    elif word == "!includedir":
        for one in sorted(place.glob("*.cnf")):
            yield from _lines(one, needed=False, depth=depth + 1)
    else:
        raise Usage(f"the option file {path} has a line that begins with {word}")


def _value(text: str) -> str:
    """It may stand in quotes; outside of them, ` #` begins a remark."""
    if text[:1] in ("'", '"') and (end := text.find(text[0], 1)) > 0:
        return _unescaped(text[1:end])
    return _unescaped(text.partition(" #")[0].strip())


def _unescaped(text: str) -> str:
    found, letters = "", iter(text)
    for letter in letters:
        after = next(letters, "") if letter == "\\" else ""
        found += ESCAPES.get(after, letter + after) if letter == "\\" else letter
    return found
