"""What the server can't read is refused, and no word that it can read is lost."""

from __future__ import annotations

import pytest

from osc import errors
from osc.model import alter as alters
from osc.model.ladder import Way
from tests.conformance.place import Place
from tests.servers import every_server

TABLE = """
CREATE TABLE orders (id INT NOT NULL PRIMARY KEY, note INT) ENGINE=InnoDB
PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN (100))"""

pytestmark = every_server("mysql", "mariadb")


@pytest.mark.parametrize(
    "clauses",
    [
        "ADD c INT,",
        "ADD c INT,, ADD d INT",
        "ALGORITHM=COPY LOCK=SHARED, ADD c INT",
        "ALGORITHM=COPY ADD c INT",
        "LOCK=NONE ADD PARTITION (PARTITION p2 VALUES LESS THAN (200))",
        "LOCK=SHARED PARTITION BY HASH (id) PARTITIONS 2, ADD c INT",
    ],
)
def test_what_the_server_can_not_read_is_refused(place: Place, clauses: str) -> None:
    """We run clauses one by one, and so would take them for what their author may not mean."""
    place.app.run(TABLE)
    parsed = alters.parse(f"ALTER TABLE orders {clauses}", mysql=True)
    table = place.engine.catalog.find(parsed)
    ladder = place.engine.ladder
    assert ladder is not None

    with pytest.raises(errors.Precondition, match="error 1064"):
        ladder.look(table, parsed, small_bytes=0)
    with pytest.raises(errors.Precondition, match="error 1064"):
        place.engine.workshop.rehearse(table, parsed)


@pytest.mark.parametrize(
    "clauses",
    ["ALGORITHM=COPY PARTITION BY HASH (id) PARTITIONS 3", "ADD c INT, LOCK=SHARED {}"],
)
def test_what_follows_algorithm_or_lock_without_a_comma_is_not_lost(
    place: Place, clauses: str
) -> None:
    place.app.run(TABLE)
    parsed = alters.parse(f"ALTER TABLE orders {clauses.format('REMOVE PARTITIONING')}", mysql=True)
    ladder = place.engine.ladder
    assert ladder is not None

    found = ladder.look(place.engine.catalog.find(parsed), parsed, small_bytes=0)

    assert found.way is Way.COPY
    assert "PARTITION" in found.clauses[-1].text
