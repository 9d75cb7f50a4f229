"""What cannot work is said at once, on the real command line, and nothing is touched by it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from uuid import uuid4

import pytest
from click.testing import CliRunner

from osc.cli import osc as command
from osc.engine import Statement
from osc.engines import engine_at
from osc.errors import OscError
from osc.model.alter import parse
from osc.sandbox import mariadb, mysql, postgres, replica
from osc.sandbox.server import Running
from tests.servers import Lease, every_server, lease

ALTER = "ALTER TABLE t ADD COLUMN note varchar(20)"
START = {"mysql": mysql.start, "mariadb": mariadb.start, "postgres": postgres.start}

every_engine = every_server()


@dataclass(frozen=True)
class Answer:
    """What the command line said."""

    code: int
    words: str


def osc(url: str, *words: str) -> Answer:
    done = CliRunner().invoke(command, ["run", url, *words])
    return Answer(done.exit_code, " ".join(done.stderr.split()))


def run(url: str, *statements: str) -> None:
    engine = engine_at(url)
    session = engine.connect("test")
    for statement in statements:
        session.execute(Statement(statement))
    session.close()
    engine.close()


@contextmanager
def database(server: Lease | Running) -> Iterator[str]:
    """A URL of a fresh database with a table `t`."""
    kind = server.engine if isinstance(server, Lease) else server.server.engine
    home = server.url("postgres" if kind == "postgres" else "mysql")
    name = f"bad_{uuid4().hex[:12]}"
    run(home, f"CREATE DATABASE {name}")
    url = server.url(name)
    run(url, "CREATE TABLE t (id int NOT NULL PRIMARY KEY, v int)")
    yield url
    run(home, f"DROP DATABASE {name}" + " WITH (FORCE)" * (kind == "postgres"))


def tables(url: str) -> set[str]:
    """Every table that is not the server's own."""
    engine = engine_at(url)
    session = engine.connect("test")
    rows = session.query(
        Statement(
            "SELECT table_name FROM information_schema.tables WHERE table_schema NOT IN"
            " ('information_schema', 'pg_catalog', 'mysql', 'sys', 'performance_schema')"
            + (" AND table_schema = DATABASE()" if engine.mysql else "")
        )
    )
    session.close()
    engine.close()
    return {str(name) for (name,) in rows}


def wait_for_the_table(url: str, seconds: float = 60) -> None:
    """Asks until a replica has caught up so far."""
    deadline = time.monotonic() + seconds
    there: set[str] = set()
    while "t" not in there:
        assert time.monotonic() < deadline, "the replica does not catch up"
        with suppress(OscError):
            there = tables(url)


@pytest.fixture(autouse=True)
def copying(monkeypatch: pytest.MonkeyPatch) -> None:
    """What only a copy asks for is refused where there is one."""
    monkeypatch.setenv("OSC_FORCE_COPY", "1")


@every_engine
@pytest.mark.parametrize("words", [("--execute",), ()], ids=["run", "rehearsed"])
def test_a_table_that_need_not_be_there_is_no_fault(server: Lease, words: tuple[str, ...]) -> None:
    with database(server) as url:
        before = tables(url)
        alter = "ALTER TABLE IF EXISTS nowhere ADD COLUMN n int"
        done = CliRunner().invoke(command, ["run", url, alter, *words])

        assert (done.exit_code, "there is no table" in done.stdout) == (0, True), done.output
        assert "nothing to do" in done.stdout
        assert tables(url) == before


@every_engine
@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("ALTER TABLE nowhere ADD COLUMN n int",), 3, "there is no table"),
        (("ALTER TABLE t ADD COLUMN COLUMN COLUMN int",), 3, "refuses this ALTER"),
        (("ALTER TABLE t ALTER COLUMN nothing SET DEFAULT 1",), 3, "refuses this ALTER"),
        (("DROP TABLE t",), 2, "only ALTER TABLE"),
        (("ALTER TABLE t",), 2, "says nothing"),
        ((f"{ALTER}; DROP TABLE t",), 2, "one ALTER TABLE statement"),
        (("--table", "t"), 2, ""),
    ],
    ids=["no such table", "syntax", "no such column", "no ALTER", "empty", "two", "half"],
)
def test_a_wrong_statement_is_refused(
    server: Lease, words: tuple[str, ...], code: int, said: str
) -> None:
    with database(server) as url:
        answer = osc(url, *words, "--execute")

        assert (answer.code, said in answer.words) == (code, True), answer
        assert tables(url) == {"t"}


@every_engine
def test_without_execute_nothing_is_changed(server: Lease) -> None:
    with database(server) as url:
        answer = osc(url, ALTER)

        assert answer.code == 0
        assert "--execute" in answer.words
        assert tables(url) == {"t"}


