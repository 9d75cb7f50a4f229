"""What the README speaks of is there, and what is there it speaks of."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from osc.cli import osc
from osc.engine import Sync
from osc.errors import OscError
from osc.habits import gh_ost, pt
from osc.mysql import privileges
from osc.mysql.gauges import KNOWN as OF_MYSQL
from osc.ops.events import ACTIONS
from osc.ops.failure import exit_codes
from osc.ops.hooks import EVENTS
from osc.postgres.gauges import KNOWN as OF_POSTGRES
from tests.unit.test_monitoring import exported

SOURCES = Path(__file__).parents[2] / "osc"
README = (Path(__file__).parents[2] / "README.md").read_text()
OF_OTHERS = {"--log-bin", "--help"}
"""Options of servers, and of the command line itself."""


def commands() -> dict[str, click.Command]:
    return {**osc.commands}


def options() -> set[str]:
    return {
        word
        for command in commands().values()
        for parameter in command.params
        for word in (*parameter.opts, *parameter.secondary_opts)
        if word.startswith("--")
    }


def test_every_command_is_spoken_of() -> None:
    missing = [name for name in commands() if not re.search(rf"osc {name}\b", README)]

    assert missing == []


def test_every_command_that_is_spoken_of_is_there() -> None:
    spoken = set(re.findall(r"(?:`|^ {4}(?:\$ )?)osc +([a-z][a-z-]*)", README, re.MULTILINE))

    assert spoken - set(commands()) == set()


def test_every_option_that_is_spoken_of_is_there() -> None:
    spoken = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", README))
    foreign = {f"--{name}" for flags in (pt.FLAGS, gh_ost.FLAGS) for name in flags}

    assert spoken - options() - foreign - OF_OTHERS == set()


def test_every_option_is_spoken_of() -> None:
    spoken = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", README))

    missing = {word for word in options() - spoken if _other_way(word) not in spoken}

    assert missing == set()


def _other_way(option: str) -> str:
    """The same switch, turned the other way."""
    return f"--{option[5:]}" if option.startswith("--no-") else f"--no-{option[2:]}"


def test_the_exit_codes_are_those_of_the_errors() -> None:
    table = README.split("## Exit codes")[1].split("\n## ")[0]
    spoken = {int(code) for row in re.findall(r"^\| ([\d, ]+) \|", table, re.MULTILINE)
              for code in row.split(",")}  # fmt: skip

    assert spoken == {code for code, _, _ in exit_codes()}


def test_the_metrics_are_those_that_are_exported() -> None:
    assert set(re.findall(r"`(osc_[a-z_]+)`", README)) == exported()


@pytest.mark.parametrize("event", EVENTS)
def test_every_event_of_a_hook_is_spoken_of(event: str) -> None:
    assert f"`{event}`" in README


def test_every_hook_that_is_spoken_of_is_there() -> None:
    table = README.split("### Hooks")[1].split("\n### ")[0]
    spoken = {name for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
              for name in re.findall(r"`([a-z-]+)`", row)}  # fmt: skip

    assert spoken == set(EVENTS)


def test_the_actions_of_events_are_those_that_are_logged() -> None:
    table = README.split("| action | when |")[1].split("\n\n")[0]
    spoken = {name for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
              for name in re.findall(r"`([a-z-]+)`", row)}  # fmt: skip
    logged = {
        found
        for path in SOURCES.rglob("*.py")
        for found in re.findall(r"""action"?[=:] ?"([a-z-]+)\"""", path.read_text())
    }

    assert spoken == set(ACTIONS) == logged | {"log"}


def test_every_exit_code_that_an_error_has_is_one_of_the_table() -> None:
    assert {code for code, _, _ in exit_codes()} >= {kind.exit_code for kind in _errors(OscError)}


def _errors(kind: type[OscError]) -> set[type[OscError]]:
    return {kind, *(one for child in kind.__subclasses__() for one in _errors(child))}


def test_every_gauge_that_is_spoken_of_is_there_and_the_other_way_round() -> None:
    row = next(line for line in README.splitlines() if line.startswith("| `--max-load`"))

    assert set(re.findall(r"`([a-z][a-z-]+)`", row)) == {*OF_MYSQL, *OF_POSTGRES}


def test_every_part_of_the_code_that_is_spoken_of_is_there() -> None:
    for name in re.findall(r"`((?:osc|tests|benchmarks|docker)/[\w/.]*)`", README):
        assert (SOURCES.parent / name).exists(), name


def test_every_command_and_option_has_a_line_of_help() -> None:
    silent = [name for name, command in commands().items() if not command.help]
    silent += [
        f"{name} {parameter.opts[0]}"
        for name, command in commands().items()
        for parameter in command.params
        if isinstance(parameter, click.Option) and not parameter.help and not parameter.hidden
    ]

    assert silent == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_that_is_spoken_of_completes_commands(
    shell: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert f"{shell}_source" in README
    monkeypatch.setenv("_OSC_COMPLETE", f"{shell}_complete")
    monkeypatch.setenv("COMP_WORDS", "osc pos")
    monkeypatch.setenv("COMP_CWORD", "pos" if shell == "fish" else "1")

    with pytest.raises(SystemExit):
        osc.main([], prog_name="osc")

    assert "postpone" in capsys.readouterr().out


def test_what_a_copy_needs_is_told() -> None:
    needed = {*privileges.OF_THE_SERVER[Sync.LOG], *privileges.OF_THE_DATABASE}

    assert {one for one in needed if one not in README} == set()
