"""What part of the copy is done, read from the chunks that have committed."""

from __future__ import annotations

import random

import pytest

from osc.model.chunk import Chunk
from osc.model.coverage import Coverage, coverage


def cut(*bounds: int) -> list[Chunk]:
    """A whole table in chunks that end at these bounds."""
    uppers = [(bound,) for bound in bounds]
    edges = zip([None, *uppers], [*uppers, None], strict=True)
    return [Chunk(number, lower, upper) for number, (lower, upper) in enumerate(edges, 1)]


def test_nothing_was_copied() -> None:
    assert coverage([]) == Coverage() and coverage([]).is_empty


def test_a_whole_copy_lacks_nothing() -> None:
    found = coverage(cut(10, 20))

    assert found.is_whole and not found.is_empty


def test_a_chunk_that_was_under_way_is_missing() -> None:
    first, second, third, _ = cut(10, 20, 30)

    found = coverage([first, third])

    assert found.missing == (second,)
    assert (found.frontier, found.next_number, found.reaches_the_end) == ((30,), 4, False)


def test_the_first_chunk_may_be_missing() -> None:
    first, second, _ = cut(10, 20)

    assert coverage([second]).missing == (first,)


def test_chunks_that_were_under_way_side_by_side_become_one() -> None:
    first, _, _, fourth = cut(10, 20, 30)

    found = coverage([first, fourth])

    assert found.missing == (Chunk(2, (10,), (30,)),)
    assert found.reaches_the_end


@pytest.mark.parametrize("seed", range(200))
def test_however_often_it_is_resumed_every_row_is_copied_once(seed: int) -> None:
    """Each life copies some of what is missing and some of what lies ahead, in any order."""
    dice = random.Random(seed)
    committed: list[Chunk] = []
    while not (found := coverage(committed)).is_whole:
        todo = list(found.missing)
        frontier, number, ended = found.frontier, found.next_number, found.reaches_the_end
        while not ended and len(todo) < 6:
            lower = 0 if frontier is None else int(frontier[0])
            upper = lower + dice.randint(1, 9)
            ended = upper >= 60
            todo.append(Chunk(number, frontier, None if ended else (upper,)))
            frontier, number = todo[-1].upper, number + 1
        dice.shuffle(todo)
        committed += todo[: dice.randint(0, len(todo))]
        committed.sort(key=lambda chunk: chunk.number)

    rows = [row for chunk in committed for row in range(*_rows(chunk))]
    assert sorted(rows) == list(range(1, 100))
    assert len({chunk.number for chunk in committed}) == len(committed)


def _rows(chunk: Chunk) -> tuple[int, int]:
    lower = 1 if chunk.lower is None else int(chunk.lower[0]) + 1
    return lower, 100 if chunk.upper is None else int(chunk.upper[0]) + 1
