"""The peers' command lines, and what they become."""

from __future__ import annotations

import pytest

from osc import errors
from osc.config import Settings
from osc.habits import gh_ost, pt
from osc.habits.habit import Flag


def test_pt_osc_s_usual_line() -> None:
    found = pt.translated(
        [
            "--alter", "ADD COLUMN c1 INT", "D=shop,t=orders,h=db1,P=3307,u=me", "--execute",
            "--max-load", "Threads_running=25", "--max-lag=2m", "--chunk-time", "0.2",
            "--no-drop-old-table",
        ]
    )  # fmt: skip

    assert found.line == (
        "osc run mysql://me@db1:3307/shop --table '`orders`' --alter 'ADD COLUMN c1 INT' --execute "
        "--max-load Threads_running=25 --max-lag 120 --chunk-time 0.2"
    )


def test_the_old_table_goes_as_it_does_there() -> None:
    kept = pt.translated(["--alter", "ENGINE=InnoDB", "D=a,t=b", "--nodrop-old-table"])
    dropped = pt.translated(["--alter", "ENGINE=InnoDB", "D=a,t=b"])

    assert "--drop-old-table" not in kept.arguments
    assert "--drop-old-table" in dropped.arguments


def test_a_password_goes_by_the_environment_and_is_in_no_line() -> None:
    found = pt.translated(["--alter", "ADD x INT", "D=a,t=b,p=se\\,cret", "--ask-pass"])

    assert found.environment == {"MYSQL_PWD": "se,cret"}
    assert "cret" not in found.line


def test_gh_ost_s_usual_line() -> None:
    found = gh_ost.translated(
        [
            "--host=db1", "--user", "me", "-database", "shop", "--table=orders",
            "--alter=DROP COLUMN x", "--max-lag-millis=500", "--ok-to-drop-table", "--execute",
            "--postpone-cut-over-flag-file=/tmp/p", "--serve-socket-file=/tmp/s",
            "--throttle-control-replicas=r1:3306,r2",
        ]
    )  # fmt: skip

    assert found.line == (
        "osc run mysql://me@db1:3306/shop --table '`orders`' --alter 'DROP COLUMN x' "
        "--max-lag 0.5 --drop-old-table --execute --postpone-cut-over-flag-file /tmp/p "
        "--control-socket /tmp/s --replica mysql://r1:3306/ --replica mysql://r2/ "
        "--throttle-flag-file /tmp/gh-ost.throttle"
    )
    assert found.creates == ("/tmp/p",), "gh-ost makes it: the cut-over waits until it is removed"


def test_gh_ost_s_whole_alter_names_the_table() -> None:
    found = gh_ost.translated(["--alter", "ALTER TABLE shop.`my orders` ADD x INT"])

    assert found.arguments[0].endswith("/shop")
    assert found.arguments[1:5] == ("--table", "`my orders`", "--alter", "ADD x INT")


@pytest.mark.parametrize("translated", [pt.translated, gh_ost.translated])
def test_a_flag_that_nobody_has_is_wrong_usage(translated) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(errors.Usage, match="--no-such-thing"):
        translated(["--no-such-thing"])


@pytest.mark.parametrize("translated", [pt.translated, gh_ost.translated])
def test_a_line_without_a_table_is_wrong_usage(translated) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(errors.Usage, match="wants to know"):
        translated(["--alter", "ADD x INT"])


def test_a_flag_without_a_meaning_is_answered_with_a_sentence() -> None:
    found = pt.translated(
        ["--alter", "ADD x INT", "D=a,t=b", "--progress", "time,5", "--no-swap-tables"]
    )

    assert any(remark.startswith("--progress: ") for remark in found.remarks)
    assert "--postpone-cut-over" in found.arguments
    assert "--drop-old-table" not in found.arguments


def _options(flag: Flag) -> list[str]:
    if isinstance(flag.becomes, str):
        return [flag.becomes]
    value = "h=db2" if "watched" in flag.says else "1"
    found = [] if flag.becomes is None else flag.becomes(value if flag.takes_value else "yes")
    return [word for word in found if word.startswith("--")]


