"""Commands that change a table, or show what would be changed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar, get_args

import click
from click.core import ParameterSource

from osc import migration, removal
from osc.cli.frame import (
    addressed,
    altering,
    answering,
    migration_of,
    named_of,
    opened,
    request_of,
    setting,
    stated,
    who,
)
from osc.cli.group import osc
from osc.config import Settings, said, settings
from osc.engine import Engine
from osc.errors import Usage
from osc.migration import Request
from osc.model.controls import Controls
from osc.model.progress import Tracker
from osc.model.report import Report
from osc.ops import control, display, observers, report, route, sense, signals
from osc.ops.output import Output

Done = TypeVar("Done")
DRY_RUN = "This was a dry run on an empty clone; nothing was changed. Add --execute to do it."


@osc.command(name="plan")
@addressed('"ALTER TABLE …"')
@click.option(
    "--format", "form", type=click.Choice(get_args(route.Format)), default="text",
    help="How the plan is written.",
)  # fmt: skip
@altering
@answering
def plan_(
    words: tuple[str, ...],
    url: str | None,
    table: str | None,
    clauses: str | None,
    form: route.Format,
    output: Output,
    **flags: Any,
) -> None:
    """Show what `osc run` would do.

    The exit code tells a script: 0 the server does it by itself or there is nothing to do, 20 a
    copy is needed, 3 it is refused.
    """
    if output.as_json and form != "json" and _is_named("form"):
        raise Usage(f"--json and --format {form} are two answers", todo="leave one of them out")
    chosen, statement = settings(**flags), stated(words, url, table, clauses)
    sense.require(chosen)
    with opened(words, url) as (engine, _):
        made = migration.plan(engine, request_of(engine, statement, chosen), chosen)
    told = route.markdown if form == "md" else route.text
    output.in_form(form).result(route.record(made), lambda: told(made))
    sys.exit(route.exit_code(made))


def _is_named(option: str) -> bool:
    source = click.get_current_context().get_parameter_source(option)
    return source is not ParameterSource.DEFAULT


@osc.command()
@addressed('"ALTER TABLE …"')
@click.option("--execute", is_flag=True, help="Do it; without this, it is only rehearsed.")
@altering
@answering
def run(
    words: tuple[str, ...],
    url: str | None,
    table: str | None,
    clauses: str | None,
    execute: bool,
    output: Output,
    **flags: Any,
) -> None:
    """Change the schema, or rehearse the change.

    Without --execute the change is planned and rehearsed on an empty clone; nothing is changed.
    """
    chosen, statement = settings(**flags), stated(words, url, table, clauses)
    sense.require(chosen)
    with opened(words, url, chosen.replica) as (engine, _):
        request = request_of(engine, statement, chosen, frozenset(said(flags)))
        (_execute if execute else _rehearse)(engine, request, chosen, output)


def _rehearse(engine: Engine, request: Request, chosen: Settings, output: Output) -> None:
    made = migration.rehearse(engine, request, chosen)
    output.result({**route.record(made), "executed": False}, lambda: route.text(made))
    output.remark(DRY_RUN)


def _execute(engine: Engine, request: Request, chosen: Settings, output: Output) -> None:
    with _watched(output, chosen, request.statement) as (tracker, controls):
        done = migration.migrate(engine, request, chosen, tracker, controls)
    _reported(done, output)


@contextmanager
def _watched(
    output: Output, chosen: Settings, statement: str = ""
) -> Iterator[tuple[Tracker, Controls]]:
    """The whiteboards of a run that is shown while it lasts and that signals stop."""
    tracker, controls = Tracker(), Controls()
    sense.require_no_panic(chosen)
    if chosen.control_socket:
        control.make_way(Path(chosen.control_socket))
    with ExitStack() as stack:
        stack.enter_context(observers.told(chosen, tracker, controls, {"statement": statement}))
        stack.enter_context(signals.stopping(controls))
        stack.enter_context(display.shown(tracker, output.face()))
        yield tracker, controls


def _reported(done: Report, output: Output) -> None:
    record = {**report.report_record(done), "executed": True}
    output.result(record, lambda: report.report_text(done))


@osc.command()
@addressed("[MIGRATION]")
@setting
@answering
def resume(words: tuple[str, ...], url: str | None, output: Output, **flags: Any) -> None:
    """Go on with a migration that was stopped, or whose process or host died.

    MIGRATION is its number, its table or its whole ALTER statement; it may be left out where only
    one has not ended. Any host will do. It is held to what it was begun with; an option that is
    said again overrules that.
    """
    done = _gone_on(migration.resume, words, url, output, flags)
    if done is None:
        output.result({"executed": False}, lambda: "it is done already; there is nothing to do")
    else:
        _reported(done, output)


def _gone_on(
    how: Callable[[Engine, str | None, Settings, Tracker, Controls, str], Done],
    words: tuple[str, ...],
    url: str | None,
    output: Output,
    flags: dict[str, Any],
) -> Done:
    chosen = _to_go_on_with(flags)
    with opened(words, url, chosen.replica) as (engine, rest):
        wanted = migration_of(rest)
        chosen = _as_it_was_begun(engine, wanted, chosen, flags)
        with _watched(output, chosen) as (tracker, controls):
            return how(engine, wanted, chosen, tracker, controls, who())


def _to_go_on_with(flags: dict[str, Any]) -> Settings:
    """What this command says. Of an option that takes several, '' alone takes away those that the
    run was begun with."""
    chosen = settings(**{name: value for name, value in flags.items() if value != ("",)})
    sense.require(chosen)
    return chosen


def _as_it_was_begun(
    engine: Engine, wanted: str | None, chosen: Settings, flags: dict[str, Any]
) -> Settings:
    found = migration.as_it_was_begun(engine, wanted, chosen, said(flags))
    sense.require(found)
    return found


@osc.command()
@addressed("[MIGRATION]")
@setting
@answering
def verify(words: tuple[str, ...], url: str | None, output: Output, **flags: Any) -> None:
    """Compare the tables of a stopped migration, row by row, by checksum.

    What was missing is copied first and changes are caught up with; afterwards the migration is as
    stopped as it was, for `osc resume` or `osc abort`.
    """
    done = _gone_on(migration.verify, words, url, output, flags)
    output.result(report.verified_record(done), lambda: report.verified_text(done))


on_replica = click.option(
    "--on-replica", is_flag=True, help="What is here was made here, by run --on-replica."
)


@osc.command()
@addressed("[MIGRATION]")
@on_replica
@answering
def abort(words: tuple[str, ...], url: str | None, on_replica: bool, output: Output) -> None:
    """End a migration for good and remove all that is ours of it.

    The original stays as it is. A process that is still at it is told to stop. To abort twice does
    no harm.
    """
    with opened(words, url) as (engine, rest):
        found = removal.abort(engine, migration_of(rest), who(), on_replica=on_replica)
    lines = [f"removed {thing}" for thing in found] or ["there was nothing left to remove"]
    output.result({"removed": found}, lambda: "\n".join(lines))


@osc.command()
@addressed("[TABLE]")
@click.option("--execute", is_flag=True, help="Do it; without this, it is only listed.")
@click.option("--drop-old-table", is_flag=True, help="Old tables that were kept go, too.")
@on_replica
@answering
def cleanup(
    words: tuple[str, ...],
    url: str | None,
    execute: bool,
    drop_old_table: bool,
    on_replica: bool,
    output: Output,
) -> None:
    """Remove what dead migrations left behind.

    That is shadows, slots and publications; never a table that serves. An old table that was kept
    goes only with --drop-old-table.
    """
    controls = Controls()
    with opened(words, url) as (engine, rest), signals.stopping(controls):
        name = named_of(engine, rest)
        found = removal.cleanup(
            engine,
            name,
            controls,
            execute=execute,
            archives=drop_old_table,
            on_replica=on_replica,
        )
    verb = "removed" if execute else "would remove"
    lines = [f"{verb} {thing}" for thing in found] or ["nothing is left behind"]
    output.result({"executed": execute, "leftovers": found}, lambda: "\n".join(lines))
    if found and not execute:
        output.remark("Nothing was changed. Add --execute to do it.")
