"""What a careful colleague would say about an ALTER on MySQL or MariaDB, with the safer way.

Two definitions are compared, that of the table and that of its altered clone: most of what goes
wrong is what the statement does not say. Each rule is one function.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from osc.model.alter import Alter
from osc.model.lint.finding import Finding, Severity
from osc.model.table import Table
from osc.mysql import shown, types
from osc.mysql.shown import Shown
from osc.mysql.types import Family

NEAR_ITS_END = 0.7
_MONEY = re.compile(r"price|amount|total|balance|cost|fee|tax|salary|money|sum|paid|due", re.I)
_VOLATILE = re.compile(r"\b(uuid|rand|now|current_timestamp|sysdate|uuid_short)\b\s*\(?", re.I)
_TEXTS = ("tinytext", "text", "mediumtext", "longtext")


@dataclass(frozen=True)
class Change:
    """A table and what the ALTER makes of it; `counter` is the next AUTO_INCREMENT."""

    before: Table
    after: Table
    old: Shown
    new: Shown
    alter: Alter
    counter: int | None = None

    @property
    def added(self) -> list[str]:
        sources = self.sources
        return [name for name in self.new.columns if name not in sources]

    @property
    def sources(self) -> dict[str, str]:
        """Each column that is kept, by its new name, with its old one."""
        renamed = {new.lower(): old for old, new in self.alter.renames}
        anew = {name.lower() for name in self.alter.added}
        old = {name.lower(): name for name in self.old.columns}
        found: dict[str, str] = {}
        for name in self.new.columns:
            before = renamed.get(name.lower(), name).lower()
            if before in old and (name.lower() not in anew or name.lower() in renamed):
                found[name] = old[before]
        return found

    @property
    def modified(self) -> list[tuple[str, str]]:
        """(new name, old name) of the columns that the statement specifies anew."""
        words = {
            token.lower().strip("`")
            for verbs in self.alter.verbs
            if verbs[0] in ("MODIFY", "CHANGE")
            for token in verbs[1:5]
        }
        return [
            (new, old) for new, old in self.sources.items() if {new.lower(), old.lower()} & words
        ]


def findings(change: Change) -> tuple[Finding, ...]:
    """What all the rules say, the worst first."""
    order = [Severity.DANGER, Severity.WARNING, Severity.NOTE]
    found = [finding for rule in RULES for finding in rule(change)]
    return tuple(sorted(found, key=lambda finding: order.index(finding.severity)))


def _lost_attributes(change: Change) -> Iterator[Finding]:
    """MODIFY and CHANGE specify a column anew: what isn't said again is gone."""
    for name, before in change.modified:
        had = shown.attributes(change.old.columns[before])
        has = shown.attributes(change.new.columns[name])
        lost = [
            f"{word} {value}".strip()
            for word, value in had.items()
            if word not in has and word not in ("CHARACTER SET", "COLLATE", "UNSIGNED", "ZEROFILL")
            and not re.search(rf"\b{word.split()[-1]}\b", change.alter.clauses, re.I)
        ]  # fmt: skip
        if lost:
            yield Finding(
                "lost-attributes",
                Severity.WARNING,
                f"{name} loses what the statement doesn't say again: {', '.join(lost)}",
                f"say all of it: {name} {change.new.columns[name]} {' '.join(lost)}",
            )


def _lost_charset(change: Change) -> Iterator[Finding]:
    for name, before in change.modified:
        old, new = (types.read(_type(table, column)) for table, column in (
            (change.before, before), (change.after, name)))  # fmt: skip
        is_said = re.search(r"\b(charset|character\s+set|collate)\b", change.alter.clauses, re.I)
        if old.collation and new.collation and old.collation != new.collation and not is_said:
            yield Finding(
                "lost-collation",
                Severity.WARNING,
                f"{name} goes from {old.collation} to {new.collation}, which is the table's own",
                f"say CHARACTER SET {old.charset} COLLATE {old.collation} to keep it",
            )


def _type(table: Table, column: str) -> str:
    return table.column(column).type


def _implicit_timestamp(change: Change) -> Iterator[Finding]:
    """explicit_defaults_for_timestamp=OFF gives a TIMESTAMP what nobody asked for."""
    for name in [*change.added, *(new for new, _ in change.modified)]:
        specification = change.new.columns[name]
        is_said = re.search(r"current_timestamp|now\s*\(", change.alter.clauses, re.I)
        if re.match("timestamp", specification, re.I) and not is_said and re.search(
            r"DEFAULT current_timestamp", specification, re.I
        ):  # fmt: skip
            yield Finding(
                "implicit-timestamp",
                Severity.WARNING,
                f"the server adds to {name}: {specification.partition(' ')[2]}",
                "say NULL, or the DEFAULT that is meant",
            )


