"""Passwords taken out of whatever is about to be shown."""

from __future__ import annotations

import re

# Up to the last @ of the word: a password may hold an @ or a / that nobody encoded.
_IN_ADDRESS = re.compile(r"(://[^\s/:@]*):\S*@")
_IN_ADDRESS_QUERY = re.compile(
    r"(?i)([?&][\w-]*(?:token|secret|api[_-]?key|signature|credential|auth)[\w-]*)=[^\s&'\"]*"
)
_IN_QUERY = re.compile(r"(?i)\b((?:ssl)?password|passwd|pwd)=[^\s&'\"]*")


def redacted(text: str) -> str:
    """The text with every password in a URL or in `password=…`, and every token in the query of a
    URL, replaced by ***."""
    known = _IN_QUERY.sub(r"\1=***", _IN_ADDRESS.sub(r"\1:***@", text))
    return _IN_ADDRESS_QUERY.sub(r"\1=***", known)
