"""What a session keeps out of the log (SET sql_log_bin = 0) is found by verification alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from osc.config import settings
from osc.engine import Sync
from osc.engines import engine_at
from osc.errors import VerificationFailed
from osc.migration import Request, migrate
from osc.model import alter
from osc.model.controls import Controls
from osc.model.phase import Phase
from osc.model.progress import Tracker
from tests.conformance.place import Place, open_place
from tests.servers import Lease, every_server

STATEMENT = "ALTER TABLE orders ADD COLUMN extra INT"


class Hiding(Tracker):
    """Writes when the copy is over, before the tables are compared."""

    def __init__(self, write: Callable[[], None]) -> None:
        super().__init__()
        self._write = write

    def at(self, phase: Phase) -> None:
        if phase is Phase.CATCH_UP:
            self._write()
        super().at(phase)


@pytest.fixture
def place(server: Lease) -> Iterator[Place]:
    with open_place(server) as found:
        yield found


@every_server("mysql", "mariadb")
def test_a_write_that_is_not_logged_is_found_before_the_swap(place: Place) -> None:
    place.app.run(
        "CREATE TABLE orders (id INT PRIMARY KEY, note VARCHAR(10))",
        "INSERT INTO orders VALUES (1, 'a'), (2, 'b')",
    )

    def hide() -> None:
        app = place.another_app()
        app.run("SET SESSION sql_log_bin = 0", "UPDATE orders SET note = 'hidden' WHERE id = 1")

    with closing(engine_at(place.url)) as engine:
        parsed = alter.parse(STATEMENT, mysql=True)
        request = Request(alter=parsed, sync=Sync.LOG, statement=STATEMENT, by="tests")
        wanted = settings(force_copy=True, reconnect_for=0)
        with pytest.raises(VerificationFailed):
            migrate(engine, request, wanted, Hiding(hide), Controls())

    assert [row[1] for row in place.app.rows("SELECT * FROM orders")] == ["hidden", "b"]
