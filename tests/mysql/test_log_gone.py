"""A binlog that no longer tells every change says so, and says why; one that does goes on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

import pytest

from osc.engine import ChangeSource, Job, Sync
from osc.engines import engine_at
from osc.errors import ConnectionLost, PositionGone
from osc.model.change import Position
from osc.sandbox.server import Running, Unavailable
from tests.conformance.place import App, Place, delivered, keys, open_place, until
from tests.servers import START, WANTED, Lease, names

DUMPS = "SELECT 1 FROM information_schema.processlist WHERE command LIKE 'Binlog Dump%'"
PLAIN = "CREATE TABLE orders (id INT PRIMARY KEY, note VARCHAR(100))"
RESET = {"mysql": "RESET BINARY LOGS AND GTIDS", "mariadb": "RESET MASTER"}


@dataclass
class Ours:
    """A server that nobody else uses: its log may be broken."""

    running: Running
    lease: Lease

    @property
    def engine(self) -> str:
        return self.lease.engine

    def log_file(self, name: str) -> Path:
        return self.running.server.folder / "data" / name

    def app(self) -> App:
        return App(self.lease.url("mysql"))


@pytest.fixture(scope="module", params=names("mysql", "mariadb"))
def ours(request: pytest.FixtureRequest) -> Iterator[Ours]:
    wanted = WANTED[request.param]
    if wanted.variable in os.environ:
        pytest.skip("its server belongs to somebody else")
    with ExitStack() as stack:
        try:
            running = stack.enter_context(START[wanted.engine](wanted.version))
        except Unavailable as reason:
            pytest.skip(str(reason))
        server = running.server
        yield Ours(running, Lease(server.engine, server.version, running.url(""), running))


@dataclass
class Followed:
    """A migration whose source has been closed at `position`; its place outlives restarts."""

    place: Place
    job: Job
    position: Position

    @contextmanager
    def again(self) -> Iterator[ChangeSource]:
        later = replace(self.job, generation=2)
        source = self.place.engine.sources[Sync.LOG](later, self.position)
        try:
            yield source
        finally:
            source.close()

    def write(self, *statements: str) -> None:
        app = App(self.place.url)
        app.run(*statements)
        app.close()


@pytest.fixture
def followed(ours: Ours) -> Iterator[Followed]:
    """A restart ends every connection: nothing is cleared up, because the server goes too."""
    database = f"osc_{uuid4().hex[:10]}"
    ours.app().run(f"CREATE DATABASE {database}")
    url = ours.lease.url(database)
    place = Place(ours.lease, database, engine_at(url), App(url))
    job = place.job(PLAIN)
    with place.source(job) as source:
        place.app.run("INSERT INTO orders VALUES (1, 'a')")
        last = delivered(source)[-1].position
    until(lambda: not place.app.rows(DUMPS))
    yield Followed(place, job, last)


@pytest.mark.parametrize("later", [[], ["INSERT INTO orders VALUES (2, 'x')"]])
def test_a_log_that_was_reset_is_gone(ours: Ours, followed: Followed, later: list[str]) -> None:
    followed.write(RESET[ours.engine], *later)

    with pytest.raises(PositionGone, match="reset"), followed.again():
        pass


def test_a_log_that_was_reset_and_has_grown_beyond_the_position_is_gone(
    ours: Ours, followed: Followed
) -> None:
    """There is a transaction's end, perhaps, at the same place in a file of the same name."""
    followed.write(RESET[ours.engine])
    followed.write(*[f"INSERT INTO orders VALUES ({n}, repeat('x', 90))" for n in range(2, 99)])

    with pytest.raises(PositionGone, match="reset"), followed.again():
        pass


def test_a_log_that_is_reset_while_we_read_is_gone(ours: Ours, followed: Followed) -> None:
    """The server goes on to wait at the end of a file that is deleted: no error, no event."""
    with followed.again() as source:
        delivered(source)
        followed.write(RESET[ours.engine], "INSERT INTO orders VALUES (2, 'b')")

        with pytest.raises(PositionGone, match="reset"):
            delivered(source)


