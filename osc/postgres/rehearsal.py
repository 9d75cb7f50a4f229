"""The ALTER on an empty clone: what it makes of the table, found by doing it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from osc.engine import Job, Statement
from osc.errors import Precondition, ServerError, TableChanged
from osc.model.alter import Alter
from osc.model.table import Table, TableName
from osc.postgres import catalog, clone, decoys, firing, foreign, indexes, kin, others, scratch
from osc.postgres.definition import describe, oid_of
from osc.postgres.firing import Firing
from osc.postgres.foreign import Keys
from osc.postgres.quoting import identifier, literal, qualified
from osc.postgres.session import PASSING, Connection, Open, plain_names


@dataclass(frozen=True)
class Late:
    """A constraint that isn't valid for the rows that are there, but would be enforced on each row
    that we insert: the shadow gets it in the swap, where that is a matter of the catalog alone."""

    name: str
    definition: str
    comment: str | None

    def add(self, table: TableName) -> tuple[Statement, ...]:
        on, name = qualified(table), identifier(self.name)
        add = Statement(f"ALTER TABLE {on} ADD CONSTRAINT {name} {self.definition}")
        if self.comment is None:
            return (add,)
        said = literal(self.comment)
        return (add, Statement(f"COMMENT ON CONSTRAINT {name} ON {on} IS {said}"))

    def drop(self, table: TableName) -> Statement:
        return Statement(f"ALTER TABLE {qualified(table)} DROP CONSTRAINT {identifier(self.name)}")


@dataclass(frozen=True)
class Part:
    """What one table of the family gets after the copy; a plain table is its only part. `options`
    are its storage parameters, in their order."""

    name: str
    partitioned: bool
    indexes: tuple[indexes.Index, ...]
    late: tuple[Late, ...]
    firings: tuple[Firing, ...]
    options: tuple[tuple[str, str], ...]

    def within(self, schema: str) -> TableName:
        return TableName(schema, self.name)


@dataclass(frozen=True)
class Target:
    """What the ALTER makes of the table. `lines` describe it after the swap, `loaded` before it,
    when the `late` constraints are not there yet and the `firings` are silent. Each part comes
    after its parent."""

    oid: int
    table: Table
    lines: tuple[str, ...]
    loaded: tuple[str, ...]
    parts: tuple[Part, ...]
    keys: Keys


class RefusedByServer(Precondition):
    """What it has `said` against the ALTER itself, on a clone that is the table's equal."""

    def __init__(self, said: str) -> None:
        super().__init__(
            f"the server refuses this ALTER: {said}",
            still_true="nothing was touched",
            todo="correct the statement; the server itself would not run it either",
        )
        self.said = said


@contextmanager
def rehearsed(session: Connection, original: TableName, alter: Alter) -> Iterator[Target]:
    """The result, there for the length of the block and rolled back at its end.

    The same original and the same words give the same result, so nobody needs to remember it: what
    builds the shadow's indexes days later rehearses again.
    """
    name = scratch.trial(original)
    with session.undone():
        scratch.make_schema(session, name.schema, original)
        oid = altered_clone(session, original, alter, name)
        yield read(session, original, name, oid)


def target_of(opened: Open, job: Job) -> Target:
    """The target of a migration that is under way."""
    with opened("rehearsal") as session:
        require_unchanged(session, job.original)
        require_kept(session, job.shadow)
        with rehearsed(session, job.original.name, job.alter) as target:
            # Again, because the clone was made in between.
            require_unchanged(session, job.original)
            return target


def require_unchanged(session: Connection, original: Table) -> None:
    """Raises TableChanged where the original isn't what it was when the migration began."""
    oid = oid_of(session, original.name)
    if oid is None or catalog.identity(session, oid) != original.identity:
        raise TableChanged(
            f"{original.name} was altered, truncated or replaced by somebody else",
            still_true="it serves as they left it; nothing was changed by us",
            todo="start again",
        )