@pytest.mark.parametrize("flags", [pt.FLAGS, gh_ost.FLAGS])
def test_what_a_flag_becomes_is_an_option_that_we_have(flags: dict[str, Flag]) -> None:
    ours = {"--" + name.replace("_", "-") for name in Settings.model_fields}
    ours |= {"--execute", "--quiet", "--debug", "--defaults-file"}
    ours |= {"--ssl-ca", "--ssl-cert", "--ssl-key"}

    assert {option for flag in flags.values() for option in _options(flag)} <= ours


@pytest.mark.parametrize(
    ("translated", "line", "said"),
    [
        (pt.translated, ["--where", "id > 5"], "all its rows"),
        (pt.translated, ["--reverse-triggers"], "not kept current"),
        (pt.translated, ["--data-dir", "/x"], "write it into the ALTER"),
        (pt.translated, ["--execute", "--dry-run"], "--dry-run are given"),
        (gh_ost.translated, ["--test-on-replica"], "--migrate-on-replica"),
        (gh_ost.translated, ["--revert", "--old-table=_b_del"], "way back"),
        (gh_ost.translated, ["--skip-renamed-columns"], "keep their data"),
        (gh_ost.translated, ["--storage-engine=rocksdb"], "InnoDB"),
    ],
)
def test_a_flag_that_would_give_another_table_is_refused(translated, line, said) -> None:  # type: ignore[no-untyped-def]
    place = ["D=a,t=b"] if translated is pt.translated else ["--database=a", "--table=b"]

    with pytest.raises(errors.Usage, match=said):
        translated(["--alter", "ADD x INT", *place, *line])


def test_what_gh_ost_does_by_default_is_done_where_it_executes() -> None:
    line = ["--database=a", "--table=b", "--alter=ADD x INT", "--nice-ratio=0.5"]

    assert "--control-socket" not in gh_ost.translated(line).arguments
    found = gh_ost.translated([*line, "--execute", "--storage-engine=innodb"])
    assert found.line.endswith(
        "--nice-ratio 0.5 --execute --control-socket /tmp/gh-ost.a.b.sock "
        "--throttle-flag-file /tmp/gh-ost.throttle"
    )


def test_gh_ost_s_primary_is_where_the_change_is_made() -> None:
    found = gh_ost.translated(
        ["--host=replica", "--assume-master-host=primary:3307", "--master-user=admin",
         "--master-password=se,cret", "--user=me", "--database=a", "--table=b",
         "--alter=ADD x INT", "--ssl", "--ssl-ca=/ca.pem"]
    )  # fmt: skip

    assert found.arguments[0] == "mysql://admin@primary:3307/a"
    assert found.environment == {"MYSQL_PWD": "se,cret"}
    assert found.arguments[-4:] == ("--ssl-ca", "/ca.pem", "--ssl-mode", "verify-identity")


def test_pt_osc_s_letters_and_its_sleep() -> None:
    found = pt.translated(
        ["-h", "db1", "-P3307", "-ume", "-psecret", "D=a,t=b", "--alter", "", "--sleep=0.25",
         "--chunk-time", "0", "--check-slave-lag", "h=r1,P=3308,u=you", "--nodrop-old-table"]
    )  # fmt: skip

    assert found.line == (
        "osc run mysql://me@db1:3307/a --table '`b`' --alter FORCE "
        "--replica mysql://you@r1:3308/ --nice-ratio 0.5"
    )
    assert found.environment == {"MYSQL_PWD": "secret"}


def test_without_a_host_pt_osc_takes_that_of_the_option_file() -> None:
    found = pt.translated(["D=a,t=b,F=/etc/me.cnf", "--alter", "ADD x INT"])

    assert found.arguments[0] == "mysql:///a"
    assert found.arguments[5:7] == ("--defaults-file", "/etc/me.cnf")


