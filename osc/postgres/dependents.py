"""What else hangs on the table's OID, row type or identity sequences, found through pg_depend."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from osc.errors import Precondition
from osc.model.consent import Consent
from osc.model.table import TableName
from osc.postgres import kin
from osc.postgres.session import Connection, plain_names

MATERIALIZED = "materialized view"


@dataclass(frozen=True)
class Dependent:
    """An object outside of the table and its partitions. `kind` says how it is carried over; an
    unknown one can't be. `columns` are those of the table that it mentions by name."""

    kind: str
    oid: int
    words: str
    columns: tuple[str, ...]


DEPENDENTS = f"""
{kin.DESCENDANTS},
t AS (SELECT oid, reltype FROM tree JOIN pg_class USING (oid)),
own (class, oid, what) AS (
    SELECT 'pg_class'::regclass, oid, 'table' FROM t
    UNION ALL SELECT 'pg_type'::regclass, reltype, 'type' FROM t WHERE reltype <> 0
    UNION ALL SELECT 'pg_type'::regclass, y.typarray, 'type'
              FROM t JOIN pg_type y ON y.oid = t.reltype WHERE y.typarray <> 0
    UNION ALL SELECT 'pg_constraint'::regclass, k.oid, 'key'
              FROM t JOIN pg_constraint k ON k.conrelid = t.oid
    UNION ALL SELECT 'pg_class'::regclass, s.oid, 'sequence'
              FROM t JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = t.oid
              AND d.classid = 'pg_class'::regclass AND d.deptype = 'i'
              JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'),
mine (oid) AS (
    SELECT p.inhrelid FROM t JOIN pg_inherits p ON p.inhparent = t.oid
    UNION ALL SELECT part.oid FROM t JOIN pg_constraint k ON k.conrelid = t.oid
              JOIN pg_constraint part ON part.conparentid = k.oid
    UNION ALL SELECT k.oid FROM t JOIN pg_constraint k ON k.conrelid = t.oid
    UNION ALL SELECT k.oid FROM t JOIN pg_constraint k ON k.confrelid = t.oid AND k.contype = 'f'
    UNION ALL SELECT x.indexrelid FROM t JOIN pg_index x ON x.indrelid = t.oid
    UNION ALL SELECT a.oid FROM t JOIN pg_attrdef a ON a.adrelid = t.oid
    UNION ALL SELECT p.oid FROM t JOIN pg_policy p ON p.polrelid = t.oid
    UNION ALL SELECT g.oid FROM t JOIN pg_trigger g ON g.tgrelid = t.oid
    UNION ALL SELECT w.oid FROM t JOIN pg_rewrite w ON w.ev_class = t.oid
    UNION ALL SELECT s.oid FROM t JOIN pg_statistic_ext s ON s.stxrelid = t.oid
    UNION ALL SELECT r.oid FROM t JOIN pg_publication_rel r ON r.prrelid = t.oid
    UNION ALL SELECT s.oid FROM own s WHERE s.what IN ('sequence', 'type')),
found AS (
    SELECT d.classid, d.objid, max(d.objsubid) AS objsubid,
           bool_or(own.what = 'type') AS by_type,
           array_agg(DISTINCT a.attname::text) FILTER (WHERE a.attname IS NOT NULL) AS columns
    FROM own JOIN pg_depend d ON d.refclassid = own.class AND d.refobjid = own.oid
         AND d.deptype IN ('n', 'a', 'P', 'S')
    LEFT JOIN pg_attribute a ON own.what = 'table' AND a.attrelid = own.oid
         AND a.attnum = d.refobjsubid AND a.attnum > 0
    WHERE d.objid NOT IN (SELECT oid FROM mine)
    AND NOT (own.what = 'table' AND d.classid = own.class AND d.objid = own.oid)
    AND NOT EXISTS (SELECT FROM pg_class s
                    WHERE s.oid = d.objid AND s.relkind = 'S' AND d.deptype = 'a')
    GROUP BY d.classid, d.objid)
SELECT CASE
           WHEN w.rulename = '_RETURN' THEN CASE v.relkind WHEN 'v' THEN 'view'
                                                           ELSE 'materialized view' END
           WHEN w.oid IS NOT NULL THEN 'rule'
           WHEN p.prosqlbody IS NOT NULL AND NOT EXISTS (
               SELECT FROM unnest(p.proargtypes::oid[] || p.proallargtypes || p.prorettype) AS y
               JOIN own ON own.what = 'type' AND own.oid = y) THEN 'function'
           WHEN f.classid = 'pg_policy'::regclass THEN 'policy'
           WHEN f.classid = 'pg_attrdef'::regclass AND NOT by_type THEN 'default'
           ELSE '' END,
       f.objid,
       coalesce(CASE v.relkind WHEN 'v' THEN 'view ' WHEN 'm' THEN 'materialized view ' END
                || CASE WHEN w.rulename = '_RETURN' THEN v.oid::regclass::text END,
                pg_describe_object(f.classid, f.objid, f.objsubid)),
       coalesce(f.columns, '{{}}')
FROM found f
LEFT JOIN pg_rewrite w ON f.classid = 'pg_rewrite'::regclass AND w.oid = f.objid
LEFT JOIN pg_class v ON v.oid = w.ev_class
LEFT JOIN pg_proc p ON f.classid = 'pg_proc'::regclass AND p.oid = f.objid
ORDER BY 3
"""


