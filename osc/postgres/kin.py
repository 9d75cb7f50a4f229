"""The tables that belong together: a partitioned table's partitions, and what a table is a part of.

Everything that is done to a table is done to its family: a plain table is a family of one. Families
are listed each after its parent, so that what is made in this order can be put together, and what
is dropped in the other order can be taken apart.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from osc.engine import Statement
from osc.model.table import TableName
from osc.postgres.quoting import identifier, qualified
from osc.postgres.session import Connection, plain_names

PARTITIONED = "p"


@dataclass(frozen=True)
class Member:
    """`parents` are those that it inherits from, in their order; `bound` is what follows ATTACH
    PARTITION where it is a partition, and `kind` is pg_class.relkind."""

    oid: int
    name: TableName
    kind: str
    parents: tuple[TableName, ...] = ()
    bound: str = ""

    @property
    def is_partitioned(self) -> bool:
        return self.kind == PARTITIONED

    def within(self, schema: str) -> TableName:
        """What its twin in a scratch schema is called."""
        return TableName(schema, self.name.name)

    def join(self, name: TableName, parent: TableName) -> Statement:
        """Makes the table `name` a child of `parent`, as this member is one of its own."""
        if not self.bound:
            return Statement(f"ALTER TABLE {qualified(name)} INHERIT {qualified(parent)}")
        return Statement(
            f"ALTER TABLE ONLY {qualified(parent)} ATTACH PARTITION {qualified(name)} {self.bound}"
        )

    def leave(self, name: TableName, parent: TableName) -> Statement:
        if not self.bound:
            return Statement(f"ALTER TABLE {qualified(name)} NO INHERIT {qualified(parent)}")
        return Statement(f"ALTER TABLE ONLY {qualified(parent)} DETACH PARTITION {qualified(name)}")


DESCENDANTS = """
WITH RECURSIVE tree (oid, level) AS (
    SELECT $1::oid, 0
    UNION ALL
    SELECT i.inhrelid, level + 1 FROM tree JOIN pg_class p ON p.oid = tree.oid AND p.relkind = 'p'
    JOIN pg_inherits i ON i.inhparent = tree.oid)
"""

MEMBER = """
SELECT c.oid::bigint, n.nspname, c.relname, c.relkind::text,
       coalesce(pg_get_expr(c.relpartbound, c.oid), ''),
       ARRAY(SELECT ARRAY[pn.nspname::text, p.relname::text] FROM pg_inherits i
             JOIN pg_class p ON p.oid = i.inhparent JOIN pg_namespace pn ON pn.oid = p.relnamespace
             WHERE i.inhrelid = c.oid ORDER BY i.inhseqno)
"""

FAMILY = f"""
{DESCENDANTS} {MEMBER} FROM tree JOIN pg_class c USING (oid)
JOIN pg_namespace n ON n.oid = c.relnamespace ORDER BY level, c.oid
"""

PARENTS = f"""
{MEMBER} FROM pg_inherits own JOIN pg_class c ON c.oid = own.inhparent
JOIN pg_namespace n ON n.oid = c.relnamespace WHERE own.inhrelid = $1 ORDER BY own.inhseqno
"""


DEFAULT_BESIDE = f"""
{MEMBER} FROM pg_inherits own JOIN pg_partitioned_table w ON w.partrelid = own.inhparent
JOIN pg_class c ON c.oid = w.partdefid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE own.inhrelid = $1 AND c.oid <> $1
"""


FINGERPRINT = f"""
{DESCENDANTS},
own (oid) AS MATERIALIZED (
    SELECT oid FROM tree
    UNION ALL SELECT indexrelid FROM tree JOIN pg_index ON indrelid = tree.oid),
part (oid) AS MATERIALIZED (
    SELECT oid FROM own UNION ALL SELECT k.oid FROM tree JOIN pg_constraint k ON conrelid = tree.oid
    UNION ALL SELECT objid FROM own JOIN pg_depend ON refobjid = own.oid
    UNION ALL SELECT reltype FROM tree JOIN pg_class USING (oid))
