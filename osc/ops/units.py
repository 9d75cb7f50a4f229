"""Counts, durations and sizes as a person reads them."""

from __future__ import annotations


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


def aligned(pairs: list[tuple[str, str]]) -> str:
    """Labels and values in two columns; a value of several lines stays in its column."""
    width = max((len(label) for label, _ in pairs), default=0) + 2
    margin = "\n" + " " * width
    return "\n".join(
        f"{label:<{width}}{value.replace(chr(10), margin)}".rstrip() for label, value in pairs
    )
