"""Which way an ALTER will be done: the lowest rung of the ladder that leads there.

    nothing ─► the server's own ALTER ─► a safe sequence ─► a copy ─► refused

Only a copy asks for a key, a change source and a table that nothing hangs on which can't be carried
over: so these are looked for last, and a table that a copy refuses still gets the other ways.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from osc import errors
from osc.engine import Engine, Sync
from osc.model.alter import Alter
from osc.model.ladder import Cost, Forecast, Outlook, Way
from osc.model.table import Table, TableName
from osc.stages import plan as planning
from osc.stages import preflight
from osc.stages.plan import Plan

COPIED = Outlook((), Way.COPY, "a copy was asked for (--force-copy)")


@dataclass(frozen=True)
class Route:
    """What was decided; `copy` is the plan of the copy, where the way is one."""

    table: Table
    alter: Alter
    outlook: Outlook
    forecast: Forecast
    copy: Plan | None = None

    @property
    def way(self) -> Way:
        return self.outlook.way


def find(engine: Engine, alter: Alter) -> Table | None:
    """The table that the ALTER names, whether it can be copied or not; None where there is none and
    the ALTER says IF EXISTS."""
    try:
        return engine.ladder.find(alter) if engine.ladder else engine.catalog.find(alter)
    except errors.NoTable:
        if alter.if_exists:
            return None
        raise


def to_nowhere(alter: Alter) -> Route:
    """Where there is no such table, and that is no fault."""
    name = TableName(alter.schema or "", alter.table)
    table, because = Table(name, (), (), identity=""), f"there is no table {name}"
    return Route(table, alter, Outlook((), Way.NOTHING, because), Forecast(0, 0))


def choose(
    engine: Engine, table: Table, alter: Alter, sync: Sync | None, *, force: bool, small: int
) -> Route:
    """The way, with every check behind it that leaves the table alone; Precondition where there is
    none. The caller holds the claim."""
    engine.checks.place()
    outlook = _outlook(engine, table, alter, force=force, small=small)
    copy = None
    if outlook.way is Way.COPY:
        try:
            copy = _copy(engine, alter, sync)
        except (errors.Precondition, errors.NotAllowed) as refusal:
            if outlook.refused:
                raise _as_the_server_says(outlook) from refusal
            if not outlook.brief:
                raise
            outlook = _by_force_of_being_small(outlook, refusal)
    return Route(table, alter, outlook, _forecast(engine, table, outlook), copy)


def _outlook(engine: Engine, table: Table, alter: Alter, *, force: bool, small: int) -> Outlook:
    if engine.ladder is None:
        return Outlook((), Way.COPY)
    if force:
        return COPIED
    return engine.ladder.look(table, alter, small_bytes=small)


def probe(engine: Engine, route: Route, check: Callable[[], None] = lambda: None) -> None:
    """DataWouldBeLost where the rows of today are in the way of what is done without a copy."""
    table = engine.catalog.find(route.alter, Sync.TRIGGERS)
    engine.workshop.probe(table, engine.workshop.rehearse(table, route.alter), check)


def _as_the_server_says(outlook: Outlook) -> errors.Precondition:
    return errors.Precondition(
        outlook.refused,
        still_true="nothing was touched",
        todo="correct the statement; the server itself would not run it either",
    )


def _by_force_of_being_small(outlook: Outlook, refusal: errors.OscError) -> Outlook:
    because = (
        f"it can't be copied ({refusal.happened}), but it is so small that the server alters it"
        " within the lock budget"
    )
    return replace(outlook, way=Way.NATIVE, steps=outlook.brief, because=because)


def _copy(engine: Engine, alter: Alter, sync: Sync | None) -> Plan:
    table = engine.catalog.find(alter)
    choice = planning.choose_sync(engine, table, alter, sync)
    table = engine.catalog.find(alter, choice.sync)
    preflight.check(engine, table, alter, choice.sync)
    made = planning.make(engine, table, alter, choice.sync, choice.findings)
    preflight.check_leftovers(engine, made)
    return made


def _forecast(engine: Engine, table: Table, outlook: Outlook) -> Forecast:
    if engine.ladder is None or outlook.cost is Cost.FREE:
        return Forecast(table.rows, table.bytes)
    return engine.ladder.forecast(table, outlook)
