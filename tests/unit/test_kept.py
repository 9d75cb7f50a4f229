"""What a run was allowed holds for whoever goes on with it, but no password is kept."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from osc import errors
from osc.config import Settings, settings
from osc.model.steering import OPERATOR, Steering
from osc.ops import kept

GENTLE: dict[str, Any] = {"max_lag": 0.3, "only_between": "22:00-06:00", "kill_blockers": "idle"}


def resumed(begun: Settings, **flags: Any) -> Settings:
    """As the next process has it, by way of the ledger."""
    text = kept.written(begun)
    return kept.gone_on_with(settings(**flags), kept.read(text), frozenset(flags))


def test_limits_hold_again_unless_a_flag_says_otherwise() -> None:
    again = resumed(settings(**GENTLE), max_lag=2.0)

    assert (again.max_lag, again.only_between, again.kill_blockers) == (2.0, "22:00-06:00", "idle")


def test_what_was_not_chosen_is_as_variables_and_files_say(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OSC_MAX_LAG", "9")
    monkeypatch.setenv("OSC_THREADS", "7")

    again = kept.gone_on_with(settings(), kept.read(json.dumps(GENTLE)), ())

    assert (again.max_lag, again.threads) == (0.3, 7)


def test_what_an_operator_has_changed_by_a_word_is_kept() -> None:
    now = replace(Steering(), threads=3, chunk_seconds=0.1, changed=(("max_load", "running=5"),))
    now = now.postponed(OPERATOR, "by ann").postponed("/tmp/file", "by a file")

    again = resumed(kept.present(settings(**GENTLE), now))

    assert (again.threads, again.most_threads, again.chunk_time) == (3, 3, 0.1)
    assert (again.max_load, again.postpone_cut_over) == ("running=5", True)
    assert not resumed(kept.present(settings(), now.postponed(OPERATOR, ""))).postpone_cut_over


def test_consents_are_kept_but_for_the_one_that_is_for_a_server() -> None:
    begun = settings(rebuild_views=True, on_replica=True, repair=True, control_socket="/run/x")

    again = resumed(begun)

    assert again.rebuild_views
    assert not again.on_replica
    assert not again.repair
    assert again.control_socket == ""


@pytest.mark.parametrize("name", sorted(set(Settings.model_fields) - set(kept.NOT_KEPT)))
def test_every_other_setting_comes_back_as_it_was(name: str) -> None:
    field = Settings.model_fields[name]
    found: dict[type, Any] = {bool: not field.default, int: 50, float: 0.4, str: "22:00-06:00"}
    value = found.get(field.annotation or str, ("a", "b"))  # type: ignore[arg-type]
    value = "all" if name == "kill_blockers" else value

    assert getattr(resumed(settings(**{name: value})), name) == value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("replica", ("mysql://me:s3cret@db2/shop", "mysql://db3/")),
        ("replica", ("postgresql://db2/shop?user=me&password=s3cret",)),
        ("throttle_http", "https://me:s3cret@load.example/shop"),
        ("throttle_http", "https://load.example/shop?access_token=s3cret"),
        ("latency_query", "SELECT * FROM dblink('host=x password=s3cret')"),
    ],
)
def test_no_password_is_kept(name: str, value: Any) -> None:
    more: dict[str, Any] = {"max_latency": 5} if name == "latency_query" else {}

    assert "s3cret" not in kept.written(settings(**{name: value}, **more))


def test_a_replica_is_kept_without_its_password() -> None:
    begun = settings(replica=("mysql://me:s3cret@db2/shop", "mysql://db3/"))

    assert resumed(begun).replica == ("mysql://me@db2/shop", "mysql://db3/")


def test_a_limit_that_had_a_password_in_it_is_not_forgotten_without_a_word() -> None:
    begun = settings(throttle_http="https://me:s3cret@load.example/shop")

    with pytest.raises(errors.Usage, match="begun with --throttle-http") as refused:
        resumed(begun)

    assert "--throttle-http ''" in refused.value.todo
    assert resumed(begun, throttle_http="").throttle_http == ""
    assert resumed(begun, throttle_http="http://x/").throttle_http == "http://x/"


def test_what_holds_again_is_told_as_options() -> None:
    before = kept.read(kept.written(settings(**GENTLE, verify=False, pause_file=("/a", "/b c"))))
    found = kept.gone_on_with(settings(), before, ())

    assert kept.told(found, before, {"max_lag"}) == (
        "--kill-blockers idle --no-verify --only-between 22:00-06:00 --pause-file /a"
        " --pause-file '/b c'"
    )
    assert kept.told(settings(), {}, ()) == ""


def test_pauses_end_with_a_resume() -> None:
    paused = partial(Steering.paused, source=OPERATOR, reason="by ann")

    assert kept.written(kept.present(settings(), paused(Steering()))) == "{}"
