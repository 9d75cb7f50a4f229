"""`make fuzz`: random migrations on every engine and in every sync mode, for as long as it is told.

It stops by itself. What fails is kept as a folder that can be played again, or put among the
scenarios, and is printed with the seed that draws it again.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from random import SystemRandom

import hypothesis
from hypothesis import given

from osc.engine import Sync
from osc.engines import engine_at
from tests.fuzz import profile
from tests.fuzz.cases import WORDS, cases
from tests.fuzz.tally import Tally
from tests.fuzz.verdict import Wrong, judged
from tests.scenarios.case import SERVERS, Case, read
from tests.servers import Lease, lease

MOST_FAILURES = 20
"""Of one engine: then it is time to read what was found."""
FOUND = Path(".hypothesis/osc")
"""Below what hypothesis itself keeps, and ignored by git like it."""


def main() -> int:
    wanted = _wanted()
    tally, found = Tally(), []
    each = wanted.minutes * 60 / len(wanted.engines)
    for engine in wanted.engines:
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
    parser.add_argument("engines", nargs="*", choices=[*SERVERS, []], default=list(SERVERS))
    parser.add_argument("--minutes", type=float, default=60, help="for all engines together")
    parser.add_argument("--sync", choices=[*map(str, Sync)], help="one mode instead of all")
    parser.add_argument("--seed", type=int, help="draw what an earlier run has drawn")
    parser.add_argument("--shrink", action="store_true", help="look for a smaller one that fails")
    parser.add_argument("--play", type=Path, help="one folder, again and again")
    return parser.parse_args()


def _on(
    server: Lease, name: str, wanted: argparse.Namespace, seconds: float, tally: Tally
) -> Iterator[str]:
    modes = [Sync(wanted.sync)] if wanted.sync else _modes(server)
    for mode in modes:
        end = time.monotonic() + seconds / len(modes)
        where = f"{name} {mode}"
        play = _player(server, mode, where, tally)
        if wanted.play:
            yield from _again(wanted.play, server.engine, play, end)
        else:
            yield from _drawn(name, play, wanted, where, end)


def _modes(server: Lease) -> list[Sync]:
    """Those that osc has for this engine."""
    database = "postgres" if server.engine == "postgres" else "mysql"
    with closing(engine_at(server.url(database))) as engine:
        return list(engine.sources)


def _player(server: Lease, mode: Sync, where: str, tally: Tally) -> Callable[[Case], None]:
    duplicate = WORDS[server.engine].duplicate

    def play(case: Case) -> None:
        tally.add(where, *judged(case, server, duplicate, mode))

    return play


def _again(folder: Path, engine: str, play: Callable[[Case], None], end: float) -> Iterator[str]:
    (case,) = (case for case in read(folder) if case.engine == engine)
    while time.monotonic() < end:
        try:
            play(case)
        except Wrong as wrong:
            yield f"{wrong}"


def _drawn(
    name: str, play: Callable[[Case], None], wanted: argparse.Namespace, where: str, end: float
) -> Iterator[str]:
    """Rounds of examples, each with a seed of its own, until the time is over."""
    while time.monotonic() < end:
        seed = wanted.seed or SystemRandom().randrange(1 << 32)
        try:
            _round(name, play, seed, end, profile.SHRINKING if wanted.shrink else profile.LONG)
        except Wrong as wrong:
            folder = _kept(wrong)
            yield (
                f"{where}, seed {seed}: {wrong}\n"
                f"kept in {folder}; again: python -m tests.fuzz {wrong.case.engine} "
                f"--play {folder}, or smaller: --seed {seed} --shrink"
            )
        if wanted.seed:
            return


def _round(
    name: str, play: Callable[[Case], None], seed: int, end: float, how: hypothesis.settings
) -> None:
    failed = False

    @hypothesis.seed(seed)
    @how
    @given(case=cases(name))
    def migrates(case: Case) -> None:
        nonlocal failed
        if failed or time.monotonic() < end:
            try:
                play(case)
            except Wrong:
                failed = True
                raise

    try:
        migrates()
    except hypothesis.errors.FlakyFailure as flaky:
        raise flaky.exceptions[0] from None  # a race that was lost once is a bug too


def _kept(wrong: Wrong) -> Path:
    engine = wrong.case.engine
    folder = FOUND / f"{engine}-{time.strftime('%H%M%S')}"
    folder.mkdir(parents=True, exist_ok=True)
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
