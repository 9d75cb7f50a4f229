"""From a URL to the engine that serves it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from importlib import import_module
from urllib.parse import SplitResult, quote, urlencode, urlsplit

from osc.engine import Engine, Gauges
from osc.errors import Usage

ROOMS = {
    "mysql": "osc.mysql.engine",
    "mariadb": "osc.mysql.engine",
    "postgresql": "osc.postgres.engine",
    "postgres": "osc.postgres.engine",
}


MYSQL_WORDS = {
    "ssl-mode": "ssl_mode", "ssl-ca": "ssl_ca", "ssl-cert": "ssl_cert", "ssl-key": "ssl_key",
    "defaults-file": "defaults_file",
}  # fmt: skip
LIBPQ_WORDS = {
    "ssl-mode": "sslmode", "ssl-ca": "sslrootcert", "ssl-cert": "sslcert", "ssl-key": "sslkey",
}  # fmt: skip
LIBPQ_MODES = {
    "disabled": "disable", "preferred": "prefer", "required": "require",
    "verify-identity": "verify-full",
}  # fmt: skip


def engine_at(
    url: str, replicas: Iterable[str] = (), asked: Mapping[str, str] | None = None
) -> Engine:
    """Connects; only the driver that is needed gets loaded. `replicas` are URLs of those whose lag
    is to be watched, besides the ones that the server knows of; what is `asked` of encryption and
    option files holds for them, and for those that are named later."""
    engine = _connected(url)
    opened: dict[str, Engine] = {}

    def watching(urls: Iterable[str]) -> dict[str, Callable[[], Gauges]]:
        for one in urls:
            if _place(one) not in opened:
                opened[_place(one)] = _connected(completed(secured(one, asked or {}), url))
        return {_place(one): opened[_place(one)].gauges for one in urls}

    def close() -> None:
        for replica in opened.values():
            replica.close()
        engine.close()

    given = watching(tuple(replicas))
    found = engine.replicas if not given else lambda: given
    return replace(engine, replicas=found, watching=watching, close=close)


def secured(url: str, asked: Mapping[str, str]) -> str:
    """The URL with what options say of encryption and option files, in the words of its engine."""
    if not asked or "://" not in url:
        return url
    words = MYSQL_WORDS if url.lower().startswith(("mysql:", "mariadb:")) else LIBPQ_WORDS
    for name in asked:
        if name not in words:
            raise Usage(
                f"--{name} is for MySQL and MariaDB",
                todo="PostgreSQL has services (postgresql:///?service=NAME) and ~/.pgpass",
            )
    said = {words[name]: _translated(name, value, words) for name, value in asked.items()}
    return f"{url}{'&' if '?' in url else '?'}{urlencode(said, quote_via=quote)}"


def _translated(name: str, value: str, words: Mapping[str, str]) -> str:
    if name != "ssl-mode" or words is MYSQL_WORDS:
        return value
    return LIBPQ_MODES.get(value, value)


def completed(replica: str, server: str) -> str:
    """A replica has its server's database, and lets us in as that does, unless its URL says more:
    who comes from gh-ost has named a host and a port alone."""
    there, here = urlsplit(replica), urlsplit(server)
    if not there.netloc:
        return replica
    user = "" if "@" in there.netloc else here.netloc.rpartition("@")[0]
    netloc = f"{user}@{there.netloc}" if user else there.netloc
    path = there.path if there.path.strip("/") else here.path
    return there._replace(netloc=netloc, path=path).geturl()


def _place(url: str) -> str:
    """Where a replica is, without who we are there."""
    return urlsplit(url).netloc.rpartition("@")[2] or url


def _require_a_whole_password(parts: SplitResult) -> None:
    """What a password is cut off at would be told as a host, a port or a database."""
    after = parts.netloc.partition(":")[2]
    is_cut = "@" in parts.path or (
        not after.isdigit() and after and "@" in f"{parts.query}{parts.fragment}"
    )
    if "@" not in parts.netloc and is_cut:
        raise Usage(
            "the URL can't be read: there is an @ after a /, ? or #",
            todo="in a password these are written %40, %2F, %3F and %23",
        )


def _connected(url: str) -> Engine:
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise Usage(f"the URL can't be read: {error}") from error
    _require_a_whole_password(parts)
    scheme = parts.scheme.lower()
    if scheme not in ROOMS:
        raise Usage(
            f"there is no engine for {scheme or 'an address without a scheme'}",
            todo=f"write the address as one of {', '.join(f'{name}://…' for name in ROOMS)}",
        )
    engine: Engine = import_module(ROOMS[scheme]).connect(url)
    return engine
