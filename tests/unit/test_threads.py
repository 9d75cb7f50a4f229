"""Threads whose first error counts, and a lock that is given in turn."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial

import pytest

from osc import errors
from osc.threads import Crew, Turns, beside, breakable

SOON = 10.0


class First(Exception):
    pass


class Second(Exception):
    pass


def raising(error: Exception) -> Callable[[], None]:
    def body() -> None:
        raise error

    return body


def test_a_crew_runs_everybody_and_joins() -> None:
    done: list[str] = []
    crew = Crew(on_error=lambda error: None)

    crew.start("a", lambda: done.append("a"))
    crew.start("b", lambda: done.append("b"))
    crew.join()

    assert sorted(done) == ["a", "b"]


def test_a_crew_raises_what_the_first_of_it_raised() -> None:
    failed, told = threading.Event(), []

    def on_error(error: BaseException) -> None:
        told.append(error)
        failed.set()

    def late() -> None:
        assert failed.wait(SOON)
        raise Second

    crew = Crew(on_error)
    crew.start("late", late)
    crew.start("early", raising(First()))

    with pytest.raises(First):
        crew.join()
    assert [type(error) for error in told] == [First]


def test_the_others_are_told_to_stop_while_they_still_run() -> None:
    stop = threading.Event()
    crew = Crew(on_error=lambda error: stop.set())

    crew.start("waits", lambda: assert_(stop.wait(SOON)))
    crew.start("fails", raising(First()))

    with pytest.raises(First):
        crew.join()


def assert_(truth: bool) -> None:
    assert truth


def test_a_thread_beside_a_block_ends_with_it() -> None:
    stop, ended = threading.Event(), threading.Event()

    def body() -> None:
        stop.wait(SOON)
        ended.set()

    with beside("test", body, stop=stop.set):
        assert not ended.is_set()

    assert ended.is_set()


def test_the_error_of_a_thread_beside_is_raised_at_the_end_of_the_block() -> None:
    reached = False

    with pytest.raises(First), beside("test", raising(First()), stop=lambda: None):
        reached = True

    assert reached


def test_the_error_of_the_block_wins() -> None:
    stop = threading.Event()

    def body() -> None:
        stop.wait(SOON)
        raise Second

    with pytest.raises(First), beside("test", body, stop=stop.set):
        raise First


def test_the_thread_beside_is_gone_before_the_error_of_the_block_goes_on() -> None:
    stop, ended = threading.Event(), threading.Event()

    def body() -> None:
        stop.wait(SOON)
        ended.set()

    with pytest.raises(First), beside("test", body, stop=stop.set):
        raise First

    assert ended.is_set()


def test_the_holder_may_take_its_turn_again() -> None:
    turn = Turns()

    with turn, turn:
        pass

    assert taken_by_another_thread(turn)


def test_a_turn_taken_twice_is_held_until_it_is_given_back_twice() -> None:
    turn = Turns()

    with turn:
        with turn:
            pass
        waiting = Waiting(turn)
        assert not waiting.came.is_set()
    waiting.join()

    assert waiting.came.is_set()


def test_turns_are_given_in_the_order_in_which_they_were_asked_for() -> None:
    turn = Turns()
    order: list[str] = []

    with turn:
        waiting = [Waiting(turn, partial(order.append, name)) for name in "abcdef"]
    for one in waiting:
        one.join()

    assert order == list("abcdef")


def test_who_takes_turns_in_a_loop_starves_nobody() -> None:
    turn = Turns()
    rounds = 0

    with turn:
        waiting = Waiting(turn)
    while not waiting.came.is_set():
        with turn:
            rounds += 1
        assert rounds < 10_000
    waiting.join()

    assert rounds <= 2


def test_an_error_gives_the_turn_back() -> None:
    turn = Turns()

    with pytest.raises(First), turn:
        raise First

    assert taken_by_another_thread(turn)


class Waiting(threading.Thread):
    """Takes its turn as soon as it gets it; the constructor returns once it is in the queue."""

    def __init__(self, turn: Turns, act: Callable[[], None] = lambda: None) -> None:
        super().__init__(daemon=True)
        self.came = threading.Event()
        self._turn, self._act = turn, act
        queued, deadline = len(turn._waiting), time.monotonic() + SOON
        self.start()
        while len(turn._waiting) == queued:
            assert time.monotonic() < deadline

    def run(self) -> None:
        with self._turn:
            self._act()
            self.came.set()


def taken_by_another_thread(turn: Turns) -> bool:
    waiting = threading.Thread(target=lambda: turn.__enter__(), daemon=True)
    waiting.start()
    waiting.join(SOON)
    return not waiting.is_alive()


def test_a_block_that_waits_is_broken_off_when_the_check_raises() -> None:
    released = threading.Event()

    def check() -> None:
        raise errors.Aborted("enough")

    with pytest.raises(errors.Aborted, match="enough"), breakable(check, released.set):
        assert released.wait(10)
        raise errors.LockTimeout("the statement was interrupted")


def test_a_block_that_ends_in_time_is_left_alone() -> None:
    broken = threading.Event()

    with breakable(lambda: None, broken.set):
        pass

    assert not broken.is_set()


def test_an_error_of_the_block_itself_is_its_own() -> None:
    with pytest.raises(ValueError), breakable(lambda: None, lambda: None):
        raise ValueError