def test_a_reset_is_noticed_though_nothing_changes_and_nobody_sets_a_mark(
    followed: Followed, ours: Ours, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is written afterwards would not be told, for as long as nobody asks."""
    monkeypatch.setattr("osc.mysql.binlog.IDLE_PULSE_SECONDS", 0.5)
    monkeypatch.setattr("osc.model.patience.STREAM_SECONDS", 4)
    with followed.again() as source:
        delivered(source)
        followed.write(RESET[ours.engine])

        with pytest.raises(PositionGone, match="reset"):
            for _ in range(400):
                source.read(0.2)


@pytest.mark.parametrize("sync_binlog", [0, 1])
def test_a_log_that_is_reset_and_rotated_while_we_read_is_gone(
    ours: Ours, followed: Followed, sync_binlog: int
) -> None:
    """Now the server goes on, with the second file of the new log: the first one is missed."""
    followed.write(RESET[ours.engine], f"SET GLOBAL sync_binlog = {sync_binlog}")
    with followed.place.source(followed.job) as source:
        delivered(source)
        followed.write(
            "INSERT INTO orders VALUES (2, 'b')",
            RESET[ours.engine],
            "FLUSH BINARY LOGS",
            "INSERT INTO orders VALUES (3, 'b')",
        )

        with pytest.raises(PositionGone, match="reset"):
            delivered(source)


def test_a_file_that_was_purged_is_gone(ours: Ours, followed: Followed) -> None:
    status = "SHOW BINARY LOGS"
    followed.write("FLUSH BINARY LOGS")
    app = App(followed.place.url)
    newest = app.rows(status)[-1][0]

    def purged() -> bool:
        """The server keeps what it still sends to somebody, us a moment ago."""
        app.run(f"PURGE BINARY LOGS TO '{newest}'")
        return bool(app.rows(status)[0][0] == newest)

    until(purged)

    with pytest.raises(PositionGone, match="purged"), followed.again():
        pass


@pytest.mark.parametrize("server", names("mysql", "mariadb"), indirect=True)
def test_the_log_of_another_server_is_not_the_one_we_have_read(
    ours: Ours, followed: Followed, server: Lease
) -> None:
    """As after a failover, when the same name leads to what was a replica."""
    if server.engine != ours.engine:
        pytest.skip("a failover leads to a server of the same kind")
    with open_place(server) as elsewhere:
        job = elsewhere.job(PLAIN)

        with pytest.raises(PositionGone) as caught:
            elsewhere.engine.sources[Sync.LOG](job, followed.position).close()

    if ours.engine == "mysql":
        assert "another server" in caught.value.happened


def test_after_a_clean_restart_the_same_position_goes_on(ours: Ours, followed: Followed) -> None:
    followed.write("INSERT INTO orders VALUES (2, 'b')")
    ours.running.restart()
    followed.write("INSERT INTO orders VALUES (3, 'c')")

    with followed.again() as source:
        assert set(keys(source)) == {(2,), (3,)}


def test_a_server_that_restarts_while_we_read_is_a_lost_connection(
    ours: Ours, followed: Followed
) -> None:
    with followed.again() as source:
        delivered(source)
        ours.running.restart()

        with pytest.raises(ConnectionLost):
            while True:
                source.read(5.0)


def test_a_log_whose_end_a_crash_has_cut_off_is_gone(ours: Ours, followed: Followed) -> None:
    file = followed.position.split(":", 1)[0]
    ours.running.kill()
    os.truncate(ours.log_file(file), int(followed.position.split(":")[1]) - 5)
    ours.running.restart()

    with pytest.raises(PositionGone, match="ends before"), followed.again():
        pass


def test_a_log_that_a_crash_may_have_cut_off_behind_the_position_is_gone(
    ours: Ours, followed: Followed
) -> None:
    """sync_binlog=0: the table may have a change that the log lost, and nobody could tell."""
    ours.running.kill()
    ours.running.restart()

    with pytest.raises(PositionGone, match="crashed"), followed.again() as source:
        delivered(source)


def test_a_log_that_is_synced_outlives_a_crash(ours: Ours, followed: Followed) -> None:
    ours.running.kill()
    ours.running.restart()
    followed.write("SET GLOBAL sync_binlog = 1", "INSERT INTO orders VALUES (2, 'b')")
    try:
        with followed.again() as source:
            assert keys(source) == [(2,)]
    finally:
        followed.write("SET GLOBAL sync_binlog = 0")


@pytest.mark.parametrize(("before", "after"), [("CRC32", "NONE"), ("NONE", "CRC32")])
def test_checksums_may_be_switched_while_we_read(
    ours: Ours, followed: Followed, before: str, after: str
) -> None:
    followed.write(f"SET GLOBAL binlog_checksum = '{before}'")
    try:
        with followed.place.source(followed.job) as source:
            followed.write("INSERT INTO orders VALUES (2, 'b')")
            first = keys(source)
            followed.write(f"SET GLOBAL binlog_checksum = '{after}'")
            followed.write("INSERT INTO orders VALUES (3, 'c')")
            second = delivered(source)
        followed.write("INSERT INTO orders VALUES (4, 'd')")
        followed.position = second[-1].position
        with followed.again() as source:
            third = keys(source)
    finally:
        followed.write("SET GLOBAL binlog_checksum = 'CRC32'")

    assert (first, {key for one in second for key in one.keys}) == ([(2,)], {(3,)})
    assert third == [(4,)]
