"""Bytes that are no UTF-8 go through as they are."""

from __future__ import annotations

from osc.mysql import encoding


def test_bytes_that_are_no_text_come_back_as_they_were() -> None:
    shown = b"`code` varbinary(4) DEFAULT '\x00\xab', `\xc3\xbc` int"

    text = shown.decode(encoding.NAME)

    assert "`ü` int" in text
    assert text.encode(encoding.NAME) == shown