def _required(change: Change) -> Iterator[Finding]:
    for name in change.added:
        column = change.after.column(name)
        if not column.nullable and column.default is None and not column.generated:
            yield Finding(
                "not-null-without-default",
                Severity.WARNING,
                f"{name} is NOT NULL and has no DEFAULT: INSERTs that don't name it fail in strict "
                "mode, and rows that exist get the type's zero value",
                f"give {name} a DEFAULT",
            )
        elif column.nullable and not column.generated and column.default is None:
            yield Finding(
                "nullable",
                Severity.NOTE,
                f"{name} may be NULL, and is in all rows that exist",
                "say NOT NULL DEFAULT … if every row has a value",
            )


def _volatile_default(change: Change) -> Iterator[Finding]:
    for name in change.added:
        default = shown.attributes(change.new.columns[name]).get("DEFAULT", "")
        if default.startswith("(") and _VOLATILE.search(default):
            yield Finding(
                "volatile-default",
                Severity.NOTE,
                f"each row that exists gets a {name} of its own from {default}: the table is "
                "rewritten, and a replica may compute others",
                "add the column without it, set the DEFAULT, and fill the rows in batches",
            )


def _narrowing(change: Change) -> Iterator[Finding]:
    for name, before in change.sources.items():
        old, new = change.before.column(before), change.after.column(name)
        why = _narrower(types.read(old.type), types.read(new.type))
        if old.nullable and not new.nullable:
            why = why or "NULL has no place in it any more"
        if why:
            yield Finding(
                "narrowing",
                Severity.WARNING,
                f"{name}: {old.type} → {new.type}: {why}",
                "look for rows that don't fit before; applications may still write such",
            )


def _narrower(old: types.Type, new: types.Type) -> str:
    if old.family is Family.INTEGER and new.family is Family.INTEGER:
        (low, high), (least, most) = old.integer_range(), new.integer_range()
        return "the range is smaller" if least > low or most < high else ""
    if old.family is not new.family:
        lossy = {(Family.TEXT, Family.VARCHAR), (Family.VARCHAR, Family.CHAR),
                 (Family.DECIMAL, Family.INTEGER), (Family.DATETIME, Family.TIMESTAMP),
                 (Family.DATETIME, Family.DATE), (Family.DECIMAL, Family.FLOAT),
                 (Family.INTEGER, Family.FLOAT), (Family.FLOAT, Family.INTEGER)}  # fmt: skip
        return "values may be bent or refused" if (old.family, new.family) in lossy else ""
    if old.family is Family.TEXT:
        is_less = _TEXTS.index(new.base) < _TEXTS.index(old.base)
        return "there is less room" if is_less else ""
    if old.family is Family.DECIMAL:
        whole = [one.arguments[0] - one.scale for one in (old, new)]
        is_less = whole[1] < whole[0] or new.scale < old.scale
        return "there are fewer digits" if is_less else ""
    if old.family in (Family.DATETIME, Family.TIMESTAMP, Family.TIME):
        return "fractions of seconds are rounded" if new.fraction < old.fraction else ""
    sized = (Family.CHAR, Family.VARCHAR, Family.BINARY, Family.VARBINARY)
    if old.family in sized and new.arguments < old.arguments:
        return "there is less room"
    if old.charset and new.charset and old.charset != new.charset and "utf8" not in new.charset:
        return f"{new.charset} has fewer letters than {old.charset}"
    return ""


def _utf8mb3(change: Change) -> Iterator[Finding]:
    for name in [*change.added, *(new for new, _ in change.modified)]:
        if types.read(change.after.column(name).type).charset in ("utf8", "utf8mb3"):
            yield Finding(
                "utf8mb3",
                Severity.WARNING,
                f"{name} is utf8mb3: it has no room for emoji and rarer letters, and is deprecated",
                "say CHARACTER SET utf8mb4",
            )


def _near_its_end(change: Change) -> Iterator[Finding]:
    for name, specification in change.new.columns.items():
        kind = types.read(change.after.column(name).type)
        if " AUTO_INCREMENT" not in specification or kind.family is not Family.INTEGER:
            continue
        most = kind.integer_range()[1]
        if change.counter and change.counter / most > NEAR_ITS_END:
            yield Finding(
                "key-near-its-end",
                Severity.WARNING,
                f"{name} is {kind.base}: its counter stands at {change.counter:,} of {most:,}",
                f"make it BIGINT in the same change: MODIFY {name} BIGINT …",
            )
        elif name in change.added and kind.base != "bigint":
            yield Finding(
                "small-key",
                Severity.NOTE,
                f"{name} counts up to {most:,}",
                "BIGINT costs four bytes a row and is never full",
            )


def _float_money(change: Change) -> Iterator[Finding]:
    for name in [*change.added, *(new for new, _ in change.modified)]:
        if (
            _MONEY.search(name)
            and types.read(change.after.column(name).type).family is Family.FLOAT
        ):
            yield Finding(
                "float-money",
                Severity.WARNING,
                f"{name} is {change.after.column(name).type}, which rounds: sums won't add up",
                "take DECIMAL",
            )