def read(session: Connection, table: int) -> tuple[Dependent, ...]:
    """All of them, those of the partitions, too; foreign keys and publications excepted, which
    have rooms of their own."""
    with plain_names(session):
        rows = session.rows(DEPENDENTS, table)
    return tuple(Dependent(kind, oid, words, tuple(of)) for kind, oid, words, of in rows)


def require_known(found: Iterable[Dependent], name: TableName, consent: Consent) -> None:
    """Raises Precondition where something can't be made to follow the new table. Materialized views
    can be made anew, if somebody allows it (`rebuilt.py`)."""
    found = tuple(found)
    views = [d.words for d in found if d.kind == MATERIALIZED]
    if views and not consent.materialized:
        raise Precondition(
            f"{name} is read by {', '.join(views)}, which can only be made anew, with the rows of"
            " that moment",
            still_true="nothing was touched",
            todo="allow that with --rebuild-materialized-views, or drop it and make it again after"
            " the migration",
        )
    strangers = [d.words for d in found if d.kind == ""]
    if strangers:
        raise Precondition(
            f"a dependent hangs on {name} and can't be carried over:\n  needed by "
            + "\n  needed by ".join(strangers),
            still_true="nothing was touched",
            todo="drop it and make it again after the migration",
        )


def require_columns(
    found: Sequence[Dependent],
    dropped: Iterable[str],
    retyped: Iterable[str],
    anew: Collection[int],
    consent: Consent,
) -> None:
    """Raises Precondition where the ALTER takes something away from a dependent; so does the
    native one, unless it cascades to what nobody named. Those in `anew` (OIDs) can be made anew for
    another type (`rebuilt.py`)."""
    _require_unused(found, "drops", dropped, ())
    stay = [one for one in found if not (consent.views and one.oid in anew)]
    _require_unused(stay, "changes the type of", retyped, anew)


def _require_unused(
    found: Iterable[Dependent], words: str, columns: Iterable[str], anew: Collection[int]
) -> None:
    names = set(columns)
    for dependent in found:
        hit = sorted(names & set(dependent.columns))
        if hit:
            way = "allow --rebuild-views, or " if dependent.oid in anew else ""
            raise Precondition(
                f"the ALTER {words} {', '.join(hit)}, which {dependent.words} uses",
                still_true="nothing was touched",
                todo=f"{way}drop it first, and make it again after the migration",
            )
