"""pgoutput's messages (protocol version 1), read for nothing but the keys that they name.

One method call for each message and no object of its own: a bulk change is a million messages.
"""

from __future__ import annotations

import struct
from collections.abc import Collection
from dataclasses import dataclass, field

from osc.errors import ServerError, TableChanged
from osc.model.change import KeyValue

UINT32 = struct.Struct("!I").unpack_from
BEGIN = struct.Struct("!QqI").unpack_from
COMMIT = struct.Struct("!BQQq").unpack_from
MESSAGE = struct.Struct("!BQ").unpack_from

NEW, OLD, KEY = ord("N"), ord("O"), ord("K")
TEXT, NULL, UNCHANGED = ord("t"), ord("n"), ord("u")

IGNORED = b"OY"
"""Where a transaction came from, and what a type is called: neither says that a row changed."""


@dataclass
class Transactions:
    """What has been read and not been taken yet.

    `keys` may end in the middle of a transaction; `commits` are the transactions that ended, and
    `end` is where the last of them did. `marks` are the contents of our own messages.
    """

    keys: list[KeyValue] = field(default_factory=list)
    commits: list[int] = field(default_factory=list)
    marks: list[bytes] = field(default_factory=list)
    end: int = 0


class Reader:
    """Feeds on messages; raises TableChanged and ServerError, and never skips what it can't read.

    `key` names the columns that make up the key, `prefix` our own messages. Changes of `leaves` are
    told as changes of the table itself, but the server describes these, too.
    """

    def __init__(
        self,
        table: tuple[str, str],
        key: tuple[str, ...],
        prefix: bytes,
        leaves: Collection[tuple[str, str]] = (),
    ) -> None:
        self._table = table
        self._leaves = frozenset(leaves)
        self._key = key
        self._prefix = prefix + b"\0"
        self._relation = 0
        self._columns: tuple[tuple[str, int, int], ...] = ()
        self._positions: tuple[int, ...] = ()
        self._last = 0
        self._short: frozenset[bytes] = frozenset()
        self._xid = 0
        self._marks: list[bytes] = []
        self.found = Transactions()

    def take(self) -> Transactions:
        """What was found since the last call."""
        taken, self.found = self.found, Transactions(end=self.found.end)
        return taken

    def feed(self, message: bytes) -> None:
        try:
            if message[:9] in self._short and UINT32(message, 9)[0] == len(message) - 13:
                self.found.keys.append((message[13:].decode(),))
            else:
                self._feed(message)
        except (struct.error, IndexError, ValueError) as error:
            raise ServerError(f"a pgoutput message is cut off: {message[:40]!r}") from error

    def _feed(self, message: bytes) -> None:
        kind = message[0]
        if kind == 73:  # I
            self._require_ours(message)
            if message[5] != NEW:
                raise _unreadable(message)
            self.found.keys.append(self._key_at(message, 6)[0])
        elif kind == 85:  # U
            self._update(message)
        elif kind == 68:  # D
            self._require_ours(message)
            if message[5] not in (KEY, OLD):
                raise _unreadable(message)
            self.found.keys.append(self._key_at(message, 6)[0])
        elif kind == 66:  # B
            self._xid = BEGIN(message, 1)[2]
        elif kind == 67:  # C
            self._commit(message)
        elif kind == 77:  # M
            self._message(message)
        elif kind == 82:  # R
            self._describe(message)
        elif kind == 84:  # T
            raise TableChanged(
                f"{'.'.join(self._table)} was truncated while it was copied",
                still_true="it still serves, and nothing was changed by us",
                todo="start again",
            )
        elif kind not in IGNORED:
            raise _unreadable(message)

    def _update(self, message: bytes) -> None:
        """An UPDATE names the old key too, if it changed or was too large to be in the new row."""
        self._require_ours(message)
        at, old = 5, None
        if message[at] in (KEY, OLD):
            old, at = self._key_at(message, at + 1)
            self.found.keys.append(old)
        if message[at] != NEW:
            raise _unreadable(message)
        new, _ = self._key_at(message, at + 1, old)
        if new != old:
            self.found.keys.append(new)

    def _key_at(self, message: bytes, at: int, old: KeyValue | None = None) -> tuple[KeyValue, int]:
        """The key in the tuple that begins here, and where the tuple ends."""
        values: list[str | None] = []
        count = (message[at] << 8) | message[at + 1]
        if count != len(self._columns):
            raise _unreadable(message)
        at += 2
        for position in range(count):
            kind = message[at]
            at += 1
            if kind == TEXT:
                (length,) = UINT32(message, at)
                at += 4 + length
                if at > len(message):
                    raise _unreadable(message)
                values.append(
                    str(message[at - length : at], "utf-8") if position <= self._last else None
                )
            elif kind == NULL:
                values.append(None)
            elif kind == UNCHANGED:
                values.append(None)
                if position in self._positions:
                    if old is None:
                        raise ServerError(
                            f"an UPDATE of {'.'.join(self._table)} does not say what its key is"
                        )
                    values[-1] = str(old[self._positions.index(position)])
            else:
                raise _unreadable(message)
        key = tuple([values[position] for position in self._positions])
        if None in key:
            raise ServerError(f"a key of {'.'.join(self._table)} is NULL in the change stream")
        return key, at  # type: ignore[return-value]

    def _require_ours(self, message: bytes) -> None:
        if UINT32(message, 1)[0] != self._relation:
            raise ServerError("the change stream names a table that was not asked for")

    def _commit(self, message: bytes) -> None:
        _, _, end, _ = COMMIT(message, 1)
        self.found.commits.append(self._xid)
        self.found.end = end
        # A mark counts when its transaction ends: only then is `end` behind it.
        self.found.marks += self._marks
        self._marks = []

    def _message(self, message: bytes) -> None:
        """Flags, position, prefix, length, content; other people's messages are their business."""
        flags, _ = MESSAGE(message, 1)
        at = message.index(b"\0", 10) + 1
        if not flags & 1 or message[10:at] != self._prefix:
            return
        (length,) = UINT32(message, at)
        content = message[at + 4 : at + 4 + length]
        if len(content) != length:
            raise _unreadable(message)
        self._marks.append(content)

    def _describe(self, message: bytes) -> None:
        """Comes before a table's first change, and again when its definition may have changed."""
        (relation,) = UINT32(message, 1)
        schema_end = message.index(b"\0", 5)
        name_end = message.index(b"\0", schema_end + 1)
        table = (message[5:schema_end].decode(), message[schema_end + 1 : name_end].decode())
        if table in self._leaves:
            return
        if table != self._table:
            raise self._changed(f"the change stream speaks of {'.'.join(table)}")
        at, columns = name_end + 4, []
        for _ in range((message[name_end + 2] << 8) | message[name_end + 3]):
            end = message.index(b"\0", at + 1)
            (type,) = UINT32(message, end + 1)
            (modifier,) = UINT32(message, end + 5)
            columns.append((message[at + 1 : end].decode(), type, modifier))
            at = end + 9
        self._accept(relation, tuple(columns))

    def _accept(self, relation: int, columns: tuple[tuple[str, int, int], ...]) -> None:
        if self._relation and (relation, columns) != (self._relation, self._columns):
            raise self._changed("its definition is not what it was")
        names = [name for name, _, _ in columns]
        if not set(self._key) <= set(names):
            raise self._changed("a column of its key is not in the change stream")
        self._relation, self._columns = relation, columns
        self._positions = tuple(names.index(name) for name in self._key)
        self._last = max(self._positions)
        if len(columns) == 1:
            self._short = _short(struct.pack("!I", relation))

    def _changed(self, why: str) -> TableChanged:
        return TableChanged(
            f"{'.'.join(self._table)} was altered by somebody else: {why}",
            still_true="it still serves, and nothing was changed by us",
            todo="start again",
        )


def _short(relation: bytes) -> frozenset[bytes]:
    """How a row change begins that names nothing but the one column of its key: the value is the
    rest of the message. It is what a publication with a column list sends, millions of times."""
    return frozenset(kind + relation + row + b"\0\1t" for kind, row in _SHORT)


_SHORT = ((b"I", b"N"), (b"U", b"N"), (b"D", b"K"))


def _unreadable(message: bytes) -> ServerError:
    return ServerError(
        f"the change stream holds a message that is not understood: {message[:40]!r}",
        todo="please report this, with the server's version",
    )
