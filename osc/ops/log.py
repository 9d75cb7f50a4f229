"""Logs on stderr: sentences for people, or one JSON object a line for machines.

Every record has an `action`, so that a machine need not understand the sentence.
"""

from __future__ import annotations

import logging
import sys

import structlog
from structlog.typing import EventDict, WrappedLogger

from osc.ops.redact import redacted

SCHEMA = 1
"""Goes up when a field of an event changes its meaning or goes; a new field is no such change."""

ACTIONS = {
    "phase": "a phase begins; the counts so far",
    "progress": "every 30 s; the same and the speed",
    "cut-over": "an attempt begins: who allowed it, and what is expected of its lock",
    "said": "somebody, a file or an hour has told the run something: the words, who, the answer",
    "throttled": "it has stood still for 5 s, and why; later that it goes on, and after how long",
    "blocker-ended": "a session was ended for the lock, and as whom allowed",
    "onlookers": "the cut-over goes on, and to somebody's old snapshot rows will be missing",
    "repair": "rows that differed were copied anew",
    "hook-failed": "a hook that has no veto went wrong",
    "error": "the end, where it is none: what happened, what is still true, what to do",
    "log": "anything else",
}
"""What a line of JSON may be about; README has them for those who read it."""


def set_up(log_format: str, level: int) -> None:
    """Sends what `osc` and its libraries log to stderr; from libraries, only warnings."""
    is_json = log_format == "json"
    render = structlog.processors.JSONRenderer() if is_json else _sentence
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.ExtraAdder(),
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _named_action,
    ]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            _secretless,
            *([_versioned] if is_json else []),
            render,
        ],
    )
    handler = _ToStderr()
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("osc").setLevel(level)
    # A terminal that was closed must not end the migration: what can't be shown is not shown.
    logging.raiseExceptions = False
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared[1:],
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


class _ToStderr(logging.Handler):
    """Asks for stderr each time: a live display stands in for it while it is on."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            print(self.format(record), file=sys.stderr, flush=True)
        except (OSError, ValueError):
            self.handleError(record)


def _named_action(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    event.setdefault("action", "log")
    return event


def _secretless(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = redacted(value)
    return event


def _versioned(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    return {"schema": SCHEMA, **event}


def _sentence(_: WrappedLogger, __: str, event: EventDict) -> str:
    level = event.get("level", "info")
    prefix = "" if level == "info" else f"{level}: "
    trace = f"\n{event['exception']}" if event.get("exception") else ""
    return f"{event['timestamp'][:19]}Z  {prefix}{event['event']}{trace}"
