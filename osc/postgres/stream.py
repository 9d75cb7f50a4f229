"""The walsender's end of a slot: frames come in, status reports go out."""

from __future__ import annotations

import selectors
import struct
import time
from contextlib import suppress

import psycopg
from psycopg import pq
from psycopg.generators import execute

from osc.errors import ConnectionLost, ServerError
from osc.model.change import Position
from osc.postgres.pgoutput import Reader
from osc.postgres.quoting import identifier, literal
from osc.postgres.session import Address, speaking

KEY_TEXTS = {
    "datestyle": "ISO",
    "intervalstyle": "postgres",
    "timezone": "UTC",
    "bytea_output": "hex",
    "extra_float_digits": "3",
}
"""The walsender writes key values as texts, by its own settings; these can be read by any."""
MEMORY = {"logical_decoding_work_mem": "256MB"}
"""A slot decodes the chunks of the copy, too, to find that nobody asked for them. What does not fit
is written to disk and read again: of 2 million rows, 668 MB in all, 527 with the server's 64 MB.
From 16 on a slot may leave out all that has an origin, and our sessions might have one; but so has
what a subscription writes into the original."""


class Stream:
    """A replication connection, at the level of libpq: psycopg has no API for it."""

    _silent_since: float | None = None

    def __init__(self, address: Address, slot: str, start: Position) -> None:
        self._connection = address.walsender("change stream", **KEY_TEXTS, **MEMORY)
        self._pgconn = self._connection.pgconn
        self._confirmed = 0
        self.asked = False
        options = (
            f"proto_version '1', messages 'true', publication_names {literal(identifier(slot))}"
        )
        begin = f"START_REPLICATION SLOT {identifier(slot)} LOGICAL {start} ({options})"
        with speaking(self._connection):
            self._pgconn.send_query(begin.encode())
            results = self._connection.wait(execute(self._pgconn))
        if not results or results[-1].status != pq.ExecStatus.COPY_BOTH:
            said = results[-1].error_message.decode(errors="replace") if results else "no answer"
            self._connection.close()
            raise ServerError(f"the change stream can't be opened: {said.strip()}")
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._pgconn.socket, selectors.EVENT_READ)

    @property
    def silent_seconds(self) -> float:
        """Since when we have looked for something, and have found nothing."""
        return time.monotonic() - self._silent_since if self._silent_since else 0.0

    def feed(self, reader: Reader, most: int) -> bool:
        """Gives the reader what has arrived, about so many keys of it; False: nothing had.

        It never reads on behind a mark. A key that comes after it belongs to a transaction that
        the mark says nothing about, so it must not be in the delivery that has the mark's barrier:

            mark 5 commits, T writes row 7 and commits, and T is flushed but not visible
            one reading brings mark 5 and T's change, but not yet T's commit: T's number isn't known
            all numbers up to mark 5 are visible, barrier 5 is given out, and row 7 with it
            row 7 is read again as it was before T, and T is never heard of again
        """
        get, feed = self._pgconn.get_copy_data, reader.feed
        keys, marks = reader.found.keys, reader.found.marks
        arrived = False
        while len(keys) < most and not marks:
            length, frame = get(1)
            if length == 0:
                if arrived or not self._arrived():
                    return arrived
                continue
            if length < 0:
                raise ConnectionLost("the server ended the change stream")
            arrived = True
            if frame[0] == 119:  # w: start, end and clock come before the message
                feed(bytes(frame[25:]))
            elif frame[0] == 107:  # k: end, clock, and whether an answer is wanted
                self.asked = self.asked or bool(frame[17])
            else:
                raise ServerError(
                    f"the change stream holds an unknown frame: {bytes(frame[:40])!r}"
                )
        return arrived

    def _arrived(self) -> bool:
        if not self._selector.select(0):
            self._silent_since = self._silent_since or time.monotonic()
            return False
        self._silent_since = None
        self._pgconn.consume_input()
        return True

    def wait(self, seconds: float) -> None:
        self._selector.select(seconds)

    def status(self, confirmed: int) -> None:
        """Standby status update: all before `confirmed` may be forgotten by the server. Its last
        byte asks for an answer, so that an idle stream isn't a silent one."""
        self._pgconn.put_copy_data(
            struct.pack("!cQQQqB", b"r", confirmed, confirmed, confirmed, 0, 1)
        )
        self._pgconn.flush()
        self.asked = False

    def close(self) -> None:
        with suppress(psycopg.Error, KeyError, ValueError):
            self._selector.close()
            self._connection.close()
