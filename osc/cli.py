"""The command line: words are parsed, one function of `migration` is called, its result shown."""

from __future__ import annotations

import functools
import getpass
import os
import re
import shlex
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Literal, get_args, get_origin

import click

from osc import __version__, migration
from osc.config import Settings, origins, settings
from osc.engine import Engine, Sync
from osc.engines import engine_at
from osc.errors import OscError, Usage
from osc.habits import gh_ost, pt
from osc.habits.habit import Translation
from osc.migration import Request
from osc.model import alter
from osc.model.controls import Controls
from osc.model.progress import Tracker
from osc.model.report import Report
from osc.model.table import TableName
from osc.ops import display, explanations, failure, listing, observers, report, route, signals
from osc.ops import history as told
from osc.ops.output import Output
from osc.ops.redact import redacted
from osc.ops.units import aligned
from osc.ops.words import OPERATOR

Command = Callable[..., Any]
DRY_RUN = "This was a dry run on an empty clone; nothing was changed. Add --execute to do it."


class Commands(click.Group):
    """The group of all commands; click's own complaints never repeat a password."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            raise click.UsageError(redacted(error.format_message()), error.ctx) from None


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, message="osc %(version)s")
def osc() -> None:
    """Change the schema of a large, busy table while applications go on using it."""


def main() -> None:
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a name may not fit the terminal
    osc()


def answering(command: Command) -> Command:
    """Adds the options on output; errors become sentences and exit codes."""

    @click.option("--json", "as_json", is_flag=True, help="The result as JSON on stdout.")
    @click.option(
        "--log-format",
        type=click.Choice(["text", "json"]),
        default="text",
        help="How each line of stderr is written.",
    )
    @click.option("-q", "--quiet", is_flag=True, help="No progress, no remarks.")
    @click.option("--debug", is_flag=True, help="Log more, and show tracebacks.")
    @functools.wraps(command)
    def wrapped(as_json: bool, log_format: str, quiet: bool, debug: bool, **rest: Any) -> None:
        output = Output(as_json, quiet, debug, log_format)
        output.set_up_log()
        try:
            with signals.raising():
                command(output=output, **rest)
        except OscError as error:
            sys.exit(output.failed(error))
        except (click.ClickException, click.exceptions.Exit, BrokenPipeError):
            raise
        except Exception as error:
            bug = failure.as_bug(error)
            bug.__cause__ = error
            sys.exit(output.failed(bug))

    return wrapped


def addressed(rest: str) -> Callable[[Command], Command]:
    """Adds `[URL] rest` and --url, which the command hands to `opened`."""

    def with_address(command: Command) -> Command:
        command = click.option("--url", help="The server and database; also $OSC_URL.")(command)
        return click.argument("words", nargs=-1, metavar=f"[URL] {rest}")(command)

    return with_address


@contextmanager
def opened(
    words: tuple[str, ...], option: str | None, replicas: tuple[str, ...] = ()
) -> Iterator[tuple[Engine, tuple[str, ...]]]:
    """The engine that the command line addresses, and the words that are left."""
    url, left = _address(words, option)
    engine = engine_at(url, replicas)
    try:
        yield engine, left
    finally:
        engine.close()


def _address(words: tuple[str, ...], option: str | None) -> tuple[str, tuple[str, ...]]:
    """The URL is the first word, if it looks like one, or the option, or the variable."""
    is_url = bool(words) and re.match(r"[A-Za-z][\w+.-]*://", words[0]) is not None
    if is_url and option:
        raise Usage("the URL is given twice, as a word and as --url", todo="leave one of them out")
    url = words[0] if is_url else option or os.environ.get("OSC_URL")
    if not url:
        raise Usage(
            "no server is named", todo="give a URL (mysql://…, postgresql://…), --url or $OSC_URL"
        )
    return url, words[1:] if is_url else words


def setting(command: Command) -> Command:
    """Adds an option for each field of `Settings`."""
    for name in reversed(Settings.model_fields):
        command = _option(name)(command)
    return configured(command)


def configured(command: Command) -> Command:
    """Adds the options on files of settings."""
    command = click.option("--profile", help="A profile of the file; also $OSC_PROFILE.")(command)
    return click.option("--config", help="A file of settings (TOML); also $OSC_CONFIG.")(command)


def altering(command: Command) -> Command:
    """Adds both spellings of the change and an option for each field of `Settings`."""
    command = click.option("--alter", "clauses", help="What would follow ALTER TABLE name.")(
        command
    )
    command = click.option("--table", help="The table, if --alter is used.")(command)
    return setting(command)


def _option(name: str) -> Callable[[Command], Command]:
    """The option for one field; its default stays None, so that the environment can speak."""
    field = Settings.model_fields[name]
    flag, kind, default = "--" + name.replace("_", "-"), field.annotation, field.default
    text = f"{(field.description or '').capitalize()}."
    if kind is bool:
        both = f"{flag}/--no-{flag[2:]}" if default else flag
        return click.option(both, name, is_flag=True, default=None, help=text)
    if get_origin(kind) is tuple:
        return click.option(flag, name, multiple=True, help=text)
    choices = click.Choice(get_args(kind)) if get_origin(kind) is Literal else kind
    shown = f"{text}  [default: {default}]" if default != "" else text
    return click.option(flag, name, type=choices, help=shown)


def _request(
    engine: Engine,
    words: tuple[str, ...],
    table: str | None,
    clauses: str | None,
    chosen: Settings,
) -> Request:
    statement = _statement(words, table, clauses)
    return Request(
        alter=alter.parse(statement, mysql=engine.mysql),
        sync=None if chosen.sync == "auto" else Sync(chosen.sync),
        statement=statement,
        by=_who(),
    )


def _statement(words: tuple[str, ...], table: str | None, clauses: str | None) -> str:
    if len(words) > 1:
        raise Usage("more than one statement is given", todo="quote the ALTER TABLE as one word")
    if words and (table or clauses):
        raise Usage("the change is given twice", todo="a whole ALTER TABLE, or --table and --alter")
    if words:
        return words[0]
    if not (table and clauses):
        raise Usage("no change is given", todo='"ALTER TABLE …", or --table and --alter')
    return f"ALTER TABLE {table} {clauses}"


def _who() -> str:
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a container's user may have a number only
        name = str(os.getuid())
    return f"{name}@{socket.gethostname()}"


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
    chosen = settings(**flags)
    with opened(words, url) as (engine, rest):
        made = migration.plan(engine, _request(engine, rest, table, clauses, chosen), chosen)
    told = route.markdown if form == "md" else route.text
    output.in_form(form).result(route.record(made), lambda: told(made))
    sys.exit(route.exit_code(made))


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
    chosen = settings(**flags)
    with opened(words, url, chosen.replica) as (engine, rest):
        request = _request(engine, rest, table, clauses, chosen)
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
    output: Output, chosen: Settings, said: str = ""
) -> Iterator[tuple[Tracker, Controls]]:
    """The whiteboards of a run that is shown while it lasts and that signals stop."""
    tracker, controls = Tracker(), Controls()
    if chosen.postpone_cut_over:
        reason = "the cut-over waits for `osc cut-over` (--postpone-cut-over)"
        controls.steer(lambda now: now.postponed(OPERATOR, reason))
    with ExitStack() as stack:
        stack.enter_context(observers.told(chosen, tracker, controls, {"statement": said}))
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
    one has not ended. Any host will do.
    """
    chosen = settings(**flags)
    with (
        opened(words, url, chosen.replica) as (engine, rest),
        _watched(output, chosen) as (tracker, controls),
    ):
        done = migration.resume(engine, _migration(rest), chosen, tracker, controls)
    if done is None:
        output.result({"executed": False}, lambda: "it is done already; there is nothing to do")
    else:
        _reported(done, output)


