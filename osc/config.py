"""What an operator may set: one field here is one option, one variable and one line of help."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from osc.errors import Usage


class Settings(BaseSettings):
    """`chunk_time` is `--chunk-time` and `$OSC_CHUNK_TIME`; the option wins."""

    model_config = SettingsConfigDict(env_prefix="OSC_", frozen=True, extra="forbid")

    sync: Literal["auto", "log", "triggers"] = Field(
        "auto", description="how changes are followed: the server's log, or triggers"
    )
    threads: int = Field(2, ge=1, le=64, description="connections that copy rows")
    chunk_time: float = Field(
        0.5, gt=0, le=60, description="seconds one chunk of the copy should take"
    )
    cut_over_lock_timeout: int = Field(
        250, ge=10, le=60_000, description="milliseconds one attempt may wait for the table's lock"
    )
    cut_over_attempts: int = Field(
        60, ge=1, description="how often the cut-over is tried before the run gives up"
    )
    reconnect_for: int = Field(
        300, ge=0, description="seconds to wait for a server that went away; 0: stop at once"
    )
    verify: bool = Field(True, description="compare checksums of all rows before the swap")
    repair: bool = Field(
        False, description="copy rows anew that verification finds different, and go on"
    )
    catch_up_limit: int = Field(
        3600, ge=1, description="seconds to go on when changes come in faster than they are applied"
    )
    force_copy: bool = Field(False, description="copy even what the server could do by itself")
    small_table: int = Field(
        1_000_000,
        ge=0,
        description="bytes up to which a table that can't be copied is altered natively, as that"
        " fits into the lock budget; 0: never",
    )
    drop_old_table: bool = Field(False, description="drop the old table after the swap")

    def copying(self) -> Settings:
        """The same, where the native ways have been tried in vain."""
        return self.model_copy(update={"force_copy": True})


def settings(**flags: Any) -> Settings:
    """Flags, then the environment, then the defaults; a flag that is None was not given."""
    try:
        return Settings(**{name: value for name, value in flags.items() if value is not None})
    except ValidationError as error:
        raise Usage("; ".join(_complaint(found) for found in error.errors())) from error


def _complaint(found: Any) -> str:
    name = str(found["loc"][0]).removeprefix("OSC_").lower()
    return f"--{name.replace('_', '-')} (or $OSC_{name.upper()}): {found['msg'].lower()}"
