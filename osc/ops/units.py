"""Counts, durations and sizes as a person reads them."""

from __future__ import annotations

import re
import textwrap


def count(number: int) -> str:
    return f"{number:,}"


def duration(seconds: float) -> str:
    """Two figures that matter: 12 ms, 3.9 s, 2 min 05 s, 4 h 10 min."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    return f"{minutes // 60} h {minutes % 60:02} min"


def size(number: int) -> str:
    """Bytes in the largest unit that leaves at least one of it."""
    amount = float(number)
    for unit in ("bytes", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


_LABEL = re.compile(r"\S+(?: \S+)* {2,}| +|")


def wrapped(text: str, columns: int) -> str:
    """Long lines in several, under what follows their label; what has no blank stays whole."""
    return "\n".join(_wrapped(line, columns) for line in text.split("\n"))


def _wrapped(line: str, columns: int) -> str:
    label = _LABEL.match(line)
    indent = min(len(label[0]) if label else 0, columns // 2) or 2
    return "\n".join(
        textwrap.wrap(
            line, columns, subsequent_indent=" " * indent, break_long_words=False,
            break_on_hyphens=False, replace_whitespace=False,
        )
    ) if len(line) > columns else line  # fmt: skip


def aligned(pairs: list[tuple[str, str]]) -> str:
    """Labels and values in two columns; a value of several lines stays in its column."""
    width = max((len(label) for label, _ in pairs), default=0) + 2
    margin = "\n" + " " * width
    return "\n".join(
        f"{label:<{width}}{value.replace(chr(10), margin)}".rstrip() for label, value in pairs
    )
