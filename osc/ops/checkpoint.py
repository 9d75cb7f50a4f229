"""The part of a migration that a later process can't find out again, as text for the ledger.

It is written once, when the shadow is whole. The values of new columns are in it (`now()` is the
moment of the first process), and what the original was when the copy began. Where there is no copy,
it is the steps, and it is written before the first of them.
"""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError

from osc import errors
from osc.engine import Climb, Job, Names
from osc.model.alter import Alter
from osc.model.columns import ColumnMap
from osc.model.difference import UNCHANGED, CatalogDiff
from osc.model.ladder import Step
from osc.model.relations import UNTIED, Relations
from osc.model.table import Key, Table


@dataclass(frozen=True)
class _Kept:
    """A `Job` without what the ledger's row says by itself."""

    original: Table
    shadow: Table
    names: Names
    columns: ColumnMap
    key: Key
    sortable: bool
    relations: Relations = UNTIED
    diff: CatalogDiff = UNCHANGED


@dataclass(frozen=True)
class _Steps:
    """A `Climb` without what the ledger's row says by itself."""

    table: Table
    steps: tuple[Step, ...]


_FORM = TypeAdapter(_Kept)
_CLIMB = TypeAdapter(_Steps)


def written(job: Job) -> str:
    """The job as text."""
    kept = _Kept(
        job.original,
        job.shadow,
        job.names,
        job.columns,
        job.key,
        job.sortable,
        job.relations,
        job.diff,
    )
    return _FORM.dump_json(kept).decode()


def read(text: str, *, migration: int, generation: int, alter: Alter, budget: float) -> Job:
    """The job that another process wrote; Bug where the text is none."""
    try:
        kept = _FORM.validate_json(text)
    except ValidationError as error:
        raise errors.Bug(
            f"the ledger's row of migration {migration} can't be read: {error}",
            todo="give it up with `osc abort`, then start again",
        ) from error
    return Job(
        id=migration,
        original=kept.original,
        shadow=kept.shadow,
        names=kept.names,
        alter=alter,
        columns=kept.columns,
        key=kept.key,
        sortable=kept.sortable,
        generation=generation,
        lock_budget_seconds=budget,
        relations=kept.relations,
        diff=kept.diff,
    )


def written_climb(climb: Climb) -> str:
    """The steps as text."""
    return _CLIMB.dump_json(_Steps(climb.table, climb.steps)).decode()


def read_climb(text: str, *, migration: int, generation: int, budget: float) -> Climb | None:
    """The steps that another process wrote; None where the migration is a copy."""
    try:
        kept = _CLIMB.validate_json(text or "{}")
    except ValidationError:
        return None
    return Climb(migration, kept.table, kept.steps, generation, budget)
