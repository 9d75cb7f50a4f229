"""A streaming replica of a running throwaway server."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager

from osc.sandbox import folders, mariadb, mysql, postgres
from osc.sandbox.server import Running, Server

MYSQL = """
CHANGE REPLICATION SOURCE TO SOURCE_HOST = '{host}', SOURCE_PORT = {port},
  SOURCE_USER = '{user}', SOURCE_AUTO_POSITION = 1, GET_SOURCE_PUBLIC_KEY = 1;
START REPLICA;
"""
MARIADB = """
CHANGE MASTER TO MASTER_HOST = '{host}', MASTER_PORT = {port},
  MASTER_USER = '{user}', MASTER_USE_GTID = slave_pos;
START SLAVE;
"""
MYSQL_SETTINGS = {"read_only": "ON", "super_read_only": "ON", "skip_replica_start": "ON"}
MARIADB_SETTINGS = {"read_only": "ON", "skip_slave_start": "ON"}


def start(primary: Running, settings: Mapping[str, str] = {}) -> AbstractContextManager[Running]:
    """A read-only server that follows `primary`; it may not have caught up yet."""
    match primary.server.engine:
        case "mysql":
            return _following(primary, mysql.start, MYSQL, {**MYSQL_SETTINGS, **settings})
        case "mariadb":
            return _following(primary, mariadb.start, MARIADB, {**MARIADB_SETTINGS, **settings})
        case _:
            return _standby(primary.server, settings)


Start = Callable[[str, Mapping[str, str]], AbstractContextManager[Running]]


@contextmanager
def _following(
    primary: Running, start: Start, follow: str, settings: Mapping[str, str]
) -> Iterator[Running]:
    server = primary.server
    with folders.temporary("replica") as folder:
        first = folder / "follow.sql"
        first.write_text(follow.format(host=server.host, port=server.port, user=server.user))
        own = {"server_id": str(random.randrange(2, 2**31)), "init_file": str(first)}
        with start(server.version, {**own, **settings}) as replica:
            yield replica


@contextmanager
def _standby(primary: Server, settings: Mapping[str, str]) -> Iterator[Running]:
    with folders.temporary("postgres") as folder:
        account = postgres.unprivileged()
        folders.give(folder, account)
        programs = postgres.within_reach(postgres.find(primary.version), folder, account)
        where = ("-h", primary.host, "-p", str(primary.port), "-U", primary.user)
        how = ("--write-recovery-conf", "--checkpoint=fast", "--no-sync")
        into = f"--pgdata={folder / 'data'}"
        postgres.run(programs, account, "pg_basebackup", *where, *how, into)
        with postgres.serving(postgres.recipe(programs, folder, account, settings)) as replica:
            yield replica
