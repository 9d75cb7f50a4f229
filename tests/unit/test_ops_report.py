"""What a plan says of the columns, and what the operator watches."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace

from osc.engine import Names, Rehearsal, Sync
from osc.model import alter
from osc.model.columns import ColumnMap, Pair
from osc.model.difference import CatalogDiff
from osc.model.phase import Phase
from osc.model.progress import Progress, Tracker
from osc.model.table import Column, Key, Table, TableName
from osc.ops import display
from osc.ops.pace import Speed
from osc.ops.report import differences, report_record, report_text
from osc.ops.units import wrapped
from osc.stages.plan import Plan
from tests.unit.commands import REPORT

KEY = Key("PRIMARY", ("id",), primary=True)
ID = Column("id", "int", nullable=False)
BEFORE = (
    ID,
    Column("size", "int"),
    Column("old_name", "text"),
    Column("gone", "date"),
    Column("twice", "int", generated=True),
)
AFTER = (
    ID,
    Column("size", "bigint", nullable=False),
    Column("new_name", "text"),
    Column("twice", "int", generated=True),
    Column("note", "text"),
)


def plan(before: tuple[Column, ...], after: tuple[Column, ...], filled: dict[str, str]) -> Plan:
    table = Table(TableName("shop", "orders"), before, (KEY,), "1")
    pairs = tuple(Pair(target, source, source) for target, source in filled.items())
    rehearsal = Rehearsal(
        replace(table, columns=after), ColumnMap(pairs, ("id",), ("id",)), KEY, sortable=True
    )
    return Plan(
        table,
        alter.from_clauses("orders", "FORCE", mysql=True),
        Names(table.name, table.name),
        Sync.LOG,
        rehearsal,
        (),
        (),
    )


def test_a_plan_names_what_is_changed_added_renamed_and_dropped() -> None:
    made = plan(BEFORE, AFTER, {"id": "id", "size": "size", "new_name": "old_name"})

    assert [str(difference) for difference in differences(made)] == [
        "size: int → bigint NOT NULL",
        "new_name: old_name text → text",
        "note: new, text",
        "gone: dropped",
    ]


@dataclass
class Seen:
    """A face that writes down what it is shown."""

    interval_seconds: float = 0.01
    began_with: list[tuple[Phase, int, Phase]] = field(default_factory=list)
    ticked: threading.Event = field(default_factory=threading.Event)
    closed: bool = False
    broken: bool = False

    def began(self, ended: Progress, progress: Progress) -> None:
        if self.broken:
            raise BrokenPipeError
        self.began_with.append((ended.phase, ended.rows_copied, progress.phase))

    def tick(self, progress: Progress, speed: Speed | None) -> None:
        self.ticked.set()

    def close(self) -> None:
        self.closed = True


def test_each_phase_is_shown_with_the_last_counts_of_the_one_before() -> None:
    tracker, seen = Tracker(), Seen()

    with display.shown(tracker, seen):
        for phase in (Phase.PREFLIGHT, Phase.SHADOW, Phase.COPY):
            tracker.at(phase)
        assert seen.ticked.wait(10)
        tracker.add(rows_copied=1000)
        tracker.at(Phase.LOAD)

    assert seen.began_with == [
        (Phase.PLAN, 0, Phase.PREFLIGHT),
        (Phase.PREFLIGHT, 0, Phase.SHADOW),
        (Phase.SHADOW, 0, Phase.COPY),
        (Phase.COPY, 1000, Phase.LOAD),
    ]
    assert seen.closed


def test_a_terminal_that_is_gone_does_not_hurt_the_migration() -> None:
    tracker, seen = Tracker(), Seen(broken=True)

    with display.shown(tracker, seen):
        tracker.at(Phase.PREFLIGHT)
        tracker.at(Phase.SHADOW)

    assert tracker.read().phase is Phase.SHADOW
    assert seen.closed


def test_repaired_rows_are_told_in_words_and_to_machines() -> None:
    repaired = replace(REPORT, rows_repaired=3)

    assert "1,000 verified, 3 repaired" in report_text(repaired)
    assert report_record(repaired)["rows_repaired"] == 3
    assert "repaired" not in report_text(REPORT)


def test_a_report_carries_what_the_alter_changed_in_the_catalog() -> None:
    changed = CatalogDiff(removed=("column size: int",), added=("column size: bigint",))

    told = report_record(replace(REPORT, diff=changed))

    assert told["diff"] == {"removed": ("column size: int",), "added": ("column size: bigint",)}


def test_a_long_line_is_wrapped_under_what_follows_its_label() -> None:
    told = "phases      plan 1 ms, copy 2 ms, load 3 ms\nosc: refused: it is not so\n  todo: go on"

    assert wrapped(told, 24).split("\n") == [
        "phases      plan 1 ms,",
        "            copy 2 ms,",
        "            load 3 ms",
        "osc: refused: it is not",
        "  so",
        "  todo: go on",
    ]
    assert wrapped("a `/path/that/stays/in/one/piece`", 10).endswith(
        "`/path/that/stays/in/one/piece`"
    )
