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
    here, or another one; `place` names a part of the server's address. `refused` says why a flag
    can't be left out silently: without it the result is another one, unless its value is `fine`.
    """

    becomes: str | Callable[[str], list[str]] | None = None
    takes_value: bool = True
    says: str = ""
    place: str = ""
    wanted: str = ""
    refused: str = ""
    fine: str = ""


@dataclass(frozen=True)
class Translation:
    """`arguments` are those of `osc COMMAND`, of which there is none where the line only asks
    something; `remarks` are sentences for whoever wrote the line; `environment` holds a password,
    which must not be in a list of processes. `creates` are files that the peer makes at its start;
    `asks_password` wants one to be typed."""

    arguments: tuple[str, ...]
    remarks: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    command: str = "run"
    creates: tuple[str, ...] = ()
    asks_password: bool = False

    @property
    def line(self) -> str:
        return shlex.join(("osc", self.command, *self.arguments))


def switch(option: str) -> Callable[[str], list[str]]:
    """A switch of theirs that is one of ours."""
    return lambda value: [option] if value == "yes" else []


def milliseconds(option: str) -> Callable[[str], list[str]]:
    """Their milliseconds are our seconds."""
    return lambda value: [option, f"{number(value, option) / 1000:g}"]


def number(text: str, what: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise Usage(f"{what}: {text!r} is no number") from None


def seconds(text: str) -> str:
    """pt-osc's times, 10s or 2m, in seconds."""
    units = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
    unit = text[-1:] if text[-1:] in units else ""
    return f"{number(text.removesuffix(unit), 'a time') * units.get(unit, 1):g}"


@dataclass
class Reader:
    """Reads a line by a table of flags; Usage for a flag that the peer itself doesn't have."""

    peer: str
    flags: Mapping[str, Flag]
    short: Mapping[str, str] = field(default_factory=dict)
    """Letters that stand for flags, with their value at once or as the next word."""
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
            elif word.startswith("-") and word[1:2] in self.short:
                rest[:0] = [word[2:]] if word[2:] else []
                self._flag(self.short[word[1]], rest)
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
        if flag.refused and value not in (flag.fine or "no", "no"):
            raise Usage(f"{self.peer} --{name}: {flag.refused}")
        if flag.place:
            self.place[flag.place] = value
        if isinstance(flag.becomes, str):
            self.options += [flag.becomes, value]
        elif flag.becomes is not None:
            self.options += flag.becomes(value)
        if flag.says and (not flag.wanted or flag.wanted == value):
            self.remarks.append(f"--{name}: {flag.says}")

    @property
    def executes(self) -> bool:
        return self.given.get("execute") == "yes"

    def answered(self, *sentences: str) -> Translation:
        """For a line that asks something and runs nothing."""
        return Translation((), sentences, command="")

    def help(self) -> Translation:
        """Each flag and what it becomes."""
        return self.answered(*(f"--{name}: {_becomes(flag)}" for name, flag in self.flags.items()))

    def translation(self) -> Translation:
        """What `osc run`, or `osc resume`, is to be called with."""
        for part in ("database", "table", "alter"):
            if part not in self.place:
                raise Usage(f"{self.peer} wants to know the {part}")
        place, options = self.place, self.options
        change: tuple[str, ...] = ("--table", f"`{place['table']}`", "--alter", place["alter"])
        command = "resume" if "resume" in self.given and self.executes else "run"
        if command == "resume":
            change = (place["table"],)
            options = [option for option in options if option != "--execute"]
        return Translation(
            (self._url(), *change, *options),
            tuple(self.remarks),
            {"MYSQL_PWD": place["password"]} if place.get("password") else {},
            command,
            asks_password=self.given.get("ask-pass") == "yes",
        )

    def _url(self) -> str:
        place = self.place
        user = f"{quote(place['user'], safe='')}@" if "user" in place else ""
        where = place.get("host", "") + (f":{place['port']}" if "port" in place else "")
        socket = f"?socket={quote(place['socket'])}" if "socket" in place else ""
        return f"mysql://{user}{where}/{quote(place['database'], safe='')}{socket}"


def _becomes(flag: Flag) -> str:
    if flag.refused:
        return f"refused: {flag.refused}"
    if flag.says:
        return flag.says
    if isinstance(flag.becomes, str):
        return flag.becomes
    if flag.becomes is not None:
        return " ".join(flag.becomes("1" if flag.takes_value else "yes")[:1])
    return "part of the address" if flag.place else "no matter"
