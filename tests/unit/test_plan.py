"""Which way changes are followed, and what is said of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from osc.engine import Engine, Sync
from osc.errors import ConnectionLost, NotAllowed, OscError, Precondition
from osc.model import alter
from osc.model.table import Table
from osc.stages import plan
from tests.fakes import JOB

ALTER = alter.parse("ALTER TABLE orders ADD n INT", mysql=True)
NO_LOG = Precondition("the server writes no binlog", todo="start it with --log-bin")
NO_TRIGGERS = Precondition("no SUPER privilege", todo="ask for it")


@dataclass
class FakeChecks:
    """The port `Checks`: what is said against each way, of the server or of the table."""

    of_server: dict[Sync, OscError] = field(default_factory=dict)
    of_table: dict[Sync, OscError] = field(default_factory=dict)

    def server(self, sync: Sync) -> None:
        if sync in self.of_server:
            raise self.of_server[sync]

    def table(self, table: Table, alter: Any, sync: Sync) -> None:
        if sync in self.of_table:
            raise self.of_table[sync]


def choose(checks: FakeChecks, wanted: Sync | None = None, *syncs: Sync) -> plan.Choice:
    engine = SimpleNamespace(
        name="mysql", checks=checks, sources=dict.fromkeys(syncs or (Sync.LOG, Sync.TRIGGERS))
    )
    return plan.choose_sync(cast(Engine, engine), JOB.original, ALTER, wanted)


def test_the_best_way_is_taken_without_a_word() -> None:
    assert choose(FakeChecks()) == plan.Choice(Sync.LOG)


@pytest.mark.parametrize(
    "checks",
    [
        FakeChecks(of_server={Sync.LOG: NO_LOG}),
        FakeChecks(of_table={Sync.LOG: NO_LOG}),
        FakeChecks(of_server={Sync.LOG: NotAllowed(NO_LOG.happened)}),
    ],
)
def test_triggers_are_taken_where_the_log_cannot_be_used_and_it_is_said_why(
    checks: FakeChecks,
) -> None:
    choice = choose(checks)

    assert choice.sync is Sync.TRIGGERS
    assert len(choice.findings) == 1
    assert NO_LOG.happened in choice.findings[0]


def test_where_nothing_can_be_used_the_best_way_s_reason_is_raised_and_the_other_is_told() -> None:
    checks = FakeChecks(of_server={Sync.LOG: NO_LOG}, of_table={Sync.TRIGGERS: NO_TRIGGERS})

    with pytest.raises(Precondition, match="no binlog") as raised:
        choose(checks)

    assert raised.value.todo.startswith("start it with --log-bin\nor, for")
    assert NO_TRIGGERS.happened in raised.value.todo


def test_a_reason_against_both_is_told_once() -> None:
    same = [Precondition("t is stored by MyISAM", todo="alter it natively") for _ in range(2)]

    with pytest.raises(Precondition) as raised:
        choose(FakeChecks(of_table=dict(zip((Sync.LOG, Sync.TRIGGERS), same, strict=True))))

    assert raised.value.todo == "alter it natively"


def test_a_lost_connection_is_no_reason_for_another_way() -> None:
    with pytest.raises(ConnectionLost):
        choose(FakeChecks(of_server={Sync.LOG: ConnectionLost("gone")}))


def test_what_was_asked_for_is_taken_whatever_speaks_against_it() -> None:
    """The preflight refuses it then, in its own words."""
    assert choose(FakeChecks(of_server={Sync.LOG: NO_LOG}), Sync.LOG) == plan.Choice(Sync.LOG)


def test_a_way_that_the_engine_has_not_is_refused() -> None:
    with pytest.raises(Precondition, match="--sync triggers"):
        choose(FakeChecks(), Sync.TRIGGERS, Sync.LOG)
