"""What a server has written into its binlog, over files that come and go."""

from __future__ import annotations

from osc.mysql.written import Written


class Log:
    """A binlog of files with sizes."""

    def __init__(self) -> None:
        self.sizes = {"log.000001": 100}
        self.asked = 0

    def end(self) -> tuple[str, int] | None:
        return max(self.sizes.items()) if self.sizes else None

    def files(self) -> dict[str, int]:
        self.asked += 1
        return dict(self.sizes)


def test_it_counts_on_from_the_first_look() -> None:
    log = Log()
    written = Written(log.end, log.files)

    first = written.since_the_first_look()
    log.sizes["log.000001"] = 170

    assert (first, written.since_the_first_look(), log.asked) == (0, 70, 0)


def test_it_counts_over_files_that_were_begun_and_removed_meanwhile() -> None:
    log = Log()
    written = Written(log.end, log.files)
    written.since_the_first_look()

    log.sizes |= {"log.000001": 150, "log.000002": 40, "log.000003": 7}
    over_two = written.since_the_first_look()
    log.sizes = {"log.000004": 5}

    assert (over_two, written.since_the_first_look()) == (50 + 40 + 7, 97 + 5)


def test_a_log_that_was_begun_anew_counts_from_its_beginning() -> None:
    log = Log()
    log.sizes = {"log.000009": 100}
    written = Written(log.end, log.files)
    written.since_the_first_look()

    log.sizes = {"log.000001": 30}

    assert written.since_the_first_look() == 30


def test_without_a_binlog_nobody_knows() -> None:
    log = Log()
    log.sizes = {}

    assert Written(log.end, log.files).since_the_first_look() is None