@osc.command()
@addressed("[MIGRATION]")
@setting
@answering
def verify(words: tuple[str, ...], url: str | None, output: Output, **flags: Any) -> None:
    """Compare the tables of a stopped migration, row by row, by checksum.

    What was missing is copied first and changes are caught up with; afterwards the migration is as
    stopped as it was, for `osc resume` or `osc abort`.
    """
    chosen = settings(**flags)
    with (
        opened(words, url, chosen.replica) as (engine, rest),
        _watched(output, chosen) as (tracker, controls),
    ):
        done = migration.verify(engine, _migration(rest), chosen, tracker, controls)
    output.result(report.verified_record(done), lambda: report.verified_text(done))


@osc.command()
@addressed("[MIGRATION]")
@answering
def abort(words: tuple[str, ...], url: str | None, output: Output) -> None:
    """End a migration for good and remove all that is ours of it.

    The original stays as it is. A process that is still at it is told to stop. To abort twice does
    no harm.
    """
    with opened(words, url) as (engine, rest):
        found = migration.abort(engine, _migration(rest), _who())
    lines = [f"removed {thing}" for thing in found] or ["there was nothing left to remove"]
    output.result({"removed": found}, lambda: "\n".join(lines))


def _migration(words: tuple[str, ...]) -> str | None:
    if len(words) > 1:
        raise Usage("more than one migration is given", todo="quote an ALTER TABLE as one word")
    return words[0] if words else None


