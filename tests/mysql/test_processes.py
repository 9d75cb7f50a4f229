"""The list of processes, while an application says what utf8mb3 has no letters for."""

from __future__ import annotations

import threading
from contextlib import suppress

import pymysql

from osc.engine import Statement
from tests.conformance.place import Place, until
from tests.conformance.test_swapper import made
from tests.servers import every_server

pytestmark = every_server("mysql", "mariadb")

SAYING = "SELECT SLEEP(60), '\N{GRINNING FACE}'"


def test_the_list_of_processes_is_read_whatever_others_say(place: Place) -> None:
    job = made(place)
    speaker, holder = place.another_app(), place.another_app()
    holder.run("BEGIN", "UPDATE orders SET note = 'z'")

    def say() -> None:
        with suppress(pymysql.err.Error):
            speaker.run(SAYING)

    thread = threading.Thread(target=say)
    thread.start()
    try:
        until(lambda: any("SLEEP" in str(row) for row in place.app.rows("SHOW FULL PROCESSLIST")
                          if row[0] == speaker.id))  # fmt: skip

        blockers = place.engine.swapper(job).blockers()
        with place.session() as session:
            found = session.query(
                Statement(
                    "SELECT id FROM information_schema.processlist "
                    "WHERE LOCATE('SLEEP', info) AND id = %s",
                    (speaker.id,),
                )
            )

        assert [one.id for one in blockers if one.idle] == [holder.id]
        assert found == [(speaker.id,)]
    finally:
        place.app.run(f"KILL {speaker.id}")
        thread.join(30)
