"""What SHOW GRANTS says of one table."""

from __future__ import annotations

import pytest

from osc.model.table import TableName
from osc.mysql.privileges import has

ORDERS = TableName("my_shop", "orders")


@pytest.mark.parametrize(
    "line",
    [
        "GRANT ALL PRIVILEGES ON *.* TO `root`@`%` WITH GRANT OPTION",
        "GRANT SELECT, TRIGGER, INSERT ON *.* TO `me`@`%`",
        "GRANT ALL PRIVILEGES ON `my_shop`.* TO `me`@`%`",
        r"GRANT TRIGGER ON `my\_shop`.* TO `me`@`%`",
        "GRANT SELECT (`a`, `b`), TRIGGER ON `my_shop`.`orders` TO `me`@`%`",
        "GRANT TRIGGER ON `my%`.* TO `me`@`%`",
    ],
)
def test_a_grant_that_covers_the_table(line: str) -> None:
    assert has(["GRANT USAGE ON *.* TO `me`@`%`", line], "TRIGGER", ORDERS)


@pytest.mark.parametrize(
    "line",
    [
        "GRANT SELECT, INSERT ON *.* TO `me`@`%`",
        "GRANT ALL PRIVILEGES ON `other`.* TO `me`@`%`",
        r"GRANT TRIGGER ON `my\_sho_`.* TO `me`@`%`".replace("sho_", "sho"),
        "GRANT TRIGGER ON `my_shop`.`items` TO `me`@`%`",
        "GRANT SELECT (`trigger`) ON `my_shop`.`orders` TO `me`@`%`",
        "GRANT `app`@`%` TO `me`@`%`",
    ],
)
def test_a_grant_that_does_not(line: str) -> None:
    assert not has([line], "TRIGGER", ORDERS)


def test_what_is_taken_back_is_not_had() -> None:
    lines = [
        "GRANT TRIGGER ON *.* TO `me`@`%`",
        "REVOKE TRIGGER ON `my_shop`.* FROM `me`@`%`",
    ]

    assert not has(lines, "TRIGGER", ORDERS)
    assert has(lines, "TRIGGER", TableName("other", "orders"))
