"""What `osc plan` says of a clause, against what was measured on filled tables of every release.

The figures were taken from relation files, from blocks that were read and from pg_locks, on tables
with rows, without a double: so a double that is too simple shows here. Where other things hang on
the table, and where it has partitions, they are taken right here.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from osc.errors import BadStatement, OscError
from osc.model.ladder import Clause, Way
from osc.model.table import TableName
from osc.postgres.double import Double, doubled
from osc.postgres.observing import WORDS as MODES
from osc.postgres.observing import observed
from osc.postgres.others import retargeted
from osc.postgres.quoting import qualified
from osc.postgres.session import Connection
from tests.postgres.conftest import Database

TABLES = """
CREATE DOMAIN free_domain AS int;
CREATE DOMAIN free_text AS text;
CREATE DOMAIN checked_domain AS int CHECK (value > 0);
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE TABLE ref (id int PRIMARY KEY);
CREATE TABLE parent (a int);
CREATE TABLE t (
    id int PRIMARY KEY, a int, b varchar(20), c int NOT NULL DEFAULT 1, d timestamp,
    e numeric(10,2), k cidr, big bigint, txt text, ch char(10), tz timestamptz, t3 timestamp(3),
    i3 interval(3), vb varbit(8), j json, ip inet, spare int, plain int NOT NULL, checked int,
    r int, src int,
    ident int GENERATED ALWAYS AS IDENTITY, gen int GENERATED ALWAYS AS (src * 2) STORED,
    CONSTRAINT c_check CHECK (c > 0), CONSTRAINT not_null CHECK (checked IS NOT NULL),
    CONSTRAINT key FOREIGN KEY (r) REFERENCES ref);
