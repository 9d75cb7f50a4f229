"""Triggers and rules of the user: made on the clone, silent on the shadow, in force with the swap.

They must not fire for the copy nor for the changes that are applied: whoever wrote the row has
fired those of the original already. So on the shadow each of them is disabled from the first
moment, and is given the state that the ALTER leaves it in while the swap holds the lock. A writer
who waits for that lock meets them in force; none ever meets both the original's and the shadow's.

What a partition has from its parent comes and goes with the parent's, in whatever state that one is
put into; after it the partition's own state is set, where it is another one. So a frame that stands
for the parent of a partition has its triggers, too.

A constraint trigger that is deferred fires at its transaction's COMMIT. Such a transaction keeps
its lock on the original as long, so the swap comes after it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from osc.engine import Statement
from osc.model.table import TableName
from osc.postgres import kin
from osc.postgres.quoting import identifier, literal, qualified
from osc.postgres.session import Connection, names_within, plain_names

DISABLED = "D"
STATES = {"O": "ENABLE", "D": "DISABLE", "R": "ENABLE REPLICA", "A": "ENABLE ALWAYS"}

FIRING = """
SELECT 'TRIGGER', g.oid::bigint, tgname, tgenabled::text, obj_description(g.oid, 'pg_trigger'),
       tgparentid <> 0
FROM pg_trigger g WHERE tgrelid = $1 AND NOT tgisinternal
AND (tgparentid = 0 OR obj_description(g.oid, 'pg_trigger') IS NOT NULL
     OR tgenabled <> (SELECT whole.tgenabled FROM pg_trigger whole WHERE whole.oid = g.tgparentid))
AND NOT (tgname ~ '^_osc_[0-9]+_(insert|update|delete|truncate)$'
         AND EXISTS (SELECT FROM pg_proc p WHERE p.oid = tgfoid
                     AND p.pronamespace = to_regnamespace('osc')))
UNION ALL
SELECT 'RULE', oid::bigint, rulename, ev_enabled::text, obj_description(oid, 'pg_rewrite'), false
FROM pg_rewrite WHERE ev_class = $1 AND rulename <> '_RETURN' ORDER BY 1, 3
"""

DEFINITIONS = {
    "TRIGGER": "SELECT pg_catalog.pg_get_triggerdef($1::pg_catalog.oid, true)",
    "RULE": "SELECT pg_catalog.pg_get_ruledef($1::pg_catalog.oid, true)",
}
"""As short as the search path allows, and so without a schema where it is the table's own."""


OF_FRAME = """
SELECT 'TRIGGER', oid::bigint, tgname, tgenabled::text, NULL, false
FROM pg_trigger WHERE tgrelid = $1 AND NOT tgisinternal AND tgtype & 1 = 1 ORDER BY tgname
"""
"""Those FOR EACH ROW, which partitions have from it; whatever it has from its own parents."""


@dataclass(frozen=True)
class Firing:
    """A trigger or a rule, and when it fires: origin, replica, always, or (disabled) never. What a
    partition has `inherited` is here only where it isn't as the parent's is."""

    kind: str
    oid: int
    name: str
    state: str
    comment: str | None
    inherited: bool

    def set(self, table: TableName, state: str) -> Statement:
        return Statement(
            f"ALTER TABLE {qualified(table)} {STATES[state]} {self.kind} {identifier(self.name)}"
        )


def read(session: Connection, oid: int) -> tuple[Firing, ...]:
    with plain_names(session):
        return tuple(Firing(*row) for row in session.rows(FIRING, oid))


def make(
    session: Connection, source: int, original: TableName, clone: TableName, *spoken: str
) -> None:
    """Those of the table `source`; where its schema isn't what they speak of, `spoken` are."""
    for firing in read(session, source):
        if not firing.inherited:
            _define(session, firing, clone, spoken or (original.schema,))
        for statement in (*_state(firing, clone), *comment(firing, clone)):
            session.execute(statement)


def make_on_frame(session: Connection, parent: int, original: TableName, frame: TableName) -> None:
    """The partition below it gets them at once, in the same state."""
    with plain_names(session):
        found = [Firing(*row) for row in session.rows(OF_FRAME, parent)]
    for firing in found:
        _define(session, firing, frame, (original.schema,))
        for statement in _state(firing, frame):
            session.execute(statement)


def _define(
    session: Connection, firing: Firing, clone: TableName, schemas: tuple[str, ...]
) -> None:
    """Each definition is printed where the original's schema is in sight and read where the clone's
    is before it. So what names the table means the clone, even in a rule's sub-select, and every
    other name means what it has meant."""
    with names_within(session, *schemas):
        definition = session.value(DEFINITIONS[firing.kind], firing.oid)
    with names_within(session, clone.schema, *schemas):
        session.run(str(definition))


def _state(firing: Firing, clone: TableName) -> Iterator[Statement]:
    if firing.state != "O" or firing.inherited:
        yield firing.set(clone, firing.state)


def comment(firing: Firing, clone: TableName) -> Iterator[Statement]:
    if firing.comment is not None:
        on, name = qualified(clone), identifier(firing.name)
        yield Statement(f"COMMENT ON {firing.kind} {name} ON {on} IS {literal(firing.comment)}")


def silence(session: Connection, firings: tuple[Firing, ...], table: TableName) -> None:
    for firing in firings:
        session.execute(firing.set(table, DISABLED))


def silence_frames(session: Connection, clone: int) -> None:
    """With what a partition has from its frame."""
    for frame in kin.parents(session, clone):
        session.run(f"ALTER TABLE {qualified(frame.name)} DISABLE TRIGGER USER")
