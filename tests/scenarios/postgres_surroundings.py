"""A whole schema as text to compare with the twin's: what pg_dump says of it, and the rows beside.

pg_dump is the newest client there is: it reads every older server. Its entries are sorted, because
it sorts those of equal names by OID; each keeps its lines, and so the order of columns.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from osc.sandbox import postgres
from tests.scenarios.site import Place, Row, SqlError

HEAD = re.compile(r"^-- Name: (?P<name>.*); Type: (?P<type>.*); Schema: .*; Owner: .*$", re.M)
NOISE = re.compile(r"^(--.*|SET .*|SELECT pg_catalog\.set_config.*|\\(un)?restrict .*|)$")
OWN_VERSION = re.compile(r".* SET \(pg_attver=\d+\);|, pg_attver=\d+|(?<=\()pg_attver=\d+, ")
"""A column's type has a version since November 2026, which an older pg_dump takes for an option."""
SHARED = "public"
"""What both schemas use stands here: extensions and their types."""


class Session(Protocol):
    def run(self, sql: str) -> Sequence[Row]: ...


def dumped(url: str, place: Place) -> Iterator[str]:
    """One line a line of the dump, with its object before it and without the name of the schema."""
    told = subprocess.run(
        [postgres.find(None)["pg_dump"], "--schema-only", f"--schema={_quoted(place.schema)}", url],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    heads = list(HEAD.finditer(told))
    ends = [head.start() for head in heads[1:]] + [len(told)]
    for head, end in sorted(zip(heads, ends, strict=True), key=lambda pair: pair[0][0]):
        if "SCHEMA" in (head["type"], head["name"].partition(" ")[0]):
            continue
        of = f"{head['type'].lower()} {head['name']}"
        for line in _without(place.schema, told[head.end() : end].splitlines()):
            yield f"dump of {of}: {line}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _without(schema: str, lines: Iterable[str]) -> Iterator[str]:
    for line in (OWN_VERSION.sub("", line) for line in lines):
        if not NOISE.match(line):
            for shown in (f"{_quoted(schema)}.", f"{schema}.", f"{SHARED}."):
                line = line.replace(shown, "SCHEMA.")
            yield line


BESIDE = """
SELECT c.relname, quote_ident(n.nspname) || '.' || quote_ident(c.relname),
       ARRAY(SELECT quote_ident(a.attname) || '::text' FROM pg_attribute a
             LEFT JOIN pg_attrdef d ON (d.adrelid, d.adnum) = (a.attrelid, a.attnum)
             WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
             AND a.attidentity = ''
             AND coalesce(pg_get_expr(d.adbin, d.adrelid), '') NOT LIKE 'nextval(%'
             ORDER BY a.attnum)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = '{schema}' AND c.relname <> '{table}' AND c.relkind IN ('r', 'p', 'm', 'v')
AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid
                AND deptype = 'e')
ORDER BY 1
"""


def rows_beside(session: Session, place: Place) -> Iterator[str]:
    """Those of every other table and view, as a multiset, without what a sequence has numbered:
    such numbers depend on who came first."""
    query = BESIDE.format(
        schema=place.schema.replace("'", "''"), table=place.name.replace("'", "''")
    )
    for name, quoted, columns in session.run(query):
        if not columns:
            continue
        listed = ", ".join(columns)
        try:
            found = session.run(f"SELECT {listed}, count(*) FROM {quoted} GROUP BY {listed}")
        except SqlError as error:
            yield f"rows of {name}: error {error.code}"
        else:
            yield from sorted(f"row of {name}: {row[:-1]!r} × {row[-1]}" for row in found)