ALTER TABLE t ADD CONSTRAINT lax CHECK (a < 1000) NOT VALID;
ALTER TABLE t ADD CONSTRAINT lax_key FOREIGN KEY (src) REFERENCES ref NOT VALID;
CREATE INDEX t_a ON t (a); CREATE INDEX t_b ON t (b); CREATE INDEX t_bl ON t (lower(b));
CREATE INDEX t_d ON t (d); CREATE INDEX t_e ON t (e); CREATE INDEX t_k ON t (k);
CREATE UNIQUE INDEX t_u ON t (a); CREATE UNIQUE INDEX t_c ON t (c);
CREATE TABLE child (id int REFERENCES t);
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE TRIGGER touched BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION touch();
"""

WORDS = {
    "ACCESS EXCLUSIVE": "AX",
    "SHARE ROW EXCLUSIVE": "SRX",
    "SHARE UPDATE EXCLUSIVE": "SUX",
    "ROW SHARE": "RS",
    "ACCESS SHARE": "AS",
}
COSTS = {"METADATA": "meta", "SCAN": "scan", "REWRITE": "rewrite"}
T = TableName("public", "t")
OTHERS = (TableName("public", "ref"), TableName("public", "parent"))


def matrix(release: int) -> list[tuple[str, str]]:
    """Each statement that this release knows, and what it costs."""
    lines = Path(__file__).with_name("ladder_matrix.txt").read_text().splitlines()
    rows = [[part.strip() for part in line.split(" | ")] for line in lines if line[0] != "#"]
    return [
        (clauses, f"{cost} {locks}")
        for clauses, cost, locks, *since in rows
        if not since or release >= int(since[0])
    ]


def in_short(clause: Clause) -> str:
    """As the matrix writes it."""
    locks = [f"{lock.on.partition('.')[2]}:{WORDS[lock.mode]}" for lock in clause.locks]
    return " ".join([COSTS[clause.cost.name], *locks])


def classified(session: Connection, *statements: str) -> dict[str, str]:
    """What each of them alone costs."""
    with doubled(session, T, OTHERS) as double:
        return {clauses: tried(session, double, clauses) for clauses in statements}


def tried(session: Connection, double: Double, clauses: str) -> str:
    statement = f"ALTER TABLE {qualified(double.name)} {retargeted(session, clauses, double.of)}"
    with session.undone():
        return in_short(observed(session, double, clauses, [statement]))


def test_every_clause_is_classified_as_it_was_measured(database: Database) -> None:
    database.run(TABLES)
    session = database.session()
    session.run("SET TimeZone = 'UTC'")
    release = session.raw.info.server_version // 10_000

    measured = dict(matrix(release))

    assert classified(session, *measured) == measured


def test_the_time_zone_decides_what_a_timestamp_costs(database: Database) -> None:
    database.run(TABLES)
    session = database.session()
    session.run("SET TimeZone = 'Europe/Paris'")

    to_zoned = "ALTER d TYPE timestamptz"
    assert classified(session, to_zoned) == {to_zoned: "rewrite t:AX"}


def test_what_a_partition_has_of_its_own_is_looked_at_with_the_whole_table(
    database: Database,
) -> None:
    database.run(
        "CREATE TABLE ref (id int); CREATE TABLE parent (id int);"
        "CREATE TABLE t (id int, b varchar(20), c varchar(20), d varchar(20))"
        " PARTITION BY HASH (id)",
        *(f"CREATE TABLE t{n} PARTITION OF t FOR VALUES WITH (MODULUS 20, REMAINDER {n})"
          for n in range(20)),
        "CREATE INDEX lowered ON t19 (lower(b))",
        "ALTER TABLE t0 ADD CONSTRAINT long CHECK (length(c) > 1)",
        "INSERT INTO t SELECT n, 'bbb', 'ccc', 'ddd' FROM generate_series(1, 100) n",
    )  # fmt: skip

    found = classified(
        database.session(), *(f"ALTER {column} TYPE varchar(30)" for column in "bcd")
    )

    assert [cost.partition(" ")[0] for cost in found.values()] == ["scan", "scan", "meta"]


def test_the_first_column_that_may_be_toasted_touches_the_catalog_alone(
    database: Database,
) -> None:
    """The TOAST table that it brings along is empty, and so is the index on it."""
    database.run("CREATE TABLE ref (id int); CREATE TABLE parent (id int); CREATE TABLE t (id int)")

    found = classified(database.session(), "ADD COLUMN n json", "ADD COLUMN n text DEFAULT 'x'")

    assert set(found.values()) == {"meta t:AX"}


def test_a_view_of_the_column_refuses_natively_on_the_double_too(database: Database) -> None:
    database.run(TABLES, "CREATE VIEW v AS SELECT txt FROM t")

    with pytest.raises(BadStatement, match="view"):
        classified(database.session(), "ALTER txt TYPE varchar")


def test_looking_leaves_nothing_and_locks_nothing_that_is_noticed(database: Database) -> None:
    """A child that is written to at the moment, and a table that is referred to."""
    database.run(TABLES)
    before = database.rows("SELECT count(*) FROM pg_class")
    with database.connect() as busy, busy.transaction():
        busy.execute("LOCK TABLE t, ref, child IN ROW EXCLUSIVE MODE")
        alter = database.alter("ADD FOREIGN KEY (a) REFERENCES ref, ALTER a SET NOT NULL")
        ladder = database.engine.ladder
        assert ladder

        outlook = ladder.look(ladder.find(alter), alter, small_bytes=0)

    assert outlook.way is Way.SEQUENCE
    assert database.rows("SELECT count(*) FROM pg_class") == before


ROWS = """
INSERT INTO ref SELECT n FROM generate_series(1, 50) n;
INSERT INTO t (id, a, b, c, d, e, big, txt, ch, tz, plain, checked, r, src)
    SELECT n, n, 'b' || n, n, '2020-01-01', n, n, 'good', 'c', '2020-01-01', n, n, n, n
    FROM generate_series(1, 50) n;
