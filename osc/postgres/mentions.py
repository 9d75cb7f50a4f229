"""Views, rules, functions, policies and defaults elsewhere that mention the table.

Each is printed by the server while the name still means the original, and said again in the swap
when it means the new table. Each keeps its OID that way, and with it owner, grants, comments,
triggers, its enabled state and what hangs on it in turn: nothing else has to be carried over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial

from osc.engine import Statement
from osc.errors import NotAllowed
from osc.model.table import Column, TableName
from osc.postgres import dependents, privileges, rebuilt
from osc.postgres.carried import CHILD, VIEW, Carried, Exchange, Lock, together
from osc.postgres.dependents import Dependent
from osc.postgres.quoting import identifier, qualified
from osc.postgres.session import Connection, plain_names

RELATION = """
SELECT c.oid, c.oid::regclass::text, c.relkind::text, quote_ident(pg_get_userbyid(c.relowner)),
       pg_has_role(c.relowner, 'USAGE')
FROM pg_class c WHERE c.oid = $1
"""


def carried(session: Connection, exchange: Exchange) -> Carried:
    """Those of the table, and of the views that are made anew with it; these have what they need
    when they are made."""
    views = [view.oid for view in rebuilt.tree(session, exchange.source, exchange.retyped)]
    rules = rebuilt.rules(session, views)
    found = dict.fromkeys(
        dependent
        for oid in (exchange.source, *views)
        for dependent in dependents.read(session, oid)
        if dependent.oid not in rules
    )
    with plain_names(session):
        return together(KINDS[d.kind](session, d) for d in {d.oid: d for d in found}.values())


def require(session: Connection, found: Iterable[Dependent]) -> None:
    """Raises NotAllowed where one of them is not ours to write anew."""
    found = tuple(found)
    with plain_names(session):
        privileges.all_of(
            [
                *(partial(KINDS[each.kind], session, each) for each in found),
                lambda: privileges.require_room_in(session, _homes(session, found)),
            ]
        )


HOMES = """
SELECT nspname FROM pg_rewrite w JOIN pg_class v ON v.oid = ev_class
JOIN pg_namespace n ON n.oid = relnamespace WHERE rulename = '_RETURN' AND w.oid = ANY ($1)
UNION SELECT nspname FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace
WHERE p.oid = ANY ($2)
"""


def _homes(session: Connection, found: Iterable[Dependent]) -> list[str]:
    """The schemas of what is created anew or replaced: views and functions."""
    of: dict[bool, list[int]] = {True: [], False: []}
    for each in found:
        of[each.kind == "function"].append(each.oid)
    return [schema for (schema,) in session.rows(HOMES, of[False], of[True])]


def _view(session: Connection, dependent: Dependent) -> Carried:
    oid, options, definition = session.rows(
        "SELECT c.oid, array_to_string(c.reloptions, ', '), pg_get_viewdef(c.oid)"
        " FROM pg_rewrite w JOIN pg_class c ON c.oid = w.ev_class WHERE w.oid = $1",
        dependent.oid,
    )[0]
    lock, name = _locked(session, oid, dependent)
    having = f" WITH ({options})" if options else ""
    return _said(lock, f"CREATE OR REPLACE VIEW {name}{having} AS {definition}")


def _rule(session: Connection, dependent: Dependent) -> Carried:
    oid, definition = session.rows(
        "SELECT ev_class, pg_get_ruledef(oid) FROM pg_rewrite WHERE oid = $1", dependent.oid
    )[0]
    lock, _ = _locked(session, oid, dependent)
    return _said(lock, definition.replace("CREATE RULE ", "CREATE OR REPLACE RULE ", 1))


def _function(session: Connection, dependent: Dependent) -> Carried:
    definition, owner, owns = session.rows(
        "SELECT pg_get_functiondef(oid), quote_ident(pg_get_userbyid(proowner)),"
        " pg_has_role(proowner, 'USAGE')"
        " FROM pg_proc WHERE oid = $1",
        dependent.oid,
    )[0]
    if not owns:
        raise _not_ours(session, dependent, owner)
    return Carried(named=(Statement(definition),))


def _policy(session: Connection, dependent: Dependent) -> Carried:
    oid, name, using, check = session.rows(
        "SELECT polrelid, quote_ident(polname), pg_get_expr(polqual, polrelid),"
        " pg_get_expr(polwithcheck, polrelid) FROM pg_policy WHERE oid = $1",
        dependent.oid,
    )[0]
    lock, table = _locked(session, oid, dependent)
    clauses = [
        f" {word} ({expression})"
        for word, expression in (("USING", using), ("WITH CHECK", check))
        if expression is not None
    ]
    return _said(lock, f"ALTER POLICY {name} ON {table}{''.join(clauses)}")


def _default(session: Connection, dependent: Dependent) -> Carried:
    oid, column, expression = session.rows(
        "SELECT adrelid, quote_ident(attname), pg_get_expr(adbin, adrelid) FROM pg_attrdef d"
        " JOIN pg_attribute a ON (a.attrelid, a.attnum) = (d.adrelid, d.adnum) WHERE d.oid = $1",
        dependent.oid,
    )[0]
    lock, table = _locked(session, oid, dependent)
    return _said(lock, f"ALTER TABLE {table} ALTER COLUMN {column} SET DEFAULT {expression}")


def _materialized(session: Connection, dependent: Dependent) -> Carried:
    """Nothing is said again, but it has to be ours."""
    oid = session.value("SELECT ev_class FROM pg_rewrite WHERE oid = $1", dependent.oid)
    _locked(session, oid, dependent)
    return Carried()


KINDS: Mapping[str, Callable[[Connection, Dependent], Carried]] = {
    "view": _view,
    "rule": _rule,
    "function": _function,
    "policy": _policy,
    "default": _default,
    dependents.MATERIALIZED: _materialized,
}


def _locked(session: Connection, oid: int, dependent: Dependent) -> tuple[Lock, str]:
    """LOCK TABLE on a view would lock all tables that it reads; a change of its owner that is none
    locks the view alone."""
    found, name, kind, owner, owns = session.rows(RELATION, oid)[0]
    if not owns:
        raise _not_ours(session, dependent, owner)
    if kind == "v":
        return Lock(VIEW, found, f"ALTER VIEW {name} OWNER TO {owner}"), name
    only = "" if kind == "p" else "ONLY "
    return Lock(CHILD, found, f"LOCK TABLE {only}{name} IN ACCESS EXCLUSIVE MODE"), name


def _said(lock: Lock, sql: str) -> Carried:
    return Carried(locks=(lock,), named=(Statement(sql),))


def _not_ours(session: Connection, dependent: Dependent, owner: str) -> NotAllowed:
    return NotAllowed(
        f"{dependent.words}, which has to follow the new table, belongs to {owner}",
        still_true="nothing was touched",
        todo=privileges.membership(session, owner, quoted=True),
    )


def worn(
    columns: Mapping[str, str],
    altered: Sequence[Column],
    named: Sequence[Statement],
    new_table: TableName,
) -> Iterator[Statement]:
    """What was printed in the original's words is understood while the new table wears the names
    of the original's columns, and follows each column as it would have followed a native RENAME.
    `columns` are the original's, each with its new name; `altered` those of the new table.

    Names may be exchanged: so every one that is in question is taken away first.
    """
    if not named:
        return
    old = {new: source for source, new in columns.items() if source != new}
    new = [column.name for column in altered]
    # A JOIN … USING would not have a column of that name once more.
    joins = any(" USING (" in statement.sql for statement in named)
    added = set(new) - set(columns.values()) if joins else set()
    moved = [c for c in new if c in old or c in old.values() or c in added]
    aside = {column: f"_osc_{number}" for number, column in enumerate(moved)}
    table = qualified(new_table)

    def rename(was: str, to: str) -> Statement:
        return Statement(f"ALTER TABLE {table} RENAME COLUMN {identifier(was)} TO {identifier(to)}")

    yield from (rename(column, aside[column]) for column in moved)
    yield from (rename(aside[column], old[column]) for column in moved if column in old)
    yield from named
    yield from (rename(old[column], aside[column]) for column in moved if column in old)
    yield from (rename(aside[column], column) for column in moved)
