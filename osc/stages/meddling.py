"""Whether both tables are still what this run knows: somebody may alter, empty or drop one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from osc import errors
from osc.engine import Catalog, Job
from osc.model.phase import BEFORE_THE_LOCK
from osc.model.progress import Tracker
from osc.model.table import TableName


@dataclass
class Meddling:
    """Each `refuse` raises TableChanged."""

    catalog: Catalog
    job: Job
    tracker: Tracker
    _known: str | None = None

    def refuse_a_changed_original(self) -> None:
        name = self.job.original.name
        known, identity = self.job.original.identity, self._identity(name)
        if identity not in (known, None):
            # It takes several questions, and a DROP may have come between two of them.
            identity = self._identity(name)
        if identity is None:
            raise errors.TableChanged(
                f"{name} is gone: somebody else has dropped or renamed it",
                still_true="the shadow took its place nowhere; nothing else was changed by us",
                todo="if it was renamed, start again with its new name",
            )
        if identity != known:
            raise errors.TableChanged(
                f"{name} was altered, truncated or replaced by somebody else",
                still_true="what is there now serves; the shadow did not follow that change",
                todo="start again",
            )

    def refuse_a_lost_shadow(self) -> None:
        if self._shadow() is None:
            raise self._of_the_shadow("is gone")

    def is_settled(self) -> None:
        """Until `altering` nobody has a reason to change more of the shadow than its rows."""
        self._known = self._shadow()

    def altering(self) -> None:
        """The run changes the shadow itself."""
        self._known = None

    def refuse_what_was_changed(self) -> None:
        """A cut-over may be held back for days, and what was compared before that may have been
        truncated since."""
        self.refuse_a_changed_original()
        if self._known and self._shadow() != self._known:
            raise self._of_the_shadow("was altered, truncated or dropped by somebody else")

    @contextmanager
    def suspected(self) -> Iterator[None]:
        """What looks like a fault of ours, of a statement of ours, or of a row, is somebody else's
        who has changed a table under it. At the lock the swapper looks for that."""
        try:
            yield
        except (errors.BadStatement, errors.BadValue, errors.DataWouldBeLost, errors.Bug):
            if self.tracker.read().phase in BEFORE_THE_LOCK:
                self.refuse_a_lost_shadow()
                self.refuse_what_was_changed()
            raise

    def _shadow(self) -> str | None:
        return self._identity(self.job.names.shadow)

    def _identity(self, name: TableName) -> str | None:
        """None, too, where it went with its database."""
        with suppress(errors.NoDatabase):
            return self.catalog.identity(name)
        return None

    def _of_the_shadow(self, what: str) -> errors.TableChanged:
        return errors.TableChanged(
            f"the shadow {self.job.names.shadow} {what}",
            still_true=f"{self.job.original.name} serves and is untouched",
            todo="start again",
        )
