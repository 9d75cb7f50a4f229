"""Keys that changed, from a changelog that statement triggers fill: where the log can't be read.

A row of the changelog is visible when it is read, and with it the change that it tells of (rule 2):
there is nothing to wait for. Each row bears the number of its transaction, and a snapshot tells
exactly which transactions it shows. So each look is complete, however late a low number commits,
and costs what is new and no more, however much is kept in the table and however old it is:

    look 1, snapshot 10:14:11,13    shows all but 11, 13, and whatever begins with 14
    look 2                          reads the rows of 11, of 13, of 14 and beyond: no others are new

No row is remembered by itself. A position is a snapshot, too: the rows that it shows may go.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from osc.engine import Job
from osc.errors import BadStatement, Conflict, LockTimeout, OscError, PositionGone, TableChanged
from osc.model.change import Delivery, KeyValue, Position, fitting
from osc.postgres import changelog
from osc.postgres.quoting import qualified
from osc.postgres.session import Address, Row
from osc.postgres.stream import KEY_TEXTS

MOST_KEYS = 20_000
FIRST_KEYS = 1_000
"""A delivery's size, and that of the first ones: as long as nobody knows how long a key is."""
POLL_SECONDS = 0.01
REQUIRE_SECONDS = 0.5
"""How often the triggers are looked after, unasked."""
MOST_DELETED = 50_000
"""In one statement, which `read` has to wait for."""

NOTHING = "1:1:"
"""The snapshot that shows no transaction at all."""


@dataclass(frozen=True)
class Look:
    """What became visible up to `snapshot`; `mark` passes with its last row."""

    mark: int
    snapshot: str


