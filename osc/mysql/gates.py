"""The lock of a table and of its relatives, had without a deadlock for those who write to them.

LOCK TABLES takes its tables one after the other, in the order of their names, and holds what it has
while it waits for the next; with a table it takes its parents and its children, too:

    A  LOCK TABLES child, orders         has child, waits for orders
    W  BEGIN; INSERT INTO orders …       before that
    W  INSERT INTO child …               error 1213: of the two the server ends the writer

So each of them is first asked for by a session of its own, a gate, that has nothing in hand while
it waits: a writer who has one table and wants another whose gate is shut waits until the budget is
over at most, and the attempt is another time's. When all are shut nobody has written to any of them
in a transaction that is open. A then asks for all, and each gate is opened when A stands before it,
so that it is next: it asks for a table for itself, and comes before all writers.

FLUSH TABLES … WITH READ LOCK takes one table and nothing else. It lets readers in; one who has read
from one table in his transaction and then wants another may still be ended. It takes the privilege
RELOAD (or FLUSH_TABLES); without it there are no gates, nor after many attempts that came to
nothing.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress

from osc import errors
from osc.engine import Session, Statement
from osc.model.table import TableName
from osc.mysql import quoting
from osc.mysql.watchdog import Watchdog

GATED_ATTEMPTS = 15
"""How often the locks are asked for so that no writer is ended for them."""
POLL_SECONDS = 0.002
LEAST_SECONDS = 0.05
"""What the lock itself may wait for where the gates have taken all of the budget."""
_SHOWS_LOCKS = Statement(
    "SELECT 1 FROM performance_schema.setup_instruments "
    "WHERE name = 'wait/lock/metadata/sql/mdl' AND enabled = 'YES' AND @@performance_schema"
)
_WAITS_FOR = (
    "SELECT l.object_schema, l.object_name FROM performance_schema.metadata_locks l "
    "JOIN performance_schema.threads t ON t.thread_id = l.owner_thread_id "
    "WHERE t.processlist_id = %s AND l.object_type = 'TABLE' AND l.lock_status = 'PENDING'"
)


class Gates:
    """`tables` with the parents first and the children last; the connections are made with them."""

    def __init__(self, connect: Callable[[str], Session], tables: Sequence[TableName]) -> None:
        several = tables if len(tables) > 1 else ()
        self._gates = {table: connect("cut-over gate") for table in several}
        self._observer = connect("cut-over observer") if several else None

    def lock(
        self, session: Session, statement: Statement, watchdog: Watchdog, budget_seconds: float
    ) -> None:
        """Raises LockTimeout where it isn't to be had within the budget. Either way all are open
        afterwards."""
        deadline = time.monotonic() + budget_seconds
        try:
            self._shut(watchdog, deadline)
            left = max(LEAST_SECONDS, deadline - time.monotonic())
            with self._opening_for(session.id), watchdog.over(session, left):
                session.execute(statement)
        finally:
            self.close()

    def close(self) -> None:
        for gate in (*self._gates.values(), *filter(None, (self._observer,))):
            gate.close()

    def _shut(self, watchdog: Watchdog, deadline: float) -> None:
        """Most applications write to parents first, some delete from children first: what is in the
        way of one order at every attempt is not in the way of the other."""
        gates = list(self._gates.items())
        if random.random() < 0.3:
            gates.reverse()
        for table, session in gates:
            left = deadline - time.monotonic()
            if left <= 0:
                raise errors.LockTimeout("no lock on the relatives of the table within the budget")
            shut = Statement(f"FLUSH LOCAL TABLES {quoting.table(table)} WITH READ LOCK")
            with suppress(errors.NotAllowed), watchdog.over(session, left):
                # Asked: MySQL warns where a table has a FULLTEXT index, and locks it.
                session.query(shut)

    @contextmanager
    def _opening_for(self, waiting: int) -> Iterator[None]:
        over = threading.Event()
        thread = threading.Thread(target=self._open, args=(waiting, over), name="osc gates")
        if self._gates:
            thread.start()
        try:
            yield
        finally:
            over.set()
            if self._gates:
                thread.join()

    def _open(self, waiting: int, over: threading.Event) -> None:
        """What goes wrong here ends in a timeout there."""
        assert self._observer
        with suppress(errors.ServerError):
            shut = dict(
                sorted(self._gates.items(), key=lambda gate: (gate[0].schema, gate[0].name))
            )
            before = _by_name if _tells_names(self._observer) else _by_order
            while shut and not over.wait(POLL_SECONDS):
                for table in before(self._observer, waiting, shut):
                    shut.pop(table).execute(Statement("UNLOCK TABLES"))


def _tells_names(observer: Session) -> bool:
    try:
        return bool(observer.query(_SHOWS_LOCKS))
    except (errors.BadStatement, errors.NotAllowed):
        return False


def _by_name(observer: Session, waiting: int, shut: Iterable[TableName]) -> list[TableName]:
    """The gate that it stands before."""
    found = observer.query(Statement(_WAITS_FOR, (waiting,)))
    names = {(str(schema), str(name)) for schema, name in found}
    return [table for table in shut if (table.schema, table.name) in names]


def _by_order(observer: Session, waiting: int, shut: Iterable[TableName]) -> list[TableName]:
    """The same where the server only says that it waits for such a lock: the next by name."""
    state = Statement("SELECT state FROM information_schema.processlist WHERE id = %s", (waiting,))
    rows = observer.query(state)
    waits = bool(rows) and str(rows[0][0]).startswith("Waiting for table metadata lock")
    return list(shut)[:1] if waits else []
