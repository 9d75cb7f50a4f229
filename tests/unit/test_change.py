"""How many keys stand between a server and the backlog."""

from __future__ import annotations

from osc.model.change import BYTES_OF_A_DELIVERY, bytes_of, fitting


def test_a_delivery_of_short_keys_is_bounded_by_their_number() -> None:
    assert fitting((7,), 5_000) == 5_000


def test_a_delivery_of_long_keys_is_bounded_by_their_bytes() -> None:
    key = (b"x" * 3_072, "y" * 3_072)

    assert 1 < fitting(key, 5_000) < 200
    assert fitting(key, 5_000) * bytes_of(key) <= BYTES_OF_A_DELIVERY


def test_a_delivery_has_one_key_at_least() -> None:
    assert fitting((b"x" * 2 * BYTES_OF_A_DELIVERY,), 5_000) == 1
