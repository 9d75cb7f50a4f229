"""What the command line answers: errors, signals, JSON, lists."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from osc import migration
from osc.errors import DataWouldBeLost, OscError, Precondition, VerificationFailed
from osc.model.controls import Controls
from osc.model.phase import Phase
from osc.model.progress import Tracker
from osc.ops import events
from osc.stages.plan import Plan
from tests.unit.commands import (
    CHANGE,
    PLAN,
    RUN,
    URL,
    Server,
    fail_with,
    osc,
)


@pytest.mark.parametrize("kind", [Precondition, DataWouldBeLost, VerificationFailed])
def test_an_error_is_three_sentences_and_its_exit_code(
    server: Server, kind: type[OscError]
) -> None:
    server.during = fail_with(kind("it broke", still_true="all is well", todo="try again"))

    result = osc("run", URL, CHANGE, "--execute")

    assert result.exit_code == kind.exit_code
    assert f"osc: {kind.title}: it broke" in result.stderr
    assert "still true: all is well" in result.stderr
    assert "what to do: try again" in result.stderr
    assert "Traceback" not in result.stderr
    assert server.closed


def test_with_json_an_error_is_one_json_line_too(server: Server) -> None:
    server.during = fail_with(Precondition("it broke", todo="try again"))

    result = osc("run", URL, CHANGE, "--execute", "--json")

    assert json.loads(result.stdout) == {
        "error": "it broke",
        "title": "refused",
        "still_true": "",
        "todo": "try again",
        "exit_code": 3,
    }
    assert "osc: refused: it broke" in result.stderr


def test_what_nobody_foresaw_is_a_sentence_and_exit_code_1(server: Server) -> None:
    server.during = fail_with(KeyError("boom"))

    result = osc("run", URL, CHANGE, "--execute")

    assert result.exit_code == 1
    assert "KeyError" in result.stderr
    assert "Traceback" not in result.stderr


def test_debug_shows_the_traceback(server: Server) -> None:
    server.during = fail_with(KeyError("boom"))

    result = osc("run", URL, CHANGE, "--execute", "--debug")

    assert "Traceback" in result.stderr
    assert "in during" in result.stderr


@pytest.mark.parametrize(
    "words", [("run", URL, CHANGE, "--execute", "--debug"), (URL,), ("plan", URL, URL, CHANGE)]
)
def test_a_password_is_never_repeated(server: Server, words: tuple[str, ...]) -> None:
    server.during = fail_with(RuntimeError(f"can't reach {URL}?password=s3cret"))

    result = osc(*words)

    assert result.exit_code != 0
    assert "s3cret" not in result.output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_the_migration_through_its_controls(
    server: Server, number: signal.Signals
) -> None:
    def during(tracker: Tracker, controls: Controls) -> None:
        os.kill(os.getpid(), number)
        controls.pause(30)

    server.during = during
    before = signal.signal(number, signal.default_int_handler)  # The tests may be under nohup.
    try:
        result = osc("run", URL, CHANGE, "--execute")

        assert result.exit_code == 128 + number
        assert "the original table serves" in result.stderr
        assert signal.getsignal(number) is signal.default_int_handler
    finally:
        signal.signal(number, before)


def test_a_run_under_nohup_outlives_its_terminal(server: Server) -> None:
    def during(tracker: Tracker, controls: Controls) -> None:
        signal.raise_signal(signal.SIGHUP)
        controls.pause(0.3)

    server.during = during
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert osc("run", URL, CHANGE, "--execute").exit_code == 0
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_signal_during_a_plan_is_raised_where_it_stands(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def plan(*_: Any) -> Plan:
        signal.raise_signal(signal.SIGTERM)
        return PLAN

    monkeypatch.setattr(migration, "plan", plan)

    assert osc("plan", URL, CHANGE).exit_code == 143


def test_json_of_a_plan(server: Server) -> None:
    record = json.loads(osc("plan", URL, CHANGE, "--json").stdout)

    assert record["table"] == "shop.orders"
    assert record["sync"] == "log"
    assert record["columns"] == [{"column": "note", "before": None, "after": "text"}]
    assert record["steps"] == ["create the shadow"]


def test_json_of_a_run_has_the_result_alone_on_stdout(server: Server) -> None:
    server.during = lambda tracker, controls: tracker.at(Phase.PREFLIGHT)

    result = osc("run", URL, CHANGE, "--execute", "--json")

    record = json.loads(result.stdout)
    assert (record["executed"], record["rows_copied"], record["old_table"]) == (
        True,
        1000,
        "shop._orders_old",
    )
    assert "preflight" in result.stderr


def test_a_panic_file_that_is_there_already_is_told_before_a_table_is_touched(
    server: Server, tmp_path: Path
) -> None:
    panic = tmp_path / "panic"
    panic.touch()

    result = osc("run", URL, CHANGE, "--execute", "--panic-flag-file", str(panic))

    assert result.exit_code == 3
    assert "is there already" in result.stderr


def test_json_logs_name_an_action_in_each_line(server: Server) -> None:
    server.during = lambda tracker, controls: tracker.at(Phase.PREFLIGHT)

    result = osc("run", URL, CHANGE, "--execute", "--log-format", "json")

    lines = [json.loads(line) for line in result.stderr.splitlines()]
    assert [(line["action"], line["phase"]) for line in lines] == [("phase", "preflight")]
    assert [line["schema"] for line in lines] == [1]
    events.check(result.stderr)


def test_json_logs_end_with_the_error(server: Server) -> None:
    def fails(tracker: Tracker, controls: Controls) -> None:
        raise Precondition("no key", still_true="nothing was touched", todo="add one")

    server.during = fails

    result = osc("run", URL, CHANGE, "--execute", "--log-format", "json")

    last = json.loads(result.stderr.splitlines()[-1])
    assert result.exit_code == 3
    assert (last["action"], last["error"], last["exit_code"]) == ("error", "no key", 3)


def test_quiet_leaves_only_the_result(server: Server) -> None:
    server.during = lambda tracker, controls: tracker.at(Phase.PREFLIGHT)

    result = osc("run", URL, CHANGE, "--execute", "--quiet")

    assert result.stderr == ""


def test_status_lists_what_the_ledger_remembers(server: Server) -> None:
    text = osc("status", URL).stdout
    (record,) = json.loads(osc("status", URL, "--json").stdout)

    assert "died in copy" in text
    assert (record["table"], record["state"]) == ("shop.orders", "died in copy")


def test_status_of_a_table_that_is_not_there(server: Server) -> None:
    assert osc("status", URL, "nonsense").exit_code == 3


def test_cleanup_only_lists_without_execute(server: Server) -> None:
    listed, done = osc("cleanup", URL, "orders"), osc("cleanup", URL, "orders", "--execute")

    assert listed.stdout == "would remove table shop._orders_new\n"
    assert done.stdout == "removed table shop._orders_new\n"
    assert "Add --execute" in listed.stderr
    assert done.stderr == ""


def test_cleanup_drops_old_tables_only_when_it_is_told_to(server: Server) -> None:
    result = osc("cleanup", URL, "--execute", "--drop-old-table", "--json")

    assert json.loads(result.stdout)["leftovers"] == [
        "table shop._orders_new",
        "table shop._orders_old",
    ]


def test_exit_codes_are_all_listed() -> None:
    codes = {record["exit_code"] for record in json.loads(osc("exit-codes", "--json").stdout)}

    assert codes == {0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 20, 129, 130, 143}


def test_a_run_that_lives_shows_its_phase(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migration, "status", lambda engine, table: [replace(RUN, alive=True)])

    assert "died" not in osc("status", URL).stdout


def test_every_exit_code_is_explained() -> None:
    codes = json.loads(osc("exit-codes", "--json").stdout)

    for code in codes:
        said = osc("explain", str(code["exit_code"])).stdout
        assert said.startswith(f"{code['exit_code']}: {code['title']}\n\n"), code
        assert len(said) > 80


@pytest.mark.parametrize("code", ["4", "nonsense", "-1"])
def test_a_code_that_is_none_is_not_explained(code: str) -> None:
    assert osc("explain", "--", code).exit_code == 2


def test_history_tells_who_did_what_and_what_came_of_it(server: Server) -> None:
    said = osc("history", URL).stdout

    assert "shop.orders: died in copy" in said
    assert "me@here" in said
    assert "2026-11-28 03:00:00  cut-over, by ann@far: it may" in said
    assert "sup" not in said, "that somebody has looked is nothing to remember"
    (record,) = json.loads(osc("history", URL, "--json").stdout)
    assert (record["id"], record["result"]) == (7, None)
    assert [one["words"] for one in record["said"]] == ["cut-over"]
