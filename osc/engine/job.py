"""What is known of one migration: names, columns, and what the ALTER is to change."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from osc.model.alter import Alter
from osc.model.columns import ColumnMap
from osc.model.difference import UNCHANGED, CatalogDiff
from osc.model.ladder import Step
from osc.model.relations import UNTIED, Relations
from osc.model.table import Key, Table, TableName


class Sync(StrEnum):
    """How changes of the original are learnt."""

    LOG = "log"
    TRIGGERS = "triggers"
    NONE = "none"
    """They needn't be: there is no copy."""


@dataclass(frozen=True)
class Names:
    """Where the new table grows and where the old one goes."""

    shadow: TableName
    archive: TableName


@dataclass(frozen=True)
class Job:
    """All that an engine's parts need to know of one migration; made once, by the shadow stage."""

    id: int
    original: Table
    shadow: Table
    names: Names
    alter: Alter
    columns: ColumnMap
    key: Key
    sortable: bool
    """Python orders the key as the server does, and chunks are ranges of it (rule 7)."""
    generation: int = 1
    """Which process this is for the migration: it goes up with each resume."""
    lock_budget_seconds: float = 0.25
    """How long a statement of ours may wait for a lock on the original: everybody queues behind."""
    relations: Relations = UNTIED
    diff: CatalogDiff = UNCHANGED
    """What the ALTER is to change, and nothing else."""


@dataclass(frozen=True)
class Rehearsal:
    """What the ALTER makes of an empty clone: the altered table and how its columns are filled."""

    table: Table
    columns: ColumnMap
    key: Key
    sortable: bool
    findings: tuple[str, ...] = ()
    relations: Relations = UNTIED
    diff: CatalogDiff = UNCHANGED


@dataclass(frozen=True)
class Climb:
    """A migration without a copy: the steps that were decided on when it began."""

    id: int
    table: Table
    steps: tuple[Step, ...]
    generation: int = 1
    lock_budget_seconds: float = 0.25
