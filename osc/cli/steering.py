"""Commands that say a word to a run that is under way, on whatever host."""

from __future__ import annotations

import re

from osc import migration
from osc.cli.frame import addressed, answering, migration_of, opened, who
from osc.cli.group import osc
from osc.errors import Usage
from osc.ops.output import Output

STEERING = {
    "pause": ("pause", "Let copy, comparison and cut-over stand still; changes are followed."),
    "resume-copy": ("resume-copy", "Go on with a copy that was paused."),
    "postpone": ("postpone", "Hold the cut-over back until `osc cut-over`."),
    "stop": ("panic", "Stop at once; what was copied is kept for `osc resume`."),
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
    """Change how a run goes while it is under way.

    threads=N, chunk-time=SECONDS, and what holds it back, named as the options of `osc run` are:
    max-lag=0.5, max-load=running=50, throttle-query='SELECT …'. NAME=? shows the present value,
    NAME= takes it away. Several values have commas between them.
    """
    knobs = tuple(word for word in words if re.match(r"[a-z-]+=", word))
    rest = tuple(word for word in words if word not in knobs)
    if not knobs:
        raise Usage("nothing is set", todo="NAME=VALUE, such as threads=4 or chunk-time=0.2")
    for knob in knobs:
        _say(rest, url, knob, output)


def _say(words: tuple[str, ...], url: str | None, said: str, output: Output) -> None:
    with opened(words, url) as (engine, rest):
        answer = migration.say(engine, migration_of(rest), said, who())
    if answer.startswith("error: "):
        raise Usage(answer.removeprefix("error: "))
    output.result({"answer": answer}, lambda: answer)