STEERING = {
    "pause": ("pause", "Let the copy and the verification stand still; changes are followed."),
    "resume-copy": ("resume-copy", "Go on with a copy that was paused."),
    "postpone": ("postpone", "Hold the cut-over back until `osc cut-over`."),
    "cut-over": ("cut-over", "Give a postponed cut-over leave."),
}
"""Commands that say one word to a run that is under way, on whatever host."""


def _steering(name: str, word: str, text: str) -> None:
    @osc.command(name, help=text)
    @addressed("[MIGRATION]")
    @answering
    def command(words: tuple[str, ...], url: str | None, output: Output) -> None:
        _say(words, url, word, output)


for _name, (_word, _text) in STEERING.items():
    _steering(_name, _word, _text)


@osc.command("set")
@addressed("[MIGRATION] NAME=VALUE…")
@answering
def set_(words: tuple[str, ...], url: str | None, output: Output) -> None:
    """Change how a run goes while it is under way: threads=N, chunk-time=SECONDS.

    NAME=? shows the present value.
    """
    knobs = tuple(word for word in words if re.fullmatch(r"[a-z-]+=\S+", word))
    rest = tuple(word for word in words if word not in knobs)
    if not knobs:
        raise Usage("nothing is set", todo="NAME=VALUE, such as threads=4 or chunk-time=0.2")
    for knob in knobs:
        _say(rest, url, knob, output)


def _say(words: tuple[str, ...], url: str | None, said: str, output: Output) -> None:
    with opened(words, url) as (engine, rest):
        answer = migration.say(engine, _migration(rest), said, _who())
    if answer.startswith("error: "):
        raise Usage(answer.removeprefix("error: "))
    output.result({"answer": answer}, lambda: answer)


@osc.command()
@addressed("[TABLE]")
@answering
def status(words: tuple[str, ...], url: str | None, output: Output) -> None:
    """List the migrations of a database or table."""
    with opened(words, url) as (engine, rest):
        runs = migration.status(engine, _named(engine, rest))
        live = {run.id: shown for run in runs if (shown := migration.shown(engine, run))}
    output.result(listing.records(runs, live), lambda: listing.text(runs, live))


@osc.command()
@addressed("[TABLE]")
@answering
def history(words: tuple[str, ...], url: str | None, output: Output) -> None:
    """Tell what was run on a database or table: who, what, when, and what came of it."""
    with opened(words, url) as (engine, rest):
        runs = migration.status(engine, _named(engine, rest))
    output.result(told.records(runs), lambda: told.text(runs))


@osc.command()
@addressed("[MIGRATION]")
@answering
def watch(words: tuple[str, ...], url: str | None, output: Output) -> None:
    """Watch a run that is under way, from another terminal or host, to its end."""
    with opened(words, url) as (engine, rest), signals.raising():
        for record in migration.watched(engine, _migration(rest)):
            output.result(record, functools.partial(listing.line, record))


@osc.command()
@addressed("[TABLE]")
@click.option("--execute", is_flag=True, help="Do it; without this, it is only listed.")
@click.option("--drop-old-table", is_flag=True, help="Old tables that were kept go, too.")
@answering
def cleanup(
    words: tuple[str, ...], url: str | None, execute: bool, drop_old_table: bool, output: Output
) -> None:
    """Remove what dead migrations left behind.

    That is shadows, slots and publications; never a table that serves. An old table that was kept
    goes only with --drop-old-table.
    """
    controls = Controls()
    with opened(words, url) as (engine, rest), signals.stopping(controls):
        name = _named(engine, rest)
        found = migration.cleanup(engine, name, controls, execute=execute, archives=drop_old_table)
    verb = "removed" if execute else "would remove"
    lines = [f"{verb} {thing}" for thing in found] or ["nothing is left behind"]
    output.result({"executed": execute, "leftovers": found}, lambda: "\n".join(lines))
    if found and not execute:
        output.remark("Nothing was changed. Add --execute to do it.")


