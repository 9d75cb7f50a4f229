"""Where things go: results on stdout, progress and errors on stderr."""

from __future__ import annotations

import json
import logging
import os
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TextIO

from osc.errors import OscError
from osc.ops import display, failure, log
from osc.ops.redact import redacted
from osc.ops.units import wrapped


@dataclass(frozen=True)
class Output:
    """How the command line wants to be talked to."""

    as_json: bool = False
    quiet: bool = False
    debug: bool = False
    log_format: str = "text"

    def set_up_log(self) -> None:
        level = logging.DEBUG if self.debug else logging.INFO
        log.set_up(self.log_format, logging.WARNING if self.quiet else level)

    def face(self) -> display.Face:
        return display.face(quiet=self.quiet, log_format=self.log_format)

    def in_form(self, form: str) -> Output:
        """The same where the command has a --format of its own."""
        return replace(self, as_json=self.as_json or form == "json")

    def result(self, value: Any, text: Callable[[], str]) -> None:
        """The command's answer; the text is made only where it is wanted."""
        if self.as_json:
            print(json.dumps(value, ensure_ascii=False))
        else:
            print(_fitted(text(), sys.stdout))

    def remark(self, sentence: str) -> None:
        """What a person should know and a script need not."""
        if self.log_format == "json":
            logging.getLogger("osc").info(sentence)
        elif not self.quiet:
            print(sentence, file=sys.stderr)

    def failed(self, error: OscError) -> int:
        """Shows the error; the traceback of its cause only with --debug. Gives the exit code."""
        trace = "".join(traceback.format_exception(error.__cause__ or error))
        if self.log_format == "json":
            fields = {**failure.record(error), **({"trace": trace} if self.debug else {})}
            logging.getLogger("osc").error(error.happened, extra={"action": "error", **fields})
        else:
            print(redacted(trace) if self.debug else "", end="", file=sys.stderr)
            print(_fitted(failure.text(error), sys.stderr), file=sys.stderr)
        if self.as_json:
            print(json.dumps(failure.record(error), ensure_ascii=False))
        return failure.exit_code(error)


def _fitted(text: str, stream: TextIO) -> str:
    """Wrapped between words where it goes to a terminal; a script gets whole lines."""
    try:
        columns = os.get_terminal_size(stream.fileno()).columns if stream.isatty() else 0
    except (OSError, ValueError):
        columns = 0
    return wrapped(text, columns) if columns else text
