"""Whatever is lost at the cut-over, the outcome is known, and no lock, row or sentry stays behind.

The proxy (`tests/proxy.py`) loses bytes between osc and the server; the applications' connections
do not go through it. `OSC_FUZZ_LOSSES=2000 OSC_FUZZ_SEED=7` takes longer: `make fuzz`.
"""

from __future__ import annotations

import os
import time
from collections import Counter

import pytest

from osc import errors
from tests.conformance import dying
from tests.conformance.dying import Fate
from tests.conformance.losing import LONGEST_STALL_SECONDS, hurry, line
from tests.conformance.losing import sampled as sampled_faults
from tests.conformance.place import Place, back, until
from tests.conformance.swapping import everything, exists, made, new_table_serves
from tests.proxy import Fault, How

SERVERS = ("mysql-9.7", "mariadb-10.11", "postgres-18")
THOROUGH = "OSC_FUZZ_LOSSES" in os.environ
FAULTS = int(os.environ.get("OSC_FUZZ_LOSSES", "12"))
SEED = int(os.environ.get("OSC_FUZZ_SEED", "1"))

on_three = pytest.mark.parametrize("server", SERVERS, indirect=True)

HOW = [(How.RESET, False), (How.RESET, True), (How.HALF_OPEN, True)]
HOW += [(How.FINISH, False), (How.FINISH, True), (How.HALF_OPEN, False)] if THOROUGH else []
MOMENTS = ["in the drain", "after the swap"] + ["before the swap"] * THOROUGH
STATEMENTS = {
    "mysql": ("LOCK TABLES", "DELETE FROM", "INSERT INTO", "COMMIT", "RENAME TABLE", "UNLOCK"),
    "mariadb": (
        "CREATE TABLE",
        "LOCK TABLES",
        "INSERT INTO",
        "COMMIT",
        "RENAME TABLE",
        "DROP TABLE",
        "UNLOCK",
    ),
    "PostgreSQL": ("LOCK TABLE", "LOCK TABLE ONLY", "DELETE FROM", "SET SCHEMA", "COMMIT"),
}


@on_three
def test_at_each_statement_before_and_after_it(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    hurry(monkeypatch)
    with line(place) as lost:
        for statement in STATEMENTS[place.engine.name]:
            for how, after in HOW:
                fault = Fault(how, pattern=statement.encode(), after=after)
                assert lost.survives(fault), f"{fault} has not come to pass"


@on_three
@pytest.mark.timeout(0 if THOROUGH else 300)
def test_at_bytes_drawn_at_random(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    hurry(monkeypatch)
    struck = Counter[bool]()
    with line(place) as lost:
        for fault in sampled_faults(lost, FAULTS, SEED):
            struck[lost.survives(fault)] += 1

    assert struck[True] >= FAULTS / 2


@on_three
def test_a_statement_that_arrives_after_we_gave_up_does_nothing(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The interleaving is in the docstrings of `osc/mysql/attempt.py` and `sentry.py`."""
    hurry(monkeypatch)
    last = "COMMIT" if not place.mysql else "RENAME TABLE"
    with line(place) as lost:
        late = Fault(How.DELAY, pattern=last.encode(), seconds=2.5)
        said = lost.attempt(late)
        assert said is not None
        lost.require_the_truth(said, late)
        until(lambda: lost.proxy.late == 0)
        lost.require_the_truth(said, late)


@on_three
@pytest.mark.parametrize("moment", MOMENTS)
def test_when_all_lines_are_lost_the_server_lets_go_by_itself(
    place: Place, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """Nobody is left who could kill a session; and how it ended is called unknown where it is."""
    hurry(monkeypatch)
    swapping = "RENAME TABLE" if place.mysql else "COMMIT"
    pattern = "DELETE FROM" if moment == "in the drain" else swapping
    after = moment != "before the swap"
    with line(place) as lost:
        fault = Fault(How.HALF_OPEN, pattern=pattern.encode(), after=after, all=True)

        said = lost.attempt(fault)
        lost.require_every_row(fault)
        lost.proxy.plan(None)

        assert said is (None if pattern == swapping else False)
        assert lost.swapper().was_swapped() is new_table_serves(place, lost.job)


@on_three
def test_a_half_open_line_with_the_lock_in_hand_stalls_writers_for_seconds_only(
    place: Place,
) -> None:
    """With the real limits."""
    granted = "LOCK TABLES" if place.mysql else "LOCK TABLE ONLY"
    with line(place) as lost:
        started = time.monotonic()
        assert lost.survives(Fault(How.HALF_OPEN, pattern=granted.encode(), after=True))

        assert time.monotonic() - started < 45
        assert max(writer.slowest for writer in lost.writers) < LONGEST_STALL_SECONDS


@on_three
def test_whichever_session_is_killed_whenever(place: Place) -> None:
    """By an administrator, say, at the moment before some statement of some session is sent."""
    job = made(place)
    rehearsed = Fate(place.end, purposes=dying.ALL)
    dying.swappers(place, job)(job, rehearsed).swap(everything(place, job), 5.0)
    job = back(job, place)
    target = dying.swappers(place, job)
    moments = len(rehearsed.statements)
    for victim in sorted(rehearsed.sessions):
        for at in range(0, moments, 1 if THOROUGH else 1 + moments // 16):
            fate = Fate(place.end, at, victim=victim, purposes=dying.ALL)
            try:
                target(job, fate).swap(everything(place, job), 5.0)
                said = True
            except errors.ServerError:
                said = False
            what = f"{victim} killed before {fate.statements[-1:]} ({at})"
            place.app.run("INSERT INTO orders VALUES (77, 'x')", "DELETE FROM orders WHERE id = 77")
            assert new_table_serves(place, job) is said, what
            assert said or not exists(place, job.names.archive), what
            assert place.app.value("SELECT count(*) FROM orders") == 3, what
            if said:
                job = back(job, place)
