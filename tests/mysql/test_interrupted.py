"""A dry run that is interrupted while it asks all rows something."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from osc.errors import Interrupted
from osc.model import alter
from osc.ops import signals
from tests.conformance.place import Place, until
from tests.servers import every_server

ROWS = "INSERT INTO orders (note) SELECT SHA2(CONCAT(id, note, {}), 256) FROM orders"
"""Twice as many; to compare 524,288 of them with each other takes seconds."""


@every_server("mysql", "mariadb")
def test_no_question_is_left_on_the_server(place: Place) -> None:
    place.app.run("CREATE TABLE orders (id INT AUTO_INCREMENT PRIMARY KEY, note VARCHAR(100))")
    place.app.run("INSERT INTO orders (note) VALUES ('a')", *map(ROWS.format, range(19)))
    wanted = alter.parse("ALTER TABLE orders ADD UNIQUE (note)", mysql=True)
    table = place.engine.catalog.find(wanted)
    rehearsal = place.engine.workshop.rehearse(table, wanted)

    def asking() -> bool:
        return any("HAVING COUNT" in str(row) for row in place.app.rows("SHOW FULL PROCESSLIST"))

    def interrupt() -> None:
        until(asking)
        os.kill(os.getpid(), signal.SIGINT)

    with ThreadPoolExecutor(1) as aside, signals.raising():
        interrupting = aside.submit(interrupt)
        with pytest.raises(Interrupted):
            place.engine.workshop.probe(table, rehearsal)
        interrupting.result()

    until(lambda: not asking(), seconds=0.8)
