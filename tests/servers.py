"""The real database servers of the test session, started at first use.

A name stands for a server, which is looked for in this order:

1. the URL in its variable (`WANTED` has them all: `OSC_TEST_MYSQL_URL`,
   `OSC_TEST_MARIADB_URL`, `OSC_TEST_POSTGRES_16_URL`, …), such as
   `mysql://root:secret@db.test:3306/`; tests create and drop databases there;
2. a container, where a Docker daemon answers and the image is already there;
3. the sandbox: server binaries without Docker.

Where none is to be had the test is skipped; with `CI=true` in the environment it fails.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import psycopg
import pymysql
import pytest

from osc.sandbox import mariadb, mysql, mysql_family, postgres
from osc.sandbox.server import Running, Unavailable, free_port, version_in

SETTINGS = Path(postgres.__file__).parent / "settings"
CONTAINER_SECONDS = 120


@dataclass(frozen=True)
class Wanted:
    """One server of the test matrix, and where it may come from."""

    engine: str
    version: str
    variable: str
    image: str


@dataclass(frozen=True)
class Container:
    """How a server image is run."""

    port: int
    settings: tuple[str, str]
    environment: dict[str, str]
    answers: Callable[[int], bool]
    command: str = ""


@dataclass(frozen=True)
class Lease:
    """A server a test may use; `running` controls it if we started it ourselves."""

    engine: str
    version: str
    base: str
    running: Running | None = None

    def url(self, database: str) -> str:
        return urlsplit(self.base)._replace(path=f"/{database}").geturl()


WANTED = {
    "postgres-15": Wanted("postgres", "15", "OSC_TEST_POSTGRES_15_URL", "postgres:15"),
    "postgres-16": Wanted("postgres", "16", "OSC_TEST_POSTGRES_16_URL", "postgres:16"),
    "postgres-18": Wanted("postgres", "18", "OSC_TEST_POSTGRES_18_URL", "postgres:18"),
    "mariadb-10.11": Wanted("mariadb", "10.11", "OSC_TEST_MARIADB_URL", "mariadb:10.11"),
    "mysql-9.7": Wanted("mysql", "9.7", "OSC_TEST_MYSQL_URL", "mysql:9.7"),
}
WHERE_PRESENT = {"postgres-15"}
BETWEEN = {"postgres-16": "postgres-15"}
"""One between the oldest and the newest is asked everything only where the oldest is not there, or
where its URL is given; scenario cases that name it run on it all the same."""

START = {"postgres": postgres.start, "mariadb": mariadb.start, "mysql": mysql.start}

CONTAINERS = {
    "postgres": Container(
        port=5432,
        settings=("postgresql.conf", "/etc/postgresql/osc.conf"),
        environment={"POSTGRES_HOST_AUTH_METHOD": "trust"},
        answers=postgres.answers,
        command="postgres -c config_file=/etc/postgresql/osc.conf -c listen_addresses=*",
    ),
    "mariadb": Container(
        port=3306,
        settings=("mariadb.cnf", "/etc/mysql/conf.d/osc.cnf"),
        environment={"MARIADB_ALLOW_EMPTY_ROOT_PASSWORD": "yes"},
        answers=mysql_family.answers,
    ),
    "mysql": Container(
        port=3306,
        settings=("mysql.cnf", "/etc/mysql/conf.d/osc.cnf"),
        environment={"MYSQL_ALLOW_EMPTY_PASSWORD": "yes", "MYSQL_ROOT_HOST": "%"},
        answers=mysql_family.answers,
    ),
}


def names(*engines: str) -> list[str]:
    """The servers to test on, of these engines or of all; costs no start."""
    return [
        name
        for name, wanted in WANTED.items()
        if (not engines or wanted.engine in engines) and _belongs(name, wanted)
    ]


def every_server(*engines: str) -> pytest.MarkDecorator:
    """Run a test that takes `server` once on each of them."""
    return pytest.mark.parametrize("server", names(*engines), indirect=True)


@pytest.fixture(scope="session")
def servers() -> Iterator[Callable[[str], Lease]]:
    """One server for each name, started when it is first asked for."""
    with ExitStack() as stack:

        @cache
        def leased(name: str) -> Lease | Unavailable:
            try:
                return stack.enter_context(_obtained(WANTED[name]))
            except Unavailable as reason:
                return reason

        def get(name: str) -> Lease:
            found = leased(name)
            return _give_up(found) if isinstance(found, Unavailable) else _alive(found)

        yield get


@pytest.fixture
def server(request: pytest.FixtureRequest, servers: Callable[[str], Lease]) -> Lease:
    """The session's server of the name given by `every_server` or by hand."""
    return servers(request.param)


