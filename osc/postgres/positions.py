"""Definitions that give the table's columns names by their number, as `(t JOIN u …) j(a, b, c)`.

What is said again of the new table (`mentions.py`) counts its columns: where the ALTER adds one or
drops one, such names would be those of other columns, and the server may see nothing wrong in that.
The native ALTER follows each column, since it keeps no text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from osc.errors import Precondition
from osc.postgres import dependents
from osc.postgres.dependents import Dependent
from osc.postgres.session import Connection, plain_names

RULE = "SELECT concat(ev_action, ev_qual), pg_get_ruledef(oid) FROM pg_rewrite WHERE oid = $1"
TREES = {
    "view": RULE,
    "rule": RULE,
    dependents.MATERIALIZED: RULE,
    "function": "SELECT prosqlbody, pg_get_function_sqlbody(oid) FROM pg_proc WHERE oid = $1",
    "policy": """
        SELECT concat(polqual, polwithcheck),
               concat(pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid))
        FROM pg_policy WHERE oid = $1""",
}

NAMES = r"(?:<>|\((?:\\.|[^)\\])*\))"
ALIAS = rf"\{{ALIAS :aliasname \S+ :colnames {NAMES}\}}"
NAMED_JOIN = re.compile(rf":alias {ALIAS} :eref {ALIAS} :rtekind 2 ")
"""As nodes are printed in the catalog: a range table entry that is a join with a name."""


def require_none(
    session: Connection, found: Iterable[Dependent], tables: Iterable[str], *, drops: bool
) -> None:
    """Raises Precondition where one of them would count otherwise than it did. A list beside one
    of the `tables` (qualified) alone takes no harm from columns that are added after its own."""
    with plain_names(session):
        for dependent in (one for one in found if one.kind in TREES):
            for tree, text in session.rows(TREES[dependent.kind], dependent.oid):
                if NAMED_JOIN.search(tree or "") or (drops and _has_list(text or "", tables)):
                    raise Precondition(
                        f"{dependent.words} names columns by their number, and the ALTER adds or"
                        " drops some",
                        still_true="nothing was touched",
                        todo="drop it first, and make it again after the migration",
                    )


def _has_list(text: str, tables: Iterable[str]) -> bool:
    name = r'(?:"(?:[^"]|"")+"|\w+)'
    return any(re.search(rf"(?<![\w.\"]){re.escape(table)} {name}\(", text) for table in tables)
