"""Makes and removes the tables that are ours: the rehearsal's clone, the shadow, the archive."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial

from osc.engine import Names, Rehearsal
from osc.errors import BadStatement, LockTimeout
from osc.model import difference
from osc.model.alter import Alter
from osc.model.columns import sources
from osc.model.consent import NO_CONSENT, Consent
from osc.model.table import Table, TableName
from osc.postgres import (
    catalog,
    changelog,
    definition,
    dependents,
    firing,
    foreign,
    itself,
    kin,
    kinship,
    mentions,
    orphans,
    positions,
    published,
    rebuilt,
    rehearsal,
    rekeying,
    relatives,
    scratch,
    sequences,
    slots,
    surroundings,
)
from osc.postgres.carried import changed_types
from osc.postgres.definition import oid_of
from osc.postgres.filling import column_map
from osc.postgres.orphans import Promise
from osc.postgres.probing import NO_DOUBTS, Doubts, doubts, probe
from osc.postgres.quoting import qualified
from osc.postgres.rehearsal import Part, Target
from osc.postgres.session import Connection, Open
from osc.threads import breakable


@dataclass(frozen=True)
class Rehearsed(Rehearsal):
    """A rehearsal, and what is worth asking the rows of today."""

    doubts: Doubts = NO_DOUBTS
    promises: tuple[Promise, ...] = ()


@dataclass(frozen=True)
class PostgresWorkshop:
    """Shadow and archive live in scratch schemas of ours, under the table's own name."""

    opened: Open
    consent: Consent = NO_CONSENT

    def names(self, table: Table, alter: Alter | None = None) -> Names:
        with self.opened("names") as session:
            return scratch.names(session, table.name)

    def rehearse(self, table: Table, alter: Alter) -> Rehearsal:
        relatives.require_no_change(alter)
        with (
            self.opened("rehearsal") as session,
            rehearsal.rehearsed(session, table.name, alter) as target,
        ):
            columns, key = column_map(session, table, target.table, alter)
            self._require_followable(session, table, target, alter)
            relatives.require_keys(session, table, target.keys)
            rekeying.require_loud(session, target.oid)
            asked = doubts(session, table, target, columns)
            oid = oid_of(session, table.name)
            assert oid is not None
            relatives.require_not_null(session, oid, target.oid)
            sequences.require_free(session, oid, target.oid, columns)
            itself.require_none(session, oid, target.oid)
            before = (
                *definition.describe(session, oid),
                *surroundings.keys(session, oid, clone=target.oid),
            )
            after = (*target.lines, *surroundings.lines(target.keys))
            return Rehearsed(
                target.table,
                columns,
                key,
                sortable=False,
                diff=difference.between(before, after),
                doubts=asked,
                promises=orphans.promises(session, oid, target.keys, columns),
            )

    def _require_followable(
        self, session: Connection, table: Table, target: Target, alter: Alter
    ) -> None:
        """Raises Precondition where the ALTER takes from a dependent what it needs."""
        oid = oid_of(session, table.name)
        assert oid is not None
        found = (*dependents.read(session, oid), *published.read(session, oid))
        targets = {source: now for now, source in sources(table, target.table, alter).items()}
        dropped = [column.name for column in table.columns if column.name not in targets]
        retyped = changed_types(table, target.table, targets)
        views = rebuilt.tree(session, oid, retyped)
        # The server refuses a type even where it is the same as before: USING gives other values.
        typed = tuple({*retyped, *alter.typed})
        anew = rebuilt.rules(session, [view.oid for view in rebuilt.tree(session, oid, typed)])
        dependents.require_columns(found, dropped, typed, anew, self.consent)
        if dropped or len(targets) < len(target.table.columns):
            family = [foreign.qualified_by_server(session, m.oid) for m in kin.family(session, oid)]
            positions.require_none(session, found, family, drops=bool(dropped))
        if retyped and views:
            surroundings.require_views(session, oid, table.name, retyped, self.consent)
            clone = target.table
            worn = partial(mentions.worn, targets, clone.columns, new_table=clone.name)
            rebuilt.try_out(session, oid, clone.name.schema, views, worn)

    def probe(
        self, table: Table, rehearsal: Rehearsal, check: Callable[[], None] = lambda: None
    ) -> None:
        assert isinstance(rehearsal, Rehearsed)
        with self.opened("probe") as session, breakable(check, session.raw.cancel_safe):
            probe(session, table, rehearsal.columns, rehearsal.doubts)
            orphans.ask_original(
                session, rehearsal.promises, rehearsal.doubts.source, rehearsal.columns
            )

    def create(self, table: Table, alter: Alter, names: Names) -> Table:
        """The shadow has neither indexes nor constraints that aren't valid: `Load` builds the ones
        on the full table, `Swapper` adds the others. No trigger or rule of it fires before that."""
        with self.opened("shadow") as session, session.transaction():
            for name in (names.shadow, names.archive):
                scratch.make_schema(session, name.schema, table.name)
            oid = rehearsal.altered_clone(session, table.name, alter, names.shadow)
            target = rehearsal.read(session, table.name, names.shadow, oid)
            foreign.part(session, oid)
            foreign.dismiss(session, names.shadow.schema)
            firing.silence_frames(session, oid)
            for part in target.parts:
                _empty(session, part, part.within(names.shadow.schema))
            source = oid_of(session, table.name)
            assert source is not None
            kinship.bind(session, source, names.shadow)
            return replace(target.table, identity=catalog.identity(session, oid) or "")

    def leftovers(self, table: TableName) -> list[TableName]:
        with self.opened("leftovers") as session:
            return scratch.found(session, table, scratch.shadow(table))

    def archives(self, table: TableName) -> list[TableName]:
        with self.opened("archives") as session:
            return scratch.found(session, table, *scratch.archives(table))

    def sweep(self, table: TableName, *, execute: bool) -> list[str]:
        with self.opened("leftovers") as session:
            found = slots.left_behind(session, table)
        if found and execute:
            with self.opened("sweep") as session:
                for slot in found:
                    slots.drop(session, slot)
        told = [f"replication slot and publication {slot}" for slot in found]
        return told + changelog.sweep(self.opened, table, execute=execute)

    def await_quiet(self, shadow: TableName) -> None:
        """Each backend of ours that works on the shadow has a lock on it, and so has one that waits
        for the original in a cut-over: there, the shadow is locked first. The lock that waits for
        them is given up and asked for again all the time, so that no autovacuum is in its way."""
        with self.opened("quiet") as session:
            while not _is_free(session, shadow):
                pass

    def drop(self, names: Iterable[TableName]) -> None:
        """Without CASCADE: should anything still hang on the table, the server says so."""
        with self.opened("cleanup") as session:
            for name in names:
                rebuilt.drop(session, name.schema)
                session.run(f"DROP TABLE IF EXISTS {qualified(name)}")
                scratch.drop_frames(session, name.schema)
                scratch.drop_empty(session, name.schema)

    def retire(self, archive: TableName, pace: Callable[[], None]) -> None:
        self.drop([archive])


def _empty(session: Connection, part: Part, table: TableName) -> None:
    """Of what would be in the way of the copy; indexes of a parent take their parts along."""
    if not part.partitioned:
        # An autovacuum of the half-filled table would be in the way of the index builds.
        session.run(f"ALTER TABLE {qualified(table)} SET (autovacuum_enabled = false)")
    for constraint in part.late:
        session.execute(constraint.drop(table))
    for index in part.indexes:
        if not index.parent:
            session.execute(index.drop(table))
    firing.silence(session, part.firings, table)


NO_SUCH_TABLE = {"42P01", "3F000"}


def _is_free(session: Connection, table: TableName) -> bool:
    """Whether the lock that excludes everybody can be had within `lock_timeout`."""
    try:
        with session.transaction():
            session.run(f"LOCK TABLE {qualified(table)} IN ACCESS EXCLUSIVE MODE")
    except LockTimeout:
        return False
    except BadStatement as error:
        if error.code not in NO_SUCH_TABLE:
            raise
    return True
