"""What this server can do, asked by name."""

from __future__ import annotations

from dataclasses import dataclass

from osc.errors import Precondition
from osc.postgres.session import Connection


@dataclass(frozen=True)
class Flavor:
    """A server's release: 150004 is 15.4."""

    number: int
    version: str

    def has_tid_range_scan(self) -> bool:
        """Blocks can be read by their numbers, and pgoutput delivers our marks: both from 14."""
        return self.number >= 140000

    def has_column_lists(self) -> bool:
        """A publication can be told to send the key's columns only."""
        return self.number >= 150000

    def publishes_stored_columns(self) -> bool:
        """A publication can be told to send generated columns that are stored, and has to be where
        they are in the replica identity: before 18 the server didn't ask for them."""
        return self.number >= 180000

    def has_named_not_null(self) -> bool:
        """NOT NULL is a constraint with a name, and may be added NOT VALID."""
        return self.number >= 180000

    def require(self) -> None:
        if not self.has_tid_range_scan():
            raise Precondition(
                f"PostgreSQL {self.version} cannot read a table by ranges of blocks",
                still_true="nothing was touched",
                todo="PostgreSQL 14 or later is needed",
            )


def ask(session: Connection) -> Flavor:
    number = session.value("SELECT current_setting('server_version_num')::int")
    version = session.value("SELECT current_setting('server_version')")
    return Flavor(number, str(version).split()[0])
