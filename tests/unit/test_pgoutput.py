"""pgoutput's bytes become keys, and nothing that can't be read is skipped."""

from __future__ import annotations

import struct

import pytest

from osc.errors import ServerError, TableChanged
from osc.postgres.pgoutput import Reader

RELATION = 16400


def reader(*key: str) -> Reader:
    return Reader(("public", "orders"), key or ("id",), b"osc")


def relation(*columns: str, name: str = "orders", number: int = RELATION) -> bytes:
    described = b"".join(b"\1" + c.encode() + b"\0" + struct.pack("!Ii", 23, -1) for c in columns)
    head = b"R" + struct.pack("!I", number) + b"public\0" + name.encode() + b"\0d"
    return head + struct.pack("!H", len(columns)) + described


def row(*values: str | bytes | None) -> bytes:
    """None is NULL, b"u" an unchanged TOASTed value."""
    parts = []
    for value in values:
        if value is None or isinstance(value, bytes):
            parts.append(value or b"n")
        else:
            data = value.encode()
            parts.append(b"t" + struct.pack("!I", len(data)) + data)
    return struct.pack("!H", len(values)) + b"".join(parts)


def change(kind: bytes, *parts: bytes, number: int = RELATION) -> bytes:
    return kind + struct.pack("!I", number) + b"".join(parts)


def begin(xid: int) -> bytes:
    return b"B" + struct.pack("!QqI", 1, 0, xid)


def commit(end: int) -> bytes:
    return b"C" + struct.pack("!BQQq", 0, 1, end, 0)


def message(prefix: bytes, content: bytes, *, transactional: bool = True) -> bytes:
    flags = struct.pack("!BQ", int(transactional), 1)
    return b"M" + flags + prefix + b"\0" + struct.pack("!I", len(content)) + content


def test_an_insert_a_plain_update_and_a_delete_give_the_key() -> None:
    feed = reader()

    for data in (
        relation("id", "v"),
        change(b"I", b"N", row("1", "a")),
        change(b"U", b"N", row("2", "b")),
        change(b"D", b"K", row("3", None)),
    ):
        feed.feed(data)

    assert feed.take().keys == [("1",), ("2",), ("3",)]


def test_a_row_of_nothing_but_its_key_is_read_the_short_way_and_the_long_way_alike() -> None:
    short, long = reader(), reader()
    short.feed(relation("id"))
    long.feed(relation("id", "v"))

    for value in ("7", "", "ä" * 300):
        short.feed(change(b"U", b"N", row(value)))
        long.feed(change(b"U", b"N", row(value, None)))

    assert short.take().keys == long.take().keys == [("7",), ("",), ("ä" * 300,)]


def test_an_update_that_changes_the_key_gives_the_old_and_the_new_one() -> None:
    feed = reader()
    feed.feed(relation("id"))

    feed.feed(change(b"U", b"K", row("1"), b"N", row("2")))

    assert feed.take().keys == [("1",), ("2",)]


def test_an_update_with_a_full_old_row_gives_an_unchanged_key_once() -> None:
    feed = reader()
    feed.feed(relation("id", "v"))

    feed.feed(change(b"U", b"O", row("1", "a"), b"N", row("1", "b")))

    assert feed.take().keys == [("1",)]


def test_the_key_comes_in_its_own_order_whatever_the_order_of_the_columns() -> None:
    feed = reader("b", "a")
    feed.feed(relation("a", "x", "b"))

    feed.feed(change(b"I", b"N", row("1", None, "2")))

    assert feed.take().keys == [("2", "1")]


def test_a_toasted_key_that_did_not_change_is_taken_from_the_old_row() -> None:
    feed = reader()
    feed.feed(relation("id", "v"))

    feed.feed(change(b"U", b"K", row("long", None), b"N", row(b"u", "b")))

    assert feed.take().keys == [("long",)]


def test_a_toasted_key_without_an_old_row_is_an_error() -> None:
    feed = reader()
    feed.feed(relation("id", "v"))

    with pytest.raises(ServerError, match="does not say what its key is"):
        feed.feed(change(b"U", b"N", row(b"u", "b")))


