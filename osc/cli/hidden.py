"""A password on the command line is taken off it: whoever runs `ps` would read it.

The process begins again, under the same number, with *** in its place; the words themselves go
along in its environment, which only the same user can read, and are taken out of that at once, so
that no hook inherits them. For the blink before that they can be seen, as with every program.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Sequence

from osc.ops.redact import redacted

VARIABLE = "_OSC_ARGUMENTS"
PEERS = {"pt", "gh-ost", "translate"}
_IN_DSN = re.compile(r"(^|,)p=[^,]*")
_SECRET_FLAGS = {"--password", "-password", "-p", "--slave-password", "--replica-password",
                 "--master-password"}  # fmt: skip


def arguments() -> list[str]:
    """The words after the program's name; comes back in another life where one was a secret."""
    kept = os.environ.pop(VARIABLE, None)
    if kept is not None:
        return [str(word) for word in json.loads(kept)]
    given, line = sys.argv[1:], sys.orig_argv
    shown = without_secrets(given)
    if shown != given and line[len(line) - len(given) :] == given:
        environment = {**os.environ, VARIABLE: json.dumps(given)}
        os.execve(sys.executable, [*line[: len(line) - len(given)], *shown], environment)
    return given


def without_secrets(words: Sequence[str]) -> list[str]:
    """The words with every password in them as ***."""
    shown = [redacted(word) for word in words]
    if not words or words[0] not in PEERS:
        return shown
    for at, word in enumerate(shown):
        if at and words[at - 1] in _SECRET_FLAGS:
            shown[at] = "***"
        elif re.match(r"-p[^-]", word):
            shown[at] = "-p***"
        else:
            shown[at] = _IN_DSN.sub(r"\1p=***", word)
    return shown
