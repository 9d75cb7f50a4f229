"""Commands that take the peers' command lines."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import click

from osc.cli.changing import resume, run
from osc.cli.group import osc
from osc.errors import OscError, Usage
from osc.habits import gh_ost, pt
from osc.habits.habit import Translation
from osc.ops.output import Output

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
        if not found.command:
            click.echo("\n".join(found.remarks))
            return
        for remark in found.remarks:
            click.echo(f"{name}: {remark}", err=True)
        click.echo(f"+ {found.line}", err=True)
        os.environ.update(found.environment)
        if found.asks_password:
            os.environ["MYSQL_PWD"] = click.prompt("password", hide_input=True, err=True)
        for file in found.creates:
            _made(file)
        ours = resume if found.command == "resume" else run
        ours.main([*found.arguments], prog_name=f"osc {found.command}", parent=context.parent)


def _made(file: str) -> None:
    try:
        Path(file).touch()
    except OSError as error:
        sys.exit(Output().failed(Usage(f"the file {file} can't be made: {error.strerror}")))


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
    if found.command:
        click.echo(found.line)
    for remark in found.remarks:
        click.echo(remark, err=True)
