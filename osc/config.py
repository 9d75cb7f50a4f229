"""What an operator may set: one field here is one option, one variable and one line of help."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from osc import files
from osc.errors import Usage

LONGEST_SECONDS = 30 * 86_400
"""What is longer is no time to wait for but a slip."""


def _several(value: Any) -> Any:
    """A variable, a file or a word to a run may have several in one text, with commas."""
    if isinstance(value, str):
        value = tuple(filter(None, (word.strip() for word in value.split(","))))
    if isinstance(value, list | tuple) and any(
        isinstance(word, str) and not word.strip() for word in value
    ):
        raise ValueError("none of them may be empty")
    return value


Several = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_several)]


class Settings(BaseSettings):
    """`chunk_time` is `--chunk-time` and `$OSC_CHUNK_TIME`; the option wins."""

    model_config = SettingsConfigDict(
        env_prefix="OSC_", frozen=True, extra="forbid", allow_inf_nan=False
    )

    sync: Literal["auto", "log", "triggers"] = Field(
        "auto", description="how changes are followed: the server's log, or triggers"
    )
    threads: int = Field(
        2, ge=1, le=64, description="connections that act on changes, and that begin the copy"
    )
    most_threads: int = Field(
        16,
        ge=1,
        le=64,
        description="connections that the copy goes up to while more are faster, and what acts on "
        "changes while they come in faster",
    )
    chunk_time: float = Field(
        0.5, gt=0, le=60, description="seconds one chunk of the copy should take"
    )
    cut_over_lock_timeout: int = Field(
        250, ge=10, le=60_000, description="milliseconds one attempt may wait for the table's lock"
    )
    cut_over_attempts: int = Field(
        60, ge=1, description="how often the cut-over is tried before the run gives up"
    )
    nice_ratio: float = Field(
        0,
        ge=0,
        le=100,
        description="how long to rest after each chunk, in its own time: 0.5 is half of it",
    )
    kill_blockers: Literal["never", "idle", "all"] = Field(
        "never",
        description="whom to end for the cut-over's lock: nobody, idle transactions, or every "
        "client; never backups, replication or other people's DDL",
    )
    snapshot_wait: int = Field(
        60,
        ge=0,
        description="seconds the cut-over waits for transactions whose snapshot is older than the"
        " new table's rows, which would be missing to them; 0: not at all",
    )
    reconnect_for: int = Field(
        300,
        ge=0,
        le=LONGEST_SECONDS,
        description="seconds to wait for a server that went away; 0: stop at once",
    )
    verify: bool = Field(True, description="compare checksums of all rows before the swap")
    repair: bool = Field(
        False, description="copy rows anew that verification finds different, and go on"
    )
    catch_up_limit: int = Field(
        3600,
        ge=1,
        le=LONGEST_SECONDS,
        description="seconds to go on when changes come in faster than they are applied",
    )
    force_copy: bool = Field(False, description="copy even what the server could do by itself")
    small_table: int = Field(
        1_000_000,
        ge=0,
        description="bytes up to which a table that can't be copied is altered natively, as that"
        " fits into the lock budget; 0: never",
    )
    rebuild_materialized_views: bool = Field(
        False,
        description="make materialized views that read the table anew, filled before the swap"
        " (PostgreSQL)",
    )
    rebuild_views: bool = Field(
        False,
        description="make views anew that read a column whose type the ALTER changes (PostgreSQL)",
    )
    publish_shadow: bool = Field(
        False,
        description="whoever reads a publication FOR ALL TABLES may be sent the rows of the new"
        " table and of our ledger (PostgreSQL)",
    )
    reword_checks: bool = Field(
        False,
        description="let MySQL word CHECK constraints otherwise than a native ALTER leaves them,"
        " with the same meaning, where the new table needs one more",
    )
    on_replica: bool = Field(
        False,
        description="the server may itself be a replica, and is changed without its source"
        " (MySQL, MariaDB)",
    )
    drop_old_table: bool = Field(False, description="drop the old table after the swap")
    replica: Several = Field(
        (), description="URL of a replica whose lag is watched; several times for several"
    )
    max_lag: float = Field(1.5, gt=0, description="seconds a replica may be behind")
    max_load: str = Field(
        "", description="limits beyond which the copy stands still: running=25,history=1000000"
    )
    critical_load: str = Field("", description="limits beyond which the run stops, or hibernates")
    critical_load_hibernate: float = Field(
        0, ge=0, le=LONGEST_SECONDS, description="seconds to sleep at a critical load; 0: stop"
    )
    max_latency: int = Field(
        0,
        ge=0,
        description="milliseconds a small commit may take while we copy; 0: as long as it likes",
    )
    min_free_disk: float = Field(
        0, ge=0, description="gigabytes that the server's disk must have left, where that is known"
    )
    latency_query: str = Field("", description="a query that is timed with it")
    throttle_query: str = Field("", description="a query; above 0 the copy stands still")
    throttle_http: str = Field(
        "", description="an address; unless it answers 200, the copy stands still"
    )
    throttle_flag_file: Several = Field(
        (), description="while this file is there, the copy stands still"
    )
    only_between: str = Field("", description="hours in which rows are copied: 22:00-06:00")
    pause_file: Several = Field((), description="the same as --throttle-flag-file, in words")
    panic_flag_file: str = Field("", description="when this file appears, the run stops at once")
    postpone_cut_over: bool = Field(
        False, description="do all but the cut-over; it waits for a word"
    )
    postpone_cut_over_flag_file: Several = Field(
        (), description="while this file is there, the cut-over waits"
    )
    cut_over_between: str = Field("", description="hours in which the cut-over may be done")
    hooks_path: str = Field("", description="folder of executables that are run at each event")
    hooks_hint: str = Field("", description="words that each hook is told")
    hooks_time_limit: float = Field(
        60, gt=0, le=LONGEST_SECONDS, description="seconds one hook may take"
    )
    hooks_status_interval: float = Field(
        60, gt=0, le=LONGEST_SECONDS, description="seconds between two status hooks"
    )
    metrics_listen: str = Field("", description="HOST:PORT where Prometheus may scrape")
    statsd: str = Field("", description="HOST:PORT that StatsD numbers are sent to")
    control_socket: str = Field("", description="where the run listens for words; none: nowhere")

    def copying(self) -> Settings:
        """The same, where the native ways have been tried in vain."""
        return self.model_copy(update={"force_copy": True})


CONNECTING = ("url", "ssl_mode", "ssl_ca", "ssl_cert", "ssl_key", "defaults_file")
"""What stands in files beside the settings, for every command that asks a server."""
CHANGEABLE = (
    "nice_ratio", "max_lag", "replica", "max_load", "critical_load", "critical_load_hibernate",
    "max_latency", "latency_query", "min_free_disk", "throttle_query", "throttle_http",
    "throttle_flag_file", "only_between", "pause_file", "panic_flag_file",
    "postpone_cut_over_flag_file", "cut_over_between",
)  # fmt: skip
"""What may be changed of a run while it is under way, besides its pace."""


def changed(before: Settings, name: str, text: str) -> Settings:
    """With another value, as its option would have it; where the text is empty, the default."""
    value = text if text else Settings.model_fields[name].default
    given = {one: getattr(before, one) for one in before.model_fields_set}
    return _made({**given, name: value}, lambda named: option(named))


def resumed(chosen: Settings, kept: Mapping[str, Any]) -> Settings:
    """With the values that a run was begun with."""
    given = {one: getattr(chosen, one) for one in chosen.model_fields_set}
    return _made({**given, **kept}, lambda name: f"{option(name)}, kept of the run,")


def settings(*, config: str | None = None, profile: str | None = None, **flags: Any) -> Settings:
    """Flags, then the environment, then the files, then the defaults; a flag that is None was not
    given."""
    given = said(flags)
    found = _from_files(config, profile)

    def origin(name: str) -> str:
        if name in given:
            return option(name)
        return f"{found[name].origin}: {name.replace('_', '-')}" if name in found else ""

    return _made({name: one.value for name, one in found.items()} | given, origin)


def said(flags: Mapping[str, Any]) -> dict[str, Any]:
    """Those that were given, by name."""
    return {name: value for name, value in flags.items() if value not in (None, ())}


def _made(values: dict[str, Any], origin: Callable[[str], str]) -> Settings:
    try:
        return Settings(**values)
    except ValidationError as error:
        raise Usage("; ".join(_complaint(one, origin) for one in error.errors())) from error


def _from_files(config: str | None, profile: str | None) -> dict[str, files.Found]:
    """What no variable says otherwise."""
    found = files.read(config, profile)
    found = {name: one for name, one in found.items() if name not in CONNECTING}
    for name, one in found.items():
        if name not in Settings.model_fields:
            raise Usage(f"{one.origin}: there is no setting {name.replace('_', '-')!r}")
    return {name: one for name, one in found.items() if variable(name) not in os.environ}


def connecting(config: str | None = None, profile: str | None = None) -> dict[str, str]:
    """What the files say of the server and the way to it, by names of options."""
    found = files.read(config, profile)
    for name, one in found.items():
        if name in CONNECTING and not isinstance(one.value, str):
            raise Usage(f"{one.origin}: {name} is {one.value!r}, and it should be a text")
    return {name.replace("_", "-"): one.value for name, one in found.items() if name in CONNECTING}


def option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def variable(name: str) -> str:
    return f"OSC_{name.upper()}"


def origins(*, config: str | None = None, profile: str | None = None) -> list[tuple[str, Any, str]]:
    """Each setting with its value and where that comes from, before any flag."""
    chosen, found = settings(config=config, profile=profile), files.read(config, profile)

    def origin(name: str) -> str:
        if variable(name) in os.environ:
            return f"${variable(name)}"
        return found[name].origin if name in found else "default"

    asked = [(name, found[name].value, found[name].origin) for name in CONNECTING if name in found]
    return asked + [(name, getattr(chosen, name), origin(name)) for name in Settings.model_fields]


def _complaint(found: Any, origin: Callable[[str], str]) -> str:
    """Where the value stands, what it is, and what it should be."""
    name = str(found["loc"][0]).removeprefix("OSC_").lower()
    where, said = origin(name) or f"${variable(name)}", found["input"]
    return f"{where} is {said!r}, and it should be {_wanted(found)}"


def _wanted(found: Any) -> str:
    kind, limits = found["type"], found.get("ctx", {})
    for word, told in (("ge", "at least"), ("gt", "above"), ("le", "at most")):
        if word in limits:
            return f"{told} {limits[word]:,}"
    if kind.startswith(("int", "float", "finite")):
        return "a whole number" if kind.startswith("int") else "a number"
    if kind.startswith("bool"):
        return "true or false"
    if kind == "literal_error":
        return f"one of {limits['expected']}"
    return "a text" if kind.startswith("string") else "a list of texts, none of them empty"
