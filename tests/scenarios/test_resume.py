"""A migration that was stopped, cut off or killed goes on, and its table is the native ALTER's."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace

import pytest

from osc import errors, migration, removal
from osc.config import Settings, settings
from osc.engine import Engine, Statement, Sync
from osc.engines import engine_at
from osc.migration import Request
from osc.model import alter
from osc.model.controls import Controls
from osc.model.phase import Phase
from osc.model.progress import Tracker
from tests.scenarios.case import CASES, SERVERS, Case, read
from tests.scenarios.runner import Paced, play, set_up, site_of
from tests.scenarios.site import Site, SqlError, run_script
from tests.scenarios.tools import in_small_chunks
from tests.servers import Lease

STOPS = (
    Phase.COPY, Phase.LOAD, Phase.CATCH_UP, Phase.VERIFY, Phase.CUT_OVER,
    Phase.CLEANUP,
)  # fmt: skip
MID_COPY = "the middle of the copy"
PLAIN = settings(force_copy=True, reconnect_for=0)

every_server = pytest.mark.parametrize("server", SERVERS.values())
every_sync = pytest.mark.parametrize("sync", ["log", "triggers"])


def case_on(server: str, sync: str, name: str = "unique-values-swap") -> Case:
    """A serial case: writers that depend on each other's rows, in an order that counts."""
    found = next(case for case in read(CASES / name) if case.server == server)
    return replace(found, sync=sync)


@contextmanager
def engine_of(site: Site, sync: str) -> Iterator[Engine]:
    with closing(engine_at(site.url)) as found:
        if Sync(sync) not in found.sources:
            pytest.skip(f"{found.name} has no --sync {sync}")
        yield in_small_chunks(found)


def begin(
    engine: Engine, statement: str, sync: str, tracker: Tracker, controls: Controls,
    wanted: Settings = PLAIN,
) -> str:  # fmt: skip
    parsed = alter.parse(statement, mysql=engine.mysql)
    request = Request(alter=parsed, sync=Sync(sync), statement=statement, by="tests")
    return migration.migrate(engine, request, wanted, tracker, controls).archive


def go_on(engine: Engine, wanted: str | None = None) -> str:
    done = migration.resume(engine, wanted, PLAIN, Tracker(), Controls())
    assert done is not None
    return done.archive


def at(tracker: Tracker, moment: Phase | str, act: Callable[[], None]) -> None:
    """Does something once, in the thread of the stage, when the migration comes to that moment."""
    done: list[bool] = []

    def once() -> None:
        if not done:
            done.append(True)
            act()

    if isinstance(moment, Phase):
        tracker.on_phase(lambda phase: once() if phase is moment else None)
        return
    add = tracker.add

    def counting(**counts: int) -> None:
        add(**counts)
        if tracker.read().chunks_copied >= 3:
            once()

    tracker.add = counting  # type: ignore[method-assign]


def play_with(
    case: Case, lease: Lease, migrate: Callable[[Site, Engine, str, Tracker], str]
) -> None:
    """The case as ever, writers and twin included, with something befalling the migration."""

    def tool(site: Site, statement: str, tracker: Tracker) -> str:
        with engine_of(site, case.sync) as engine:
            archive = migrate(site, engine, statement, tracker)
        tracker.note(phase=Phase.DONE)
        assert isinstance(tracker, Paced) and tracker.writers is not None
        tracker.writers.wake()
        return archive

    play(case, lease, tool)


@every_server
@every_sync
@pytest.mark.parametrize("moment", [*STOPS, MID_COPY])
def test_a_run_that_was_stopped_by_a_signal_goes_on(
    server: str, sync: str, moment: Phase | str, servers: Callable[[str], Lease]
) -> None:
    def migrate(site: Site, engine: Engine, statement: str, tracker: Tracker) -> str:
        controls = Controls()
        at(tracker, moment, lambda: controls.stop(errors.Interrupted(15)))
        try:
            archive = begin(engine, statement, sync, tracker, controls)
        except errors.Interrupted as stopped:
            assert stopped.kept
            return go_on(engine)
        assert moment is Phase.CLEANUP
        return archive

    play_with(case_on(server, sync), servers(server), migrate)


