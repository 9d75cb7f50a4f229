"""What each exit code means for the person who is awake at night: `osc explain CODE`."""

from __future__ import annotations

from osc.errors import Usage
from osc.ops.failure import exit_codes

MORE: dict[int, str] = {
    0: "The table has its new definition, or it had it already. A runbook may go on.",
    1: "Something happened that nobody foresaw. The original was not changed unless the message "
    "says that the swap took place; `osc status URL` tells how far it was. Run it again with "
    "--debug and report what it prints.",
    2: "The command line, a variable or a file of settings says something that can't be meant. "
    "Nothing was touched. `osc COMMAND --help` lists the options.",
    3: "It was looked at and refused: the message names the reason and the way out. Nothing was "
    "touched. A change that the server can do by itself is not refused for what only a copy needs.",
    5: "The server can't be reached, lets nobody in, or a privilege is missing. If a copy was "
    "under way, it is kept, and `osc resume URL` goes on; a process that is alive waits "
    "--reconnect-for seconds by itself.",
    6: "Rows don't fit the new definition: duplicates under a new unique key, values too long or "
    "out of range, NULLs. The message shows some. Put them right, or change the ALTER. Rows are "
    "never dropped or bent. If the copy was under way, it is kept for `osc resume URL`.",
    7: "Original and new table differ, in the rows whose keys the message shows. No swap was done. "
    "Find out who writes past the log or past the triggers; `osc resume URL --repair` makes the "
    "rows equal and compares again.",
    8: "The lock for the swap was not had within its budget, as often as it was tried. Nothing was "
    "changed, and the copy is kept. The message names who was in the way. End those transactions, "
    "or try at a quieter hour with `osc resume URL`.",
    9: "A guard stopped the run: a critical load, too much retained log, or changes that come "
    "faster than they can be applied. What was copied is kept; `osc resume URL` when it is calmer.",
    10: "The operator said so: by `osc abort`, which removes all that is ours, or by a word, a "
    "file or a hook, after which what was copied is kept for `osc resume URL`.",
    11: "The server's log no longer reaches back to where we have to go on: it was purged, reset, "
    "the slot is gone, or it is another server. What was copied can't be trusted any more and is "
    "removed. Keep more log, and start again.",
    12: "Somebody else altered, truncated or replaced the table meanwhile. What they made of it "
    "serves; our copy is removed. Agree with them, and start again.",
    13: "The new table serves. Something that comes after the swap failed: the message says what. "
    "`osc resume URL` finishes it.",
    20: "The answer of `osc plan` alone: the server can't do it by itself without keeping others "
    "waiting, so `osc run` would fill a shadow table. 0 says that no copy is needed.",
    129: "SIGHUP: the terminal was closed. What was copied is kept; `osc resume URL` goes on, from "
    "any host. `nohup`, screen and tmux let a run outlive its terminal.",
    130: "SIGINT. What was copied is kept; `osc resume URL` goes on, from any host.",
    143: "SIGTERM. What was copied is kept; `osc resume URL` goes on, from any host.",
}


def text(code: str) -> str:
    """Usage where there is no such code."""
    known = {number: (title, meaning) for number, title, meaning in exit_codes()}
    if not code.isdigit() or int(code) not in known:
        raise Usage(f"there is no exit code {code!r}", todo="`osc exit-codes` lists them")
    title, meaning = known[int(code)]
    return "\n\n".join((f"{code}: {title}", MORE.get(int(code), meaning)))
