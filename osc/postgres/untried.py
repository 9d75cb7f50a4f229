"""Clauses that are not tried on a double: it has another schema, other owners and no parents, and a
temporary table can't change whether it is logged."""

from __future__ import annotations

from dataclasses import dataclass, replace

from osc.model import alter as alters
from osc.model.alter import Alter
from osc.model.ladder import Clause, Cost, Lock, Outlook, Step, Way
from osc.model.table import Table
from osc.postgres.quoting import qualified
from osc.postgres.session import Connection

CATALOG_ALONE = (("SET", "SCHEMA"), ("OWNER", "TO"), ("NO", "INHERIT"), ("NOT", "OF"))
PERSISTENCE = (("SET", "LOGGED"), ("SET", "UNLOGGED"))
DETACH = ("DETACH", "PARTITION")


@dataclass(frozen=True)
class Sorted:
    """The clauses of an ALTER; `rest` are those that can be tried, an ALTER by themselves."""

    rest: Alter | None
    catalog_alone: tuple[str, ...] = ()
    persistence: tuple[str, ...] = ()


def sort(alter: Alter) -> Sorted:
    found: dict[bool, list[str]] = {True: [], False: []}
    rest = []
    for verbs, part in zip(alter.verbs, alter.parts, strict=True):
        if verbs[:2] in CATALOG_ALONE + PERSISTENCE:
            found[verbs[:2] in PERSISTENCE].append(part)
        else:
            rest.append(part)
    if len(rest) == len(alter.parts):
        return Sorted(alter)
    return Sorted(without(alter, rest), tuple(found[False]), tuple(found[True]))


def without(alter: Alter, rest: list[str]) -> Alter | None:
    """The ALTER with these clauses of it alone."""
    if not rest:
        return None
    parsed = alters.from_clauses("t", ", ".join(rest), mysql=False)
    return replace(parsed, schema=alter.schema, table=alter.table, only=alter.only)


def exclusive(table: Table) -> tuple[Lock, ...]:
    return (Lock(str(table.name), "ACCESS EXCLUSIVE", "reads and writes"),)


def changes_persistence(session: Connection, table: Table, words: tuple[str, ...]) -> bool:
    is_logged = session.value(
        "SELECT relpersistence = 'p' FROM pg_class WHERE oid = to_regclass($1)",
        qualified(table.name),
    )
    return any(("UNLOGGED" in part.upper()) == is_logged for part in words)


def detached_concurrently(table: Table, alter: Alter) -> Outlook | None:
    """It can't be part of a transaction, and so is tried nowhere."""
    verbs = alter.verbs[0] if alter.verbs else ()
    if verbs[:2] != DETACH or verbs[-1] != "CONCURRENTLY":
        return None
    lock = Lock(str(table.name), "SHARE UPDATE EXCLUSIVE")
    clause = Clause(alter.clauses, Cost.METADATA, (lock,))
    statement = alter.on(qualified(table.name))
    step = Step(
        (statement,), "the ALTER as it is written", clause.cost, clause.locks,
        patient=True, alone=True,
    )  # fmt: skip
    return Outlook((clause,), Way.NATIVE, "applications don't notice it", (step,))


def together(table: Table, alter: Alter, words: tuple[str, ...], rest: Outlook) -> Outlook:
    """What is to be done where `rest` was learnt of all other clauses: the catalog alone comes last
    in the server's own order, too."""
    locks = exclusive(table)
    clause = Clause(", ".join(words), Cost.METADATA, locks)
    clauses = (*rest.clauses, clause)
    whole = Step(
        (alter.on(qualified(table.name)),), "the ALTER as it is written", clause.cost, locks
    )
    match rest.way:
        case Way.NOTHING | Way.NATIVE:
            patient = any(step.patient for step in rest.steps)
            if not patient:
                why = "it touches the catalog alone"
                return replace(rest, clauses=clauses, way=Way.NATIVE, because=why, steps=(whole,))
        case Way.COPY:
            brief = (replace(whole, cost=rest.cost),) if rest.brief else ()
            return replace(rest, clauses=clauses, brief=brief)
        case Way.SEQUENCE:
            pass
    last = alter.saying(clause.text, qualified(table.name))
    steps = (*rest.steps, Step((last,), "does the rest, in the catalog alone", clause.cost, locks))
    return replace(rest, clauses=clauses, way=Way.SEQUENCE, steps=steps)
