"""`make fuzz`: random migrations on every engine and in every sync mode, for as long as it is told.

It stops by itself. What fails is kept as a folder that can be played again, or put among the
scenarios, and is printed with the seed that draws it again.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from random import SystemRandom

from osc.engine import Sync
from tests.fuzz import profile
from tests.fuzz.cases import WORDS
from tests.fuzz.rounds import play_at_random
from tests.fuzz.tally import Tally
from tests.fuzz.verdict import Wrong, judged, modes
from tests.scenarios.case import SERVERS, Case, read
from tests.servers import Lease, lease

MOST_FAILURES = 20
"""Of one engine: then it is time to read what was found."""
FOUND = Path(".hypothesis/osc")
"""Below what hypothesis itself keeps, and ignored by git like it."""


def main() -> int:
    wanted = _wanted()
    tally, found = Tally(), []
    engines = wanted.engine or list(SERVERS)
    each = wanted.minutes * 60 / len(engines)
    for engine in engines:
        with lease(SERVERS[engine]) as server:
            failures = _on(server, SERVERS[engine], wanted, each, tally)
            for failure in islice(failures, MOST_FAILURES):
                found.append(failure)
                print(failure, flush=True)
    print("\n".join(tally.lines()))
    print(f"{len(found)} examples failed")
    return 1 if found else 0


def _wanted() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--engine", action="append", choices=list(SERVERS), help="not all of them")
    parser.add_argument("--minutes", type=float, default=60, help="for all engines together")
    parser.add_argument("--sync", choices=[*map(str, Sync)], help="one mode instead of all")
    parser.add_argument("--seed", type=int, help="draw what an earlier run has drawn")
    parser.add_argument("--shrink", action="store_true", help="look for a smaller one that fails")
    parser.add_argument("--play", type=Path, help="one folder, again and again")
    return parser.parse_args()


def _on(
    server: Lease, name: str, wanted: argparse.Namespace, seconds: float, tally: Tally
) -> Iterator[str]:
    """The failures on one server, in one mode after the other."""
    chosen = [Sync(wanted.sync)] if wanted.sync else modes(server)
    for sync in chosen:
        end = time.monotonic() + seconds / len(chosen)
        play = _player(server, name, tally)
        if wanted.play:
            yield from _again(wanted.play, server.engine, sync, play, end)
        else:
            yield from _drawn(name, sync, play, wanted, end)


def _player(server: Lease, name: str, tally: Tally) -> Callable[[Case, Sync], None]:
    duplicate = WORDS[server.engine].duplicate

    def play(case: Case, sync: Sync) -> None:
        tally.add(f"{name} {sync}", *judged(case, server, duplicate, sync))

    return play


def _again(
    folder: Path, engine: str, sync: Sync, play: Callable[[Case, Sync], None], end: float
) -> Iterator[str]:
    (case,) = (case for case in read(folder) if case.engine == engine)
    while time.monotonic() < end:
        try:
            play(case, sync)
        except Wrong as wrong:
            yield str(wrong)


def _drawn(
    name: str,
    sync: Sync,
    play: Callable[[Case, Sync], None],
    wanted: argparse.Namespace,
    end: float,
) -> Iterator[str]:
    """Rounds of examples, each with a seed of its own, until the time is over."""
    how = profile.SHRINKING if wanted.shrink else profile.LONG
    while time.monotonic() < end:
        seed = wanted.seed or SystemRandom().randrange(1, 1 << 32)
        try:
            play_at_random(name, [sync], play, how, end, seed)
        except Wrong as wrong:
            folder = _kept(wrong)
            again = f"python -m tests.fuzz --engine {wrong.case.engine} --sync {sync}"
            yield (
                f"{name} {sync}, seed {seed}: {wrong}\n"
                f"kept in {folder}; again: {again} --play {folder}, "
                f"or smaller: {again} --seed {seed} --shrink"
            )
        if wanted.seed:
            return


def _kept(wrong: Wrong) -> Path:
    engine = wrong.case.engine
    FOUND.mkdir(parents=True, exist_ok=True)
    folder = FOUND / f"{engine}-{len(list(FOUND.iterdir())) + 1}"
    folder.mkdir()
    files = {"create": wrong.case.create, "alter": wrong.case.alter, "writes": wrong.case.writes}
    for what, text in files.items():
        (folder / f"{what}.{engine}.sql").write_text(text)
    (folder / "case.toml").write_text(
        f'shows = "what a random run has found"\nwriters = {wrong.case.writers}\n'
    )
    (folder / "found.txt").write_text(str(wrong))
    return folder


if __name__ == "__main__":
    sys.exit(main())
