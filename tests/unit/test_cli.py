"""What the command line asks for, against a fake engine and a fake migration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from osc.cli import frame
from osc.engine import Sync
from tests.unit.commands import (
    CHANGE,
    URL,
    Server,
    osc,
)


def test_without_execute_a_run_is_only_rehearsed(server: Server) -> None:
    result = osc("run", URL, CHANGE)

    assert result.exit_code == 0
    assert server.called == ["rehearse"]
    assert "Add --execute" in result.stderr


def test_with_execute_the_table_is_migrated_and_the_report_shown(server: Server) -> None:
    result = osc("run", URL, CHANGE, "--execute")

    assert result.exit_code == 0
    assert server.called == ["migrate"]
    assert "1,000 copied" in result.stdout
    assert server.closed


def test_the_two_spellings_of_a_change_are_one_request(server: Server) -> None:
    osc("run", URL, CHANGE)
    osc("run", URL, "--table", "orders", "--alter", "ADD COLUMN note text")

    whole, parts = server.requests
    assert whole == parts


def test_the_url_may_be_a_word_an_option_or_a_variable(server: Server) -> None:
    results = [
        osc("plan", URL, CHANGE),
        osc("plan", "--url", URL, CHANGE),
        osc("plan", CHANGE, OSC_URL=URL),
        osc("plan", URL, CHANGE, OSC_URL="mysql://another.test/shop"),
    ]

    assert [result.exit_code for result in results] == [20, 20, 20, 20]


@pytest.mark.parametrize(
    "words",
    [
        ("plan", CHANGE),
        ("plan", URL),
        ("plan", URL, "--url", URL, CHANGE),
        ("plan", URL, CHANGE, CHANGE),
        ("plan", URL, CHANGE, "--table", "orders", "--alter", "DROP a"),
        ("plan", URL, "--table", "orders"),
        ("plan", URL, "DROP TABLE orders"),
        ("plan", URL, CHANGE, "--threads", "0"),
        ("plan", URL, CHANGE, "--sync", "magic"),
        ("plan", URL, CHANGE, "--no-such-option"),
        ("cleanup", URL, "orders", "customers"),
        ("nonsense",),
    ],
)
def test_what_cannot_be_meant_is_exit_code_2(server: Server, words: tuple[str, ...]) -> None:
    result = osc(*words)

    assert result.exit_code == 2
    assert result.stdout == ""
    assert server.called == []


@pytest.mark.parametrize(
    "flags, said",
    [
        (["--only-between", "25:00-26:00"], "--only-between is '25:00-26:00', which are no hours"),
        (["--cut-over-between", "late"], "--cut-over-between is 'late'"),
        (["--max-load", "running"], "--max-load says 'running'"),
        (["--critical-load", "running=x"], "--critical-load says 'running=x'"),
        (["--critical-load-hibernate", "5"], "has no --critical-load"),
        (["--latency-query", "SELECT 1"], "has no --max-latency"),
        (["--hooks-path", "/no/such/folder", "--execute"], "is no folder"),
        (["--statsd", "nowhere"], "--statsd 'nowhere' is no address"),
        (["--statsd", ":8125"], "--statsd ':8125' is no address"),
        (["--metrics-listen", ":99999"], "--metrics-listen ':99999' is no address"),
        (["--throttle-http", "localhost"], "--throttle-http 'localhost' is no address"),
        (["--replica", "db2"], "--replica 'db2' is no URL"),
        (["--pause-file", ""], "--pause-file"),
        (["--max-lag", "nan"], "--max-lag is nan"),
        (["--max-lag", "inf"], "--max-lag is inf, and it should be a number"),
        (["--threads", "-1"], "--threads is -1, and it should be at least 1"),
        (["--hooks-time-limit", "1e9"], "it should be at most 2,592,000"),
        (["--max-load", "running=nan"], "--max-load says 'running=nan'"),
        (["--max-load", "running=-1"], "--max-load says 'running=-1'"),
        (["--max-load", "=5"], "--max-load says '=5'"),
        (["--only-between", "22:00-22:00"], "which are no hours"),
        (["--threads", "8", "--most-threads", "4"], "more than --most-threads 4"),
        (["--repair", "--no-verify"], "--no-verify leaves that out"),
        (["--max-load", "a=5", "--critical-load", "a=4"], "would stop before it is held back"),
        (["--pause-file", "x", "--panic-flag-file", "x"], "is for --panic-flag-file and for"),
    ],
)
def test_a_value_that_makes_no_sense_is_exit_code_2(
    server: Server, flags: list[str], said: str
) -> None:
    result = osc("run", URL, CHANGE, *flags)

    assert result.exit_code == 2
    assert said in result.stderr
    assert server.called == []


def test_a_named_number_of_threads_may_be_above_what_nobody_has_named(server: Server) -> None:
    assert osc("run", URL, CHANGE, "--threads", "32").exit_code == 0


def test_a_server_is_not_asked_where_no_change_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(*_: Any) -> None:
        raise AssertionError

    monkeypatch.setattr(frame, "engine_at", asked)

    for words in (["--table", "orders"], [], [CHANGE, CHANGE], ["--alter", "ADD x INT"]):
        assert osc("run", URL, *words).exit_code == 2


def test_the_server_and_the_way_to_it_may_stand_in_a_profile(
    server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[str] = []

    def engine_at(url: str, *_: Any) -> Server:
        asked.append(url)
        return server

    monkeypatch.setattr(frame, "engine_at", engine_at)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "osc.toml").write_text(
        'url = "mysql://ann@db1/shop"\nssl-mode = "required"\n[profile.night]\n'
        'url = "postgresql://ann@db2/shop"\nssl-ca = "/ca.pem"\nthreads = 4\n'
    )

    assert osc("status").exit_code == 0
    assert osc("run", CHANGE, "--profile", "night", "--ssl-mode", "verify-ca").exit_code == 0
    assert osc("status", "mysql://bob@db3/shop").exit_code == 0
    shown = osc("config", "--profile", "night").stdout

    assert asked == [
        "mysql://ann@db1/shop?ssl_mode=required",
        "postgresql://ann@db2/shop?sslmode=verify-ca&sslrootcert=%2Fca.pem",
        "mysql://bob@db3/shop?ssl_mode=required",
    ]
    assert server.settings[-1].threads == 4
    assert "postgresql://ann@db2/shop  (osc.toml, profile night)" in shown
    (tmp_path / "osc.toml").write_text("url = 5\n")
    assert "url is 5, and it should be a text" in osc("status").stderr


def test_a_socket_that_can_not_be_had_is_told_before_anything_is_touched(
    server: Server, tmp_path: Path
) -> None:
    result = osc("run", URL, CHANGE, "--execute", "--control-socket", str(tmp_path / "no" / "s"))

    assert result.exit_code == 3
    assert "there is no folder" in result.stderr
    assert server.called == []


def test_an_unknown_scheme_is_exit_code_2() -> None:
    result = osc("plan", "oracle://db.test/shop", CHANGE)

    assert result.exit_code == 2
    assert "postgresql://" in result.stderr


def test_an_option_wins_over_the_variable_and_that_over_the_default(server: Server) -> None:
    osc("plan", URL, CHANGE, "--threads", "5", OSC_THREADS="4", OSC_CHUNK_TIME="1.5")

    (settings,) = server.settings
    assert (settings.threads, settings.chunk_time, settings.verify) == (5, 1.5, True)


def test_flags_that_turn_something_off_or_on(server: Server) -> None:
    osc("plan", URL, CHANGE, "--no-verify", "--drop-old-table", "--force-copy")

    (settings,) = server.settings
    assert (settings.verify, settings.drop_old_table, settings.force_copy) == (False, True, True)


def test_a_bad_variable_is_named(server: Server) -> None:
    result = osc("plan", URL, CHANGE, OSC_THREADS="many")

    assert result.exit_code == 2
    assert "$OSC_THREADS" in result.stderr


def test_sync_auto_leaves_the_choice_to_the_plan(server: Server) -> None:
    osc("plan", URL, CHANGE)
    osc("plan", URL, CHANGE, "--sync", "triggers")

    assert [request.sync for request in server.requests] == [None, Sync.TRIGGERS]
