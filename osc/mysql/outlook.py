"""The way without a copy that this server has for this ALTER of this table, and why it is taken."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from osc import errors
from osc.engine import Session
from osc.model.alter import Alter
from osc.model.ladder import Clause, Cost, Outlook, Step, Way
from osc.model.lint.finding import Finding, Severity
from osc.model.table import Table, TableName
from osc.model.tokens import tokens
from osc.mysql import clauses as clauses_
from osc.mysql import duration, innodb, linting, quoting, rungs, shown, trial
from osc.mysql.catalog import MySQLCatalog
from osc.mysql.clauses import Clauses
from osc.mysql.clone import in_words, require_readable
from osc.mysql.rungs import Rung
from osc.mysql.trial import Answer, Trial

RENAMED = "renamed to "
AT_ONCE_SECONDS = 1.0
"""So short a rebuild is better than several statements."""


def look(
    connect: Callable[[str], Session],
    catalog: MySQLCatalog,
    table: Table,
    alter: Alter,
    *,
    is_mariadb: bool,
    small_bytes: int,
    here: str = "",
) -> Outlook:
    said = clauses_.read(alter)
    _refuse_what_cannot_be_asked(said)
    try:
        with trial.running(connect, catalog, table, here, is_mariadb=is_mariadb) as asked:
            require_readable(asked.session, table.name, alter)
            _clone(asked)
            with in_words(alter):
                return Look(asked, table, alter, said, small_bytes).outlook()
    except (errors.NotAllowed, _CloneFailed) as error:
        return _unasked(said, str(error))


class _CloneFailed(Exception):
    """There is no clone to ask."""


def _clone(asked: Trial) -> None:
    try:
        asked.renew()
    except errors.ConnectionLost:
        raise
    except errors.ServerError as error:
        raise _CloneFailed(error.happened) from error


def _unasked(said: Clauses, why: str) -> Outlook:
    every = tuple(
        Clause(text, Cost.REWRITE, because="the server wasn't asked") for text in said.every
    )
    return Outlook(every, Way.COPY, because=f"the server could not be asked on a clone: {why}")


def _refuse_what_cannot_be_asked(said: Clauses) -> None:
    for part in said.parts:
        if clauses_.verbs(part)[0] in ("DISCARD", "IMPORT"):
            raise errors.Precondition(
                f"{part.partition(' ')[0].upper()} acts on files",
                still_true="nothing was touched",
                todo="run it natively",
            )


@dataclass
class Look:
    """One look at a table, through its clone."""

    trial: Trial
    table: Table
    alter: Alter
    said: Clauses
    small_bytes: int
    findings: list[Finding] = field(default_factory=list)

    def outlook(self) -> Outlook:
        before = self.trial.definition()
        whole, without = self._whole()
        after = self._after(whole)
        lint = self._lint(before, after)
        each = self._each(whole, without)
        clauses = self._clauses(each)
        if self._changes_nothing(whole, before, after):
            free = tuple(replace(one, cost=Cost.FREE, locks=()) for one in clauses)
            return Outlook(free, Way.NOTHING, because="the table is like that already")
        found = self._way(whole, each, before, after)
        return replace(found, clauses=clauses, findings=(*self.findings, *lint))

    def _whole(self) -> tuple[Answer, frozenset[str]]:
        """All as one, and the algorithms that are out of the question for this table."""
        without = self._not_wanted()
        answer = self._asked(without)
        used = self._row_versions() if answer.versions else 0
        if rungs.has_row_versions(used, answer):
            self._note_row_versions(used, answer)
            return answer, without
        without |= {"INSTANT"}
        because = f"{used} of {rungs.ROW_VERSIONS} row versions are used; a rebuild frees them"
        return replace(self._asked(without), because=because), without

    def _not_wanted(self) -> frozenset[str]:
        """MySQL means INPLACE where it is said, and rebuilds; MariaDB then takes the best too."""
        is_inplace = self.said.algorithm == "INPLACE" and not self.trial.is_mariadb
        return frozenset({"INSTANT"} if is_inplace else ())

    def _asked(self, without: frozenset[str]) -> Answer:
        """RENAME TO is left out: it is no more than a name, and the clone's is its own."""
        parts = self.said.parts
        if not parts:
            return Answer("")
        if any(map(clauses_.reaches_out, parts)):
            return _reaching_out(parts[0], is_mariadb=self.trial.is_mariadb)
        answer = self.trial.ask(", ".join(parts), without=without)
        enough = {"INSTANT": {"INSTANT"}, "NOCOPY": {"INSTANT", "NOCOPY"}}
        if answer.algorithm not in enough.get(self.said.algorithm, {answer.algorithm}):
            raise errors.BadStatement(answer.because)
        return answer

    def _row_versions(self) -> int:
        numbers = [number for _, number in innodb.table_ids(self.trial.session, self.table.name)]
        return innodb.row_versions(self.trial.session, numbers)

    def _note_row_versions(self, used: int, answer: Answer) -> None:
        left = rungs.ROW_VERSIONS - used - answer.versions
        if answer.versions and left < rungs.FEW_ROW_VERSIONS:
            self.findings.append(
                Finding(
                    "row-versions",
                    Severity.NOTE,
                    f"{left} of {rungs.ROW_VERSIONS} row versions are left after this: without one "
                    "no column is added in an instant",
                    "ALTER TABLE … FORCE, run by osc, frees all of them",
                )
            )

    def _after(self, whole: Answer) -> str:
        """The definition that the ALTER makes; the clone has it now."""
        if self.said.parts and whole.is_copy:
            self.trial.renew()
            self.trial.alter(", ".join(self.said.parts), checks=False)
        return self.trial.definition()

    def _lint(self, before: str, after: str) -> tuple[Finding, ...]:
        try:
            altered = self.trial.altered()
        except errors.Precondition:  # A table of another kind: nothing is known of its columns.
            return ()
        change = linting.Change(
            before=self.table,
            after=altered,
            old=shown.read(before),
            new=shown.read(after),
            alter=self.alter,
            counter=self.trial.catalog.auto_increment(self.table.name),
        )
        return linting.findings(change)

    def _each(self, whole: Answer, without: frozenset[str]) -> tuple[Answer, ...]:
        """One by one; what needs another that stands before it, after all of these."""
        if len(self.said.parts) < 2:
            return (whole,) * len(self.said.parts)
        return tuple(self._one(at, whole, without) for at in range(len(self.said.parts)))

    def _one(self, at: int, whole: Answer, without: frozenset[str]) -> Answer:
        part = self.said.parts[at]
        try:
            return self.trial.ask(part, without=without)
        except errors.ServerError:
            before = ", ".join(self.said.parts[:at])
        try:
            self.trial.renew()
            self.trial.alter(before, checks=False)
            return self.trial.ask(part, anew=False, without=without)
        except errors.ServerError:
            return replace(whole, because="goes only together with the others")

    def _clauses(self, each: tuple[Answer, ...]) -> tuple[Clause, ...]:
        on = str(self.table.name)
        told = [
            Clause(part, rungs.cost(answer), rungs.locks(answer, on), rungs.reason(answer))
            for part, answer in zip(self.said.parts, each, strict=True)
        ]
        if self.said.rename:
            locks = rungs.locks(Answer(""), on)
            told.append(Clause(self.said.rename, Cost.METADATA, locks, "a name"))
        return tuple(told)

    def _changes_nothing(self, whole: Answer, before: str, after: str) -> bool:
        first = {clauses_.verbs(part)[0] for part in self.said.parts}
        return (
            bool(self.said.parts)
            and not self.said.rename
            and whole.is_metadata
            and before == after
            and not first & {"FORCE", "ENGINE"}
            and not any(map(clauses_.sets_the_counter, self.said.parts))
            and not any(map(clauses_.acts_on_partitions, self.said.parts))
        )

    def _way(self, whole: Answer, each: tuple[Answer, ...], before: str, after: str) -> Outlook:
        whole_rung = Rung(", ".join(self.said.parts), self._trusted(whole), after)
        native, whole = self._native(whole_rung, before), whole_rung.answer
        if self.said.algorithm == "COPY":
            return self._copy(native, "the statement asks for ALGORITHM=COPY")
        if whole.is_metadata:
            return Outlook((), Way.NATIVE, rungs.reason(whole), (native,))
        seconds = None if whole.blocks_writes else self._seconds(whole_rung)
        if seconds is not None and seconds <= AT_ONCE_SECONDS:
            return Outlook((), Way.NATIVE, _short(whole, seconds), (native,))
        return self._long(native, whole, seconds, each, before)

    def _trusted(self, answer: Answer) -> Answer:
        """MySQL may lose rows when it rebuilds in place while others are deleted and purged, since
        8.0.27 and not mended for certain (bugs 115511 and 117436; release notes of 8.0.41)."""
        if self.trial.is_mariadb or not answer.rebuilds:
            return answer
        return Answer("COPY", because="MySQL's rebuilds in place are known to lose rows")

    def _long(
        self,
        native: Step,
        whole: Answer,
        seconds: float | None,
        each: tuple[Answer, ...],
        before: str,
    ) -> Outlook:
        """Several statements that are short, then one that is not too long, then a copy."""
        limit = duration.limit(self.trial.session)
        is_plain = self._shows(before) and not self.said.rename
        several = rungs.split(self.trial, self.said.parts, each) if is_plain else ()
        if several and self._seconds(*several) <= limit:
            why = "each statement is short, and all as one would rewrite the table"
            return Outlook((), Way.SEQUENCE, why, self._steps(several, before))
        if seconds is not None and seconds <= limit:
            return Outlook((), Way.NATIVE, _short(whole, seconds), (native,))
        if seconds is None:
            return self._copy(native, rungs.reason(whole))
        return self._copy(
            native,
            f"{rungs.reason(whole)}; that takes about {seconds:.0f} s, for which replicas would lag"
            f" and whose last lock may not be free (limit {limit:.0f} s)",
        )

    def _seconds(self, *several: Rung) -> float:
        """What a probe says."""
        if all(rung.answer.is_metadata for rung in several):
            return 0.0
        statements = [(rung.clauses, rung.answer) for rung in several]
        return duration.in_place(self.trial, self.table, statements)

    def _native(self, rung: Rung, before: str) -> Step:
        (step,) = self._steps((rung,), before)
        return step

    def _copy(self, native: Step, because: str) -> Outlook:
        """What blocks nobody may take its time, where there is no copy."""
        is_small = 0 < self.small_bytes >= self.table.bytes
        is_bearable = is_small or native.patient
        return Outlook((), Way.COPY, because, brief=(native,) if is_bearable else ())

    def _steps(self, several: tuple[Rung, ...], before: str) -> tuple[Step, ...]:
        steps: list[Step] = []
        for at, rung in enumerate(several, 1):
            rename = self.said.rename if at == len(several) else ""
            clauses = ", ".join(text for text in (rung.clauses, rename) if text)
            modifiers = self._modifiers(rung)
            after = fingerprint(rung.after) if self._shows(before) else ""
            cost = rungs.cost(rung.answer)
            steps.append(
                Step(
                    statements=(self._statement(modifiers, clauses),),
                    does=clauses,
                    cost=cost,
                    locks=rungs.locks(rung.answer, str(self.table.name)),
                    patient=cost > Cost.METADATA and not rung.answer.blocks_writes,
                    alone=True,
                    undo=tuple(self._statement("", taking_back) for taking_back in rung.undo),
                    name=fingerprint(before) if self._shows(before) else "",
                    after=f"{RENAMED}{self._new_name()}" if rename else after,
                )
            )
        return tuple(steps)

    def _shows(self, before: str) -> bool:
        """Whether the clone is told in the very words of the original: then its definition tells
        which steps are done."""
        return before == self.trial.catalog.definition(self.table.name)

    def _modifiers(self, rung: Rung) -> str:
        """Neither MariaDB's words on partitions nor PARTITION BY stand behind an ALGORITHM."""
        is_bare = self.trial.is_mariadb and clauses_.acts_on_partitions(rung.clauses)
        is_bare |= clauses_.partitions_anew(rung.clauses)
        return "" if is_bare else rung.answer.modifiers()

    def _statement(self, modifiers: str, clauses: str) -> str:
        both = ", ".join(text for text in (modifiers, clauses) if text)
        return f"ALTER TABLE {quoting.table(self.table.name)} {both}"

    def _new_name(self) -> TableName:
        *schema, name = (
            token.value for token in tokens(self.said.rename, mysql=True)[1:] if token.text != "."
            and not token.is_word("TO", "AS", "=")
        )  # fmt: skip
        return TableName(schema[-1] if schema else self.table.name.schema, name)


def fingerprint(definition: str) -> str:
    """Without the first line: there stands the table's name, which may be a clone's."""
    return hashlib.sha256(definition.partition("\n")[2].encode()).hexdigest()[:16]


def _reaching_out(part: str, *, is_mariadb: bool) -> Answer:
    """Known from the manual, and measured. A table that becomes a partition is looked at row by
    row, unless it is told not to, and meanwhile nobody reads or writes either of the two."""
    is_told_not_to = "WITHOUT VALIDATION" in " ".join(part.upper().split())
    leaves = clauses_.verbs(part)[:2] == ("CONVERT", "PARTITION")
    algorithm = "" if is_mariadb else "INPLACE"
    return Answer(algorithm, "" if is_told_not_to or leaves else "EXCLUSIVE")


def _short(answer: Answer, seconds: float) -> str:
    return f"{rungs.reason(answer)}; about {seconds:.1f} s, says a probe"
