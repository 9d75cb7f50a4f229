"""What a careful colleague would say about an ALTER on PostgreSQL, with the safer way.

Each rule is one function over two catalogs: the table, and the double with the ALTER applied.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from osc.model.alter import Alter
from osc.model.ladder import Clause, Cost
from osc.model.lint.finding import Finding, Severity, worst_first
from osc.model.table import Column, Table
from osc.postgres.shape import Shape

NEAR_ITS_END = 0.7
MONEY = re.compile(r"price|amount|total|balance|cost|fee|tax|salary|money|paid|due", re.I)
WIDTHS = ("smallint", "integer", "bigint", "numeric")
LENGTH = re.compile(r"^(character varying|character|bit varying|bit|numeric)\((\d+)(?:,(\d+))?\)")


@dataclass(frozen=True)
class Change:
    """A table and what the ALTER makes of it. `fill` says how much of an integer key's range is
    used up, from 0 to 1."""

    before: Table
    after: Table
    old: Shape
    new: Shape
    alter: Alter
    clauses: tuple[Clause, ...] = ()
    fill: Mapping[str, float] | None = None

    @property
    def kept(self) -> list[tuple[Column, Column]]:
        """Each column that was there and still is, under its old name or a new one."""
        old_of = {new: old for old, new in self.alter.renames}
        pairs = []
        for column in self.after.columns:
            name = old_of.get(column.name, column.name)
            is_anew = name in self.alter.dropped and name in self.alter.added
            if self.before.has_column(name) and not is_anew:
                pairs.append((self.before.column(name), column))
        return pairs

    @property
    def added(self) -> list[Column]:
        kept = {new.name for _, new in self.kept}
        return [column for column in self.after.columns if column.name not in kept]

    @property
    def touched(self) -> list[Column]:
        """New columns, and those with another type."""
        return [*self.added, *(new for old, new in self.kept if old.type != new.type)]


def findings(change: Change) -> tuple[Finding, ...]:
    """What all the rules say, the worst first."""
    return worst_first(finding for rule in RULES for finding in rule(change))


def _dropped(change: Change) -> Iterator[Finding]:
    kept = {old.name for old, _ in change.kept}
    for column in change.before.columns:
        if column.name not in kept:
            yield Finding(
                "dropped-column",
                Severity.DANGER,
                f"code that names {column.name} fails from the first moment, and its values are"
                " gone",
                "let no application use it before it goes",
            )


def _renamed(change: Change) -> Iterator[Finding]:
    for old, new in change.alter.renames:
        yield Finding(
            "renamed-column",
            Severity.DANGER,
            f"code that runs now knows {old} and not {new}: it fails until it is replaced",
            "add the new column, write both, move the readers, then drop the old one",
        )
    if any(verbs[:2] == ("RENAME", "TO") for verbs in change.alter.verbs):
        yield Finding(
            "renamed-table",
            Severity.DANGER,
            f"code that runs now knows the table as {change.before.name.name}",
            "leave a view of the old name behind until nobody uses it",
        )


def _prepared(change: Change) -> Iterator[Finding]:
    """A statement that is prepared keeps the row that it promised (ERRCODE 0A000)."""
    before, after = ([(one.name, one.type) for one in table.columns] for table in (
        change.before, change.after))  # fmt: skip
    retyped = [new.name for old, new in change.kept if old.type != new.type]
    if before != after:
        which = ", or ".join(["all columns (SELECT *, RETURNING *)", *retyped])
        yield Finding(
            "prepared-statements",
            Severity.WARNING if retyped else Severity.NOTE,
            f"statements that are prepared already and give {which} fail until they are prepared "
            "anew (cached plan must not change result type)",
            "name the columns that are read; let the driver prepare anew and repeat, or connect "
            "anew after the change",
        )


def _cascade(change: Change) -> Iterator[Finding]:
    if any("CASCADE" in verbs for verbs in change.alter.verbs if verbs[0] == "DROP"):
        yield Finding(
            "cascade",
            Severity.DANGER,
            "CASCADE drops what depends on it, views and foreign keys of others too",
            "drop those by name, so that nothing goes that nobody thought of",
        )


def _not_null_without_default(change: Change) -> Iterator[Finding]:
    for column in change.added:
        if not column.nullable and column.default is None and not column.generated:
            if _is_identity(change, column):
                continue
            yield Finding(
                "not-null-without-default",
                Severity.DANGER,
                f"{column.name} has no value for the rows that are there, nor for an INSERT of code"
                " that doesn't know it",
                "give it a DEFAULT, or add it nullable first",
            )


def _is_identity(change: Change, column: Column) -> bool:
    return "GENERATED" in " ".join(" ".join(verbs) for verbs in change.alter.verbs)


def _nullable(change: Change) -> Iterator[Finding]:
    for column in change.added:
        if column.nullable and column.default is None and not column.generated:
            yield Finding(
                "nullable-column",
                Severity.NOTE,
                f"{column.name} is NULL in every row that is there",
                "a constant DEFAULT with NOT NULL costs nothing since PostgreSQL 11",
            )


def _volatile_default(change: Change) -> Iterator[Finding]:
    for column in change.added:
        clauses = [c for c in change.clauses if c.cost is Cost.REWRITE and column.name in c.text]
        if clauses and column.default is not None and not column.generated:
            yield Finding(
                "volatile-default",
                Severity.WARNING,
                f"the default of {column.name} is another one for each row, so every row is"
                " written anew",
                "add the column without it, SET DEFAULT for new rows, and fill the old ones in"
                " batches",
            )


def _null_forbidden(change: Change) -> Iterator[Finding]:
    for old, new in change.kept:
        if old.nullable and not new.nullable:
            yield Finding(
                "new-not-null",
                Severity.WARNING,
                f"an INSERT or UPDATE that leaves {new.name} NULL fails from now on",
                "make sure that no application does, or give it a DEFAULT",
            )


def _null_allowed(change: Change) -> Iterator[Finding]:
    for old, new in change.kept:
        if not old.nullable and new.nullable:
            yield Finding(
                "null-allowed",
                Severity.NOTE,
                f"{new.name} may be NULL from now on, which readers may not expect",
            )


def _narrowed(change: Change) -> Iterator[Finding]:
    for old, new in change.kept:
        if old.type != new.type and _is_narrower(old.type, new.type):
            yield Finding(
                "narrowed",
                Severity.WARNING,
                f"{new.name} has less room: {old.type} → {new.type}; a value that doesn't fit"
                " stops the change, and later its INSERT",
                "keep the type and add a CHECK",
            )


def _is_narrower(old: str, new: str) -> bool:
    if old in WIDTHS and new in WIDTHS:
        return WIDTHS.index(new) < WIDTHS.index(old)
    before, after = LENGTH.match(old), LENGTH.match(new)
    if before and after:
        return _room(after) < _room(before)
    return old in ("text", "character varying", "numeric") and after is not None


def _room(found: re.Match[str]) -> int:
    return int(found[2]) - int(found[3] or 0)


def _new_unique(change: Change) -> Iterator[Finding]:
    for name, constraint in change.new.constraints.items():
        if constraint.kind in "pu" and name not in change.old.constraints:
            columns = ", ".join(constraint.columns)
            yield Finding(
                "new-unique",
                Severity.WARNING,
                f"two rows with the same ({columns}) stop the change, and later their INSERT",
                "look for duplicates first",
            )


def _key_near_its_end(change: Change) -> Iterator[Finding]:
    for name, share in (change.fill or {}).items():
        if share >= NEAR_ITS_END and change.after.has_column(name):
            column = change.after.column(name)
            if column.type in ("integer", "smallint"):
                yield Finding(
                    "key-near-its-end",
                    Severity.DANGER,
                    f"{share:.0%} of what {name} {column.type} can hold is used up",
                    f"ALTER COLUMN {name} TYPE bigint, in this change if it copies the table",
                )


def _foreign_key_without_index(change: Change) -> Iterator[Finding]:
    for name, constraint in change.new.constraints.items():
        if constraint.kind != "f" or name in change.old.constraints:
            continue
        first = constraint.columns[0]
        leads = re.compile(rf'^\w+ \("?{re.escape(first)}"?[ ,)]')
        if not any(leads.match(index.using) for index in change.new.indexes.values()):
            yield Finding(
                "foreign-key-without-index",
                Severity.WARNING,
                f"{name}: no index begins with {first}, so each DELETE on the other table reads"
                " this one",
                f"CREATE INDEX CONCURRENTLY ON {change.before.name} ({first}) first",
            )


@dataclass(frozen=True)
class _Type:
    """A type that there is a better one for."""

    pattern: str
    rule: str
    severity: Severity
    trouble: str
    better: str


TYPES = (
    _Type(r"character\(", "char", Severity.WARNING, "is filled with blanks", "text"),
    _Type(
        r"character varying\(", "varchar-limit", Severity.NOTE,
        "has a limit that can't be lowered without a look at every row", "text with a CHECK",
    ),
    _Type(
        r"json$", "json", Severity.NOTE,
        "is parsed at each look, and has no equality: DISTINCT and UNIQUE fail", "jsonb",
    ),
    _Type(
        r"timestamp(\(\d\))? without", "timestamp-without-zone", Severity.WARNING,
        "doesn't say which moment it is", "timestamptz",
    ),
    _Type(r"money$", "money", Severity.WARNING, "depends on lc_monetary", "numeric"),
)  # fmt: skip


def _types(change: Change) -> Iterator[Finding]:
    for column in change.touched:
        for kind in TYPES:
            if re.match(kind.pattern, column.type):
                yield Finding(
                    kind.rule, kind.severity, f"{column.name} {column.type} {kind.trouble}",
                    f"{kind.better} has not this trouble",
                )  # fmt: skip
        if column.type in ("real", "double precision") and MONEY.search(column.name):
            yield Finding(
                "float-money",
                Severity.WARNING,
                f"{column.name} looks like money, and {column.type} can't hold a cent exactly",
                "take numeric",
            )
        if "nextval(" in (column.default or ""):
            yield Finding(
                "serial",
                Severity.NOTE,
                f"{column.name} is a serial: its sequence has grants of its own",
                "GENERATED BY DEFAULT AS IDENTITY is the standard's way",
            )


RULES = (
    _dropped,
    _renamed,
    _prepared,
    _cascade,
    _not_null_without_default,
    _volatile_default,
    _null_forbidden,
    _narrowed,
    _new_unique,
    _key_near_its_end,
    _foreign_key_without_index,
    _types,
    _nullable,
    _null_allowed,
)
