"""From a URL to the engine that serves it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from importlib import import_module
from urllib.parse import urlsplit

from osc.engine import Engine
from osc.errors import Usage

ROOMS = {
    "mysql": "osc.mysql.engine",
    "mariadb": "osc.mysql.engine",
    "postgresql": "osc.postgres.engine",
    "postgres": "osc.postgres.engine",
}


def engine_at(url: str, replicas: Iterable[str] = ()) -> Engine:
    """Connects; only the driver that is needed gets loaded. `replicas` are URLs of those whose lag
    is to be watched, besides the ones that the server knows of."""
    engine = _connected(url)
    given = {_place(one): _connected(one) for one in replicas}
    if not given:
        return engine

    def close() -> None:
        for replica in given.values():
            replica.close()
        engine.close()

    watched = {name: replica.gauges for name, replica in given.items()}
    return replace(engine, replicas=lambda: watched, close=close)


def _place(url: str) -> str:
    """Where a replica is, without who we are there."""
    return urlsplit(url).netloc.rpartition("@")[2] or url


def _connected(url: str) -> Engine:
    try:
        scheme = urlsplit(url).scheme.lower()
    except ValueError as error:
        raise Usage(f"the URL can't be read: {error}") from error
    if scheme not in ROOMS:
        raise Usage(
            f"there is no engine for {scheme or 'an address without a scheme'}",
            todo=f"write the address as one of {', '.join(f'{name}://…' for name in ROOMS)}",
        )
    engine: Engine = import_module(ROOMS[scheme]).connect(url)
    return engine
