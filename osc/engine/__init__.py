"""The ports: what a stage may ask of a database server, whichever it is.

An `Engine` is a record of small parts, not a base class. A stage takes the parts that it needs, so
that a test fakes one part of four methods and not an engine of sixty. The ports are private to this
project and may change with it; `tests/conformance/` holds every engine to them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from osc.engine.board import Board, Order, Said
from osc.engine.copying import Dialect, Load
from osc.engine.following import ChangeSource
from osc.engine.gauges import Gauges
from osc.engine.job import Climb, Job, Names, Rehearsal, Sync
from osc.engine.ladder import Ladder
from osc.engine.ledger import Checkpoint, Ledger, Run
from osc.engine.session import Session, Statement
from osc.engine.swapping import Aftercare, NoAftercare, Swapped, Swapper
from osc.engine.tables import Catalog, Checks, Claim, Workshop
from osc.model import alter
from osc.model.alter import Alter
from osc.model.change import Position
from osc.model.consent import Consent
from osc.model.executable import UNKNOWN, Version, version
from osc.model.table import TableName

__all__ = [
    "Aftercare",
    "Board",
    "Catalog",
    "ChangeSource",
    "Checkpoint",
    "Checks",
    "Claim",
    "Climb",
    "Dialect",
    "Engine",
    "Gauges",
    "Job",
    "Ladder",
    "Ledger",
    "Load",
    "Names",
    "NoAftercare",
    "Order",
    "Rehearsal",
    "Run",
    "Said",
    "Session",
    "Statement",
    "Swapped",
    "Swapper",
    "Sync",
    "Workshop",
]


@dataclass(frozen=True)
class Engine:
    """A kind of server at one URL: parts that stand alone, and makers of the parts of one job."""

    name: str
    version: str
    database: str
    mysql: bool
    connect: Callable[[str], Session]
    """Opens a session; the argument is its purpose, shown to whoever lists connections."""
    claim: Callable[[TableName], AbstractContextManager[Claim]]
    """Holds the only right to migrate a table; Precondition where another run has it."""
    catalog: Catalog
    checks: Checks
    workshop: Workshop
    ledger: Ledger
    board: Board
    dialect: Callable[[Job], Dialect]
    load: Callable[[Job], Load]
    swapper: Callable[[Job], Swapper]
    gauges: Callable[[], Gauges]
    """New ones each time, with a session of their own that lasts."""
    replicas: Callable[[], Mapping[str, Callable[[], Gauges]]] = dict
    """The replicas that are to be watched, by name: those that the operator gives, and those of
    which the server says where they listen and which let us in."""
    watching: Callable[[Sequence[str]], Mapping[str, Callable[[], Gauges]]] = lambda urls: {}
    """The replicas at these addresses, by name; Usage where one is no address."""
    ladder: Ladder | None = None
    """None where the engine can only copy."""
    sources: Mapping[Sync, Callable[[Job, Position | None], ChangeSource]] = field(
        default_factory=dict
    )
    """Best first; the position is None for a source that is opened anew."""
    aftercare: Callable[[Job], Aftercare] = lambda job: NoAftercare()
    consenting: Callable[[Engine, Consent], Engine] = lambda engine, consent: engine
    """The same engine, allowed to do what it doesn't do by itself."""
    close: Callable[[], None] = lambda: None

    def read(self, statement: str) -> Alter:
        """A whole ALTER TABLE as this server reads it; Usage where it is something else."""
        return alter.parse(statement, mysql=self.mysql, server=self._version)

    def same(self, one: str, other: str) -> bool:
        """Whether two of one table are the same to this server."""
        return alter.same(one, other, mysql=self.mysql, server=self._version)

    @property
    def _version(self) -> Version:
        is_mariadb = self.name == "mariadb"
        return version(self.version, is_mariadb=is_mariadb) if self.mysql else UNKNOWN
