"""The group of all commands."""

from __future__ import annotations

import sys
from typing import Any

import click

from osc import __version__
from osc.cli import hidden
from osc.ops.redact import redacted


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
    osc(hidden.arguments())
