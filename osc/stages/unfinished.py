"""Migrations that have not ended: which one is meant, whether it may go on, and who holds it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

from osc import errors
from osc.engine import Claim, Engine, Run, Sync
from osc.model.phase import Phase
from osc.model.table import TableName


def has_only_planned(run: Run) -> bool:
    """Nothing was made yet: where its process has died, nobody goes on with it."""
    return run.finished_at is None and run.phase == Phase.PLAN


def can_go_on(run: Run) -> bool:
    """It has not ended; either its process is at it, or another one can go on with it."""
    return run.finished_at is None and (run.alive or not has_only_planned(run))


def refuse(engine: Engine, table: TableName) -> None:
    """A second migration of a table, while one can be resumed or is under way."""
    for run in engine.ledger.runs(table):
        if run.alive:
            raise errors.Precondition(
                f"a run migrates {table} right now ({run.by}, phase {run.phase})",
                still_true="nothing was touched",
                todo="wait for its end",
            )
        if can_go_on(run):
            if run.is_sources:
                raise _of_the_source(run, "wait for its end there, or end it there")
            raise errors.Precondition(
                f"migration {run.id} of {table} was stopped or died in its phase {run.phase}",
                still_true=f"{table} serves; nothing was touched",
                todo=f"go on with `osc resume URL {run.id}`, or remove it with "
                f"`osc abort URL {run.id}`",
            )


def climb(engine: Engine, table: TableName, statement: str) -> Run | None:
    """A migration of the table without a copy that was stopped, and that the same statement asks
    for again; every other that has not ended is a reason to refuse."""
    for run in engine.ledger.runs(table):
        is_stopped = can_go_on(run) and not run.alive and not run.is_sources
        is_same = engine.same(run.statement, statement)
        if is_stopped and run.sync == Sync.NONE and is_same:
            return run
    refuse(engine, table)
    return None


def find(engine: Engine, wanted: str | None) -> Run:
    """The migration that an operator means: by number, by table, by its statement, or the only
    one that has not ended."""
    run = _meant(engine, wanted)
    if run.is_sources:
        raise _of_the_source(run, "name the source in the URL")
    return run


def _of_the_source(run: Run, todo: str) -> errors.Precondition:
    return errors.Precondition(
        f"migration {run.id} of {run.table} is a run of this server's source",
        still_true="nothing was touched",
        todo=todo,
    )


def _meant(engine: Engine, wanted: str | None) -> Run:
    runs = engine.ledger.runs()
    if wanted is None:
        return _only(runs)
    if wanted.isdigit():
        return _one([run for run in runs if run.id == int(wanted)], f"with the number {wanted}")
    if len(wanted.split()) > 1:
        return _stated(engine, runs, wanted)
    return _one([run for run in runs if wanted in (str(run.table), run.table.name)], f"of {wanted}")


def numbered(engine: Engine, migration: int) -> Run:
    return find(engine, str(migration))


def _only(runs: list[Run]) -> Run:
    found = [run for run in runs if can_go_on(run) and not run.is_sources]
    if len(found) > 1:
        which = ", ".join(f"{run.id} ({run.table})" for run in found)
        raise errors.Usage(f"several migrations have not ended: {which}", todo="name one of them")
    return _one(found, "that could go on")


def _one(found: list[Run], which: str) -> Run:
    """The newest: of one table at most that one has not ended."""
    if not found:
        raise errors.Precondition(
            f"the ledger knows no migration {which}",
            still_true="nothing was touched",
            todo="`osc status URL` lists those of this database",
        )
    return found[-1]


def _stated(engine: Engine, runs: list[Run], statement: str) -> Run:
    meant = engine.read(statement)
    on_table = [
        run
        for run in runs
        if meant.fold(run.table.name) == meant.fold(meant.table)
        and meant.schema in (None, run.table.schema)
    ]
    run = _one(on_table, f"of {meant.table}")
    if not engine.same(run.statement, statement):
        raise errors.TableChanged(
            f"migration {run.id} was begun with another statement: {run.statement}",
            still_true=f"{run.table} serves; nothing was touched",
            todo=f"go on with `osc resume URL {run.id}`, or remove it with `osc abort URL {run.id}`"
            " and begin the other one",
        )
    return run


def require_resumable(run: Run) -> None:
    if has_only_planned(run) and not run.alive:
        raise errors.Precondition(
            f"migration {run.id} of {run.table} died while it planned: there is nothing to go on"
            " with",
            still_true="nothing was touched",
            todo="begin it anew with `osc run`",
        )
    if run.finished_at is not None:
        raise errors.Precondition(
            f"migration {run.id} of {run.table} is over: {run.message or run.phase}",
            still_true="nothing was touched",
            todo="begin it anew with `osc run`" if run.phase != Phase.DONE else "",
        )


@contextmanager
def claimed(engine: Engine, table: TableName, patience_seconds: float) -> Iterator[Claim]:
    """The claim, which a connection that has just died may hold a moment longer."""
    patience = Retrying(
        retry=retry_if_exception_type(errors.Precondition),
        stop=stop_after_delay(patience_seconds),
        wait=wait_random_exponential(multiplier=0.1, max=1),
        reraise=True,
    )
    with ExitStack() as stack:
        yield patience(lambda: stack.enter_context(engine.claim(table)))


@contextmanager
def kept() -> Iterator[None]:
    """Losing the server before anything was begun anew leaves the migration as it was."""
    try:
        yield
    except errors.Unreachable as error:
        error.kept = True
        raise
