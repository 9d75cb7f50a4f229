"""An error as the person at the terminal and the script behind it read it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from osc.errors import Bug, Interrupted, OscError
from osc.ops.redact import redacted
from osc.ops.route import COPY_IS_NEEDED

SIGNAL_BASE = 128


def exit_code(error: OscError) -> int:
    if isinstance(error, Interrupted):
        return SIGNAL_BASE + error.signal_number
    return error.exit_code


def text(error: OscError) -> str:
    """What happened, what is still true, what to do: a line each."""
    parts = [
        (f"osc: {error.title}: ", error.happened),
        ("  still true: ", error.still_true),
        ("  what to do: ", error.todo),
    ]
    return redacted("\n".join(label + _indented(said) for label, said in parts if said))


def _indented(said: str) -> str:
    """A server's own message may have several lines; ours start at the margin."""
    return "\n    ".join(line.strip() for line in said.splitlines())


def record(error: OscError) -> dict[str, Any]:
    """The same for a script."""
    return {
        "error": redacted(error.happened),
        "title": error.title,
        "still_true": redacted(error.still_true),
        "todo": redacted(error.todo),
        "exit_code": exit_code(error),
    }


def as_bug(error: Exception) -> Bug:
    """What nobody foresaw, in a sentence."""
    return Bug(
        f"{type(error).__name__}: {error}" if str(error) else type(error).__name__,
        still_true="what was reached is not known; `osc status` tells what the ledger knows",
        todo="this is a fault of osc: run it again with --debug and report what it prints",
    )


def exit_codes() -> list[tuple[int, str, str]]:
    """Every exit code, its title and what it means; read from the errors themselves."""
    known = {0: ("done", "Done, or nothing to do.")}
    for kind in _kinds(OscError):
        known.setdefault(kind.exit_code, (kind.title, (kind.__doc__ or "").splitlines()[0]))
    told = "Answer of `osc plan`: a copy is needed; 0 says that the server does it by itself."
    known[COPY_IS_NEEDED] = ("copy", told)
    for number, name in ((1, "SIGHUP"), (2, "SIGINT"), (15, "SIGTERM")):
        told = f"{name}; what was copied is kept for `osc resume`."
        known[SIGNAL_BASE + number] = ("interrupted", told)
    return [(code, *known[code]) for code in sorted(known)]


def _kinds(kind: type[OscError]) -> Iterator[type[OscError]]:
    for child in kind.__subclasses__():
        yield child
        yield from _kinds(child)
