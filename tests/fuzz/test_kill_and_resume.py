"""Kill -9 in every phase: what is begun again ends as if nothing had happened."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pytest

from osc.model.phase import Phase
from tests.fuzz.dying import Death, Migration
from tests.scenarios.case import SERVERS, Case
from tests.scenarios.runner import left_behind, native, set_up, site_of
from tests.scenarios.script import numbers
from tests.scenarios.site import Site
from tests.scenarios.twin import differences
from tests.scenarios.writers import Writers
from tests.servers import Lease

PHASES = (
    Phase.SHADOW, Phase.COPY, Phase.LOAD, Phase.CATCH_UP, Phase.VERIFY, Phase.CUT_OVER,
    Phase.CLEANUP,
)  # fmt: skip
CREATE = """
CREATE TABLE {t} (
  id INT NOT NULL PRIMARY KEY, v INT, u INT, note VARCHAR(200), CONSTRAINT uq_u UNIQUE (u)
);
INSERT INTO {t} SELECT n, n, n, concat('note ', n) FROM {numbers 8000};
CREATE INDEX by_note ON {t} (note);
"""
ALTER = {
    "mysql": "ALTER TABLE t MODIFY v BIGINT, ADD COLUMN extra VARCHAR(9) NOT NULL DEFAULT 'x'",
    "postgres": "ALTER TABLE t ALTER v TYPE bigint, ADD extra varchar(9) NOT NULL DEFAULT 'x'",
}
WRITES = """
UPDATE {t} SET v = {n}, note = 'written {n}' WHERE id = {own 1..8000};

UPDATE {t} SET u = NULL WHERE id = {a:own 1..8000};
UPDATE {t} SET u = 1000000 + {n} WHERE id = {a};

INSERT INTO {t} (id, v, u, note) VALUES (100000 + {n}, {n}, 2000000 + {n}, 'new');

DELETE FROM {t} WHERE id = {own 1..8000};

UPDATE {t} SET id = id + 50000 WHERE id = {own 1..8000};

BEGIN;
UPDATE {t} SET v = -1 WHERE id = {own 1..8000};
WAIT 5;
COMMIT;
"""
SMALL_CHUNKS = ("--chunk-time", "0.001")

every_server = pytest.mark.parametrize("server", SERVERS.values())
every_sync = pytest.mark.parametrize("sync", ["log", "triggers"])


@contextmanager
def under_load(server: str, sync: str, lease: Lease) -> Iterator[Migration]:
    """A migration with writers at work; in the end the table is its twin with the native ALTER."""
    mysql = not server.startswith("postgres")
    case = Case(f"dying_{sync}", server, "", CREATE, ALTER["mysql" if mysql else "postgres"])
    with site_of(case, lease) as site:
        set_up(site, case)
        before = site.inventory()
        migration = Migration(site.url, case.alter, options=(*SMALL_CHUNKS, "--sync", sync))
        with _writing(site, case) as writers:
            yield migration
            archive = migration.ends()
            writers.let_in(20)
        native(site, case, site.twin)
        assert [*writers.failures, *differences(site), *left_behind(site, before, archive)] == []


@contextmanager
def _writing(site: Site, case: Case) -> Iterator[Writers]:
    written = Case(case.name, case.server, "", "", "", writes=numbers(WRITES, site.engine))
    writers = Writers(site, written, lambda: "copy", {"copy": 0})
    writers.start()
    try:
        yield writers
    finally:
        writers.stop()


@every_server
@every_sync
def test_a_migration_survives_kill_9_in_every_phase(
    server: str, sync: str, servers: Callable[[str], Lease]
) -> None:
    with under_load(server, sync, servers(server)) as migration:
        killed = [phase for phase in PHASES if migration.dies(Death(phase))]

    assert _least(killed) == set(PHASES) - {Phase.CLEANUP}


def _least(phases: Sequence[Phase]) -> set[Phase]:
    """A process may be through with its cleanup before the signal comes."""
    return set(phases) - {Phase.CLEANUP}


@every_server
@every_sync
def test_a_signal_to_stop_is_answered_by_its_exit_code_and_a_clean_resume(
    server: str, sync: str, servers: Callable[[str], Lease]
) -> None:
    with under_load(server, sync, servers(server)) as migration:
        assert migration.dies(Death(Phase.COPY, later_seconds=0.05, by=signal.SIGTERM))
        assert migration.dies(Death(Phase.VERIFY, by=signal.SIGINT))

    assert [died.exit_code for died in migration.obituaries] == [143, 130]
