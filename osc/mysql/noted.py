"""What hangs on a table when its swap begins, for another process that has to finish it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from osc.engine import Session, Statement
from osc.model.table import TableName
from osc.mysql import quoting
from osc.mysql.ledger import NOTE


@dataclass(frozen=True)
class Notes:
    """Those of one migration, in the ledger that is in `database`."""

    migration: int
    database: str
    named: str = NOTE

    @property
    def _table(self) -> str:
        return quoting.table(TableName(self.database, self.named))

    def write(self, session: Session, lines: Sequence[str]) -> None:
        session.execute(
            Statement(
                f"REPLACE INTO {self._table} VALUES (%s, %s)", (self.migration, json.dumps(lines))
            )
        )

    def read(self, session: Session) -> tuple[str, ...] | None:
        """None where nothing was noted, or what was noted has been told."""
        rows = session.query(
            Statement(f"SELECT record FROM {self._table} WHERE migration = %s", (self.migration,))
        )
        return tuple(json.loads(rows[0][0])) if rows else None

    def forget(self, session: Session) -> None:
        session.execute(
            Statement(f"DELETE FROM {self._table} WHERE migration = %s", (self.migration,))
        )