def _named(engine: Engine, words: tuple[str, ...]) -> TableName | None:
    """The table that the command line names, found by the server's rules of quoting and search."""
    if len(words) > 1:
        raise Usage("more than one table is given", todo="name one, or none for all of them")
    if not words:
        return None
    anything = alter.from_clauses(words[0], "COMMENT", mysql=engine.mysql)
    return engine.catalog.find(anything).name


@osc.command()
@click.argument(
    "server",
    type=click.Choice(["postgres", "mysql", "mariadb"]),
    default="postgres",
    required=False,
)
@click.option(
    "--rows", type=click.IntRange(1000), default=1_000_000, show_default=True,
    help="The size of the table.",
)  # fmt: skip
@click.option(
    "--rate",
    type=click.IntRange(1, 5000),
    default=300,
    show_default=True,
    help="Statements a second of the live writers.",
)
@answering
def demo(server: str, rows: int, rate: int, output: Output) -> None:
    """Watch a change under live writers.

    On a throwaway server of its own; at the end every row is compared.
    """
    from osc.demo import story  # what it starts servers with isn't needed by anything else

    verdict = story.tell(server, rows, rate, output)
    output.result(verdict.record(), verdict.text)
    verdict.check()


TAKES_ANYTHING = {"ignore_unknown_options": True, "allow_interspersed_args": False,
                  "help_option_names": []}  # fmt: skip


def _habit(name: str, peer: str, translated: Callable[..., Translation]) -> None:
    @osc.command(
        name,
        context_settings=TAKES_ANYTHING,
        help=f"Run a command line of {peer}'s: the same flags.",
    )
    @click.argument("line", nargs=-1, type=click.UNPROCESSED, metavar="FLAGS…")
    @click.pass_context
    def command(context: click.Context, line: tuple[str, ...]) -> None:
        try:
            found = translated(line)
        except OscError as error:
            sys.exit(Output().failed(error))
        for remark in found.remarks:
            click.echo(f"{name}: {remark}", err=True)
        click.echo(f"+ {found.line}", err=True)
        os.environ.update(found.environment)
        run.main([*found.arguments], prog_name="osc run", parent=context.parent)


_habit("pt", "pt-online-schema-change", pt.translated)
_habit("gh-ost", "gh-ost", gh_ost.translated)


@osc.command(context_settings=TAKES_ANYTHING)
@click.argument("line", nargs=-1, type=click.UNPROCESSED, metavar="PEER FLAGS…")
def translate(line: tuple[str, ...]) -> None:
    """Show a command line of pt-online-schema-change or gh-ost as `osc run`; run nothing."""
    words = shlex.split(line[0]) if len(line) == 1 else [*line]
    peers = {"pt-online-schema-change": pt.translated, "gh-ost": gh_ost.translated}
    peer = os.path.basename(words[0]) if words else ""
    try:
        if peer not in peers:
            raise Usage(f"{peer!r} is no peer that is known here", todo=", ".join(peers))
        found = peers[peer](words[1:])
    except OscError as error:
        sys.exit(Output().failed(error))
    click.echo(found.line)
    for remark in found.remarks:
        click.echo(remark, err=True)


@osc.command("config")
@configured
@answering
def config_(config: str | None, profile: str | None, output: Output) -> None:
    """Show each setting, its value, and where that comes from."""
    known = origins(config=config, profile=profile)
    record = [{"name": name, "value": value, "origin": origin} for name, value, origin in known]
    pairs = [(name.replace("_", "-"), f"{value}  ({origin})") for name, value, origin in known]
    output.result(record, lambda: redacted(aligned(pairs)))


@osc.command()
@click.argument("code")
@answering
def explain(code: str, output: Output) -> None:
    """Explain an exit code: what is still true, and what to do."""
    said = explanations.text(code)
    output.result({"exit_code": int(code), "text": said}, lambda: said)


@osc.command("exit-codes")
@answering
def exit_codes(output: Output) -> None:
    """List the exit codes and what they mean."""
    known = failure.exit_codes()
    record = [{"exit_code": code, "title": title, "meaning": text} for code, title, text in known]
    pairs = [(str(code), text) for code, _, text in known]
    output.result(record, lambda: aligned(pairs))
