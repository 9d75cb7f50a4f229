"""What PostgreSQL can do by itself: asked on a double, then done step by step on the table.

`looking.py` asks, `climb.py` does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from osc.engine import Climb
from osc.errors import BadStatement, BadValue, Conflict, NotAllowed, Precondition
from osc.model.alter import Alter
from osc.model.blocker import Blocker
from osc.model.consent import NO_CONSENT, Consent
from osc.model.ladder import Forecast, Outlook, Taken, Way
from osc.model.table import Table, TableName
from osc.postgres import catalog, forecast, kin, locking, privileges, published
from osc.postgres.climb import Climber
from osc.postgres.definition import oid_of
from osc.postgres.ledger import PostgresLedger
from osc.postgres.looking import Looking, RefusedError
from osc.postgres.session import Connection, Open

ALTERABLE = ("r", "p")


@dataclass(frozen=True)
class PostgresLadder:
    """Each call opens a session of its own."""

    opened: Open
    ledger: PostgresLedger
    has_named_not_null: bool
    consent: Consent = NO_CONSENT

    def find(self, alter: Alter) -> Table:
        with self.opened("catalog") as session:
            name = catalog.resolve(session, alter)
            oid = oid_of(session, name)
            assert oid is not None
            kind = session.value("SELECT relkind::text FROM pg_class WHERE oid = $1", oid)
            if kind not in ALTERABLE:
                raise Precondition(
                    f"{name} is {catalog.KINDS.get(kind, 'no table')}, not a table",
                    still_true="nothing was touched",
                )
            table = catalog.read(session, name, oid, any_key=True)
            if kind == "p":
                size, rows = forecast.sizes(session, oid)
                table = replace(table, bytes=size, rows=rows)
            return table

    def look(self, table: Table, alter: Alter, *, small_bytes: int) -> Outlook:
        with self.opened("plan") as session:
            _require_allowed(session, table)
            published.require_private(session, self.consent)
            try:
                named = self.has_named_not_null
                return Looking(session, table, alter, named, small_bytes).look()
            except RefusedError as error:
                # A copy may do what the server itself refuses, for a view's sake for instance.
                refused = f"the server itself refuses this ALTER: {error}"
                return Outlook((), Way.COPY, refused, refused=refused)
            except (BadStatement, BadValue, NotAllowed, Conflict) as error:
                return Outlook((), Way.COPY, f"it could not be tried out: {error.happened}")

    def forecast(self, table: Table, outlook: Outlook) -> Forecast:
        with self.opened("probe") as session:
            oid = oid_of(session, table.name)
            assert oid is not None
            try:
                return forecast.forecast(session, table, oid, outlook)
            except (Conflict, NotAllowed):
                return Forecast(table.rows, table.bytes)

    def probe(self, table: Table, outlook: Outlook) -> None:
        """The steps that look at the rows come first, and leave nothing behind."""

    def take(self, climb: Climb, number: int, check: Callable[[], None]) -> Taken:
        return Climber(self.opened, self.ledger, climb).take(number, check)

    def taken(self, climb: Climb) -> int:
        return Climber(self.opened, self.ledger, climb).taken()

    def undo(self, climb: Climb) -> list[str]:
        return Climber(self.opened, self.ledger, climb).undo()

    def blockers(self, table: TableName) -> list[Blocker]:
        return locking.blockers(self.opened, table)


def _require_allowed(session: Connection, table: Table) -> None:
    if session.value("SELECT pg_is_in_recovery()"):
        raise Precondition(
            "this server is a standby: it takes no writes",
            still_true="nothing was touched",
            todo="connect to the primary",
        )
    oid = oid_of(session, table.name)
    assert oid is not None
    privileges.require_ownership(session, kin.family(session, oid)[:1])
