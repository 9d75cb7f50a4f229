"""A part of the day, such as 22:00-06:00, in which something is allowed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import time

from osc.errors import Usage

_FORM = re.compile(r"(\d{1,2}):(\d{2})-(\d{1,2}):(\d{2})")


@dataclass(frozen=True)
class Hours:
    """From `begin` up to `end`, over midnight where `end` is the earlier one."""

    begin: time
    end: time

    def include(self, now: time) -> bool:
        if self.begin < self.end:
            return self.begin <= now < self.end
        return now >= self.begin or now < self.end

    def __str__(self) -> str:
        return f"{self.begin:%H:%M}-{self.end:%H:%M}"


def hours(text: str, option: str) -> Hours:
    """Reads `22:00-06:00`; Usage names the option otherwise."""
    found = _FORM.fullmatch(text.strip())
    try:
        if found is None:
            raise ValueError(text)
        a, b, c, d = map(int, found.groups())
        made = Hours(time(a, b), time(c % 24 if (c, d) == (24, 0) else c, d))
        if made.begin == made.end and (c, d) != (24, 0):
            raise ValueError(text)  # All day, or never?
        return made
    except ValueError:
        raise Usage(
            f"{option} is {text!r}, which are no hours", todo=f"write {option} 22:00-06:00"
        ) from None