def test_a_key_that_is_null_is_an_error() -> None:
    feed = reader()
    feed.feed(relation("id", "v"))

    with pytest.raises(ServerError, match="NULL"):
        feed.feed(change(b"D", b"K", row(None, "b")))


def test_a_mark_counts_when_its_transaction_has_ended() -> None:
    feed = reader()

    feed.feed(begin(700))
    feed.feed(message(b"osc", b"nonce:1"))
    before = feed.take()
    feed.feed(commit(0x1_0000_0010))
    after = feed.take()

    assert before.marks == []
    assert (after.marks, after.commits, after.end) == ([b"nonce:1"], [700], 0x1_0000_0010)


def test_messages_of_others_and_those_outside_of_transactions_are_no_marks() -> None:
    feed = reader()

    for data in (
        begin(1),
        message(b"oscar", b"x"),
        message(b"osc", b"x", transactional=False),
        commit(5),
    ):
        feed.feed(data)

    assert feed.take().marks == []


def test_a_truncate_is_a_change_by_somebody_else() -> None:
    feed = reader()

    with pytest.raises(TableChanged, match="truncated"):
        feed.feed(b"T" + struct.pack("!IBI", 1, 0, RELATION))


@pytest.mark.parametrize(
    "again",
    [relation("id", "v"), relation("id", number=9), relation("id", name="others")],
    ids=["another column", "another table's number", "another name"],
)
def test_a_relation_that_is_described_in_another_way_has_been_changed(again: bytes) -> None:
    feed = reader()
    feed.feed(relation("id"))

    with pytest.raises(TableChanged):
        feed.feed(again)


def test_a_relation_without_the_key_has_been_changed() -> None:
    with pytest.raises(TableChanged, match="key"):
        reader().feed(relation("v"))


def test_a_relation_that_is_described_once_more_in_the_same_way_is_fine() -> None:
    feed = reader()
    feed.feed(relation("id"))

    feed.feed(relation("id"))
    feed.feed(change(b"I", b"N", row("1")))

    assert feed.take().keys == [("1",)]


def test_origins_and_types_are_no_changes() -> None:
    feed = reader()

    feed.feed(b"O" + struct.pack("!Q", 1) + b"somewhere\0")
    feed.feed(b"Y" + struct.pack("!I", 1) + b"public\0mood\0")

    assert feed.take().keys == []


@pytest.mark.parametrize("data", [b"S" + bytes(8), b"?", change(b"I", b"X", row("1"))])
def test_what_is_not_understood_is_an_error(data: bytes) -> None:
    feed = reader()
    feed.feed(relation("id"))

    with pytest.raises(ServerError, match="not understood"):
        feed.feed(data)


def test_a_change_of_a_table_that_was_not_asked_for_is_an_error() -> None:
    feed = reader()
    feed.feed(relation("id", "v"))

    with pytest.raises(ServerError, match="not asked for"):
        feed.feed(change(b"I", b"N", row("1", "a"), number=9))


@pytest.mark.parametrize(
    "whole",
    [
        change(b"I", b"N", row("123", "abc")),
        change(b"U", b"K", row("1", None), b"N", row("2", "abc")),
        begin(1),
        commit(1),
        message(b"osc", b"nonce:1"),
        relation("id", "v"),
    ],
    ids=["insert", "update", "begin", "commit", "message", "relation"],
)
def test_a_message_that_is_cut_off_anywhere_is_an_error(whole: bytes) -> None:
    for length in range(1, len(whole)):
        feed = reader()
        feed.feed(relation("id", "v"))

        with pytest.raises(ServerError):
            feed.feed(whole[:length])


def test_a_short_row_that_is_cut_off_anywhere_is_an_error() -> None:
    whole = change(b"I", b"N", row("123"))

    for length in range(1, len(whole)):
        feed = reader()
        feed.feed(relation("id"))

        with pytest.raises(ServerError):
            feed.feed(whole[:length])
