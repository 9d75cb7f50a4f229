"""Settings that stand in files: of the user, of the folder one works in, or one that is named.

    threads = 4
    max-lag = 0.5

    [profile.night]
    only-between = "22:00-06:00"
    replica = ["mysql://osc@db2/shop"]

A profile is chosen by --profile or $OSC_PROFILE; it wins over what stands outside of it. Of several
files the nearer one wins: --config or $OSC_CONFIG alone, otherwise `osc.toml` here, then
`~/.config/osc/config.toml`.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from osc.errors import Usage


@dataclass(frozen=True)
class Found:
    """A value, and the file (and profile) that it stands in."""

    value: Any
    origin: str


def read(config: str | None, profile: str | None) -> dict[str, Found]:
    """The values by the names of their settings; Usage where a file can't be read, or has no such
    profile."""
    chosen = profile or os.environ.get("OSC_PROFILE")
    found: dict[str, Found] = {}
    known: set[str] = set()
    for path in reversed(list(_paths(config))):
        said = _parsed(path)
        profiles = _profiles(said.pop("profile", {}), path)
        known |= set(profiles)
        found |= _values(said, str(path))
        if chosen in profiles:
            found |= _values(profiles[chosen], f"{path}, profile {chosen}")
    if chosen and chosen not in known:
        raise Usage(
            f"there is no profile {chosen!r}",
            todo=f"there are {', '.join(sorted(known))}" if known else "no file has any",
        )
    return found


def _paths(config: str | None) -> Iterator[Path]:
    """Those that are there, the nearest first; one that is named has to be."""
    if named := config or os.environ.get("OSC_CONFIG"):
        yield Path(named)
        return
    home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    for path in (Path("osc.toml"), home / "osc" / "config.toml"):
        if path.is_file():
            yield path


def _parsed(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Usage(f"the file of settings {path} can't be read: {error}") from error


def _profiles(said: Any, path: Path) -> dict[str, dict[str, Any]]:
    if not isinstance(said, dict) or not all(isinstance(one, dict) for one in said.values()):
        raise Usage(f"{path}: what stands under `profile` is no profile", todo="[profile.NAME]")
    return said


def _values(said: dict[str, Any], origin: str) -> dict[str, Found]:
    return {name.replace("-", "_"): Found(value, origin) for name, value in said.items()}
