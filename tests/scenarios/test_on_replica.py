"""A replica that is changed for itself: what comes by replication is followed like any change."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from osc.cli import osc as command
from osc.engine import Sync
from osc.engines import engine_at
from osc.model.phase import Phase
from osc.sandbox import mariadb, replica
from tests.conformance.place import App, until
from tests.scenarios.test_bad_input import database, wait_for_the_table
from tests.servers import lease

ALTER = "ALTER TABLE t ADD COLUMN note varchar(20) NOT NULL DEFAULT 'none'"
NEXT = "ALTER TABLE t MODIFY v bigint"
ROWS = 20_000
FOLLOWING = {
    "mysql-9.7": [("super_read_only = ON", "super_read_only is ON", "super_read_only = OFF")],
    "mariadb-10.11": [
        ("gtid_domain_id = 0", "what is written here would stop replication", "gtid_domain_id = 7")
    ],
}
"""For each server what it may not be set to, what is said then, and what it is set to."""

LAST = "SELECT MAX(id) FROM t"
SUM = "SELECT COUNT(*), COALESCE(SUM(id * 7 + v), 0) FROM t"


@contextmanager
def followed(name: str) -> Iterator[tuple[str, str]]:
    """The URLs of a database on a server, and on its replica, which has the table and its rows."""
    with lease(name) as primary:
        assert primary.running is not None
        with database(primary) as url, replica.start(primary.running) as following:
            there = following.url(url.rpartition("/")[2])
            app = App(url)
            app.run(
                "INSERT INTO t WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
                " WHERE i < 1000) SELECT i, i FROM n"
            )
            for done in (1000 * 2**n for n in range(4)):
                app.run(f"INSERT INTO t SELECT id + {done}, v FROM t")
            wait_for_the_table(there)
            behind = App(there)
            until(lambda: behind.rows(SUM) == app.rows(SUM), seconds=60)
            yield url, there
            behind.close()
            app.close()


@contextmanager
def written(url: str) -> Iterator[None]:
    """Rows come, change and go on the primary for the length of the block."""
    app, over = App(url), threading.Event()

    def write() -> None:
        for n in itertools.count(1):
            if over.is_set():
                return
            app.run(
                f"INSERT INTO t VALUES ({ROWS + n}, {n})",
                f"UPDATE t SET v = v + 1 WHERE id = {n * 37 % ROWS}",
                f"DELETE FROM t WHERE id = {n * 11 % ROWS}",
            )

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        app.close()


def as_small(app: App, there: str) -> str:
    """The replica's URL for a user who may do all in the database, and not write where others may
    not; made on the primary."""
    database = there.rpartition("/")[2]
    app.run(
        "CREATE USER small@'%' IDENTIFIED BY 'small'",
        f"GRANT ALL ON {database}.* TO small@'%'",
        "GRANT PROCESS, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO small@'%'",
    )
    behind = App(there)
    until(lambda: behind.rows("SELECT 1 FROM mysql.user WHERE user = 'small'"))
    until(lambda: "REPLICATION" in str(behind.rows("SHOW GRANTS FOR small@'%'")))
    behind.close()
    return there.replace("//root@", "//small:small@")


def let_in(flag: Path, there: str) -> None:
    """Lets the cut-over go on when rows have come by replication since the shadow was there."""
    behind = App(there)
    try:
        until(lambda: any(str(name).endswith("_new") for (name,) in behind.rows("SHOW TABLES")))
        last = behind.value(LAST)
        until(lambda: behind.value(LAST) > last + 50)
    finally:
        flag.unlink()
        behind.close()


def osc(url: str, *words: str, alter: str = ALTER) -> Result:
    return CliRunner().invoke(command, ["run", url, alter, *words])


def refused(url: str, *words: str, code: int = 3) -> str:
    done = osc(url, "--execute", "--force-copy", *words)
    assert done.exit_code == code, done.output
    return " ".join(done.stderr.split())


def assert_that_a_run_of_the_primary_is_left_alone(url: str, there: str) -> None:
    """The replica has its ledger, and nobody there is at it."""
    with closing(engine_at(url)) as engine, closing(engine_at(there)) as behind:
        parsed = engine.read(ALTER)
        table = engine.catalog.find(parsed)
        engine.ledger.prepare()
        migration = engine.ledger.begin(table, ALTER, Sync.LOG, "ann")
        engine.ledger.save(migration, phase=str(Phase.SHADOW))
        until(lambda: [run.phase for run in behind.ledger.runs()] == [Phase.SHADOW])
        for words in (["abort"], ["resume"], ["verify"], ["cleanup", "--execute"]):
            done = CliRunner().invoke(command, [words[0], there, *words[1:]])
            assert done.exit_code == 3 and "allow --on-replica" in done.output, done.output
        assert CliRunner().invoke(command, ["abort", url]).exit_code == 0
        until(lambda: behind.ledger.runs()[0].finished_at is not None)


def assert_that_the_primary_can_be_changed_next(url: str, there: str) -> None:
    """Its run takes a number and names that the replica's own would have had: what comes of it by
    replication meets neither."""
    with closing(engine_at(url)) as engine, closing(engine_at(there)) as behind:
        own = behind.ledger.runs()[-1]
        assert own.phase == Phase.DONE

        done = osc(url, "--execute", "--force-copy", "--no-verify", alter=NEXT)

        assert done.exit_code == 0, done.output
        ended = engine.ledger.runs()
        until(lambda: behind.ledger.runs() == [*ended, own])
        assert own.archive != ended[-1].archive
        refusal = CliRunner().invoke(command, ["abort", there, str(ended[0].id), "--on-replica"])
        assert refusal.exit_code == 3 and "this server's source" in refusal.output


@pytest.mark.parametrize("name", FOLLOWING)
def test_a_replica_is_changed_while_it_follows(name: str, tmp_path: Path) -> None:
    flag = tmp_path / "postpone"
    flag.touch()
    postponed = f"--postpone-cut-over-flag-file={flag}"
    with followed(name) as (url, there):
        app, behind = App(url), App(there)
        assert "allow --on-replica" in refused(there)
        assert osc(there, "--execute").exit_code == 3
        for wrong, said, right in FOLLOWING[name]:
            behind.run(f"SET GLOBAL {wrong}")
            assert said in refused(there, "--on-replica")
            behind.run(f"SET GLOBAL {right}")
        assert "fire no triggers" in refused(there, "--on-replica", "--sync", "triggers")
        assert_that_a_run_of_the_primary_is_left_alone(url, there)
        assert "for this user, too" in refused(as_small(app, there), "--on-replica", code=5)
        assert ("t",) in behind.rows("SHOW TABLES")

        with written(url), ThreadPoolExecutor(1) as aside:
            letting = aside.submit(let_in, flag, there)
            done = osc(there, "--execute", "--force-copy", "--json", "--on-replica", postponed)
            letting.result()

        assert done.exit_code == 0, done.output
        assert json.loads(done.stdout)["changes_delivered"] > 0
        until(lambda: behind.rows(SUM) == app.rows(SUM), seconds=60)
        assert behind.rows("SELECT DISTINCT note FROM t") == [("none",)]
        assert len(app.rows("SHOW COLUMNS FROM t")) == 2
        assert_that_the_primary_can_be_changed_next(url, there)
        app.close()
        behind.close()


def test_a_replica_that_does_not_log_what_it_follows_is_refused() -> None:
    with (
        mariadb.start(settings={"log_slave_updates": "OFF"}) as server,
        database(server) as url,
        closing(App(url)) as app,
    ):
        app.run("CHANGE MASTER TO MASTER_HOST = '127.0.0.1'")

        assert "start the server with log_replica_updates" in refused(url, "--on-replica")
