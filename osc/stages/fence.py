"""Keeps the transactions of a process that is thought dead away from the shadow of the next one.

A client may be gone while the server still works for it, and a client that was cut off or stopped
may wake up hours later. Without a fence:

    old                                    new
    DELETE keys 1 … 9000 is running
    (its client is killed)                 resumes; key 7 is delivered again
                                           DELETE 7; INSERT 7; COMMIT
    … comes to key 7, deletes it           row 7 is lost

So each of our transactions that writes into the shadow asks first whether its process is still the
one that goes on with the migration. The answer is a lock that it holds to its end, and a new
process begins by taking that lock alone (`Ledger.take_over`): when it has it, every transaction
before it is over, and every later one is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from osc import errors
from osc.engine import Session, Statement


@dataclass(frozen=True)
class Fence:
    """`statement` is `Ledger.fence` of this process."""

    statement: Statement

    @contextmanager
    def transaction(self, session: Session) -> Iterator[None]:
        """A transaction that may write into the shadow; TakenOver where it may not."""
        with session.transaction():
            self.require(session)
            yield

    def require(self, session: Session) -> None:
        """Raises TakenOver where another process goes on with the migration."""
        if not session.query(self.statement):
            raise errors.TakenOver(
                "another process has taken this migration over, or has aborted it",
                still_true="nothing was lost: what we had done is its beginning",
                todo="`osc status` tells who has it",
            )
