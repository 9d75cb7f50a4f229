"""MySQL's option files: who and where we are, as its own client would find it."""

from __future__ import annotations

from configparser import ConfigParser
from configparser import Error as Unreadable
from pathlib import Path

from osc.errors import Usage

GROUPS = ("client", "client-mariadb", "osc")
"""The later one wins. What is meant for `mysql` alone is not meant for us."""
KNOWN = {
    "user", "password", "host", "port", "socket",
    "ssl-mode", "ssl-ca", "ssl-cert", "ssl-key", "ssl-verify-server-cert",
}  # fmt: skip


def read(path: Path, *, needed: bool) -> dict[str, str]:
    """What the groups say, by names with `-`; Usage where a file that was named can't be read. What
    isn't named need not be there."""
    try:
        text = path.expanduser().read_text()
    except (OSError, UnicodeDecodeError, RuntimeError) as error:
        if not needed:
            return {}
        raise Usage(f"the option file {path} can't be read: {error}") from error
    return parsed(text, str(path))


def parsed(text: str, path: str) -> dict[str, str]:
    parser = ConfigParser(
        interpolation=None, allow_no_value=True, strict=False,
        delimiters=("=",), comment_prefixes=("#", ";"),
    )  # fmt: skip
    lines = [line.strip() for line in text.splitlines() if not line.lstrip().startswith("!")]
    try:
        parser.read_string("\n".join(lines))
    except Unreadable as error:
        # The parser's own words quote the line, and that may be the password.
        raise Usage(f"the option file {path} is not written as one") from error
    found: dict[str, str] = {}
    for group in filter(parser.has_section, GROUPS):
        for name, value in parser.items(group):
            if (known := name.replace("_", "-").removeprefix("loose-")) in KNOWN:
                found[known] = _unquoted(value)
    return found


def _unquoted(value: str | None) -> str:
    """A value may stand in quotes; outside of them, ` #` begins a remark."""
    if value is None:
        return "1"
    if value[:1] in ("'", '"') and (end := value.find(value[0], 1)) > 0:
        return value[1:end]
    return value.partition(" #")[0].strip()
