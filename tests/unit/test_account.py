"""However an attempt ends, its error says which table serves, and the ledger hears of it once."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from osc import errors
from osc.account import Account, accounted
from osc.engine import Engine
from osc.model.progress import Tracker
from tests.fakes import JOB, FakeLedger


@pytest.fixture
def ledger() -> FakeLedger:
    return FakeLedger()


def account(ledger: FakeLedger, *, has_swapped: bool) -> Account:
    board = SimpleNamespace(note=lambda *_: None)
    engine = cast(Engine, SimpleNamespace(ledger=ledger, board=board))
    return Account(
        engine,
        Tracker(),
        JOB.original.name,
        JOB.id,
        JOB.names,
        can_go_on=True,
        has_swapped=has_swapped,
    )


@pytest.mark.parametrize("error", [errors.Unreachable("gone"), ValueError("unheard of")])
def test_after_the_swap_every_error_says_that_the_new_table_serves(
    ledger: FakeLedger, error: Exception
) -> None:
    with (
        pytest.raises(errors.SwappedButUnfinished) as told,
        account(ledger, has_swapped=True).given(),
    ):
        raise error

    assert told.value.exit_code == 13
    assert "is the new table and serves" in told.value.still_true
    assert str(error) in told.value.happened
    assert len(ledger.saved) == 1


def test_before_it_what_nobody_foresaw_is_a_bug_and_what_was_done_is_kept(
    ledger: FakeLedger,
) -> None:
    with pytest.raises(errors.Bug) as told, account(ledger, has_swapped=False).given():
        raise ValueError("unheard of")

    assert "unheard of" in told.value.happened
    assert "what was copied is kept" in told.value.still_true
    assert len(ledger.saved) == 1


def test_what_was_copied_is_kept_where_another_version_has_made_another_ledger(
    ledger: FakeLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It finds none of our rows in the tables that it knows."""

    def refuse() -> None:
        raise errors.Precondition("our own tables are of another version")

    monkeypatch.setattr(ledger, "prepare", refuse)
    monkeypatch.setattr(ledger, "runs", lambda table: [])

    with pytest.raises(errors.Unreachable) as told, account(ledger, has_swapped=False).given():
        raise errors.Unreachable("gone")

    assert told.value.kept
    assert "what was copied is kept" in told.value.still_true


def test_who_is_stopped_before_the_first_row_is_not_sent_to_resume(ledger: FakeLedger) -> None:
    swept = []
    workshop = SimpleNamespace(sweep=lambda table, **_: swept.append(table))
    engine = cast(Engine, SimpleNamespace(ledger=ledger, workshop=workshop))
    early = Account(engine, Tracker(), JOB.original.name, 7)

    with pytest.raises(errors.Stopped) as told, early.given():
        raise errors.Stopped("by ann", still_true="what was copied is kept", todo="osc resume URL")

    assert told.value.still_true.endswith("is untouched; nothing was copied yet")
    assert "osc run" in told.value.todo
    assert swept == [JOB.original.name]
    assert [(one["phase"], one["finished"]) for one in ledger.saved] == [("failed", True)]


def test_whoever_was_taken_over_settles_nothing() -> None:
    settled: list[errors.OscError] = []

    with pytest.raises(errors.TakenOver), accounted(settled.append):
        raise errors.TakenOver("by another process")

    assert settled == []
