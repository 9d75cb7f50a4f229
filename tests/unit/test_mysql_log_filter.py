"""A server that keeps a database out of its log can't tell what changes there."""

from __future__ import annotations

from typing import Any, cast

import pytest

from osc import errors
from osc.engine import Session, Statement
from osc.model.table import Table, TableName
from osc.mysql.checks import _logged

ORDERS = Table(TableName("shop", "orders"), (), (), identity="1")


class Server:
    """Tells where its log is, and which databases it has told it of."""

    def __init__(self, only: str | None, ignored: str | None) -> None:
        self.row = ("binlog.000001", 4, only, ignored)

    def query(self, statement: Statement) -> list[tuple[Any, ...]]:
        return [self.row]


@pytest.mark.parametrize(
    ("only", "ignored", "is_refused"),
    [
        ("", "", False), (None, None, False), ("shop", "", False), ("a,shop", "b", False),
        ("a,b", "", True), ("", "shop", True), ("", "a,shop", True), ("", "shopping", False),
    ],
)  # fmt: skip
def test_a_database_that_is_filtered_out_of_the_log_is_refused(
    only: str | None, ignored: str | None, is_refused: bool
) -> None:
    refusals = list(_logged(cast(Session, Server(only, ignored)), ORDERS))

    assert [isinstance(one, errors.Precondition) for one in refusals] == [True] * is_refused
    assert all("`shop` are not written to the binlog" in one.happened for one in refusals)