@contextmanager
def lease(name: str) -> Iterator[Lease]:
    """A server for this block alone; from a URL it is the one everybody has."""
    with ExitStack() as stack:
        try:
            found = stack.enter_context(_obtained(WANTED[name]))
        except Unavailable as reason:
            _give_up(reason)
        yield found


def _belongs(name: str, wanted: Wanted) -> bool:
    if wanted.variable in os.environ:
        return True
    if name in BETWEEN:
        return not _belongs(BETWEEN[name], WANTED[BETWEEN[name]])
    return name not in WHERE_PRESENT or wanted.version in postgres.available()


def _give_up(reason: Unavailable) -> Lease:
    if os.environ.get("CI") == "true":
        pytest.fail(str(reason), pytrace=False)
    pytest.skip(str(reason))


def _alive(lease: Lease) -> Lease:
    """The same server, up again if an earlier test left it dead."""
    if lease.running and not lease.running.is_alive():
        lease.running.restart()
    return lease


def _obtained(wanted: Wanted) -> AbstractContextManager[Lease]:
    if url := os.environ.get(wanted.variable):
        return _from_url(wanted, url)
    if wanted.image in _images():
        return _from_container(wanted)
    return _from_sandbox(wanted)


@contextmanager
def _from_url(wanted: Wanted, url: str) -> Iterator[Lease]:
    yield Lease(wanted.engine, _version(wanted.engine, url), url)


@contextmanager
def _from_sandbox(wanted: Wanted) -> Iterator[Lease]:
    with START[wanted.engine](wanted.version) as running:
        yield Lease(wanted.engine, running.server.version, running.url(""), running)


@cache
def _images() -> frozenset[str]:
    """The images the Docker daemon has; none where there is no daemon."""
    listing = ["docker", "images", "--format", "{{.Repository}}:{{.Tag}}"]
    try:
        shown = subprocess.run(listing, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return frozenset()
    return frozenset(shown.stdout.split()) if shown.returncode == 0 else frozenset()


@contextmanager
def _from_container(wanted: Wanted) -> Iterator[Lease]:
    from testcontainers.core.config import testcontainers_config
    from testcontainers.core.container import DockerContainer

    testcontainers_config.ryuk_disabled = True  # its image would be pulled
    how, port = CONTAINERS[wanted.engine], free_port()
    source, target = how.settings
    container = (
        DockerContainer(wanted.image)
        .with_envs(**how.environment)
        .with_volume_mapping(SETTINGS / source, target)
        .with_command(how.command)
    )
    # Its own annotation knows no address; Docker would publish on every interface.
    container.ports = {str(how.port): ("127.0.0.1", port)}  # type: ignore[dict-item]
    with container:
        _wait(how, port, wanted.image)
        base = _base(wanted.engine, port)
        yield Lease(wanted.engine, _version(wanted.engine, base), base)


def _wait(how: Container, port: int, image: str) -> None:
    deadline = time.monotonic() + CONTAINER_SECONDS
    while not how.answers(port):
        if time.monotonic() > deadline:
            raise Unavailable(f"a container of {image} gave no answer in {CONTAINER_SECONDS} s")
        time.sleep(0.05)


def _base(engine: str, port: int) -> str:
    if engine == "postgres":
        return f"postgresql://postgres@127.0.0.1:{port}/"
    return f"mysql://root@127.0.0.1:{port}/"


def _version(engine: str, url: str) -> str:
    try:
        shown = _postgres_version(url) if engine == "postgres" else _mysql_version(url)
    except (psycopg.Error, pymysql.MySQLError) as error:
        raise Unavailable(f"{engine} does not answer at the URL given for it: {error}") from error
    return version_in(shown)


def _postgres_version(url: str) -> str:
    database = urlsplit(url)._replace(path="/postgres").geturl()
    with psycopg.connect(database) as connection:
        row = connection.execute("SHOW server_version").fetchone()
    return str(row[0]) if row else ""


def _mysql_version(url: str) -> str:
    parts = urlsplit(url)
    connection = pymysql.connect(
        host=parts.hostname or "127.0.0.1",
        port=parts.port or 3306,
        user=unquote(parts.username or "root"),
        password=unquote(parts.password or ""),
    )
    with closing(connection), connection.cursor() as cursor:
        cursor.execute("SELECT VERSION()")
        row = cursor.fetchone()
    return str(row[0]) if row else ""