def _new_unique(change: Change) -> Iterator[Finding]:
    old = {(index.kind, index.parts) for index in change.old.indexes}
    for index in change.new.indexes:
        if index.kind in ("UNIQUE", "PRIMARY") and (index.kind, index.parts) not in old:
            yield Finding(
                "new-unique",
                Severity.WARNING,
                f"{index.name} forbids duplicates of {', '.join(index.parts)}: a write that makes "
                "one fails from then on, and one that exists fails this change",
                "look for duplicates first; what finds one is undone",
            )


def _breaks_code(change: Change) -> Iterator[Finding]:
    for new, old in change.sources.items():
        if new != old and new.lower() != old.lower():
            yield Finding(
                "rename",
                Severity.WARNING,
                f"{old} is called {new} afterwards: code that still says {old} fails at once",
                "deploy code that knows both names first; or add, fill, switch, drop",
            )
    kept = set(change.sources.values())
    for name in change.old.columns:
        if name not in kept:
            yield Finding(
                "drop",
                Severity.WARNING,
                f"{name} and what is in it are gone afterwards: code that says {name} fails",
                "make sure that nothing reads or writes it any more",
            )


def _positions(change: Change) -> Iterator[Finding]:
    """Who names no columns counts them."""
    old, new = (_counted(one) for one in (change.old, change.new))
    moved = [change.sources.get(name, "") for name in new]
    if len(old) != len(new):
        yield Finding(
            "insert-without-names",
            Severity.NOTE,
            f"INSERT INTO {change.before.name.name} VALUES (…) without names of columns fails from "
            f"then on: there are {len(new)} columns, not {len(old)}; SELECT * gives as many",
            "let applications name the columns first; or make a new one INVISIBLE",
        )
    elif moved != old:
        yield Finding(
            "moved-columns",
            Severity.DANGER,
            "INSERTs that name no columns put values into others than before, and fail only where "
            "a type doesn't fit",
            "leave the order as it is; or let applications name the columns first",
        )


def _counted(definition: Shown) -> list[str]:
    return [
        name
        for name, specification in definition.columns.items()
        if "INVISIBLE" not in shown.attributes(specification)
    ]


def _widened_text(change: Change) -> Iterator[Finding]:
    """CONVERT TO CHARACTER SET makes room for as many letters as before (manual, ALTER TABLE)."""
    modified = {new for new, _ in change.modified}
    for name, before in change.sources.items():
        old, new = (
            one.type.partition(" ")[0]
            for one in (change.before.column(before), change.after.column(name))
        )
        if name not in modified and old != new:
            yield Finding(
                "widened-text",
                Severity.WARNING,
                f"{name}: {old} → {new}, which nobody asked for",
                f"to keep it, say MODIFY {name} {old.upper()} CHARACTER SET … too",
            )


def _duplicate_index(change: Change) -> Iterator[Finding]:
    before = {(index.kind, index.parts) for index in change.old.indexes}
    for index in change.new.indexes:
        if (index.kind, index.parts) in before or index.kind in ("FULLTEXT", "SPATIAL", "VECTOR"):
            continue
        for other in change.new.indexes:
            begins = other.parts[: len(index.parts)] == index.parts
            is_other = other.name != index.name and other.kind not in ("FULLTEXT", "SPATIAL")
            if begins and is_other and not index.kind:
                yield Finding(
                    "duplicate-index",
                    Severity.WARNING,
                    f"{index.name} ({', '.join(index.parts)}) begins {other.name} "
                    f"({', '.join(other.parts)}): it is paid for with each write and not needed",
                    f"leave {index.name} out",
                )
                break


def _foreign_key_index(change: Change) -> Iterator[Finding]:
    for name, columns in change.new.foreign_keys.items():
        if name in change.old.foreign_keys:
            continue
        has_index = any(index.parts[: len(columns)] == columns for index in change.old.indexes)
        if not has_index:
            yield Finding(
                "foreign-key-without-index",
                Severity.NOTE,
                f"{name} has no index on {', '.join(columns)}: the server builds one of that name",
                "add an index with a name of your own in the same statement",
            )


def _renumbered_enum(change: Change) -> Iterator[Finding]:
    for name, before in change.sources.items():
        old, new = change.before.column(before).type, change.after.column(name).type
        if types.read(old).family not in (Family.ENUM, Family.SET) or old == new:
            continue
        members = [re.findall(r"'((?:[^']|'')*)'", one) for one in (old, new)]
        if types.read(new).family is types.read(old).family and (
            members[1][: len(members[0])] != members[0]
        ):
            yield Finding(
                "renumbered-enum",
                Severity.WARNING,
                f"{name}: members are renumbered, so that the table is rewritten and code that "
                "reads or sorts by number means others",
                "add new members at the end, which is done in an instant",
            )


RULES = (
    _lost_attributes, _lost_charset, _implicit_timestamp, _required, _volatile_default, _narrowing,
    _utf8mb3, _near_its_end, _float_money, _new_unique, _breaks_code, _positions,
    _widened_text, _duplicate_index, _foreign_key_index, _renumbered_enum,
)  # fmt: skip
