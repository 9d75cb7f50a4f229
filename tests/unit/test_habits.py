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
        "--control-socket /tmp/s --replica mysql://r1:3306/ --replica mysql://r2/"
    )


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
    found = pt.translated(["--alter", "ADD x INT", "D=a,t=b", "--sleep", "1", "--no-swap-tables"])

    assert any(remark.startswith("--sleep: ") for remark in found.remarks)
    assert "--postpone-cut-over" in found.arguments


def _options(flag: Flag) -> list[str]:
    if isinstance(flag.becomes, str):
        return [flag.becomes]
    found = [] if flag.becomes is None else [*flag.becomes("yes" if not flag.takes_value else "1")]
    return [word for word in found if word.startswith("--")]


@pytest.mark.parametrize("flags", [pt.FLAGS, gh_ost.FLAGS])
def test_what_a_flag_becomes_is_an_option_that_we_have(flags: dict[str, Flag]) -> None:
    ours = {"--" + name.replace("_", "-") for name in Settings.model_fields}
    ours |= {"--execute", "--quiet", "--debug"}

    assert {option for flag in flags.values() for option in _options(flag)} <= ours