@every_server
def test_a_run_that_was_stopped_before_its_first_chunk_leaves_nothing(
    server: str, servers: Callable[[str], Lease]
) -> None:
    case = case_on(server, "log")
    with site_of(case, servers(server)) as site, engine_of(site, "log") as engine:
        set_up(site, case)
        before, tracker, controls = site.inventory(), Tracker(), Controls()
        at(tracker, Phase.SHADOW, lambda: controls.stop(errors.Interrupted(15)))

        with pytest.raises(errors.Interrupted) as stopped:
            begin(engine, case.alter.replace("{t}", "t"), "log", tracker, controls)

        assert not stopped.value.kept
        assert [it for it in site.inventory() - before if not site.may_stay(it, "")] == []


@every_server
@every_sync
@pytest.mark.parametrize("moment", [MID_COPY, Phase.LOAD, Phase.CATCH_UP, Phase.VERIFY])
def test_a_run_whose_connections_are_all_ended_goes_on_by_itself(
    server: str, sync: str, moment: Phase | str, servers: Callable[[str], Lease]
) -> None:
    """All but those of the applications."""

    def migrate(site: Site, engine: Engine, statement: str, tracker: Tracker) -> str:
        before = _connections(site)
        at(tracker, moment, lambda: _end(site, before))
        wanted = settings(force_copy=True, reconnect_for=30)
        archive = begin(engine, statement, sync, tracker, Controls(), wanted)
        assert tracker.seconds_in(Phase.RESUME) > 0, "no connection was lost: this proves nothing"
        return archive

    play_with(case_on(server, sync), servers(server), migrate)


def _connections(site: Site) -> set[int]:
    with closing(site.connect(site.original)) as session:
        if site.engine == "postgres":
            rows = session.run(
                "SELECT pid FROM pg_stat_activity WHERE application_name NOT LIKE 'osc %'"
            )
        else:
            rows = session.run("SELECT id FROM information_schema.processlist")
    return {int(row[0]) for row in rows}


def _end(site: Site, keep: set[int]) -> None:
    with closing(site.connect(site.original)) as session:
        if site.engine == "postgres":
            session.run(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE application_name LIKE 'osc %'"
            )
            return
        for (number,) in session.run(
            "SELECT id FROM information_schema.processlist "
            "WHERE id <> CONNECTION_ID() AND user = 'root'"
        ):
            if int(number) not in keep:
                with suppress(SqlError):  # It may have ended meanwhile.
                    session.run(f"KILL {number}")


@every_server
def test_a_migration_is_refused_while_another_of_the_table_can_go_on(
    server: str, servers: Callable[[str], Lease]
) -> None:
    with (
        stopped(server, servers) as it,
        pytest.raises(errors.Precondition, match="was stopped"),
    ):
        begin(it.engine, it.statement, "log", Tracker(), Controls())


@every_server
def test_a_resume_with_another_statement_is_refused(
    server: str, servers: Callable[[str], Lease]
) -> None:
    with stopped(server, servers) as it:
        with pytest.raises(errors.TableChanged, match="another statement"):
            go_on(it.engine, f"{it.statement} , ADD COLUMN surplus INT")

        assert go_on(it.engine, f"  {it.statement}\n;")


@every_server
def test_a_resume_is_refused_when_somebody_else_has_altered_the_table(
    server: str, servers: Callable[[str], Lease]
) -> None:
    with stopped(server, servers) as it:
        run_script(it.site, it.site.original, ["ALTER TABLE {t} ADD COLUMN surplus INT"])

        with pytest.raises(errors.TableChanged, match="by somebody else"):
            go_on(it.engine)

        assert it.left() == set()


@every_server
def test_a_resume_is_refused_when_the_shadow_is_gone(
    server: str, servers: Callable[[str], Lease]
) -> None:
    with stopped(server, servers) as it:
        table = it.engine.catalog.find(alter.parse(it.statement, mysql=it.engine.mysql)).name
        it.engine.workshop.drop(it.engine.workshop.leftovers(table))

        with pytest.raises(errors.TableChanged, match=r"shadow .* is gone"):
            go_on(it.engine)

        assert it.left() == set()


