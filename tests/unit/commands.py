"""The command line against a fake engine and a fake migration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from click.testing import CliRunner, Result

from osc import cli, migration, removal
from osc.cli import frame
from osc.config import Settings
from osc.engine import Names, Rehearsal, Run, Said, Sync
from osc.errors import Precondition
from osc.migration import Request
from osc.model import alter
from osc.model.alter import Alter
from osc.model.columns import ColumnMap, Pair
from osc.model.controls import Controls
from osc.model.ladder import Forecast, Outlook, Way
from osc.model.progress import Tracker
from osc.model.report import Report
from osc.model.table import Column, Key, Table, TableName
from osc.stages.plan import Plan
from osc.stages.route import Route

URL = "mysql://app:s3cret@db.test/shop"


CHANGE = "ALTER TABLE orders ADD COLUMN note text"


ORDERS = TableName("shop", "orders")


KEY = Key("PRIMARY", ("id",), primary=True)


ID = Column("id", "int", nullable=False)


TABLE = Table(ORDERS, (ID,), (KEY,), "1", rows=1_000_000, bytes=98_000_000)


NEW = replace(TABLE, columns=(ID, Column("note", "text")))


COLUMNS = ColumnMap((Pair("id", "id", "`id`"),), ("id",), ("id",))


PLAN = Plan(
    table=TABLE,
    alter=alter.parse(CHANGE, mysql=True),
    names=Names(TableName("shop", "_orders_new"), TableName("shop", "_orders_old")),
    sync=Sync.LOG,
    rehearsal=Rehearsal(NEW, COLUMNS, KEY, sortable=True),
    findings=("triggers are carried over",),
    statements=("create the shadow",),
)


ROUTE = Route(TABLE, PLAN.alter, Outlook((), Way.COPY), Forecast(1_000_000, 98_000_000), PLAN)


REPORT = Report(
    migration=7,
    table="shop.orders",
    statement=CHANGE,
    archive="shop._orders_old",
    sync="log",
    seconds=3.9,
    rows_copied=1000,
    chunks_copied=2,
    rows_verified=1000,
    changes_delivered=30,
    changes_forgotten=10,
    changes_applied=20,
    conflicts=0,
    cut_over_attempts=1,
    lock_wait_seconds=0.001,
    lock_held_seconds=0.012,
)


RUN = Run(7, ORDERS, CHANGE, "copy", "log", "me@here", "2026-01-01 10:00:00", "")


@dataclass
class Catalog:
    """Knows one table."""

    def find(self, alter: Any) -> Table:
        if alter.table != "orders":
            raise Precondition(f"there is no table {alter.table}", still_true="nothing was touched")
        return PLAN.table


SAID = [
    Said("sup", "ann@far", "2026-11-28 02:59:00", "shop.orders: cut-over"),
    Said("cut-over", "ann@far", "2026-11-28 03:00:00.123", "it may"),
]


@dataclass
class Server:
    """The engine as far as the command line looks at it, and what was asked of the migration."""

    mysql: bool = True
    catalog: Catalog = field(default_factory=Catalog)
    closed: bool = False
    called: list[str] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    settings: list[Settings] = field(default_factory=list)
    during: Callable[[Tracker, Controls], None] = lambda tracker, controls: None

    def close(self) -> None:
        self.closed = True

    def read(self, statement: str) -> Alter:
        return alter.parse(statement, mysql=self.mysql)

    def _plan(self, name: str) -> Callable[..., Route]:
        def made(engine: Any, request: Request, settings: Settings) -> Route:
            self.called.append(name)
            self.requests.append(request)
            self.settings.append(settings)
            return ROUTE

        return made

    def _migrate(
        self, engine: Any, request: Request, settings: Settings, tracker: Tracker, control: Controls
    ) -> Report:
        self._plan("migrate")(engine, request, settings)
        self.during(tracker, control)
        return REPORT

    def _cleanup(
        self,
        engine: Any,
        table: TableName | None,
        controls: Controls,
        *,
        execute: bool,
        archives: bool,
        on_replica: bool,
    ) -> list[str]:
        return ["table shop._orders_new", *(["table shop._orders_old"] if archives else [])]

    def replace_migration(self, monkeypatch: pytest.MonkeyPatch) -> None:
        fakes: dict[str, Any] = {
            "plan": self._plan("plan"),
            "rehearse": self._plan("rehearse"),
            "migrate": self._migrate,
            "status": lambda engine, table: [RUN],
            "said": lambda engine, runs: {RUN.id: SAID},
            "cleanup": self._cleanup,
        }
        for name, fake in fakes.items():
            monkeypatch.setattr(removal if name == "cleanup" else migration, name, fake)
        monkeypatch.setattr(frame, "engine_at", lambda url, replicas=(), asked=None: self)


def osc(*words: str, **variables: str) -> Result:
    return CliRunner(env=variables).invoke(cli.osc, words)


def fail_with(error: Exception) -> Callable[[Tracker, Controls], None]:
    def during(tracker: Tracker, controls: Controls) -> None:
        raise error

    return during
