"""UTF-8 that also carries the bytes of a server that writes something else between.

MariaDB's SHOW CREATE TABLE prints the DEFAULT of a binary column byte by byte. Such bytes become
lone surrogates here, and PyMySQL sends these as the same bytes again: what we read as text is still
the same definition when we execute it.
"""

from __future__ import annotations

import codecs
from typing import Any

from pymysql.charset import charset_by_name

NAME = "osc-utf-8"
_SEARCHED_AS = {NAME, NAME.replace("-", "_")}  # Python normalises a codec's name


def _encode(text: str, errors: str = "strict") -> tuple[bytes, int]:
    return codecs.utf_8_encode(text, "surrogateescape")


def _decode(data: Any, errors: str = "strict") -> tuple[str, int]:
    return codecs.utf_8_decode(data, "surrogateescape", True)


def _find(name: str) -> codecs.CodecInfo | None:
    return codecs.CodecInfo(_encode, _decode, name=NAME) if name in _SEARCHED_AS else None


codecs.register(_find)


def sent_as(text: str, character_set: str) -> str:
    """Text that is sent as the bytes that a client of this character set would send."""
    if character_set in ("utf8mb4", "utf8mb3", "utf8", "binary"):
        return text
    known = charset_by_name(character_set).encoding
    return text.encode(known).decode("utf-8", "surrogateescape")
