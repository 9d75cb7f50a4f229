"""What can't be meant by the settings of a run, said before a table is touched.

`require` asks nobody; `ask` asks the server whether it knows what it is to be held to.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

from osc.config import Settings
from osc.engine import Engine, Gauges
from osc.errors import BadStatement, NotAllowed, Precondition, Usage
from osc.model.hours import hours
from osc.ops import gauges, metrics


def require(settings: Settings) -> None:
    """Usage for a value that is none, or for two that contradict each other."""
    _require_values(settings)
    _require_agreement(settings)


def _require_values(settings: Settings) -> None:
    for window, option in (
        (settings.only_between, "--only-between"),
        (settings.cut_over_between, "--cut-over-between"),
    ):
        if window:
            hours(window, option)
    for replica in settings.replica:
        if "://" not in replica:
            raise Usage(f"--replica {replica!r} is no URL", todo="such as mysql://user@host:3306/")
    if (address := settings.throttle_http) and not _is_http(address):
        raise Usage(f"--throttle-http {address!r} is no address", todo="http://HOST:PORT/PATH")
    if settings.hooks_path and not Path(settings.hooks_path).is_dir():
        raise Usage(f"--hooks-path {settings.hooks_path} is no folder")
    if settings.metrics_listen:
        metrics.place(settings.metrics_listen, "--metrics-listen", here="127.0.0.1")
    if settings.statsd:
        metrics.place(settings.statsd, "--statsd")


def require_no_panic(settings: Settings) -> None:
    """Precondition where a run would be stopped by what is there already."""
    path = settings.panic_flag_file
    if path and os.path.exists(path):
        raise Precondition(
            f"the panic file {path} is there already",
            still_true="nothing was touched",
            todo="remove it, if whoever made it agrees",
        )


def _is_http(address: str) -> bool:
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _require_agreement(settings: Settings) -> None:
    limits = gauges.limits(settings.max_load, "--max-load")
    critical = gauges.limits(settings.critical_load, "--critical-load")
    for name in limits.keys() & critical.keys():
        if critical[name] < limits[name]:
            raise Usage(
                f"--critical-load {name}={critical[name]:g} is below --max-load "
                f"{name}={limits[name]:g}: the run would stop before it is held back"
            )
    if settings.critical_load_hibernate and not critical:
        raise Usage("--critical-load-hibernate has no --critical-load to sleep for")
    if settings.latency_query and not settings.max_latency:
        raise Usage("--latency-query has no --max-latency that it could be longer than")
    if settings.repair and not settings.verify:
        raise Usage("--repair is for what verification finds, and --no-verify leaves that out")
    if "most_threads" in settings.model_fields_set and settings.threads > settings.most_threads:
        raise Usage(
            f"--threads {settings.threads} is more than --most-threads {settings.most_threads}"
        )
    _require_one_meaning_of_each_file(settings)


def _require_one_meaning_of_each_file(settings: Settings) -> None:
    known: dict[str, str] = {}
    for option, paths in (
        ("--panic-flag-file", (settings.panic_flag_file,)),
        ("--postpone-cut-over-flag-file", settings.postpone_cut_over_flag_file),
        ("--pause-file", (*settings.pause_file, *settings.throttle_flag_file)),
    ):
        for path in filter(None, paths):
            if (other := known.setdefault(str(Path(path).absolute()), option)) != option:
                raise Usage(f"the file {path} is for {other} and for {option}")


def ask(engine: Engine, settings: Settings) -> None:
    """Usage or Precondition for a limit that this server can't be held to: it would hold the copy
    for ever, or never."""
    with closing(engine.gauges()) as found:
        for option in ("max_load", "critical_load"):
            for name in gauges.limits(getattr(settings, option), f"--{option.replace('_', '-')}"):
                found.read(name)
        for query, option, tried in (
            (settings.throttle_query, "--throttle-query", found.value),
            (settings.latency_query, "--latency-query", found.probe),
        ):
            if query:
                _try(query, option, tried)
        if settings.min_free_disk:
            require_known_disk(found)


def _try(query: str, option: str, tried: Callable[[str], object]) -> None:
    try:
        tried(query)
    except (BadStatement, NotAllowed) as error:
        raise Usage(f"{option}: the server refuses it: {error.happened}") from error


def require_known_disk(found: Gauges) -> None:
    if found.free_disk() is None:
        raise Precondition(
            "how much disk is free can't be known here: the server doesn't say, and is on another "
            "host or keeps it from us",
            todo="leave --min-free-disk out, or look otherwise (--throttle-query, --throttle-http);"
            " MariaDB has INSTALL SONAME 'disks', PostgreSQL the role pg_read_all_settings",
        )
