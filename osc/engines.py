"""From a URL to the engine that serves it."""

from __future__ import annotations

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


def engine_at(url: str) -> Engine:
    """Connects; only the driver that is needed gets loaded."""
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