class TriggerSource:
    """The port `ChangeSource`. It has no thread of its own: who reads, asks the server.

    Re-opened, it delivers all that is in the table, and first of all requires that the triggers
    have been writing all the time (PositionGone).
    """

    def __init__(self, address: Address, job: Job, start: Position | None) -> None:
        self._log = changelog.of(job)
        self._lock = threading.Lock()
        self._last_mark = self._asked = self._passed = 0
        self._required_at = time.monotonic()
        self._shown = self._deleted = NOTHING
        self._look: Look | None = None
        self._most = min(FIRST_KEYS, MOST_KEYS)
        self._failed: OscError | None = None
        if start is None:
            self._log.create(address.opened, job.lock_budget_seconds)
        # The index is always the better way, whatever the planner knows of a table that grows.
        self._session = address.connect("changelog", **KEY_TEXTS, enable_seqscan="off")
        try:
            self._incarnation = (
                self._log.incarnation(self._session) if start is None else start.split(" ")[0]
            )
            self._start = start or self._position
            self._require_writing()
        except BaseException:
            self._session.close()
            raise

    @property
    def position(self) -> Position:
        return self._start

    @property
    def _position(self) -> Position:
        return Position(f"{self._incarnation} {self._shown}")

    def mark(self) -> int:
        with self._lock:
            self._last_mark += 1
            self._asked = self._last_mark
            return self._last_mark

    def read(self, timeout_seconds: float) -> Delivery | None:
        if self._failed is not None:
            raise self._failed
        deadline = time.monotonic() + timeout_seconds
        try:
            while (found := self._next()) is None and time.monotonic() < deadline:
                time.sleep(max(0.0, min(POLL_SECONDS, deadline - time.monotonic())))
        except OscError as error:
            self._failed = error
            raise
        return found

    def confirm(self, position: Position) -> None:
        """Deletes the rows that the position shows; those that are too many, another time."""
        shown = position.split(" ")[1]
        if shown != self._deleted:
            with suppress(Conflict, LockTimeout):
                self._delete(shown)

    def _delete(self, shown: str) -> None:
        count = self._session.run(
            f"DELETE FROM {self._table} WHERE ctid = ANY (ARRAY("
            f"SELECT ctid FROM ({self._beyond('ctid, xact')}) AS old"
            f" WHERE pg_visible_in_snapshot(xact, $3::pg_snapshot) LIMIT {MOST_DELETED}))",
            *_unseen(self._deleted),
            shown,
        )
        if count < MOST_DELETED:
            self._deleted = shown

    def close(self) -> None:
        self._session.close()

    # Looks.

    def _next(self) -> Delivery | None:
        try:
            return self._begin() if self._look is None else self._page(self._look)
        except (Conflict, LockTimeout):
            # Somebody has locked the changelog, or cancelled us: the same look, from its beginning.
            self._look = None
            return None
        except BadStatement:
            self._require_writing()
            raise

    def _begin(self) -> Delivery | None:
        """The mark is drawn before the snapshot: what had committed before it is shown."""
        with self._lock:
            self._last_mark += 1
            mark, asked = self._last_mark, self._asked > self._passed
        if asked or time.monotonic() - self._required_at > REQUIRE_SECONDS:
            self._require_writing()
        rows = self._session.rows(
            "SELECT seen.snapshot, new.* FROM"
            " (SELECT (SELECT pg_current_snapshot()::text) AS snapshot) AS seen LEFT JOIN"
            f" ({self._beyond(f'true, {self._columns}')} LIMIT {self._most + 1}) AS new ON true",
            *_unseen(self._shown),
        )
        look = Look(mark, str(rows[0][0]))
        if len(rows) > self._most:
            self._declare(look)
            return self._page(look)
        keys = self._keys(row[2:] for row in rows if row[1])
        delivery = self._end(look, keys)
        return delivery if keys or asked else None

    def _declare(self, look: Look) -> None:
        """The server keeps the rows until all are fetched, and no snapshot with them: that would
        keep every table of the database from being vacuumed."""
        self._session.run("CLOSE ALL")
        self._session.run(
            f"DECLARE osc_look NO SCROLL CURSOR WITH HOLD FOR SELECT {self._columns}"
            f" FROM ({self._beyond('*')}) AS new"
            " WHERE pg_visible_in_snapshot(xact, $3::pg_snapshot)",
            *_unseen(self._shown),
            look.snapshot,
        )
        self._look = look

    def _page(self, look: Look) -> Delivery:
        most = self._most
        rows = self._session.rows(f"FETCH {most} FROM osc_look")
        keys = self._keys(rows)
        if len(rows) == most:
            return Delivery(keys, 0, self._position)
        self._session.run("CLOSE osc_look")
        self._look = None
        return self._end(look, keys)

    def _end(self, look: Look, keys: tuple[KeyValue, ...]) -> Delivery:
        self._shown, self._passed = look.snapshot, look.mark
        return Delivery(keys, look.mark, self._position)

    def _require_writing(self) -> None:
        self._required_at = time.monotonic()
        found = self._log.incarnation(self._session)
        if found and found == self._incarnation:
            return
        original = self._log.original
        raise PositionGone(
            f"changes of {original} were not written down: our triggers on it, or {self._log.name},"
            f" were {'changed' if found else 'removed or disabled'} by somebody else, or it is the"
            " target of a subscription now",
            still_true=f"{original} serves and is untouched",
            todo="start again",
        )

    # Parts of statements.

    @property
    def _table(self) -> str:
        return qualified(self._log.name)

    @property
    def _columns(self) -> str:
        """By the types' output functions, under our own settings (`stream.KEY_TEXTS`)."""
        return ", ".join(["mishap", *(f"format('%s', {k}) AS {k}" for k in self._log.columns)])

    def _beyond(self, columns: str) -> str:
        """The rows that a snapshot doesn't show; $1 and $2 are what it says of that."""
        rows = f"SELECT {columns} FROM {self._table} WHERE xact"
        return f"{rows} >= $1::xid8 UNION ALL {rows} = ANY ($2::xid8[])"

    def _keys(self, rows: Iterable[Row]) -> tuple[KeyValue, ...]:
        keys: dict[KeyValue, None] = {}
        for mishap, *key in rows:
            if mishap is not None:
                raise TableChanged(
                    f"{self._log.original} was {mishap} by somebody else",
                    still_true="it serves as it is; the shadow did not follow that",
                    todo="start again",
                )
            keys[tuple(key)] = None
        if keys:
            self._most = fitting(next(reversed(keys)), MOST_KEYS)
        return tuple(keys)


def _unseen(snapshot: str) -> tuple[str, list[str]]:
    """The first transaction that had not begun, and those that were running."""
    _, first, running = snapshot.split(":")
    return first, running.split(",") if running else []
