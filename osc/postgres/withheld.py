"""What the shadow is spared until the swap: invalid constraints, triggers and rules in force."""

from __future__ import annotations

from osc.postgres import firing
from osc.postgres.carried import Carried, Exchange
from osc.postgres.firing import DISABLED
from osc.postgres.session import Connection


def carried(_: Connection, exchange: Exchange) -> Carried:
    """All of it was read from the altered clone: an ALTER may enable and disable, too."""
    table, part = exchange.original, exchange.part
    constraints = (statement for late in part.late for statement in late.add(table))
    loud = [each for each in part.firings if each.inherited or each.state != DISABLED]
    states = (each.set(table, each.state) for each in loud)
    # A partition that is attached again has got them anew, without a comment.
    comments = (said for each in loud if each.inherited for said in firing.comment(each, table))
    return Carried(after=(*constraints, *states, *comments))
