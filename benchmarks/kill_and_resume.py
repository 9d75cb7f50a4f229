"""One migration under load, killed with SIGKILL at random moments, resumed each time.

In the end the table is compared with a twin that got the same writes and the native ALTER. Before
that the same migration runs once undisturbed: what the killed one takes longer is the price.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import cycle
from random import Random, SystemRandom

import click

from osc.model.phase import Phase
from tests.fuzz.dying import Death, Migration, Obituary
from tests.scenarios.case import SERVERS, Case
from tests.scenarios.runner import native, set_up, site_of
from tests.scenarios.script import numbers
from tests.scenarios.site import Site
from tests.scenarios.twin import differences
from tests.scenarios.writers import LEISURE_SECONDS, Writers
from tests.servers import Lease, lease

CREATE = """
CREATE TABLE {t} (
  id INT NOT NULL PRIMARY KEY, k INT NOT NULL, c CHAR(120) NOT NULL, pad CHAR(60) NOT NULL
);
CREATE INDEX by_k ON {t} (k);
INSERT INTO {t} SELECT n, n % 1000, concat('c', n), 'pad' FROM {numbers @ROWS};
"""
ALTER = {
    "mysql": "ALTER TABLE t MODIFY k BIGINT NOT NULL",
    "postgres": "ALTER TABLE t ALTER k TYPE bigint",
}
WRITES = """
UPDATE {t} SET k = {n} WHERE id = {own 1..@ROWS};

UPDATE {t} SET c = 'written {n}' WHERE id = {own 1..@ROWS};

DELETE FROM {t} WHERE id = {a:own 1..@ROWS};
INSERT INTO {t} VALUES (10000000 + {n}, {n}, 'c', 'pad');

UPDATE {t} SET id = id + 20000000 WHERE id = {own 1..@ROWS};
"""


@click.command()
@click.argument("engine", type=click.Choice(list(SERVERS)))
@click.option("--kills", default=50, show_default=True)
@click.option("--rows", default=300_000, show_default=True)
@click.option("--rate", default=300, show_default=True, help="Transactions a second, about.")
@click.option("--sync", type=click.Choice(["log", "triggers"]), default="log", show_default=True)
@click.option("--seed", type=int, help="To kill after the same times again.")
def main(engine: str, kills: int, rows: int, rate: int, sync: str, seed: int | None) -> None:
    """Kill a migration as often as asked and say what each kill has cost."""
    seed = SystemRandom().randrange(1 << 32) if seed is None else seed
    click.echo(f"{engine}, {sync}: {rows:,} rows, about {rate} tx/s, {kills} kills, seed {seed}")
    with lease(SERVERS[engine]) as server:
        alone, _, rest = _migrated(server, _case(engine, rows, rate), sync, [])
        click.echo(f"undisturbed: {alone:.1f} s; {rest}")
        deaths = _deaths(Random(seed), alone, kills)
        seconds, died, rest = _migrated(server, _case(engine, rows, rate), sync, deaths)
    click.echo(f"killed {len(died)} times: {seconds:.1f} s; {rest}")
    click.echo("\n".join(_table(died)))
    if died:
        click.echo(f"lost for each kill: {(seconds - alone) / len(died):.2f} s")


def _case(engine: str, rows: int, rate: int) -> Case:
    create, writes = (text.replace("@ROWS", str(rows)) for text in (CREATE, WRITES))
    alter = ALTER["postgres" if engine == "postgres" else "mysql"]
    writers = max(1, round(rate * LEISURE_SECONDS))
    return Case("killed", SERVERS[engine], "", create, alter, writes=writes, writers=writers)


def _deaths(random: Random, alone: float, kills: int) -> list[Death]:
    """Most at any moment of a process's work, whose lives together are about as long as is needed;
    the rest in phases that begin anew with each process and which a short life never comes to."""
    late = [Phase.LOAD, Phase.CATCH_UP, Phase.VERIFY]
    at_phase = [
        Death(phase, later_seconds=random.uniform(0, 0.1))
        for phase, _ in zip(cycle(late), range(kills * 3 // 10), strict=False)
    ]
    any_time = [
        Death(working=True, later_seconds=random.uniform(0, 2 * alone / kills))
        for _ in range(kills - len(at_phase) - 1)
    ]
    return [*any_time, *at_phase, Death(Phase.CUT_OVER)][:kills]


def _migrated(
    server: Lease, case: Case, sync: str, deaths: list[Death]
) -> tuple[float, list[Obituary], str]:
    """Seconds to the end, who died on the way, and the load; exits where the tables differ."""
    with site_of(case, server) as site:
        set_up(site, case)
        migration = Migration(site.url, case.alter, options=("--sync", sync))
        with _load(site, case) as writers:
            began, count = time.monotonic(), writers.committed.total()
            for death in deaths:
                if not migration.dies(death):
                    break
            migration.ends()
            seconds = time.monotonic() - began
            written = writers.committed.total() - count
        native(site, case, site.twin)
        wrong = [*writers.failures, *differences(site)]
    if wrong:
        click.echo("\n".join([f"WRONG after {len(migration.obituaries)} kills", *wrong]))
        sys.exit(1)
    load = f"{written / seconds:.0f} tx/s, the slowest {writers.slowest_seconds * 1000:.0f} ms"
    return seconds, migration.obituaries, f"equal to the twin; {load}"


@contextmanager
def _load(site: Site, case: Case) -> Iterator[Writers]:
    filled = replace(case, writes=numbers(case.writes, site.engine))
    writers = Writers(site, filled, lambda: "copy", {"copy": 0})
    writers.start()
    try:
        yield writers
    finally:
        writers.stop()


def _table(died: list[Obituary]) -> Iterator[str]:
    yield f"{'killed in':<12} {'kills':>5}   {'seconds lived':>14}"
    for phase, count in Counter(one.phase for one in died).most_common():
        lived = sum(one.seconds for one in died if one.phase == phase)
        yield f"{phase:<12} {count:>5}   {lived / count:>14.2f}"


if __name__ == "__main__":
    main()