SELECT count(*), sum(hashtextextended(word, 0))
FROM (SELECT concat('class ', c.oid, ' ', c.xmin) FROM part JOIN pg_class c USING (oid)
      UNION ALL SELECT concat('type ', y.oid, ' ', y.xmin) FROM part JOIN pg_type y USING (oid)
      UNION ALL SELECT concat('column ', attrelid, ' ', attnum, ' ', a.xmin)
      FROM own JOIN pg_attribute a ON attrelid = own.oid
      UNION ALL SELECT concat('index ', i.indexrelid, ' ', i.xmin)
      FROM own JOIN pg_index i ON indexrelid = own.oid
      UNION ALL SELECT concat('constraint ', k.oid, ' ', k.xmin)
      FROM part JOIN pg_constraint k USING (oid)
      UNION ALL SELECT concat('default ', d.oid, ' ', d.xmin)
      FROM part JOIN pg_attrdef d USING (oid)
      UNION ALL SELECT concat('trigger ', g.oid, ' ', g.xmin)
      FROM part JOIN pg_trigger g USING (oid)
      UNION ALL SELECT concat('rule ', w.oid, ' ', w.xmin) FROM part JOIN pg_rewrite w USING (oid)
      UNION ALL SELECT concat('policy ', p.oid, ' ', p.xmin)
      FROM part JOIN pg_policy p USING (oid)
      UNION ALL SELECT concat('statistics ', s.oid, ' ', s.xmin)
      FROM part JOIN pg_statistic_ext s USING (oid)
      UNION ALL SELECT concat('published ', r.oid, ' ', r.xmin)
      FROM part JOIN pg_publication_rel r USING (oid)
      UNION ALL SELECT concat('sequence ', s.seqrelid, ' ', s.xmin)
      FROM part JOIN pg_sequence s ON seqrelid = part.oid
      UNION ALL SELECT concat('inherits ', inhrelid, ' ', inhparent, ' ', i.xmin)
      FROM own JOIN pg_inherits i ON own.oid IN (inhrelid, inhparent)
      UNION ALL SELECT concat('depends ', classid, ' ', objid, ' ', objsubid, ' ', d.xmin)
      FROM own JOIN pg_depend d ON refobjid = own.oid
      UNION ALL SELECT concat('comment ', objoid, ' ', objsubid, ' ', d.xmin)
      FROM part JOIN pg_description d ON objoid = part.oid
      UNION ALL SELECT concat('label ', objoid, ' ', objsubid, ' ', l.xmin)
      FROM part JOIN pg_seclabel l ON objoid = part.oid) AS words (word)
"""


def fingerprint(session: Connection, oid: int) -> tuple[object, ...]:
    """Changes with whatever row of the catalog speaks of the family: each has the number of the
    transaction that wrote it. To describe a hundred partitions takes half a second, which is too
    long under a lock; to see that nothing has changed since they were described, a tenth of that.
    """
    return session.rows(FINGERPRINT, oid)[0]


def own_words(line: str) -> str:
    """A line of the description as it is of the table that has it, whichever partition that is."""
    return line.partition(": ")[2] if line.startswith("partition ") else line


def family(session: Connection, oid: int) -> tuple[Member, ...]:
    """The table itself, and all its partitions if it is partitioned."""
    return _members(session, FAMILY, oid)


def parents(session: Connection, oid: int) -> tuple[Member, ...]:
    """What the table itself is a partition of, or inherits from."""
    return _members(session, PARENTS, oid)


def default_partition(session: Connection, oid: int) -> tuple[Member, ...]:
    """The one beside this partition that holds what no other does, if there is one."""
    return _members(session, DEFAULT_BESIDE, oid)


def _members(session: Connection, query: str, oid: int) -> tuple[Member, ...]:
    with plain_names(session):
        found = session.rows_of(oid, query)
    return tuple(
        Member(int(oid), TableName(schema, name), kind, tuple(TableName(*p) for p in above), bound)
        for oid, schema, name, kind, bound, above in found
    )


OWN_NOT_NULLS = """
SELECT attname FROM pg_constraint
JOIN pg_attribute ON (attrelid, attnum) = (conrelid, conkey[1])
WHERE conrelid = $1 AND contype = 'n' AND conislocal AND coninhcount > 0 ORDER BY attnum
"""


def own_not_nulls(session: Connection, partition: int, name: TableName) -> Iterator[Statement]:
    """What makes the partition's own again (18) what it has from its parent as well: whatever is
    attached has nothing of that kind."""
    for (column,) in session.rows(OWN_NOT_NULLS, partition):
        on = f"ALTER TABLE {qualified(name)} ALTER COLUMN {identifier(column)}"
        yield Statement(f"{on} SET NOT NULL")
