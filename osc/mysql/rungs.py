"""Which statements lead to the altered table without a copy: decided from the server's answers.

One statement is best, since it is done or undone as a whole. But all at once the server may rewrite
the table for what it does in an instant one by one: ADD COLUMN is INSTANT and COMMENT is in place
without a rebuild, both together rebuild (MySQL 9.7). Then the subcommands are sorted:

1. what is INSTANT and adds columns: an index may be on one, and DROP COLUMN takes it back;
2. what is in place: index builds, which may find duplicates, and small change;
3. what is left of INSTANT, such as DROP COLUMN, which nothing takes back.

All but the last statement can be taken back, and all of them together must give the definition and
the rows that the whole gives, on clones.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from osc import errors
from osc.model.ladder import Cost, Lock
from osc.mysql import quoting, shown
from osc.mysql.trial import Answer, Trial

ROW_VERSIONS = 64
"""How often MySQL adds or drops columns instantly before it wants a rebuild (manual, InnoDB)."""
FEW_ROW_VERSIONS = 8
_COMMENT = re.compile(r" COMMENT=('(?:[^'\\]|\\.|'')*')")


@dataclass(frozen=True)
class Rung:
    """A statement, by its subcommands, as the server has answered; `undo` is what takes it back,
    with what it needs to be short; `after` is the definition that it leaves."""

    clauses: str
    answer: Answer
    after: str
    undo: tuple[str, ...] = ()


def cost(answer: Answer) -> Cost:
    if answer.is_copy or answer.rebuilds:
        return Cost.REWRITE
    return Cost.SCAN if answer.builds else Cost.METADATA


def locks(answer: Answer, on: str) -> tuple[Lock, ...]:
    """In the words of the manual, "Metadata Locking" and "Online DDL Performance and Concurrency".
    What is held for a moment blocks nobody for longer than the budget."""
    if answer.is_copy:
        return (Lock(on, "metadata lock SHARED_NO_WRITE (LOCK=SHARED), then EXCLUSIVE", "writes"),)
    if answer.lock == "EXCLUSIVE":
        mode = "metadata lock EXCLUSIVE while each row of the other table is looked at"
        return (Lock(on, mode, "reads and writes"),)
    if answer.lock == "SHARED":
        mode = f"metadata lock SHARED_NO_WRITE (ALGORITHM={answer.algorithm}, LOCK=SHARED)"
        return (Lock(on, mode, "writes"),)
    if cost(answer) is Cost.METADATA:
        return (Lock(on, "metadata lock SHARED_UPGRADABLE, then EXCLUSIVE for a moment"),)
    return (
        Lock(
            on,
            f"metadata lock SHARED_UPGRADABLE (ALGORITHM={answer.algorithm}, LOCK=NONE), EXCLUSIVE "
            "for a moment at the beginning and at the end",
        ),
    )


def reason(answer: Answer) -> str:
    """What tells the cost, in one sentence."""
    if answer.is_copy:
        return f"it takes a copy of the table ({answer.because})"
    if not answer.algorithm:
        return answer.because or "only names and files are changed"
    how = f"ALGORITHM={answer.algorithm}"
    if answer.rebuilds:
        how += " rebuilds the table"
    elif answer.builds:
        how += " builds an index"
    if answer.lock == "SHARED":
        how += " and blocks writes"
    return f"{how} ({answer.because})" if answer.because else how


def split(trial: Trial, parts: tuple[str, ...], alone: tuple[Answer, ...]) -> tuple[Rung, ...]:
    """The first order of statements that is equal to the whole and copies nothing, or none."""
    if len(parts) < 2 or any(answer.blocks_writes for answer in alone):
        return ()
    wanted = _whole(trial, parts)
    if wanted is None:
        return ()
    for groups in _orders(trial, parts, alone):
        rungs = _tried(trial, groups)
        if rungs and (trial.definition(), trial.rows()) == wanted:
            return rungs
    return ()


def _whole(trial: Trial, parts: tuple[str, ...]) -> tuple[str, list[tuple[object, ...]]] | None:
    trial.renew()
    try:
        trial.alter(", ".join(parts), checks=False)
    except errors.ServerError:
        return None
    return trial.definition(), trial.rows()


def _orders(
    trial: Trial, parts: tuple[str, ...], alone: tuple[Answer, ...]
) -> Iterator[list[tuple[str, ...]]]:
    instant = [answer.algorithm == "INSTANT" for answer in alone]
    adds = [
        is_instant and _adds_columns(trial, part)
        for part, is_instant in zip(parts, instant, strict=True)
    ]
    first = tuple(part for part, one in zip(parts, adds, strict=True) if one)
    second = tuple(part for part, one in zip(parts, instant, strict=True) if not one)
    third = tuple(p for p, i, a in zip(parts, instant, adds, strict=True) if i and not a)
    for groups in ([second, first + third], [first, second, third], [first, second + third]):
        if len(there := [group for group in groups if group]) > 1:
            yield there


def _adds_columns(trial: Trial, part: str) -> bool:
    trial.renew()
    before = shown.read(trial.definition()).columns
    try:
        trial.alter(part, checks=False)
    except errors.ServerError:
        return False
    after = shown.read(trial.definition()).columns
    return len(after) > len(before) and before.items() <= after.items()


def _tried(trial: Trial, groups: list[tuple[str, ...]]) -> tuple[Rung, ...]:
    """The groups one after the other on one clone; none where one copies or can't be taken back."""
    trial.renew()
    rungs: list[Rung] = []
    try:
        for group in groups[:-1]:
            rungs.append(_tried_and_undone(trial, ", ".join(group)))
        rungs.append(_tried_once(trial, ", ".join(groups[-1])))
    except (errors.ServerError, _NotSo):
        return ()
    return tuple(rungs)


