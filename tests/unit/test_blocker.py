"""Who is in the way of a lock, in words that a person can read."""

from __future__ import annotations

from osc.model.blocker import SHOWN, Blocker, named


def blocker(id: int, age_seconds: float, statement: str = "") -> Blocker:
    return Blocker(id, "app", "db7", "active", age_seconds, statement)


def test_the_oldest_of_many_are_named_and_the_others_counted() -> None:
    said = named([blocker(id, float(id)) for id in range(1, 31)])

    assert [f"connection {id} " in said for id in (30, 26, 25, 1)] == [True, True, False, False]
    assert said.endswith(f"; and {30 - SHOWN} more")


def test_nobody_is_counted_where_all_are_named() -> None:
    assert named([blocker(1, 2.0)]) == str(blocker(1, 2.0))


def test_of_a_long_statement_the_beginning_is_shown_in_one_line() -> None:
    said = str(blocker(1, 2.0, "UPDATE orders\n   SET note = '" + "x" * 5_000))

    assert ": UPDATE orders SET note = 'xxx" in said
    assert len(said) < 250


def test_who_has_gone_meanwhile_is_no_empty_end_of_a_sentence() -> None:
    assert named([]) == "nobody any more"
