"""What a run was allowed when it was begun, kept for whoever goes on with it.

A run that was gentle must not come back as a wild one because a flag was forgotten. So its limits
and consents stand in the ledger, with what was changed by a word while it ran; a flag that is said
again overrules them. Not kept is

- a password: a replica lets us in as its server does, and what else holds one has to be said again;
- `on_replica`, which is a consent for a server, not for a run: the ledger goes to replicas, too;
- `repair`, an act that is asked for each time;
- what the beginning has decided (the way, how changes are followed), and how one process is watched
  (its socket, its metrics, how long it waits for a server).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import urlsplit

from osc.config import Settings, option, resumed
from osc.errors import Usage
from osc.model.steering import OPERATOR, Steering
from osc.ops.redact import redacted

NOT_KEPT = frozenset({
    "on_replica", "repair",
    "sync", "force_copy", "small_table",
    "metrics_listen", "statsd", "control_socket", "reconnect_for",
})  # fmt: skip
KEPT = tuple(name for name in Settings.model_fields if name not in NOT_KEPT)


def present(settings: Settings, steering: Steering) -> Settings:
    """With what operators have changed since the run was started."""
    said: dict[str, Any] = dict(steering.changed)
    if steering.threads is not None:
        said |= {"threads": steering.threads, "most_threads": steering.threads}
    if steering.chunk_seconds is not None:
        said["chunk_time"] = steering.chunk_seconds
    if OPERATOR in dict(steering.postponements):
        said["postpone_cut_over"] = True
    return settings.model_copy(update=said)


def written(settings: Settings) -> str:
    """What was chosen, as text for the ledger; null for what has a secret in it."""
    chosen = {name: getattr(settings, name) for name in KEPT if name in settings.model_fields_set}
    return json.dumps({name: _without_secrets(value) for name, value in chosen.items()})


def _without_secrets(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_without_password(one) for one in value]
    return None if isinstance(value, str) and redacted(value) != value else value


def _without_password(address: str) -> str | None:
    """Who we are there is kept. A secret that stands elsewhere is none that can be taken out."""
    parts = urlsplit(address)
    user, _, place = parts.netloc.rpartition("@")
    name = user.partition(":")[0]
    bare = parts._replace(netloc=f"{name}@{place}" if name else place).geturl() if user else address
    return None if redacted(bare) != bare else bare


def read(text: str) -> dict[str, Any]:
    """What `written` wrote: values by name, None for what was not kept."""
    return dict(json.loads(text)) if text else {}


def gone_on_with(chosen: Settings, kept: Mapping[str, Any], said: Collection[str]) -> Settings:
    """The settings of a run that was begun with those that are `kept`. What this command's flags
    have `said` overrules it; variables and files, which are not about this run, don't. Usage where
    a secret that was not kept is said nowhere."""
    secret = [name for name, value in kept.items() if _is_missing(value) and name not in said]
    for name in secret:
        if not getattr(chosen, name):
            raise Usage(
                f"this run was begun with {option(name)}, in which there was a password, and no"
                " password is kept",
                todo=f"say it again, or {option(name)} '' to go on without",
            )
    known = {name: value for name, value in kept.items() if name not in (*said, *secret)}
    return resumed(chosen, known)


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, list) and None in value)


def told(settings: Settings, kept: Mapping[str, Any], said: Collection[str]) -> str:
    """Which settings of a run hold again, as their options would be written; empty for none."""
    return spelt({name: getattr(settings, name) for name in kept if name not in said})


def spelt(values: Mapping[str, Any]) -> str:
    """As options; what has a secret in it by its name alone."""
    return " ".join(_spelt(name, value) for name, value in values.items())


def _spelt(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return option(name) if value else f"--no-{name.replace('_', '-')}"
    values = value if isinstance(value, tuple | list) else (value,)
    return " ".join(f"{option(name)} {_quoted(one)}" for one in values)


def _quoted(value: Any) -> str:
    text = "***" if value is None else redacted(str(value))
    return f"'{text}'" if " " in text or not text else text