@pytest.mark.parametrize("translated", [pt.translated, gh_ost.translated])
def test_a_resume_is_ours(translated) -> None:  # type: ignore[no-untyped-def]
    place = ["D=a,t=b"] if translated is pt.translated else ["--database=a", "--table=b"]
    job = ["--resume=7"] if translated is pt.translated else ["--resume"]

    found = translated(["--alter", "ADD x INT", *place, *job, "--execute"])

    assert found.command == "resume"
    assert found.arguments[1] == "b"
    assert "--execute" not in found.arguments


@pytest.mark.parametrize("translated", [pt.translated, gh_ost.translated])
@pytest.mark.parametrize("question", ["--help", "--version"])
def test_a_question_is_answered_and_nothing_is_run(translated, question: str) -> None:  # type: ignore[no-untyped-def]
    found = translated([question])

    assert found.command == ""
    assert found.remarks


FLAGS_OF_GH_OST = """
alter database table execute test-on-replica test-on-replica-skip-replica-stop migrate-on-replica
allow-on-master resume revert old-table host port user password ask-pass conf master-user
master-password mysql-timeout charset skip-port-validation replica-server-id
binlogsyncer-max-reconnect-attempts ssl ssl-ca ssl-cert ssl-key ssl-allow-insecure
assume-master-host allow-master-master tungsten assume-rbr switch-to-rbr gtid aliyun-rds gcp azure
approve-renamed-columns skip-renamed-columns allow-nullable-unique-key discard-foreign-keys
skip-foreign-key-checks skip-strict-mode allow-zero-in-date panic-on-warnings storage-engine
include-triggers trigger-suffix remove-trigger-suffix-if-exists attempt-instant-ddl chunk-size
dml-batch-size nice-ratio exact-rowcount concurrent-rowcount default-retries
heartbeat-interval-millis cut-over cut-over-lock-timeout-seconds cut-over-exponential-backoff
exponential-backoff-max-interval postpone-cut-over-flag-file force-named-cut-over
allow-setup-metadata-lock-instruments skip-metadata-lock-check analyze-ghost-table-before-cutover
ok-to-drop-table initially-drop-old-table initially-drop-ghost-table timestamp-old-table
force-table-names max-lag-millis throttle-control-replicas throttle-query throttle-http
throttle-http-interval-millis throttle-http-timeout-millis ignore-http-errors throttle-flag-file
throttle-additional-flag-file max-load replication-lag-query panic-flag-file force-named-panic
critical-load critical-load-interval-millis critical-load-hibernate-seconds checkpoint
checkpoint-seconds serve-socket-file serve-tcp-port initially-drop-socket-file hooks-path hooks-hint
hooks-hint-owner hooks-hint-token hooks-status-interval statsd-addr statsd-tags
runtime-metrics-interval quiet verbose debug stack help version check-flag
"""
"""Of 1.1.10 and its main branch in August 2026 (go/cmd/gh-ost/main.go)."""
FLAGS_OF_PT_OSC = """
alter alter-foreign-keys-method analyze-before-swap ask-pass binary-index channel charset
check-alter check-foreign-keys check-interval check-plan check-replica-lag check-replication-filters
check-slave-lag check-unique-key-change chunk-index chunk-index-columns chunk-size chunk-size-limit
chunk-time config critical-load data-dir database default-engine defaults-file drop-new-table
drop-old-table drop-triggers dry-run execute fail-on-stopped-replication force help history
history-table host max-flow-ctl max-lag max-load new-table-name null-to-not-null
only-same-schema-fks password pause-file pid plugin port preserve-triggers print progress quiet
recurse recursion-method remove-data-dir remove-tablespace replica-password replica-user resume
reverse-triggers set-vars skip-check-replica-lag skip-check-slave-lag slave-password slave-user
sleep socket statistics swap-tables tries user version version-check where
"""
"""Of Percona Toolkit 3.7 (its manual, section OPTIONS)."""


@pytest.mark.parametrize(
    ("flags", "theirs"), [(gh_ost.FLAGS, FLAGS_OF_GH_OST), (pt.FLAGS, FLAGS_OF_PT_OSC)]
)
def test_every_flag_of_theirs_is_known(flags: dict[str, Flag], theirs: str) -> None:
    assert set(theirs.split()) - set(flags) == set()
