"""What the shadow is spared until the swap: invalid constraints, triggers and rules in force."""

from __future__ import annotations

from osc.postgres.carried import Carried, Exchange
from osc.postgres.firing import DISABLED
from osc.postgres.session import Connection


def carried(_: Connection, exchange: Exchange) -> Carried:
    """All of it was read from the altered clone: an ALTER may enable and disable, too."""
    table, part = exchange.original, exchange.part
    constraints = (statement for late in part.late for statement in late.add(table))
    loud = (firing for firing in part.firings if firing.inherited or firing.state != DISABLED)
    return Carried(after=(*constraints, *(firing.set(table, firing.state) for firing in loud)))
