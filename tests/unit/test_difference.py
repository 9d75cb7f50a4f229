"""What the ALTER changes, by two descriptions of the table."""

from osc.model.difference import CatalogDiff, between


def test_a_line_of_one_side_only_is_told_with_its_side() -> None:
    found = between(["a: 1", "b: 2"], ["b: 3", "a: 1", "c: 4"])

    assert found == CatalogDiff(removed=("b: 2",), added=("b: 3", "c: 4"))
    assert found


def test_equal_descriptions_differ_in_nothing() -> None:
    assert not between(["a", "b"], ["b", "a"])
