"""What commands share: where they act, how they answer, what they can be told."""

from __future__ import annotations

import functools
import getpass
import os
import re
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal, get_args, get_origin

import click

from osc.config import Settings, connecting
from osc.engine import Engine, Sync
from osc.engines import engine_at, secured
from osc.errors import OscError, Usage
from osc.migration import Request
from osc.model import alter
from osc.model.table import TableName
from osc.ops import failure, signals
from osc.ops.output import Output

Command = Callable[..., Any]

ASKED = "osc.connecting"
"""Where click keeps what the options on connections say."""
MODES = ("disabled", "preferred", "required", "verify-ca", "verify-identity")
FILE = click.Path(exists=True, dir_okay=False, readable=True)
CONNECTING: dict[str, tuple[Any, str]] = {
    "ssl-mode": (
        click.Choice(MODES, case_sensitive=False),
        "Encryption; the same words for PostgreSQL (verify-identity is its verify-full).",
    ),
    "ssl-ca": (FILE, "Certificates of those who may vouch for the server."),
    "ssl-cert": (FILE, "Our own certificate."),
    "ssl-key": (FILE, "The key of our certificate."),
    "defaults-file": (
        FILE,
        "An option file of MySQL to read instead of /etc/my.cnf, ~/.my.cnf and so on.",
    ),
}


def _remembered(context: click.Context, option: click.Parameter, value: str | None) -> None:
    if value is not None:
        asked = context.meta.setdefault(ASKED, {})
        asked[str(option.name).replace("_", "-")] = value


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
        for name, (kind, text) in reversed(CONNECTING.items()):
            command = click.option(
                f"--{name}", type=kind, help=text, expose_value=False, callback=_remembered,
                envvar=f"OSC_{name.upper().replace('-', '_')}",
            )(command)  # fmt: skip
        command = click.option("--url", help="The server and database; also $OSC_URL.")(command)
        return click.argument("words", nargs=-1, metavar=f"[URL] {rest}")(command)

    return with_address


@contextmanager
def opened(
    words: tuple[str, ...], option: str | None, replicas: tuple[str, ...] = ()
) -> Iterator[tuple[Engine, tuple[str, ...]]]:
    """The engine that the command line addresses, and the words that are left."""
    url, left = _address(words, option)
    asked = {**_from_files(), **click.get_current_context().meta.get(ASKED, {})}
    asked.pop("url", None)
    engine = engine_at(secured(url, asked), replicas, asked)
    try:
        yield engine, left
    finally:
        engine.close()


def _from_files() -> dict[str, str]:
    params = click.get_current_context().params
    return connecting(params.get("config"), params.get("profile"))


def _address(words: tuple[str, ...], option: str | None) -> tuple[str, tuple[str, ...]]:
    """The URL is the first word, if it looks like one, or the option, the variable, a file's."""
    is_url = bool(words) and re.match(r"[A-Za-z][\w+.-]*://", words[0]) is not None
    if is_url and option:
        raise Usage("the URL is given twice, as a word and as --url", todo="leave one of them out")
    url = words[0] if is_url else option or os.environ.get("OSC_URL") or _from_files().get("url")
    if not url:
        raise Usage(
            "no server is named",
            todo="give a URL (mysql://…, postgresql://…), --url, $OSC_URL, or url in osc.toml",
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
        return click.option(f"{flag}/--no-{flag[2:]}", name, is_flag=True, default=None, help=text)
    if get_origin(kind) is tuple:
        return click.option(flag, name, multiple=True, help=text)
    choices = click.Choice(get_args(kind)) if get_origin(kind) is Literal else kind
    shown = f"{text}  [default: {default}]" if default != "" else text
    return click.option(flag, name, type=choices, help=shown)


def stated(
    words: tuple[str, ...], option: str | None, table: str | None, clauses: str | None
) -> str:
    """The ALTER TABLE that the command line gives, in either spelling."""
    return _statement(_address(words, option)[1], table, clauses)


def request_of(
    engine: Engine, statement: str, chosen: Settings, said: frozenset[str] = frozenset()
) -> Request:
    return Request(
        alter=engine.read(statement),
        sync=None if chosen.sync == "auto" else Sync(chosen.sync),
        statement=statement,
        by=who(),
        said=said,
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


def who() -> str:
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a container's user may have a number only
        name = str(os.getuid())
    return f"{name}@{socket.gethostname()}"


def migration_of(words: tuple[str, ...]) -> str | None:
    if len(words) > 1:
        raise Usage("more than one migration is given", todo="quote an ALTER TABLE as one word")
    return words[0] if words else None


def named_of(engine: Engine, words: tuple[str, ...]) -> TableName | None:
    """The table that the command line names, found by the server's rules of quoting and search."""
    if len(words) > 1:
        raise Usage("more than one table is given", todo="name one, or none for all of them")
    if not words:
        return None
    anything = alter.from_clauses(words[0], "COMMENT", mysql=engine.mysql)
    return engine.catalog.find(anything).name
