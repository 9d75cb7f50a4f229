"""A last look at what serves now: is it the original, and what the ALTER makes of it?"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

from osc.engine import Job, Session
from osc.errors import SwappedButUnfinished
from osc.model.difference import CatalogDiff
from osc.mysql import foreign_keys
from osc.mysql.catalog import MySQLCatalog
from osc.mysql.definition import describe, renamed, unasked


@dataclass(frozen=True)
class MySQLAftercare:
    """The port `Aftercare`. All that a table needs it has when the lock is let go, or, its foreign
    keys and triggers, a moment later (`carried.py`)."""

    job: Job
    connect: Callable[[str], Session]
    catalog: Callable[[Session], MySQLCatalog]

    def confirm(self) -> None:
        with closing(self.connect("aftercare")) as session:
            found = self._unasked(session)
        if found:
            name = self.job.original.name
            raise SwappedButUnfinished(
                f"{name} differs from what the ALTER makes of it:\n  " + "\n  ".join(found.lines),
                still_true=f"the new table serves; the old one is {self.job.names.archive}",
                todo="see whether somebody has changed it since; if not, please report this. "
                f"`osc resume URL {self.job.id}` ends the run",
            )

    def finish(self, check: Callable[[], None]) -> None:
        return

    def _unasked(self, session: Session) -> CatalogDiff:
        """The archive is what the original was, but for the foreign keys; those are noted."""
        catalog, name, ties = self.catalog(session), self.job.original.name, self.job.relations
        archive = self.job.names.archive
        was = renamed(catalog.definition(archive), archive, name)
        before = describe(was, ties.own_before, ties.children_before)
        now = describe(
            catalog.definition(name),
            foreign_keys.of_table(catalog, name),
            foreign_keys.of_children(session, catalog, name),
        )
        return unasked(before, self.job.diff, now)