class _NotSo(Exception):
    """This order is none."""


def _tried_once(trial: Trial, clauses: str) -> Rung:
    answer = trial.ask(clauses, anew=False)
    if answer.blocks_writes or answer.rebuilds:
        raise _NotSo
    return Rung(clauses, answer, trial.definition())


def _tried_and_undone(trial: Trial, clauses: str) -> Rung:
    """What takes it back is tried as well, before it is promised; then it is done again."""
    before = trial.definition()
    rung = _tried_once(trial, clauses)
    undo = undoing(before, rung.after, is_mariadb=trial.is_mariadb)
    for taking_back in undo:
        trial.alter(taking_back)
    if not undo or trial.definition() != before:
        raise _NotSo
    return replace(_tried_once(trial, clauses), undo=undo)


def undoing(before: str, after: str, *, is_mariadb: bool) -> tuple[str, ...]:
    """What takes back a change that has only added columns and indexes, or the comment; else
    nothing."""
    old, new = shown.read(before), shown.read(after)
    comments = [_COMMENT.search(one.options) for one in (old, new)]
    only_adds = (
        old.columns.items() <= new.columns.items()
        and set(old.indexes) <= set(new.indexes)
        and old.rest == new.rest
        and _COMMENT.sub("", old.options) == _COMMENT.sub("", new.options)
    )
    if not only_adds:
        return ()
    built = [f"DROP INDEX {quoting.name(i.name)}" for i in new.indexes if i not in old.indexes]
    said = [found[1] if found else "''" for found in comments]
    if said[0] != said[1]:
        built.append(f"COMMENT = {said[0]}")
    fresh = [f"DROP COLUMN {quoting.name(name)}" for name in new.columns if name not in old.columns]
    instant = "ALGORITHM=INSTANT, LOCK=NONE" if is_mariadb else "ALGORITHM=INSTANT"
    return tuple(
        ", ".join([how, *drops])
        for how, drops in (("ALGORITHM=INPLACE, LOCK=NONE", built), (instant, fresh))
        if drops
    )


def has_row_versions(used: int, answer: Answer) -> bool:
    """Whether the table has room for what INSTANT would take."""
    return used + answer.versions <= ROW_VERSIONS
