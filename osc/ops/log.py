"""Logs on stderr: sentences for people, or one JSON object a line for machines.

Every record has an `action`, so that a machine need not understand the sentence.
"""

from __future__ import annotations

import logging
import sys

import structlog
from structlog.typing import EventDict, WrappedLogger

from osc.ops.events import SCHEMA
from osc.ops.redact import redacted


def set_up(log_format: str, level: int) -> None:
    """Sends what `osc` and its libraries log to stderr; from libraries, only warnings."""
    handler = _ToStderr()
    handler.setFormatter(formatter(log_format))
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("osc").setLevel(level)
    # A terminal that was closed must not end the migration: what can't be shown is not shown.
    logging.raiseExceptions = False
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *SHARED[1:],
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def formatter(log_format: str) -> logging.Formatter:
    """Makes a line of a record, of ours or of a library."""
    is_json = log_format == "json"
    render = structlog.processors.JSONRenderer() if is_json else _sentence
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=SHARED,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            _secretless,
            *([_versioned] if is_json else []),
            render,
        ],
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


SHARED: list[structlog.typing.Processor] = [
    structlog.stdlib.ExtraAdder(),
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
    _named_action,
]
"""What is added to each record, whoever made it; the first is for those of the standard library."""
