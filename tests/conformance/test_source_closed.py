"""What is left of a source that is closed, lost or swept away."""

from __future__ import annotations

import pytest

from osc.engine import Sync
from osc.errors import OscError
from tests.conformance.place import (
    Place,
    delivered,
    every_sync,
    until,
)
from tests.conformance.sources import PLAIN, source_of
from tests.servers import every_server


@every_server("postgres")
def test_nobody_of_a_closed_source_is_connected_and_its_slot_stays(place: Place) -> None:
    with source_of(place) as source:
        delivered(source)

    until(lambda: connected_to_postgres(place) == [])
    assert len(kept_on_postgres(place)) == 2


@every_server("postgres")
def test_a_sweep_removes_slot_and_publication(place: Place) -> None:
    job = place.job(PLAIN)
    with place.source(job) as source:
        delivered(source)

    told = place.engine.workshop.sweep(job.original.name, execute=False)
    after_telling = len(kept_on_postgres(place))
    place.engine.workshop.sweep(job.original.name, execute=True)

    assert ("slot" in " ".join(told), after_telling) == (True, 2)
    assert kept_on_postgres(place) == []


def kept_on_postgres(place: Place) -> list[tuple[object, ...]]:
    return place.app.rows(
        "SELECT slot_name::text FROM pg_replication_slots WHERE database = current_database() "
        "UNION ALL SELECT pubname::text FROM pg_publication"
    )


def connected_to_postgres(place: Place) -> list[tuple[object, ...]]:
    return place.app.rows(
        "SELECT application_name FROM pg_stat_activity "
        "WHERE datname = current_database() AND (backend_type = 'walsender' "
        "OR application_name IN ('osc marks', 'osc visibility'))"
    )


@every_server("postgres")
def test_nobody_of_a_source_that_has_failed_is_connected(place: Place) -> None:
    with source_of(place) as source:
        place.app.run("TRUNCATE TABLE orders")
        with pytest.raises(OscError):
            delivered(source)

    until(lambda: connected_to_postgres(place) == [])


@every_server("mysql", "mariadb")
def test_neither_dump_thread_nor_heartbeat_outlives_the_source(place: Place) -> None:
    dumps = "SELECT id FROM information_schema.processlist WHERE command LIKE 'Binlog Dump%'"
    with source_of(place) as source:
        delivered(source)
        assert len(place.app.rows(dumps)) == 1

    until(lambda: place.app.rows(dumps) == [])
    assert place.app.rows("SELECT * FROM _osc_heartbeat") == []


@every_sync
@every_server()
def test_closing_twice_or_in_the_middle_of_a_stream_is_harmless(place: Place, sync: Sync) -> None:
    job = place.job(PLAIN)
    source = place.open_source(job, sync)
    place.app.run("INSERT INTO orders VALUES (1, 'a')")

    source.close()
    source.close()
    place.engine.workshop.sweep(job.original.name, execute=True)


@every_server()
def test_a_lost_stream_is_an_error_and_no_silence(place: Place) -> None:
    with source_of(place) as source:
        delivered(source)
        if place.mysql:
            ((dump,),) = place.app.rows(
                "SELECT id FROM information_schema.processlist WHERE command LIKE 'Binlog Dump%'"
            )
            place.app.run(f"KILL {dump}")
        else:
            place.app.run(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE backend_type = 'walsender' AND datname = current_database()"
            )

        with pytest.raises(OscError):
            delivered(source)
