"""Settings from files: which one wins, and what is said of a bad one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from osc import errors
from osc.config import origins, settings


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    for name in [name for name in os.environ if name.startswith("OSC_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "home" / "osc").mkdir(parents=True)
    return tmp_path


def test_the_nearer_file_wins(alone: Path) -> None:
    (alone / "home" / "osc" / "config.toml").write_text("threads = 3\nmax-lag = 9.0\n")
    (alone / "osc.toml").write_text("threads = 4\n")

    chosen = settings()

    assert (chosen.threads, chosen.max_lag) == (4, 9.0)


def test_a_profile_wins_over_the_file_a_variable_over_both_and_a_flag_over_all(
    alone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (alone / "osc.toml").write_text('threads = 4\n[profile.night]\nthreads = 8\nreplica = ["a"]\n')

    assert settings(profile="night").threads == 8
    assert settings(profile="night").replica == ("a",)
    monkeypatch.setenv("OSC_PROFILE", "night")
    monkeypatch.setenv("OSC_THREADS", "16")
    assert settings().threads == 16
    assert settings(threads=32).threads == 32


def test_a_file_that_is_named_is_the_only_one(alone: Path) -> None:
    (alone / "osc.toml").write_text("threads = 4\n")
    (alone / "other.toml").write_text("chunk-time = 0.25\n")

    chosen = settings(config="other.toml")

    assert (chosen.threads, chosen.chunk_time) == (2, 0.25)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("threds = 4", "no setting 'threds'"),
        ("threads = ", "can't be read"),
        ("threads = 1000", "osc.toml: threads is 1000, and it should be at most 64"),
        ('threads = "many"', "osc.toml: threads is 'many', and it should be a whole number"),
        ("verify = 3", "verify is 3, and it should be true or false"),
        ("max-lag = nan", "max-lag is nan, and it should be"),
        ("max-load = {running = 25}", "max-load is .*, and it should be a text"),
        ("replica = 5", "replica is 5, and it should be a list of texts"),
        ('pause-file = ["a", ""]', "none of them empty"),
        ("profile = 3", "no profile"),
        ("[profile]\nnight = 3", "no profile"),
    ],
)
def test_a_bad_file_is_wrong_usage(alone: Path, text: str, said: str) -> None:
    (alone / "osc.toml").write_text(text)

    with pytest.raises(errors.Usage, match=said):
        settings()


def test_a_file_or_profile_that_is_not_there_is_wrong_usage(alone: Path) -> None:
    with pytest.raises(errors.Usage, match="can't be read"):
        settings(config="none.toml")
    (alone / "osc.toml").write_text("[profile.night]\nthreads = 1\n")
    with pytest.raises(errors.Usage, match="no profile 'day'") as found:
        settings(profile="day")
    assert "night" in found.value.todo


def test_each_value_says_where_it_comes_from(alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (alone / "osc.toml").write_text("threads = 4\n[profile.night]\nmax-lag = 0.5\n")
    monkeypatch.setenv("OSC_VERIFY", "false")

    told = {name: (value, origin) for name, value, origin in origins(profile="night")}

    assert told["threads"] == (4, "osc.toml")
    assert told["max_lag"] == (0.5, "osc.toml, profile night")
    assert told["verify"] == (False, "$OSC_VERIFY")
    assert told["chunk_time"] == (0.5, "default")


def test_a_variable_may_have_several_values_as_a_file_and_an_option_may(
    alone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (alone / "osc.toml").write_text('pause-file = "one"\n')
    monkeypatch.setenv("OSC_REPLICA", "mysql://a/b, mysql://c/d")

    chosen = settings()

    assert chosen.replica == ("mysql://a/b", "mysql://c/d")
    assert chosen.pause_file == ("one",)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"OSC_VERIFY": "maybe"}, r"\$OSC_VERIFY is 'maybe', and it should be true or false"),
        ({"OSC_MAX_LAG": ""}, r"\$OSC_MAX_LAG is '', and it should be a number"),
        ({"OSC_SYNC": "logs"}, r"\$OSC_SYNC is 'logs', and it should be one of 'auto', 'log' or"),
    ],
)
def test_a_variable_that_makes_no_sense_is_named(
    given: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(errors.Usage, match=said):
        settings()
