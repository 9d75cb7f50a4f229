"""A server that goes away under a migration: it waits, and goes on when the server is back."""

from __future__ import annotations

import threading
from contextlib import closing, suppress

import pytest
from pymysql.err import OperationalError

from osc import errors
from osc.config import settings
from osc.engine import Sync
from osc.engines import engine_at
from osc.migration import Request, migrate, resume
from osc.model import alter
from osc.model.controls import Controls
from osc.model.phase import Phase
from osc.model.progress import Tracker
from tests.conformance.place import App
from tests.scenarios.case import SERVERS
from tests.scenarios.test_resume import MID_COPY, at
from tests.scenarios.tools import in_small_chunks
from tests.servers import START

ROWS = 3_000
DURABLE = {"mysql": {"sync_binlog": "1", "innodb_flush_log_at_trx_commit": "1"}, "postgres": {}}
"""After a crash of a server whose log may lack what its tables have, a migration ends with 11."""
CLAUSES = {
    "mysql": "MODIFY v BIGINT, ADD COLUMN extra VARCHAR(9) NOT NULL DEFAULT 'x'",
    "postgres": "ALTER v TYPE bigint, ADD extra varchar(9) NOT NULL DEFAULT 'x'",
}


@pytest.mark.parametrize("sync", ["log", "triggers"])
@pytest.mark.parametrize("end", ["stop", "kill"])
@pytest.mark.parametrize("server", SERVERS.values())
def test_a_run_whose_server_is_restarted_goes_on(server: str, end: str, sync: str) -> None:
    """Shut down cleanly, or as by a power cut. What changed before it and after it is followed."""
    kind = "postgres" if server.startswith("postgres") else "mysql"
    with START[server.partition("-")[0]](settings=DURABLE[kind]) as running:
        with closing(App(running.url("postgres" if kind == "postgres" else "mysql"))) as app:
            app.run("CREATE DATABASE d")
        url = running.url("d")
        _fill(url)

        def befall() -> None:
            _write(url, "before")
            getattr(running, end)()
            threading.Thread(target=_back).start()

        def _back() -> None:
            running.restart()
            _write(url, "after")
            back.set()

        back, tracker = threading.Event(), Tracker()
        at(tracker, MID_COPY, befall)
        tracker.on_phase(lambda phase: _await(back) if phase is Phase.LOAD else None)
        with closing(engine_at(url)) as found:
            statement = f"ALTER TABLE t {CLAUSES[kind]}"
            request = Request(
                alter.parse(statement, mysql=found.mysql), Sync(sync), statement, "tests"
            )
            wanted = settings(force_copy=True, reconnect_for=60)
            migrate(in_small_chunks(found), request, wanted, tracker, Controls())

        assert tracker.seconds_in(Phase.RESUME) > 0, "the server was not missed"
        with closing(App(url)) as app:
            app.run(f"ALTER TABLE twin {CLAUSES[kind]}")
            rows = [app.rows(f"SELECT * FROM {table} ORDER BY id") for table in ("t", "twin")]
        assert len(rows[0]) == ROWS + 2
        assert rows[0] == rows[1]


def _await(back: threading.Event) -> None:
    assert back.wait(60)


def _fill(url: str) -> None:
    with closing(App(url)) as app:
        for table in ("t", "twin"):
            app.run(f"CREATE TABLE {table} (id INT NOT NULL PRIMARY KEY, v INT, pad CHAR(100))")
            for start in range(0, ROWS, 500):
                some = ", ".join(f"({n}, {n}, 'pad')" for n in range(start, start + 500))
                app.run(f"INSERT INTO {table} VALUES {some}")


def _write(url: str, when: str) -> None:
    """To both tables, rows that are copied already and rows that are not; one is new."""
    new, step = (ROWS + 1, 7) if when == "before" else (ROWS + 2, 5)
    with closing(App(url)) as app:
        for table in ("t", "twin"):
            app.run(
                f"UPDATE {table} SET v = -v, pad = '{when}' WHERE id % {step} = 0",
                f"INSERT INTO {table} VALUES ({new}, 1, '{when}')",
            )


def test_a_password_that_was_changed_meanwhile_is_told_at_once() -> None:
    with START["mysql"]() as running:
        with closing(App(running.url("mysql"))) as app:
            app.run("CREATE DATABASE d", "CREATE USER ann@'%' IDENTIFIED BY 'old'")
            app.run("GRANT ALL ON *.* TO ann@'%'")
        _fill(running.url("d"))

        def befall() -> None:
            with closing(App(running.url("mysql"))) as app:
                app.run("ALTER USER ann@'%' IDENTIFIED BY 'new'")
                hers = "SELECT id FROM information_schema.processlist WHERE user = 'ann'"
                for (connection,) in app.rows(hers):
                    with suppress(OperationalError):  # It may have ended meanwhile.
                        app.run(f"KILL {connection}")

        tracker = Tracker()
        at(tracker, MID_COPY, befall)
        with closing(engine_at(running.url("d").replace("root@", "ann:old@"))) as found:
            statement = f"ALTER TABLE t {CLAUSES['mysql']}"
            request = Request(alter.parse(statement, mysql=True), Sync.LOG, statement, "tests")

            with pytest.raises(errors.NotAllowed, match="does not let ann in") as told:
                migrate(
                    in_small_chunks(found), request, settings(force_copy=True), tracker, Controls()
                )

        assert told.value.kept and "osc resume" in told.value.todo
        with closing(engine_at(running.url("d"))) as found:
            resumed = resume(found, None, settings(), Tracker(), Controls())
        assert resumed and resumed.rows_verified == ROWS