"""

AROUND = """
CREATE INDEX t_expression ON t ((plain + 1), lower(txt));
CREATE INDEX t_partial ON t (big) WHERE e > 1;
CREATE VIEW seen AS SELECT spare, count(checked) FROM t GROUP BY spare;
ALTER TABLE t ADD CONSTRAINT of_two CHECK (tz IS NOT NULL AND length(txt) < 100);
CREATE STATISTICS t_stats ON a, plain FROM t;
CREATE POLICY mine ON t USING (ip IS NULL);
"""

PARTED = """
CREATE TABLE t0 PARTITION OF t FOR VALUES FROM (MINVALUE) TO (25);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (25) TO (MAXVALUE);
CREATE INDEX t1_own ON t1 (lower(txt)); ALTER TABLE t1 ADD CONSTRAINT own CHECK (length(b) > 0);
"""

FILES = """
SELECT c.oid::bigint, indexrelid IS NULL, pg_relation_filenode(c.oid)::bigint,
       coalesce(pg_stat_get_xact_tuples_returned(c.oid), 0)
FROM pg_class c LEFT JOIN pg_index ON indexrelid = c.oid
WHERE coalesce(indrelid, c.oid) = ANY ($1)
"""
HELD = """
SELECT relation::bigint, mode FROM pg_locks
WHERE pid = pg_backend_pid() AND locktype = 'relation' AND granted
"""


def natively(session: Connection, statement: str) -> str:
    """What it costs on the tables themselves: which files are new, how many rows were met."""
    tables: dict[int, str] = dict(
        session.rows(
            "SELECT oid::bigint, relname::text FROM pg_class"
            " WHERE relname = ANY ('{t,t0,t1,ref,child,parent}') AND relkind IN ('r', 'p')"
        )
    )
    with session.undone():
        before = session.rows(FILES, list(tables))
        try:
            session.run(statement)
        except OscError:
            return "refused"
        after = session.rows(FILES, list(tables))
        held = session.rows(HELD)
    known = {node for _, _, node, _ in before}
    met = {oid: rows for oid, _, _, rows in before}
    new = [is_table for _, is_table, node, _ in after if node not in known]
    read = any(rows > met.get(oid, rows) for oid, is_table, _, rows in after if is_table)
    cost = "rewrite" if any(new) else "scan" if new or read else "meta"
    order = list(MODES)
    strongest: dict[str, int] = {}
    for oid, mode in held:
        if oid in tables:
            on = tables[oid]
            strongest[on] = min(strongest.get(on, len(order)), order.index(mode))
    own_first = sorted(strongest, key=lambda on: (on != "t", on))
    return " ".join([cost, *(f"{on}:{WORDS[MODES[order[strongest[on]]]]}" for on in own_first)])


def as_planned(session: Connection, *statements: str) -> dict[str, str]:
    """The same of the double; the server refuses there what it refuses natively."""
    found = {}
    with doubled(session, T, OTHERS) as double:
        for clauses in statements:
            try:
                found[clauses] = tried(session, double, clauses)
            except OscError:
                found[clauses] = "refused"
    return found


@pytest.mark.parametrize("is_parted", [False, True], ids=["whole", "in partitions"])
def test_a_double_costs_what_the_table_costs_with_its_rows_and_all_around_it(
    database: Database, is_parted: bool
) -> None:
    """An expression index, a partial one, a view, a CHECK, statistics, a policy; and partitions
    with something of their own. What the server refuses it refuses on the double."""
    made = TABLES
    if is_parted:
        made = TABLES.replace("REFERENCES ref);\n", "REFERENCES ref) PARTITION BY RANGE (id);\n", 1)
        made = made.replace("t_u ON t (a)", "t_u ON t (a, id)").replace("ON t (c)", "ON t (c, id)")
        made = made.replace("REFERENCES ref NOT VALID", "REFERENCES ref")
        made = made.replace(
            "ALTER TABLE t ADD CONSTRAINT lax ", f"{PARTED}ALTER TABLE t ADD CONSTRAINT lax "
        )
    database.run(made, ROWS, AROUND)
    session = database.session()
    session.run("SET TimeZone = 'UTC'")
    statements = dict(matrix(session.raw.info.server_version // 10_000))

    measured = {said: natively(session, f"ALTER TABLE t {said}") for said in statements}

    told = as_planned(session, *measured)
    assert {said: (cost, told[said]) for said, cost in measured.items() if told[said] != cost} == {}
