"""What a verifier hears of keys that are delivered, and how much of it is remembered."""

from __future__ import annotations

import pytest

from osc.stages import watch as watching
from osc.stages.watch import Watch, Watches

A, B, C = (1,), (2,), (3,)


def test_every_key_is_remembered_until_it_is_said_which_matter() -> None:
    watch = Watch()
    watch.saw([A, B])
    watch.only([B, C])
    watch.saw([A, C])

    assert watch.seen() == {B, C}


def test_a_watch_that_has_seen_too_much_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "MOST_KEYS", 2)
    watch = Watch()
    watch.saw([A, B])
    fits = watch.overflowed
    watch.saw([C])

    assert not fits
    assert watch.overflowed
    assert not watch.seen()
    watch.saw([A])
    assert not watch.seen()


def test_keys_that_do_not_matter_take_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "MOST_KEYS", 2)
    watch = Watch()
    watch.only([A])

    watch.saw([(n,) for n in range(100)])

    assert not watch.overflowed
    assert watch.seen() == {A}


def test_all_that_look_on_are_told_and_nobody_else() -> None:
    watches = Watches()
    with watches.one_more() as first:
        with watches.one_more() as second:
            watches.saw([A])
        watches.saw([B])

    watches.saw([C])

    assert first.seen() == {A, B}
    assert second.seen() == {A}
