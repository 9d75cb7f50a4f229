"""What a cut-over on MariaDB leaves behind when its process dies."""

from __future__ import annotations

from tests.conformance.place import Place
from tests.servers import every_server


@every_server("mysql", "mariadb")
def test_the_sentry_of_a_process_that_died_is_swept_and_an_archive_is_not(place: Place) -> None:
    job = place.job("CREATE TABLE orders (id INT PRIMARY KEY)")
    place.app.run(
        f"CREATE TABLE `{job.names.archive.name}` (id INT PRIMARY KEY) COMMENT = 'osc sentry'",
        "CREATE TABLE `_orders_old7` (id INT PRIMARY KEY)",
    )

    listed = place.engine.workshop.sweep(job.original.name, execute=False)
    swept = place.engine.workshop.sweep(job.original.name, execute=True)

    assert listed == swept == [f"sentry table {job.names.archive}"]
    assert place.engine.workshop.sweep(job.original.name, execute=True) == []
    assert place.app.rows("SHOW TABLES LIKE '%old7'")
