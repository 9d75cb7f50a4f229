"""Removes what is ours: after a run, after a failed one, and when an operator asks."""

from __future__ import annotations

from osc.engine import Catalog, Engine, Names
from osc.model.controls import Controls
from osc.model.table import TableName


def drop_shadow(engine: Engine, names: Names) -> None:
    """The shadow of a run that gave up; after a swap there is none, only the place it stood in."""
    engine.workshop.drop([names.shadow])


def drop_archive(engine: Engine, names: Names, controls: Controls) -> None:
    """Stops between two steps; a resume goes on."""
    engine.workshop.retire(names.archive, controls.check)


def remove(
    engine: Engine, table: TableName, catalog: Catalog, shadows: list[TableName]
) -> list[str]:
    """All of one migration that was not swapped, in words; what is gone already is not named."""
    there = [name for name in shadows if catalog.identity(name) is not None]
    engine.workshop.drop(shadows)
    return [f"table {name}" for name in there] + engine.workshop.sweep(table, execute=True)


def sweep(
    engine: Engine, table: TableName, controls: Controls, *, archives: set[str], execute: bool
) -> list[str]:
    """What dead runs on a table left behind, in words; removed where `execute` says so.

    An archive is no leftover: it goes only where the operator asks for that, and only one that the
    ledger says we have made.
    """
    leftovers = engine.workshop.leftovers(table)
    old = [name for name in engine.workshop.archives(table) if str(name) in archives]
    if execute:
        engine.workshop.drop(leftovers)
        for archive in old:
            engine.workshop.retire(archive, controls.check)
    tables = [f"table {name}" for name in (*leftovers, *old)]
    return tables + engine.workshop.sweep(table, execute=execute)