@every_server
def test_a_resume_is_refused_when_the_log_does_not_reach_back(
    server: str, servers: Callable[[str], Lease]
) -> None:
    with stopped(server, servers) as it:
        if it.site.engine == "postgres":
            end = "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots"
            run_script(it.site, it.site.original, [f"{end} WHERE database = current_database()"])
        else:
            _purge_binlogs(it.engine)

        with pytest.raises(errors.PositionGone):
            go_on(it.engine)

        assert it.left() == set()


def _purge_binlogs(engine: Engine) -> None:
    """All but the newest; the server keeps what it still sends to somebody."""
    with closing(engine.connect("test")) as session:
        deadline = time.monotonic() + 20
        session.execute(Statement("FLUSH BINARY LOGS"))
        while len(logs := session.query(Statement("SHOW BINARY LOGS"))) > 1:
            assert time.monotonic() < deadline, logs
            session.query(Statement(f"PURGE BINARY LOGS TO '{logs[-1][0]}'"))


@every_server
def test_an_abort_removes_all_that_is_ours_and_may_be_repeated(
    server: str, servers: Callable[[str], Lease]
) -> None:
    with stopped(server, servers) as it:
        first = removal.abort(it.engine, None, "tests")
        again = removal.abort(it.engine, "1", "tests")

        assert (bool(first), again) == (True, [])
        assert it.left() == set()
        (run,) = it.engine.ledger.runs()
        assert run.phase == "failed" and "aborted by tests" in run.message


@every_server
def test_an_abort_ends_a_run_that_is_alive(server: str, servers: Callable[[str], Lease]) -> None:
    case = case_on(server, "log")
    with site_of(case, servers(server)) as site, engine_of(site, "log") as engine:
        set_up(site, case)
        before, tracker = site.inventory(), Tracker()
        removed: list[str] = []

        def abort() -> None:
            with closing(engine_at(site.url)) as elsewhere:
                removed.extend(removal.abort(elsewhere, None, "somebody else"))

        operator = threading.Thread(target=abort)
        at(tracker, MID_COPY, operator.start)
        with pytest.raises(errors.TakenOver):
            begin(engine, case.alter.replace("{t}", "t"), "log", tracker, Controls())
        operator.join()

        assert removed
        assert [it for it in site.inventory() - before if not site.may_stay(it, "")] == []


@every_server
def test_a_cleanup_spares_what_can_go_on(server: str, servers: Callable[[str], Lease]) -> None:
    with stopped(server, servers) as it:
        before = it.left()

        assert removal.cleanup(it.engine, None, Controls(), execute=True) == []
        assert it.left() == before != set()
        go_on(it.engine)


@every_server
def test_a_verification_alone_leaves_the_migration_as_it_was(
    server: str, servers: Callable[[str], Lease]
) -> None:
    with stopped(server, servers) as it:
        report = migration.verify(it.engine, None, PLAIN, Tracker(), Controls())
        (run,) = it.engine.ledger.runs()

        assert report.rows_verified > 0
        assert run.finished_at is None
        go_on(it.engine)


@dataclass(frozen=True)
class Stopped:
    """A migration that was interrupted in the middle of its copy."""

    site: Site
    engine: Engine
    statement: str
    before: set[str]

    def left(self) -> set[str]:
        """What of it is on the server, besides the ledger."""
        new = self.site.inventory() - self.before
        return {thing for thing in new if not self.site.may_stay(thing, "")}


@contextmanager
def stopped(server: str, servers: Callable[[str], Lease]) -> Iterator[Stopped]:
    case = case_on(server, "log")
    statement = case.alter.replace("{t}", "t")
    with site_of(case, servers(server)) as site, engine_of(site, "log") as engine:
        set_up(site, case)
        before = site.inventory()
        tracker, controls = Tracker(), Controls()
        at(tracker, MID_COPY, lambda: controls.stop(errors.Interrupted(15)))
        with pytest.raises(errors.Interrupted) as found:
            begin(engine, statement, "log", tracker, controls)
        assert found.value.kept
        yield Stopped(site, engine, statement, before)
