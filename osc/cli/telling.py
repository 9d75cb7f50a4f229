"""Commands that need no server: settings, exit codes, the demo."""

from __future__ import annotations

import click

from osc.cli.frame import answering, configured
from osc.cli.group import osc
from osc.config import origins
from osc.ops import explanations, failure
from osc.ops.output import Output
from osc.ops.redact import redacted
from osc.ops.units import aligned


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
