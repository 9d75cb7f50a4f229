"""Foreign keys of a table, and of the tables that refer to it."""

from __future__ import annotations

from dataclasses import dataclass

from osc.model.table import TableName


@dataclass(frozen=True)
class ForeignKey:
    """`index` is the plain index over exactly its columns, which the server may have made for it;
    `rules` is what the server's own wording says after the columns: ON DELETE, ON UPDATE."""

    child: TableName
    name: str
    columns: tuple[str, ...]
    parent: TableName
    referenced: tuple[str, ...]
    rules: str = ""
    index: str = ""

    def __str__(self) -> str:
        return f"{self.name} of {self.child} to {self.parent}"


@dataclass(frozen=True)
class Relations:
    """What a table was tied to when its ALTER was rehearsed, and what it is to be tied to after.

    `own` are its own keys, to itself too; `children` are those of other tables that refer to it.
    `doubtful` are own keys that no row has been held to so far.
    """

    own_before: tuple[ForeignKey, ...] = ()
    children_before: tuple[ForeignKey, ...] = ()
    own: tuple[ForeignKey, ...] = ()
    children: tuple[ForeignKey, ...] = ()
    doubtful: tuple[ForeignKey, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.own_before or self.children_before or self.own or self.children)

    @property
    def parents(self) -> tuple[TableName, ...]:
        """Other tables that its own keys refer to, before or after."""
        every = (key.parent for key in (*self.own_before, *self.own) if key.parent != key.child)
        return tuple(dict.fromkeys(every))

    @property
    def referring(self) -> tuple[TableName, ...]:
        """The children."""
        return tuple(dict.fromkeys(key.child for key in self.children_before))


UNTIED = Relations()