@every_engine
def test_a_second_run_on_the_same_table_is_refused(server: Lease) -> None:
    with database(server) as url:
        engine = engine_at(url)
        table = engine.catalog.find(parse(ALTER, mysql=engine.mysql))
        with engine.claim(table.name):
            answer = osc(url, ALTER, "--execute")
        engine.close()

        assert answer.code == 3
        assert "another run migrates" in answer.words
        assert tables(url) == {"t"}


@every_engine
def test_a_leftover_shadow_is_refused_and_cleaned_up_when_asked(server: Lease) -> None:
    with database(server) as url:
        engine = engine_at(url)
        alter = parse(ALTER, mysql=engine.mysql)
        table = engine.catalog.find(alter)
        engine.workshop.create(table, alter, engine.workshop.names(table))
        engine.close()

        answer = osc(url, ALTER, "--execute")

        assert answer.code == 3
        assert "left over" in answer.words
        assert "osc cleanup" in answer.words


@every_server("mysql", "mariadb")  # the throwaway PostgreSQL trusts everybody
def test_a_wrong_password_is_not_repeated(server: Lease) -> None:
    with database(server) as url:
        answer = osc(url.replace("root@", "root:hush-hush@"), ALTER, "--execute")

        assert answer.code == 5
        assert "hush" not in answer.words


@every_engine
def test_a_server_that_is_not_there_is_named(server: Lease) -> None:
    scheme = server.url("x").partition("://")[0]

    answer = osc(f"{scheme}://nobody@127.0.0.1:1/x", ALTER, "--execute")

    assert answer.code == 5
    assert "127.0.0.1" in answer.words


@every_engine
def test_a_user_who_may_not_read_the_log_is_told_which_right_is_missing(server: Lease) -> None:
    with database(server) as url:
        run(url, *_small_user(server.engine, url.rpartition("/")[2]))

        smalls = url.replace("//root@", "//small@").replace("//postgres@", "//small@")
        answer = osc(smalls, ALTER, "--sync", "log")

        assert answer.code == 5, answer
        assert "REPLICATION" in answer.words
        if server.engine == "postgres":  # on the others triggers want PROCESS, to notice TRUNCATE
            assert osc(smalls, ALTER).code == 0, "triggers do without that right"
        assert tables(url) == {"t"}
        run(url, *_gone(server.engine))


def _small_user(engine: str, name: str) -> list[str]:
    if engine == "postgres":
        grants = f"GRANT CREATE ON DATABASE {name} TO small; GRANT CREATE ON SCHEMA public TO small"
        return ["CREATE ROLE small LOGIN", "ALTER TABLE t OWNER TO small", *grants.split("; ")]
    return ["CREATE USER small@'%'", f"GRANT ALL ON {name}.* TO small@'%'"]


def _gone(engine: str) -> list[str]:
    if engine == "postgres":
        return ["DROP OWNED BY small CASCADE", "DROP ROLE small"]
    return ["DROP USER small@'%'"]


@pytest.mark.parametrize("name", ["mysql-9.7", "mariadb-10.11", "postgres-18"])
def test_a_replica_is_not_taken_for_the_primary(name: str) -> None:
    with lease(name) as primary:
        assert primary.running is not None
        with database(primary) as url, replica.start(primary.running) as following:
            replicas = following.url(url.rpartition("/")[2])
            wait_for_the_table(replicas)

            answer = osc(replicas, ALTER, "--execute")

            assert answer.code == 3, answer
            assert "replica" in answer.words or "standby" in answer.words


@pytest.mark.parametrize(
    ("engine", "settings", "said"),
    [
        ("mysql", {"skip_log_bin": "1"}, "writes no binlog"),
        ("mysql", {"binlog_format": "STATEMENT"}, "binlog_format is not ROW"),
        ("mysql", {"binlog_order_commits": "OFF"}, "binlog_order_commits"),
        ("mariadb", {"skip_log_bin": "1"}, "writes no binlog"),
        ("mariadb", {"binlog_format": "MIXED"}, "binlog_format is not ROW"),
        ("postgres", {"wal_level": "replica"}, "wal_level is replica"),
        ("postgres", {"max_replication_slots": "0"}, "replication slots are in use"),
        ("postgres", {"max_wal_senders": "0"}, "walsenders are in use"),
    ],
)
def test_a_server_that_does_not_log_rows_is_refused(
    engine: str, settings: dict[str, str], said: str
) -> None:
    with START[engine](settings=settings) as running, database(running) as url:
        answer = osc(url, ALTER, "--sync", "log", "--execute")

        assert (answer.code, said in answer.words) == (3, True), answer
        assert tables(url) == {"t"}