def require_kept(session: Connection, shadow: Table) -> None:
    """Raises TableChanged where a crash has emptied the shadow: its chunks are in the ledger, which
    is logged."""
    oid = oid_of(session, shadow.name)
    if oid is not None and not shadow.identity.endswith(catalog.lifetime(session, oid)):
        raise TableChanged(
            f"the shadow {shadow.name} is unlogged, and the server has crashed since: it is empty",
            still_true="the original serves and is untouched by us",
            todo="start again",
        )


MOVES = (("RENAME", "TO"), ("SET", "SCHEMA"))
MOVED = "the ALTER renames the table or moves it to another schema"
APART = "do that in a statement of its own: it needs no copy"


def altered_clone(session: Connection, original: TableName, alter: Alter, name: TableName) -> int:
    """Makes an empty clone and runs the user's ALTER on it, word for word; returns its OID. Where a
    key that it adds refers to the table itself, the clone is meant, with the keys that come with
    it. The stand-ins of other tables stay: `foreign.dismiss` removes them."""
    if any(verbs[:2] in MOVES for verbs in alter.verbs):
        raise Precondition(MOVED, still_true="nothing was touched", todo=APART)
    oid, source = clone.make(session, original, name), oid_of(session, original)
    assert source is not None
    stand_ins = foreign.stand_in(session, source, name)
    beside = [
        *decoys.own(session, source, name),
        *decoys.set_up(session, source, original, name.schema),
    ]
    named = others.resolved(session, alter.clauses)
    standing = foreign.stand_in_for(session, source, name, named, stand_ins)
    words = others.retargeted(session, alter.clauses, {**standing, original: name}.get)
    with _in_words(original, name, stand_ins):
        session.run(alter.saying(words, qualified(name)))
    decoys.take_down(session, beside)
    if oid_of(session, name) != oid:
        raise Precondition(MOVED, still_true="nothing was touched", todo=APART)
    return oid


@contextmanager
def _in_words(
    original: TableName, clone: TableName, stand_ins: Mapping[str, str]
) -> Iterator[None]:
    """What the server says about the ALTER, as a refusal that speaks of the user's tables."""
    try:
        yield
    except PASSING:
        raise
    except ServerError as error:
        said, scratch_schema = error.happened, f"{clone.schema}."
        for name, real in stand_ins.items():
            said = said.replace(f"{scratch_schema}{name}", real).replace(name, real)
        raise RefusedByServer(said.replace(scratch_schema, f"{original.schema}.")) from error


def read(session: Connection, original: TableName, name: TableName, oid: int) -> Target:
    """Describes an altered clone, which loses nothing by it."""
    parts = tuple(
        Part(
            member.name.name, member.is_partitioned, found, _late(session, member.oid),
            firing.read(session, member.oid), _options(session, member.oid),
        )
        for member, found in indexes.of_family(session, kin.family(session, oid))
    )  # fmt: skip
    lines = describe(session, oid)
    with session.undone():
        firing.silence_frames(session, oid)
        for part in parts:
            for constraint in part.late:
                session.execute(constraint.drop(part.within(name.schema)))
            firing.silence(session, part.firings, part.within(name.schema))
        loaded = describe(session, oid)
    table = catalog.read(session, name, oid, any_key=True)
    source = oid_of(session, original)
    assert source is not None
    keys = foreign.of_clone(session, original, source, oid)
    return Target(oid, table, lines, loaded, parts, keys)


def _options(session: Connection, oid: int) -> tuple[tuple[str, str], ...]:
    found = session.rows(
        "SELECT option_name, option_value"
        " FROM pg_class, pg_options_to_table(reloptions) WITH ORDINALITY AS o (option_name,"
        " option_value, at) WHERE oid = $1 ORDER BY at",
        oid,
    )
    return tuple((str(name), str(value)) for name, value in found)


def _late(session: Connection, oid: int) -> tuple[Late, ...]:
    """A child has what it inherits from its parent, also later."""
    with plain_names(session):
        found = session.rows(
            "SELECT conname, pg_get_constraintdef(oid), obj_description(oid, 'pg_constraint')"
            " FROM pg_constraint WHERE conrelid = $1 AND contype IN ('c', 'n')"
            " AND NOT convalidated AND coninhcount = 0 ORDER BY conname",
            oid,
        )
    return tuple(Late(*row) for row in found)
