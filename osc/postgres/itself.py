"""Expressions in which a table means itself by its OID: the new table would mean the old one.

A CHECK, a default or a generated column may speak of `tableoid`, or of the table's own name as a
regclass, which the server keeps as a number. What is printed and read again for the new table
(triggers, rules, policies, views) means the new one; these are made with it, and mean what they
meant. MySQL has nothing of the kind.
"""

from __future__ import annotations

from osc.errors import Precondition
from osc.postgres import kin
from osc.postgres.session import Connection, plain_names

FOUND = f"""
{kin.DESCENDANTS},
said (words, expression) AS (
    SELECT format('the default or expression of %I', attname), pg_get_expr(adbin, adrelid)
    FROM tree JOIN pg_attrdef ON adrelid = tree.oid
    JOIN pg_attribute ON (attrelid, attnum) = (adrelid, adnum)
    UNION ALL SELECT format('the CHECK %I', conname), pg_get_expr(conbin, conrelid)
    FROM tree JOIN pg_constraint ON conrelid = tree.oid AND contype = 'c')
SELECT words FROM said WHERE expression ~ '\\mtableoid\\M'
OR EXISTS (SELECT FROM unnest($2::regclass[]) AS own
           WHERE strpos(expression, quote_literal(own::text) || '::regclass') > 0)
ORDER BY words LIMIT 1
"""


def require_none(session: Connection, original: int, altered: int) -> None:
    """Raises Precondition where the altered clone has such an expression, from whomever it is."""
    with plain_names(session):
        own = [member.oid for member in kin.family(session, original)]
        words = session.value(FOUND, altered, own)
    if words:
        raise Precondition(
            f"{words} tells the table by its OID, which is another one after a copy",
            still_true="nothing was touched",
            todo="drop it, and make it again after the migration",
        )
