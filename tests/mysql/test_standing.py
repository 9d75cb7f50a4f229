"""Servers that are not alone: what a table's lock doesn't hold back there is not copied."""

from __future__ import annotations

from contextlib import closing
from typing import Any, cast
from uuid import uuid4

import pytest

from osc import errors
from osc.engine import Session, Statement, Sync
from osc.mysql.engine import connect
from osc.mysql.standing import Standing
from osc.sandbox import mysql
from osc.sandbox.server import free_port
from tests.conformance.place import App

ALONE = {"wsrep_on": "OFF", "wsrep_provider": "none"}
GALERA = {"wsrep_on": "ON", "wsrep_provider": "/usr/lib/galera/libgalera_smm.so"}
NO_PROVIDER = {"wsrep_on": "ON", "wsrep_provider": "none"}


class Told:
    """A session of a server with these variables that follows nobody."""

    def __init__(self, variables: dict[str, str]) -> None:
        self._variables = variables

    def query(self, statement: Statement) -> list[tuple[Any, ...]]:
        name = str(statement.parameters[0]) if statement.parameters else ""
        return [(name, self._variables[name])] if name in self._variables else []


@pytest.mark.parametrize("sync", [Sync.LOG, Sync.TRIGGERS])
def test_a_node_of_galera_is_left_to_its_own_alter(sync: Sync) -> None:
    def refusals(variables: dict[str, str]) -> list[errors.OscError]:
        return list(Standing(cast(Session, Told(variables)), is_mariadb=True).sync(sync))

    assert not refusals(ALONE)
    assert not refusals(NO_PROVIDER)
    (refusal,) = refusals(GALERA)
    assert "Galera" in refusal.happened


def test_one_of_many_primaries_is_left_to_its_own_alter_and_the_only_one_is_not() -> None:
    with mysql.start() as server, closing(App(server.url("mysql"))) as app:
        app.run("INSTALL PLUGIN group_replication SONAME 'group_replication.so'")
        for setting in (
            f"group_name = '{uuid4()}'",
            f"local_address = '127.0.0.1:{free_port()}'",
            "bootstrap_group = ON",
            "single_primary_mode = OFF",
        ):
            app.run(f"SET GLOBAL group_replication_{setting}")
        with closing(connect(server.url("mysql"))) as engine:
            engine.checks.server(Sync.LOG)
            app.run("START GROUP_REPLICATION")
            with pytest.raises(errors.Precondition, match="one of many primaries"):
                engine.checks.server(Sync.LOG)
            app.run("SELECT group_replication_switch_to_single_primary_mode(@@server_uuid)")
            engine.checks.server(Sync.LOG)
            engine.checks.place()
