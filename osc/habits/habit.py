"""A peer's command line turned into ours: a table of its flags, and what each becomes."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from osc.errors import Usage

Values = Sequence[str]


@dataclass(frozen=True)
class Flag:
    """`becomes` gives our options for its value ("yes" or "no" for a switch that takes none), or is
    the name of our option that takes the value as it is. `says` answers a flag that has no meaning
    here, or another one; `place` names a part of the server's address."""

    becomes: str | Callable[[str], list[str]] | None = None
    takes_value: bool = True
    says: str = ""
    place: str = ""
    wanted: str = ""


@dataclass(frozen=True)
class Translation:
    """`arguments` are those of `osc run`; `remarks` are sentences for whoever wrote the line;
    `environment` holds a password, which must not be in a list of processes."""

    arguments: tuple[str, ...]
    remarks: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def line(self) -> str:
        return shlex.join(("osc", "run", *self.arguments))


def switch(option: str) -> Callable[[str], list[str]]:
    """A switch of theirs that is one of ours."""
    return lambda value: [option] if value == "yes" else []


def milliseconds(option: str) -> Callable[[str], list[str]]:
    """Their milliseconds are our seconds."""
    return lambda value: [option, f"{_number(value, option) / 1000:g}"]


def _number(text: str, what: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise Usage(f"{what}: {text!r} is no number") from None


def seconds(text: str) -> str:
    """pt-osc's times, 10s or 2m, in seconds."""
    units = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
    unit = text[-1:] if text[-1:] in units else ""
    return f"{_number(text.removesuffix(unit), 'a time') * units.get(unit, 1):g}"


@dataclass
class Reader:
    """Reads a line by a table of flags; Usage for a flag that the peer itself doesn't have."""

    peer: str
    flags: Mapping[str, Flag]
    one_dash: bool = False
    """Go's flags may begin with one dash."""
    place: dict[str, str] = field(default_factory=dict)
    given: dict[str, str] = field(default_factory=dict)
    options: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)

    def read(self, line: Iterable[str]) -> None:
        rest = list(line)
        while rest:
            word = rest.pop(0)
            if word.startswith("--") and len(word) > 2:
                self._flag(word[2:], rest)
            elif word.startswith("-") and len(word) > 1:
                self._flag(word[1:], rest)
            else:
                self.words.append(word)

    def _flag(self, text: str, rest: list[str]) -> None:
        name, mark, value = text.partition("=")
        is_no = name.startswith("no") and name not in self.flags
        known = name.removeprefix("no-").removeprefix("no") if is_no else name
        flag = self.flags.get(known)
        if flag is None:
            raise Usage(
                f"{self.peer} has no flag --{name}, or it is not known here",
                todo="leave it out, or write the change as `osc run`",
            )
        if flag.takes_value and not mark:
            if not rest:
                raise Usage(f"--{name} wants a value")
            value = rest.pop(0)
        if not flag.takes_value:
            value = "no" if is_no or value.lower() in ("false", "0") else "yes"
        self._take(known, flag, value)

    def _take(self, name: str, flag: Flag, value: str) -> None:
        self.given[name] = value
        if flag.place:
            self.place[flag.place] = value
        if isinstance(flag.becomes, str):
            self.options += [flag.becomes, value]
        elif flag.becomes is not None:
            self.options += flag.becomes(value)
        if flag.says and (not flag.wanted or flag.wanted == value):
            self.remarks.append(f"--{name}: {flag.says}")

    def translation(self) -> Translation:
        """What `osc run` is to be called with."""
        for part in ("database", "table", "alter"):
            if part not in self.place:
                raise Usage(f"{self.peer} wants to know the {part}")
        place = self.place
        user = f"{quote(place['user'], safe='')}@" if "user" in place else ""
        where = f"{place.get('host', '127.0.0.1')}:{place.get('port', '3306')}"
        socket = f"?socket={quote(place['socket'])}" if "socket" in place else ""
        url = f"mysql://{user}{where}/{quote(place['database'], safe='')}{socket}"
        change = ("--table", f"`{place['table']}`", "--alter", place["alter"])
        return Translation(
            (url, *change, *self.options),
            tuple(self.remarks),
            {"MYSQL_PWD": place["password"]} if place.get("password") else {},
        )
