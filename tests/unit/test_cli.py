"""The command line against a fake engine and a fake migration."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from osc import cli, migration, removal
from osc.cli import frame
from osc.config import Settings
from osc.engine import Names, Rehearsal, Run, Said, Sync
from osc.errors import DataWouldBeLost, OscError, Precondition, VerificationFailed
from osc.migration import Request
from osc.model import alter
from osc.model.alter import Alter
from osc.model.columns import ColumnMap, Pair
from osc.model.controls import Controls
from osc.model.ladder import Forecast, Outlook, Way
from osc.model.phase import Phase
from osc.model.progress import Tracker
from osc.model.report import Report
from osc.model.table import Column, Key, Table, TableName
from osc.ops import events
from osc.stages.plan import Plan
from osc.stages.route import Route

URL = "mysql://app:s3cret@db.test/shop"
CHANGE = "ALTER TABLE orders ADD COLUMN note text"
ORDERS = TableName("shop", "orders")
KEY = Key("PRIMARY", ("id",), primary=True)
ID = Column("id", "int", nullable=False)
TABLE = Table(ORDERS, (ID,), (KEY,), "1", rows=1_000_000, bytes=98_000_000)
NEW = replace(TABLE, columns=(ID, Column("note", "text")))
COLUMNS = ColumnMap((Pair("id", "id", "`id`"),), ("id",), ("id",))
PLAN = Plan(
    table=TABLE,
    alter=alter.parse(CHANGE, mysql=True),
    names=Names(TableName("shop", "_orders_new"), TableName("shop", "_orders_old")),
    sync=Sync.LOG,
    rehearsal=Rehearsal(NEW, COLUMNS, KEY, sortable=True),
    findings=("triggers are carried over",),
    statements=("create the shadow",),
)
ROUTE = Route(TABLE, PLAN.alter, Outlook((), Way.COPY), Forecast(1_000_000, 98_000_000), PLAN)
REPORT = Report(
    migration=7,
    table="shop.orders",
    statement=CHANGE,
    archive="shop._orders_old",
    sync="log",
    seconds=3.9,
    rows_copied=1000,
    chunks_copied=2,
    rows_verified=1000,
    changes_delivered=30,
    changes_forgotten=10,
    changes_applied=20,
    conflicts=0,
    cut_over_attempts=1,
    lock_wait_seconds=0.001,
    lock_held_seconds=0.012,
)
RUN = Run(7, ORDERS, CHANGE, "copy", "log", "me@here", "2026-01-01 10:00:00", "")


@dataclass
class Catalog:
    """Knows one table."""

    def find(self, alter: Any) -> Table:
        if alter.table != "orders":
            raise Precondition(f"there is no table {alter.table}", still_true="nothing was touched")
        return PLAN.table


SAID = [
    Said("sup", "ann@far", "2026-11-28 02:59:00", "shop.orders: cut-over"),
    Said("cut-over", "ann@far", "2026-11-28 03:00:00.123", "it may"),
]


@dataclass
class Server:
    """The engine as far as the command line looks at it, and what was asked of the migration."""

    mysql: bool = True
    catalog: Catalog = field(default_factory=Catalog)
    closed: bool = False
    called: list[str] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    settings: list[Settings] = field(default_factory=list)
    during: Callable[[Tracker, Controls], None] = lambda tracker, controls: None

    def close(self) -> None:
        self.closed = True

    def read(self, statement: str) -> Alter:
        return alter.parse(statement, mysql=self.mysql)

    def _plan(self, name: str) -> Callable[..., Route]:
        def made(engine: Any, request: Request, settings: Settings) -> Route:
            self.called.append(name)
            self.requests.append(request)
            self.settings.append(settings)
            return ROUTE

        return made

    def _migrate(
        self, engine: Any, request: Request, settings: Settings, tracker: Tracker, control: Controls
    ) -> Report:
        self._plan("migrate")(engine, request, settings)
        self.during(tracker, control)
        return REPORT

    def _cleanup(
        self,
        engine: Any,
        table: TableName | None,
        controls: Controls,
        *,
        execute: bool,
        archives: bool,
        on_replica: bool,
    ) -> list[str]:
        return ["table shop._orders_new", *(["table shop._orders_old"] if archives else [])]

    def replace_migration(self, monkeypatch: pytest.MonkeyPatch) -> None:
        fakes: dict[str, Any] = {
            "plan": self._plan("plan"),
            "rehearse": self._plan("rehearse"),
            "migrate": self._migrate,
            "status": lambda engine, table: [RUN],
            "said": lambda engine, runs: {RUN.id: SAID},
            "cleanup": self._cleanup,
        }
        for name, fake in fakes.items():
            monkeypatch.setattr(removal if name == "cleanup" else migration, name, fake)
        monkeypatch.setattr(frame, "engine_at", lambda url, replicas=(), asked=None: self)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in [name for name in os.environ if name.startswith("OSC_")]:
        monkeypatch.delenv(name)
    server = Server()
    server.replace_migration(monkeypatch)
    yield server


def osc(*words: str, **variables: str) -> Result:
    return CliRunner(env=variables).invoke(cli.osc, words)


def fail_with(error: Exception) -> Callable[[Tracker, Controls], None]:
    def during(tracker: Tracker, controls: Controls) -> None:
        raise error

    return during


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
