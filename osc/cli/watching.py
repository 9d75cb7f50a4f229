"""Commands that look: what runs, what has run."""

from __future__ import annotations

import functools

from osc import migration
from osc.cli.frame import addressed, answering, migration_of, named_of, opened
from osc.cli.group import osc
from osc.ops import history as told
from osc.ops import listing, signals
from osc.ops.output import Output


@osc.command()
@addressed("[TABLE]")
@answering
def status(words: tuple[str, ...], url: str | None, output: Output) -> None:
    """List the migrations of a database or table."""
    with opened(words, url) as (engine, rest):
        runs = migration.status(engine, named_of(engine, rest))
        live = {run.id: shown for run in runs if (shown := migration.shown(engine, run))}
    output.result(listing.records(runs, live), lambda: listing.text(runs, live))


@osc.command()
@addressed("[TABLE]")
@answering
def history(words: tuple[str, ...], url: str | None, output: Output) -> None:
    """Tell what was run on a database or table: who, what, when, and what came of it.

    With each word that a run was told meanwhile, by whom, and its answer.
    """
    with opened(words, url) as (engine, rest):
        runs = migration.status(engine, named_of(engine, rest))
        said = migration.said(engine, runs)
    output.result(told.records(runs, said), lambda: told.text(runs, said))


@osc.command()
@addressed("[MIGRATION]")
@answering
def watch(words: tuple[str, ...], url: str | None, output: Output) -> None:
    """Watch a run that is under way, from another terminal or host, to its end."""
    with opened(words, url) as (engine, rest), signals.raising():
        for record in migration.watched(engine, migration_of(rest)):
            output.result(record, functools.partial(listing.line, record))
