"""What can go wrong, in words for the person who is awake at night.

OscError                      exit code
├── Bug                        1   ours; please report it
├── Usage                      2   the command line
├── Precondition               3   nothing was touched
├── Unreachable                5   connection, authentication, privilege
├── DataWouldBeLost            6   the new definition has no room for the rows
├── VerificationFailed         7   no swap was done
├── CutOverNotObtained         8   the shadow is kept
├── Guarded                    9   a load or lag guard stopped the run
├── Aborted                   10   the operator said so
├── PositionGone              11   the log no longer reaches back
├── TableChanged              12   somebody else altered the table
└── SwappedButUnfinished      13   the new table serves; a later step failed

ServerError and its children are what a driver's exception becomes at the border
(`mysql/session.py`, `postgres/session.py`). A stage either knows what to do about one of them
or lets it pass as exit code 5.
"""

from __future__ import annotations

import signal
from typing import ClassVar


class OscError(Exception):
    """What happened and on what, what is still true, what to do: three sentences at most."""

    exit_code: ClassVar[int] = 1
    title: ClassVar[str] = "internal error"
    resumable: ClassVar[bool] = True
    """What was copied is kept, once there is a copy: its cause may pass or can be removed."""

    def __init__(self, happened: str, *, still_true: str = "", todo: str = "") -> None:
        super().__init__(happened)
        self.kept = False  # a resume can go on from here
        self.happened = happened
        self.still_true = still_true
        self.todo = todo

    def __str__(self) -> str:
        return "\n".join(part for part in (self.happened, self.still_true, self.todo) if part)


class Bug(OscError):
    """A promise of our own code was broken."""


class Usage(OscError):
    """The command line asks for something that cannot be meant."""

    exit_code = 2
    title = "wrong usage"


class Precondition(OscError):
    """The migration cannot start; nothing was touched."""

    exit_code = 3
    title = "refused"


class NoTable(Precondition):
    """There is no table of that name."""


class NoDatabase(Precondition):
    """There is no database of that name."""


class Unreachable(OscError):
    """The server cannot be reached, or does not let us do it."""

    exit_code = 5
    title = "no access"


class DataWouldBeLost(OscError):
    """The new definition has no room for what the rows hold."""

    exit_code = 6
    title = "data would be lost"


class VerificationFailed(OscError):
    """Original and shadow differ; the swap was not done."""

    exit_code = 7
    title = "verification failed"


class CutOverNotObtained(OscError):
    """The lock could not be had within its budget, as often as it was tried."""

    exit_code = 8
    title = "cut-over not obtained"


class Guarded(OscError):
    """A guard on load, lag, disk or retained log stopped the run."""

    exit_code = 9
    title = "stopped by a guard"


class Aborted(OscError):
    """The operator ended the run."""

    exit_code = 10
    title = "aborted"
    resumable = False


class Stopped(Aborted):
    """A word, a file or a hook of the operator's stopped the run; it can be resumed."""

    title = "stopped by the operator"
    resumable = True


class TakenOver(Aborted):
    """Another process goes on with the migration, or has ended it: nothing is ours any more."""

    title = "taken over"


class Interrupted(Aborted):
    """SIGHUP, SIGINT or SIGTERM arrived; the exit code is 128 plus its number."""

    title = "interrupted"
    resumable = True

    def __init__(self, signal_number: int, **sentences: str) -> None:
        super().__init__(f"{signal.Signals(signal_number).name} arrived", **sentences)
        self.signal_number = signal_number


class PositionGone(OscError):
    """The change source no longer reaches back to where we have to go on."""

    exit_code = 11
    title = "position gone"
    resumable = False


class TableChanged(OscError):
    """Somebody else altered, truncated or replaced the table while it was being copied."""

    exit_code = 12
    title = "table changed by somebody else"
    resumable = False


class SwappedButUnfinished(OscError):
    """The new table serves; something after the swap failed."""

    exit_code = 13
    title = "swapped, but not finished"


class ServerError(Unreachable):
    """The server refused a statement for a reason no stage knows how to answer."""

    title = "server error"

    def __init__(self, happened: str, *, code: str = "", **sentences: str) -> None:
        super().__init__(happened, **sentences)
        self.code = code


class NotAllowed(ServerError):
    """A privilege is missing."""

    title = "not allowed"


class ConnectionLost(ServerError):
    """The connection broke; whether the last statement took effect is unknown."""


class Conflict(ServerError):
    """Deadlock, lock wait or serialisation: the transaction was rolled back and may be repeated."""


class LockTimeout(ServerError):
    """A lock was not granted within the budget that we set ourselves."""


class DuplicateKey(ServerError):
    """A unique key of the shadow already holds this value."""


class BadValue(ServerError):
    """A value does not fit: out of range, too long, NULL, invalid, or a CHECK says no."""


class CopyNeeded(ServerError):
    """What was tried without a copy can't be done so after all; nothing of it is left."""


class BadStatement(ServerError):
    """The server cannot parse or execute the statement on this table."""
