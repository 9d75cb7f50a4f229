"""Names for the tables that are ours, in one of two places.

`Beside` the original: `_orders_new` and `_orders_old` are what change-data-capture programs know
from other tools. Where the swap needs two sessions (`swap.SentrySwapper`) the original must come
first in the order in which RENAME TABLE takes its metadata locks, which is the order of the names'
bytes: there they are `orders_osc_new` and `orders_osc_old`.

`Apart`, in a database of ours under the original's own name: only there a CHECK constraint can have
its name already, because MySQL wants these names to be unique in a database.

A replica that is changed for itself has other names (`here`, `books.py`): what its source's next
run creates or renames under these comes along by replication, and would stop it (1050).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from osc import errors
from osc.model.table import TableName
from osc.model.tokens import tokens

LONGEST = 64
OURS = "_osc_"


@dataclass(frozen=True)
class Beside:
    """In the original's database."""

    of: TableName
    original_first: bool
    here: str = ""

    @property
    def shadow(self) -> TableName:
        return self._named("new")

    @property
    def rehearsal(self) -> TableName:
        """In a corner of names that is ours alone: what a dead run left is dropped unasked."""
        return TableName(self.of.schema, f"{OURS}try_{digest(self.of, self.here)}")

    @property
    def archives(self) -> Iterator[TableName]:
        """Names to try in turn: an archive of an earlier run may still be kept."""
        return (self._named(f"old{number}") for number in ("", *range(2, 100)))

    def _named(self, role: str) -> TableName:
        role = f"{self.here}_{role}" if self.here else role
        pattern = f"{{}}_osc_{role}" if self.original_first else f"_{{}}_{role}"
        name = pattern.format(_shortened(self.of.name, LONGEST - len(pattern.format(""))))
        if self.original_first and not self.of.name.encode() < name.encode():
            return self._named_last(role, LONGEST - len(pattern.format("")))
        return TableName(self.of.schema, name)

    def _named_last(self, role: str, most: int) -> TableName:
        """A long name, once shortened, may sort before the original: no letter of ASCII comes after
        ~, and hardly one at all after a form of the last rows of Unicode's first plane."""
        names = (f"{last}osc_{role}_{digest(self.of)}" for last in ("~", "\uffee"))
        name = next((one for one in names if self.of.name.encode() < one.encode()), None)
        if name is None:
            raise errors.Precondition(
                f"{self.of.name!r} is too long for names of ours that sort after it",
                still_true="nothing was touched",
                todo=f"rename the table to at most {most} characters",
            )
        return TableName(self.of.schema, name)


@dataclass(frozen=True)
class Apart:
    """In databases of ours, under the original's name."""

    of: TableName
    here: str = ""

    @property
    def shadow(self) -> TableName:
        return self._in("new")

    @property
    def rehearsal(self) -> TableName:
        return self._in("try")

    @property
    def archives(self) -> Iterator[TableName]:
        return (self._in(f"old{number}") for number in ("", *range(2, 100)))

    def _in(self, role: str) -> TableName:
        return TableName(f"{OURS}{role}_{digest(self.of, self.here)}", self.of.name)


def asking(of: TableName, here: str = "") -> str:
    """The database in which the server is asked about a table (`trial.py`); all in it is ours."""
    return f"{OURS}ask_{digest(of, here)}"


def needs_a_place_apart(definition: str) -> bool:
    """Whether SHOW CREATE TABLE names a CHECK constraint."""
    return re.search(r"^\s+CONSTRAINT `(?:[^`]|``)+` CHECK ", definition, re.MULTILINE) is not None


def names_a_check(clauses: str) -> bool:
    """Whether an ALTER names a CHECK constraint of its own: beside the original, the next clone
    that it runs on would find the name taken by the shadow."""
    words = tokens(clauses, mysql=True)
    return any(
        word.is_word("CONSTRAINT") and check.is_word("CHECK")
        for word, check in zip(words, words[2:], strict=False)
    )


def trigger(of: TableName, migration: int, event: str) -> str:
    """The name of a trigger of ours: found again by whoever knows the table."""
    return f"{triggers_begin(of)}{migration}_{event[:3].lower()}"


def triggers_begin(of: TableName) -> str:
    return f"{OURS}{digest(of)}_"


def is_our_trigger(name: str) -> bool:
    """On whatever table: a RENAME carries triggers along."""
    return re.fullmatch(rf"{OURS}[0-9a-f]{{16}}_\d+_(ins|upd|del)", name) is not None


def key(of: TableName, number: int) -> str:
    """What a foreign key is called while it changes hands: names are unique in a database."""
    return f"{triggers_begin(of)}fk{number}"


def is_our_key(name: str) -> bool:
    return re.fullmatch(rf"{OURS}[0-9a-f]{{16}}_fk\d+", name) is not None


def key_index(of: TableName, number: int) -> str:
    """What an index is called meanwhile that the server may have made for a foreign key."""
    return f"{triggers_begin(of)}ix{number}"


def stand_in(of: TableName, number: int) -> str:
    """Acts for the application's trigger of this number while a swap moves it (`stand_ins.py`)."""
    return f"{OURS}{digest(of)}_for_{number}"


def is_stand_in(name: str, of: TableName | None = None) -> bool:
    whose = digest(of) if of else "[0-9a-f]{16}"
    return re.fullmatch(rf"{OURS}{whose}_for_\d+", name) is not None


def number_of_stand_in(name: str) -> int:
    return int(name.rpartition("_")[2])


def is_ours(trigger: str) -> bool:
    return is_our_trigger(trigger) or is_stand_in(trigger)


def shelf(of: TableName) -> TableName:
    """Keeps definitions of triggers where there is no other table for them."""
    return TableName(of.schema, f"{OURS}shelf_{digest(of)}")


def uncounted(shadow: TableName) -> TableName:
    """What a shadow is called while its rows leave it (`uncounted.py`)."""
    return TableName(shadow.schema, f"{OURS}off_{digest(shadow)}")


def counting(shadow: TableName) -> TableName:
    """What the table is called that they go to."""
    return TableName(shadow.schema, f"{OURS}on_{digest(shadow)}")


def changelog(schema: str, migration: int) -> TableName:
    """Beside the ledger."""
    return TableName(schema, f"{OURS}log_{migration}")


def digest(of: TableName, here: str = "") -> str:
    told = f"{of} {here}" if here else str(of)
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def _shortened(name: str, most: int) -> str:
    if len(name) <= most:
        return name
    return name[: most - 9] + "_" + hashlib.sha256(name.encode()).hexdigest()[:8]
