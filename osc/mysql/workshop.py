"""The rehearsal on a clone, and the tables that are ours: made, found again, removed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial

from osc import errors
from osc.engine import Names, Rehearsal, Session, Statement
from osc.model import columns
from osc.model.alter import Alter
from osc.model.consent import NO_CONSENT, Consent
from osc.model.difference import CatalogDiff, between
from osc.model.relations import UNTIED, Relations
from osc.model.table import Table, TableName
from osc.mysql import (
    changelog,
    checks,
    family,
    filling,
    foreign_keys,
    indexes,
    keys,
    probing,
    quiet,
    retiring,
    rewording,
    stand_ins,
    tagged,
    trial,
    uncounted,
    user_triggers,
    versioned,
)
from osc.mysql.attempt import is_sentry
from osc.mysql.catalog import MySQLCatalog
from osc.mysql.clone import Clones
from osc.mysql.definition import describe, renamed
from osc.threads import breakable


@dataclass(frozen=True)
class MySQLWorkshop:
    """The port `Workshop`."""

    connect: Callable[[str], Session]
    catalog: MySQLCatalog
    clones: Clones
    is_mariadb: bool
    consent: Consent = NO_CONSENT

    def rehearse(self, table: Table, alter: Alter) -> Rehearsal:
        """On a clone with one real row, so that implicit defaults and NO_ZERO_DATE speak up too."""
        with (
            closing(self.connect("rehearsal")) as session,
            self.clones.clone(session, table, alter) as altered,
        ):
            definitions = (
                self.catalog.definition(table.name),
                self.catalog.definition(altered.name),
            )
            versioned.refuse_what_is_not_followed(table, altered, alter, definitions)
            found = _sources(table, altered, alter)
            relations = self._relations(session, table, alter, found)
            diff = self._diff(table.name, altered.name, relations)
            identified = keys.identify(table, altered, found)
            key, tags = identified.key, identified.tags
            if identified.refusal:
                if versioned.is_versioned(altered):
                    raise identified.refusal
                tagged.try_on(
                    session, altered.name, table, key, identified.stays, identified.refusal
                )
            zone = filling.zone_beside(session, table, altered, key, found)
            filling.same_blanks(table, altered, found, _sql_mode(session))
            checks.altered(session, altered)
            user_triggers.refuse_what_cannot_be_made(session, table.name, altered.name)
            pairs = filling.pairs(table, altered, found, partial(_frozen, session), zone)
            times = versioned.pairs(session, table, altered)
            if times:
                versioned.try_on(session, altered)
            altered_again = bool(relations.own or identified.refusal)
            return Rehearsal(
                table=altered,
                columns=columns.ColumnMap(
                    (*pairs, *times, *tags), key.columns, identified.found_by(found)
                ),
                key=key,
                sortable=all(table.column(name).sortable for name in key.columns),
                findings=(
                    *identified.findings,
                    *self._rewordings(session, altered, altered_again),
                ),
                relations=relations,
                diff=diff,
            )

    def _rewordings(self, session: Session, clone: Table, altered_again: bool) -> tuple[str, ...]:
        """Where the shadow has to be altered once more than the ALTER does, or may have to be, for
        its counter (`rewording.py`)."""
        may_be = altered_again or any(map(filling.counts, clone.columns))
        if not may_be or self.clones.original_first():
            return ()
        found = rewording.foretold(session, self.catalog, clone.name)
        if found and altered_again and not self.consent.reworded:
            raise errors.Precondition(
                f"{found[0]}{f', and {len(found) - 1} more' if found[1:] else ''}",
                still_true="nothing was touched",
                todo="--reword-checks allows it",
            )
        return found

    def _diff(self, original: TableName, altered: TableName, ties: Relations) -> CatalogDiff:
        """What the ALTER changes, in the words of SHOW CREATE TABLE."""
        after = renamed(self.catalog.definition(altered), altered, original)
        return between(
            describe(self.catalog.definition(original), ties.own_before, ties.children_before),
            describe(after, ties.own, ties.children),
        )

    def probe(
        self, table: Table, rehearsal: Rehearsal, check: Callable[[], None] = lambda: None
    ) -> None:
        with (
            closing(self.connect("probe")) as session,
            breakable(check, partial(self._end, session)),
        ):
            try:
                probing.probe(session, table, rehearsal)
            except errors.Interrupted:
                # The server would go on asking: it looks for us only when it has an answer.
                self._end(session)
                raise

    def _end(self, asking: Session) -> None:
        """The connection and not its query alone, which may have ended just now."""
        with closing(self.connect("break off")) as session, suppress(errors.BadStatement):
            session.execute(Statement(f"KILL CONNECTION {asking.id}"))

    def _relations(
        self, session: Session, table: Table, alter: Alter, found: dict[str, str]
    ) -> Relations:
        related = self.clones.family_of(session, table, alter)
        if related is None:
            return UNTIED
        family.refuse_numbered_children(self.catalog, related)
        return family.relations(session, self.catalog, related, found)

    def names(self, table: Table, alter: Alter | None = None) -> Names:
        place = self.clones.place(table.name, alter)
        taken = set(self.archives(table.name))
        archive = next(name for name in place.archives if name not in taken)
        return Names(shadow=place.shadow, archive=archive)

    def create(self, table: Table, alter: Alter, names: Names) -> Table:
        """What it begins and can't end is gone again: nobody else drops this name unasked."""
        with closing(self.connect("shadow")) as session:
            try:
                self.clones.grow(session, table, alter, names.shadow)
                worded = rewording.checks(self.catalog.definition(names.shadow))
                indexes.take_off(session, self.catalog, names.shadow)
                if rewording.checks(self.catalog.definition(names.shadow)) != worded:
                    self.clones.drop([names.shadow])
                    self.clones.grow(session, table, alter, names.shadow)
                self.clones.make_database(session, names.archive, table.name)
                shadow = self.clones.read(names.shadow)
                found = _sources(table, shadow, alter)
                identified = keys.identify(table, shadow, found)
                if identified.refusal:
                    tagged.add(session, names.shadow, table, identified.key, identified.stays)
                    shadow = self.clones.read(names.shadow)
                elif self.is_mariadb and uncounted.is_worthwhile(
                    table, shadow, self.catalog.definition(names.shadow), found
                ):
                    self.uncounted(session, table, alter, names.shadow).begin(shadow)
            except errors.OscError:
                self.drop([names.shadow])
                raise
        return shadow

    def uncounted(
        self, session: Session, table: Table, alter: Alter, shadow: TableName, *, bare: bool = True
    ) -> uncounted.Uncounted:
        """`bare`: the shadow has no plain indexes yet."""

        def grow(name: TableName) -> None:
            self.clones.grow(session, table, alter, name)
            if bare:
                indexes.take_off(session, self.catalog, name)

        return uncounted.Uncounted(session, self.catalog, shadow, grow)

    def leftovers(self, table: TableName) -> list[TableName]:
        every = [
            name
            for place in self.clones.places(table)
            for name in (place.shadow, place.rehearsal, *uncounted.places(place.shadow))
        ]
        return self.catalog.existing(every)

    def archives(self, table: TableName) -> list[TableName]:
        """A sentry is none, though it bears an archive's name."""
        found = self.catalog.existing(
            name for place in self.clones.places(table) for name in place.archives
        )
        return [name for name in found if not is_sentry(self.catalog, name)]

    def _sentries(self, table: TableName) -> list[TableName]:
        found = self.catalog.existing(
            name for place in self.clones.places(table) for name in place.archives
        )
        return [name for name in found if is_sentry(self.catalog, name)]

    def sweep(self, table: TableName, *, execute: bool) -> list[str]:
        """Triggers, changelogs and sentries; the server ends what else a dead client had."""
        told = changelog.sweep(
            self.connect, self.catalog.database, table, own=bool(self.clones.here), execute=execute
        )
        told += stand_ins.sweep(self.connect, table, execute=execute)
        sentries = self._sentries(table)
        if execute and sentries:
            # A RENAME that still waits must not find the name free.
            for place in self.clones.places(table):
                self.await_quiet(place.shadow)
            self.clones.drop(sentries)
        told += [f"sentry table {name}" for name in sentries]
        with closing(self.connect("sweep")) as session:
            return told + trial.sweep(session, table, self.clones.here, execute=execute)

    def await_quiet(self, shadow: TableName) -> None:
        quiet.await_quiet(self.connect, shadow)
        if self.is_mariadb and (places := self.catalog.existing(uncounted.places(shadow))):
            for place in places:
                quiet.await_quiet(self.connect, place)
            uncounted.mend(self.connect, self.catalog, shadow)

    def drop(self, names: Iterable[TableName]) -> None:
        """With wherever the rows of a shadow of these names may be."""
        every = list(names)
        if self.is_mariadb:
            every = [
                *self.catalog.existing(place for name in every for place in uncounted.places(name)),
                *every,
            ]
        self.clones.drop(every)

    def retire(self, archive: TableName, pace: Callable[[], None]) -> None:
        with closing(self.connect("retire")) as session:
            retiring.empty(session, archive, pace)
        self.clones.drop([archive])

    def definition_after(
        self, table: Table, alter: Alter, called: TableName, *, reworded: bool = False
    ) -> str:
        """What SHOW CREATE TABLE would say of the altered table if it had this name; `reworded`:
        after one more ALTER, that changes nothing."""
        with (
            closing(self.connect("definition")) as session,
            self.clones.clone(session, table, alter) as altered,
        ):
            if reworded:
                rewording.reword(session, altered.name)
            definition = foreign_keys.without(self.catalog.definition(altered.name))
            return renamed(definition, altered.name, called)


def _sources(original: Table, altered: Table, alter: Alter) -> dict[str, str]:
    """No word of an ALTER names the times of a system-versioned table."""
    return columns.sources(versioned.plain(original), versioned.plain(altered), alter)


def _sql_mode(session: Session) -> str:
    """Of a new session: a native ALTER runs under it."""
    return str(session.query(Statement("SELECT @@GLOBAL.sql_mode"))[0][0])


def _frozen(session: Session, clock: str, in_utc: bool) -> str:
    """The clock's reading now, as a literal."""
    local = f"CONVERT_TZ({clock}, @@SESSION.time_zone, '+00:00')" if in_utc else clock
    return f"'{session.query(Statement(f'SELECT CAST({local} AS CHAR)'))[0][0]}'"
