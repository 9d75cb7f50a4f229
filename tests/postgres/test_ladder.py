"""Ways without a copy on a real server: with somebody in the way, with a kill -9, with bad rows.

Equal to the native ALTER they are in `tests/scenarios/`, under writers.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from osc import migration, removal
from osc.config import Settings, settings
from osc.errors import CutOverNotObtained, DataWouldBeLost, Interrupted, Precondition
from osc.migration import Request
from osc.model.alter import parse
from osc.model.controls import Controls
from osc.model.ladder import Way
from osc.model.progress import Tracker
from osc.model.report import Report
from osc.model.table import TableName
from osc.postgres.definition import describe, oid_of
from osc.stages import route
from tests.postgres.conftest import Database

T = TableName("public", "t")
ROWS = 3000
CREATE = f"""
CREATE TABLE ref (id int PRIMARY KEY);
CREATE TABLE t (id int PRIMARY KEY, a int, b int, c text);
INSERT INTO ref SELECT g FROM generate_series(1, 10) g;
INSERT INTO t SELECT g, g, g % 10 + 1, 'x' FROM generate_series(1, {ROWS}) g;
"""
BUDGET = 0.25
NOISE = 0.75
"""What a busy test machine may add to a wait."""


@pytest.fixture
def server_name() -> str:
    """One will do: what differs between releases is in the matrix and in the scenarios."""
    return "postgres-18"


def migrate(
    database: Database,
    clauses: str,
    controls: Controls | None = None,
    tracker: Tracker | None = None,
    chosen: Settings | None = None,
) -> Report:
    alter = database.alter(clauses)
    request = Request(alter, None, f"ALTER TABLE t {clauses}", "tests")
    chosen = chosen or settings(small_table=0)
    return migration.migrate(
        database.engine, request, chosen, tracker or Tracker(), controls or Controls()
    )


def definition(database: Database) -> tuple[str, ...]:
    session = database.session()
    oid = oid_of(session, T)
    assert oid is not None
    return describe(session, oid)


def natively(database: Database, clauses: str) -> tuple[str, ...]:
    """What the server's own ALTER makes of it, undone again."""
    session = database.session()
    with session.undone():
        session.run(f"ALTER TABLE t {clauses}")
        oid = oid_of(session, T)
        assert oid is not None
        return describe(session, oid)


@contextmanager
def old_transaction(database: Database) -> Iterator[None]:
    """It has written to the table and is still open: every lock that is noticed waits for it."""
    with database.connect() as connection, connection.transaction(force_rollback=True):
        connection.execute("UPDATE t SET c = 'y' WHERE id = 1")
        yield


def until(reached: str, database: Database) -> None:
    """Returns when the query gives a row."""
    deadline = time.monotonic() + 30
    while not database.rows(reached):
        assert time.monotonic() < deadline, f"never: {reached}"


def test_applications_never_wait_longer_than_the_budget_for_a_lock_that_waits(
    database: Database,
) -> None:
    database.run(CREATE)
    controls, waits, said = Controls(), list[float](), set[str]()
    failures: list[BaseException] = []

    def run() -> None:
        try:
            migrate(database, "ADD COLUMN n int DEFAULT 5", controls, tracker)
        except BaseException as error:
            failures.append(error)

    tracker = Tracker()
    with old_transaction(database), database.connect() as application:
        thread = threading.Thread(target=run)
        thread.start()
        tracker.wait_until(lambda seen: seen.cut_over_attempts >= 1, 30)
        while tracker.read().cut_over_attempts < 4 and thread.is_alive():
            began = time.monotonic()
            application.execute("INSERT INTO t (id, a) SELECT max(id) + 1, max(id) + 1 FROM t")
            waits.append(time.monotonic() - began)
            said.add(tracker.read().waiting_for)
    thread.join()

    assert not failures
    assert any("UPDATE t SET c = 'y'" in reason for reason in said)
    assert max(waits) < BUDGET + NOISE
    assert database.rows("SELECT n FROM t WHERE id = 1") == [(5,)]


def test_a_lock_that_is_never_had_ends_with_the_names_and_can_be_gone_on_with(
    database: Database,
) -> None:
    database.run(CREATE)
    before = definition(database)
    with old_transaction(database):
        with pytest.raises(CutOverNotObtained, match="UPDATE t SET c = 'y'") as raised:
            migrate(
                database, "ADD COLUMN n int", chosen=settings(cut_over_attempts=1, small_table=0)
            )

        assert raised.value.kept
        assert definition(database) == before

    report = migrate(database, "ADD COLUMN n int")

    assert report.way == Way.NATIVE
    assert definition(database) == natively(database, "ADD COLUMN IF NOT EXISTS n int")


@pytest.mark.parametrize(
    ("clauses", "said"),
    [
        ("ADD COLUMN n int DEFAULT 1 CHECK (n > 0), ADD UNIQUE (b)", "duplicated"),
        ("ADD UNIQUE (a), ALTER b SET NOT NULL, DROP COLUMN c", "null"),
        ("ADD CHECK (b < 10), ADD FOREIGN KEY (b) REFERENCES ref", "violate"),
        ("ADD FOREIGN KEY (a) REFERENCES ref", "not present"),
    ],
)
def test_rows_that_get_in_the_way_leave_nothing_behind(
    database: Database, monkeypatch: pytest.MonkeyPatch, clauses: str, said: str
) -> None:
    """They are written after the rows were asked."""
    monkeypatch.setattr(route, "probe", lambda engine, made, check: None)
    database.run(CREATE, "UPDATE t SET b = NULL WHERE id = 7", "UPDATE t SET b = 10 WHERE id = 8")
    before = definition(database)

    with pytest.raises(DataWouldBeLost, match=said) as raised:
        migrate(database, clauses)

    assert not raised.value.kept
    assert definition(database) == before
    assert database.rows("SELECT relname FROM pg_class WHERE relname ~ '_key|_osc'") == []


@pytest.mark.parametrize("clauses", ["ADD UNIQUE (b)", "ALTER b SET NOT NULL, DROP COLUMN c"])
@pytest.mark.parametrize("wet", [False, True])
def test_rows_in_the_way_are_found_without_a_single_step(
    database: Database, clauses: str, wet: bool
) -> None:
    """A CHECK that isn't valid yet would fail the applications that write such rows."""
    database.run(CREATE, "UPDATE t SET b = NULL WHERE id = 7")
    request = Request(database.alter(clauses), None, f"ALTER TABLE t {clauses}", "me")

    with pytest.raises(DataWouldBeLost):
        if wet:
            migrate(database, clauses)
        else:
            migration.rehearse(database.engine, request, settings())

    assert database.engine.ledger.runs() == []
    if not wet:
        assert database.rows("SELECT FROM pg_namespace WHERE nspname = 'osc'") == []


SEQUENCE = "ADD COLUMN n int DEFAULT 1 CHECK (n > 0), ADD CONSTRAINT u UNIQUE (a), DROP COLUMN c"


def died(database: Database) -> None:
    """What a kill -9 leaves in the catalog and in the ledger, without waiting for a moment of it:
    the first step is done, the index was begun."""
    controls, tracker = Controls(), Tracker()

    def stop_at_the_build() -> None:
        reached = "SELECT FROM osc.migration WHERE position = '1+'"
        until("SELECT FROM pg_class WHERE relname = 'migration'", database)
        until(reached, database)
        until("SELECT FROM pg_index WHERE indexrelid = to_regclass('u')", database)
        controls.stop(Interrupted(15))

    thread = threading.Thread(target=stop_at_the_build)
    with database.connect() as reader, reader.transaction(force_rollback=True):
        # An old snapshot that holds no lock on the table: only the index build waits for it.
        reader.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        reader.execute("SELECT count(*) FROM ref")
        thread.start()
        with pytest.raises(Interrupted):
            migrate(database, SEQUENCE, controls, tracker)
    thread.join()


def test_a_sequence_that_was_broken_off_is_finished_by_the_same_statement(
    database: Database,
) -> None:
    database.run(CREATE)
    wanted = natively(database, SEQUENCE)
    died(database)
    assert any("INVALID" in line for line in definition(database))

    report = migrate(database, SEQUENCE)

    assert definition(database) == wanted
    assert len(report.steps) == 3  # the first was done already
    assert database.rows("SELECT count(*) FROM t WHERE n = 1") == [(ROWS,)]


def test_a_sequence_that_was_broken_off_is_taken_back_by_an_abort(database: Database) -> None:
    database.run(CREATE)
    before = definition(database)
    died(database)

    found = removal.abort(database.engine, None, "tests")

    assert definition(database) == before
    assert len(found) == 2
    assert removal.abort(database.engine, "1", "tests") == []


def test_a_process_that_was_killed_in_an_index_build_is_gone_on_with(database: Database) -> None:
    """The server may still build for it: its session is ended before the catalog is asked."""
    database.run(CREATE)
    wanted = natively(database, SEQUENCE)
    with database.connect() as reader, reader.transaction(force_rollback=True):
        reader.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        reader.execute("SELECT count(*) FROM ref")
        command = [sys.executable, "-m", "osc", "run", database.url, "--execute"]
        process = subprocess.Popen([*command, f"ALTER TABLE t {SEQUENCE}", "--small-table", "0"])
        try:
            until("SELECT FROM pg_index WHERE indexrelid = to_regclass('u')", database)
        finally:
            process.kill()
            process.wait()

        with pytest.raises(Precondition, match="migrat"):
            migrate(database, "ADD COLUMN other int")
    until("SELECT WHERE NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory')", database)

    done = migration.resume(database.engine, None, settings(small_table=0), Tracker(), Controls())

    assert done is not None
    assert definition(database) == wanted


def test_a_table_that_cannot_be_copied_is_altered_natively_where_it_is_small(
    database: Database,
) -> None:
    database.run(CREATE, "CREATE MATERIALIZED VIEW m AS SELECT b FROM t")

    with pytest.raises(Precondition):
        migrate(database, "ALTER id TYPE bigint, ALTER a TYPE text")
    report = migrate(
        database, "ALTER id TYPE bigint, ALTER a TYPE text", chosen=settings(small_table=1_000_000)
    )

    assert report.way == Way.NATIVE
    assert database.rows("SELECT a FROM t WHERE id = 3") == [("3",)]


def test_what_is_done_already_needs_nothing_and_no_ledger(database: Database) -> None:
    database.run(CREATE)

    report = migrate(database, "ADD COLUMN IF NOT EXISTS a int, ALTER id SET NOT NULL")

    assert report.way == Way.NOTHING
    assert database.rows("SELECT FROM pg_namespace WHERE nspname = 'osc'") == []


@pytest.mark.parametrize(
    "clauses",
    [
        "ALTER CONSTRAINT to_ref NOT DEFERRABLE",
        "RENAME CONSTRAINT to_ref TO other",
        "DISABLE TRIGGER ALL",
    ],
)
def test_what_is_about_a_foreign_key_alone_is_not_nothing(database: Database, clauses: str) -> None:
    database.run(CREATE)
    database.run("ALTER TABLE t ADD CONSTRAINT to_ref FOREIGN KEY (b) REFERENCES ref DEFERRABLE")
    told = (
        "SELECT conname::text, condeferrable, array_agg(tgenabled) FROM pg_constraint k"
        " JOIN pg_trigger ON tgconstraint = k.oid AND tgrelid = 't'::regclass GROUP BY 1, 2"
    )
    with database.application.transaction(force_rollback=True):
        database.run(f"ALTER TABLE t {clauses}")
        wanted = database.rows(told)

    report = migrate(database, clauses)

    assert report.way == Way.NATIVE
    assert database.rows(told) == wanted


def test_a_restart_of_a_sequence_is_not_nothing(database: Database) -> None:
    database.run("CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY)")

    migrate(database, "ALTER id RESTART WITH 500")
    database.run("INSERT INTO t DEFAULT VALUES")

    assert database.rows("SELECT id FROM t") == [(500,)]


def test_a_name_that_the_server_would_not_choose_here_is_not_chosen(database: Database) -> None:
    """On the double it is free; in the table's schema another constraint has it."""
    database.run(CREATE, "CREATE TABLE other (id int CONSTRAINT t_a_check CHECK (id > 0))")
    wanted = natively(database, "ADD CHECK (a > 0)")

    migrate(database, "ADD CHECK (a > 0)")

    assert definition(database) == wanted


@pytest.mark.parametrize("forced", [False, True])
def test_how_the_database_likes_names_and_texts_written_is_no_matter(
    database: Database, forced: bool
) -> None:
    for setting in ("quote_all_identifiers = on", "standard_conforming_strings = off"):
        database.run(f"ALTER DATABASE {database.name} SET {setting}")
    database.run(CREATE, "CREATE INDEX t_some ON t (b) WHERE c = 'x'")
    expected = natively(database, r"ADD n text DEFAULT 'a\\b'")

    migrate(database, r"ADD n text DEFAULT 'a\\b'", chosen=settings(force_copy=forced))

    assert definition(database) == expected
    assert database.rows("SELECT DISTINCT n FROM t") == [(r"a\b",)]


HAS = """
CREATE ROLE {role};
CREATE RULE ru AS ON INSERT TO t WHERE new.a < 0 DO INSTEAD NOTHING;
ALTER TABLE t DISABLE RULE ru, OWNER TO {role}, ALTER c SET STATISTICS 5,
    ALTER c SET (n_distinct = 4), ADD CONSTRAINT k FOREIGN KEY (b) REFERENCES ref
"""


@pytest.mark.parametrize(
    "clauses",
    [
        "OWNER TO CURRENT_USER, ALTER a DROP DEFAULT", "ALTER c SET STATISTICS -1",
        "ALTER c RESET (n_distinct)", "ENABLE RULE ru",
    ],
)  # fmt: skip
def test_what_the_double_never_had_is_not_taken_for_done(database: Database, clauses: str) -> None:
    role = f"{database.name}_owner"
    database.run(CREATE, HAS.format(role=role))
    try:
        report = migrate(database, clauses)
        again = migrate(database, f"{clauses}, {clauses}")
    finally:
        database.run("DROP TABLE t", f"DROP ROLE {role}")

    assert report.way == Way.NATIVE
    assert again.way == Way.NOTHING


def test_triggers_of_a_key_that_were_silenced_are_not_taken_for_enabled(
    database: Database,
) -> None:
    database.run(CREATE, "ALTER TABLE t ADD FOREIGN KEY (b) REFERENCES ref, DISABLE TRIGGER ALL")

    assert migrate(database, "ENABLE TRIGGER ALL").way == Way.NATIVE


def test_a_table_that_stands_elsewhere_is_moved_and_that_takes_as_long_as_its_bytes(
    database: Database,
) -> None:
    space = f"{database.name}_space"
    database.run("SET allow_in_place_tablespaces = on", f"CREATE TABLESPACE {space} LOCATION ''")
    try:
        database.run(CREATE, f"ALTER TABLE t SET TABLESPACE {space}")
        clauses = "SET TABLESPACE pg_default"
        report = migrate(database, clauses, chosen=settings(small_table=0, drop_old_table=True))
        where = database.rows("SELECT reltablespace FROM pg_class WHERE relname = 't'")
    finally:
        database.run("DROP TABLE t", f"DROP TABLESPACE {space}")

    assert where == [(0,)]
    assert report.rows_copied == ROWS


@pytest.mark.parametrize(
    ("clauses", "way"),
    [
        ("NO INHERIT family", Way.NATIVE),
        ("NOT OF", Way.NATIVE),
        ("ADD n int, NO INHERIT family, SET LOGGED", Way.NATIVE),
        ("NO INHERIT family, ADD CHECK (id > 0), OWNER TO pg_monitor", Way.SEQUENCE),
    ],
)
def test_what_a_table_comes_from_is_left_natively(
    database: Database, clauses: str, way: Way
) -> None:
    database.run("CREATE TYPE kind AS (id int)", "CREATE TABLE family (id int)")
    heir = "CREATE TABLE t (PRIMARY KEY (id)) INHERITS (family)"
    database.run(heir if "INHERIT" in clauses else "CREATE TABLE t OF kind (PRIMARY KEY (id))")
    expected = natively(database, clauses)

    assert migrate(database, clauses).way == way
    assert definition(database) == expected


@pytest.mark.parametrize(
    ("child", "clauses", "says"),
    [
        ("PARTITION OF parent DEFAULT", "ALTER n TYPE bigint", "cannot alter inherited column"),
        ("() INHERITS (parent)", "ADD m int, DROP n", "cannot drop inherited column"),
        ("() INHERITS (parent)", "DROP CONSTRAINT positive", "cannot drop inherited constraint"),
        ("OF kind", "ADD m int", "cannot add column to typed table"),
    ],
)
def test_a_plan_for_a_child_says_what_the_server_says(
    database: Database, child: str, clauses: str, says: str
) -> None:
    """Partition, heir, of a type: a double knows nothing of what comes from there."""
    by = "PARTITION BY RANGE (id)" if "PARTITION" in child else ""
    database.run(
        "CREATE TYPE kind AS (id int, n int)",
        f"CREATE TABLE parent (id int, n int, CONSTRAINT positive CHECK (n > 0)) {by}",
        f"CREATE TABLE t {child}",
    )
    alter = database.alter(clauses)
    chosen = settings(small_table=1 << 20)

    with pytest.raises(Precondition, match=f"the server itself refuses.*{says}"):
        migration.plan(database.engine, Request(alter, None, "", "tests"), chosen)


FAMILY = """
CREATE TABLE t (id int PRIMARY KEY, a int, b text);
CREATE TABLE child (own int, a int DEFAULT 3) INHERITS (t);
CREATE TABLE grandchild (CONSTRAINT more CHECK (a > -5)) INHERITS (child);
INSERT INTO t SELECT g, g, 'x' FROM generate_series(1, 99) g;
INSERT INTO child SELECT g, g, 'x' FROM generate_series(1, 99) g;
INSERT INTO grandchild SELECT g, g, 'x' FROM generate_series(1, 99) g;
"""


def test_what_others_inherit_from_is_altered_with_them_where_no_row_is_written_anew(
    database: Database,
) -> None:
    """In pieces, or at once; each child has of it what the native ALTER gives it."""
    database.run(FAMILY)
    clauses = "ADD n int DEFAULT 1, ADD CONSTRAINT high CHECK (a < 500), ALTER a SET NOT NULL"
    session = database.session()

    def family() -> list[tuple[str, ...]]:
        found = [oid_of(session, TableName("public", of)) for of in ("t", "child", "grandchild")]
        return [describe(session, oid) for oid in found if oid]

    with session.undone():
        session.run(f"ALTER TABLE t {clauses}")
        expected = family()

    assert migrate(database, clauses).way == Way.SEQUENCE
    assert family() == expected
    with pytest.raises(Precondition, match=r"inherited by public\.child"):
        migrate(database, "ALTER a TYPE bigint")
    assert family() == expected


def test_what_no_temporary_table_can_try_is_no_refusal(database: Database) -> None:
    database.run(CREATE)

    report = migrate(database, "ADD COLUMN n int DEFAULT 7, SET UNLOGGED")

    assert report.way == Way.COPY
    assert database.rows("SELECT relpersistence FROM pg_class WHERE oid = 't'::regclass") == [
        ("u",)
    ]


def test_pieces_that_would_make_the_heirs_own_what_it_inherits_are_not_taken(
    database: Database,
) -> None:
    """Its NOT NULL stays the parent's, which USING INDEX would make its own as well (18)."""
    database.run("CREATE TABLE family (id int NOT NULL)", "CREATE TABLE t () INHERITS (family)")
    database.run("INSERT INTO t SELECT generate_series(1, 100)")
    expected = natively(database, "ADD PRIMARY KEY (id)")

    with pytest.raises(Precondition, match="no primary key"):
        migrate(database, "ADD PRIMARY KEY (id)")
    migrate(database, "ADD PRIMARY KEY (id)", chosen=settings())

    assert definition(database) == expected


def test_a_heir_gets_its_own_primary_key_by_an_index_that_is_built_before(
    database: Database,
) -> None:
    database.run("CREATE TABLE family (id int)", "CREATE TABLE t () INHERITS (family)")
    database.run("INSERT INTO t SELECT generate_series(1, 100)")
    expected = natively(database, "ADD PRIMARY KEY (id)")

    migrate(database, "ADD PRIMARY KEY (id)")

    assert definition(database) == expected


def test_what_a_heir_has_from_its_parent_it_may_be_given_once_more(database: Database) -> None:
    """Its double has it as its own, and would refuse it."""
    database.run(
        "CREATE TABLE family (id int PRIMARY KEY, CONSTRAINT positive CHECK (id > 0))",
        "CREATE TABLE t (PRIMARY KEY (id)) INHERITS (family)",
    )
    clauses = "ADD CONSTRAINT positive CHECK (id > 0)"
    expected = natively(database, clauses)

    migrate(database, clauses)

    assert definition(database) == expected


def test_a_constraint_that_is_not_validated_is_none_of_a_parent_to_be(database: Database) -> None:
    database.run(
        "CREATE TABLE t (id int)",
        "CREATE TABLE family (id int)",
        "ALTER TABLE family ADD CONSTRAINT theirs NOT NULL id NOT VALID",
        "ALTER TABLE t ADD CONSTRAINT own NOT NULL id NOT VALID",
    )
    expected = natively(database, "INHERIT family")

    migrate(database, "INHERIT family")

    assert definition(database) == expected


def test_what_a_heir_of_a_heir_is_against_is_known_beforehand(database: Database) -> None:
    database.run(
        "CREATE TABLE t (id int)",
        "CREATE TABLE child () INHERITS (t)",
        "CREATE TABLE grandchild (CONSTRAINT own NOT NULL id NO INHERIT) INHERITS (child)",
    )

    with pytest.raises(Precondition, match=r"server itself refuses.*cannot change NO INHERIT"):
        migrate(database, "ADD PRIMARY KEY (id)")

    assert database.rows("SELECT to_regclass('osc.migration')") == [(None,)]


def test_a_heir_of_a_not_null_that_is_not_validated_yet_is_copied_with_it(
    database: Database,
) -> None:
    database.run(
        "CREATE TABLE family (id int)",
        "CREATE TABLE t (own int PRIMARY KEY) INHERITS (family)",
        "ALTER TABLE family ADD NOT NULL id NOT VALID",
    )
    expected = natively(database, "ADD n bigint DEFAULT 5")

    migrate(database, "ADD n bigint DEFAULT 5", chosen=settings(force_copy=True))

    assert definition(database) == expected


PERIODS = """
CREATE TABLE parent (id int4range, during daterange, PRIMARY KEY (id, during WITHOUT OVERLAPS));
INSERT INTO parent VALUES ('[1,2)', '[2020-01-01,2020-02-01)');
INSERT INTO parent VALUES ('[1,2)', '[2020-02-01,2020-03-01)');
CREATE TABLE t (id int PRIMARY KEY, p int4range, during daterange);
INSERT INTO t VALUES (1, '[1,2)', '[2020-01-15,2020-02-15)'), (2, '[1,2)', '[2020-02-15,{end})'),
                     (3, NULL, '[2030-01-01,2031-01-01)'), (4, '[7,8)', NULL);
"""
COVERED = "ADD CONSTRAINT covered FOREIGN KEY (p, PERIOD during) REFERENCES parent"


@pytest.mark.parametrize("force", [False, True])
def test_a_range_that_is_covered_in_part_alone_is_no_less_an_orphan(
    database: Database, force: bool
) -> None:
    """VALIDATE lets it pass (18.4), and the server's own ADD CONSTRAINT doesn't."""
    chosen = settings(small_table=0, force_copy=force)
    database.run(PERIODS.format(end="2020-03-02"))

    with pytest.raises(DataWouldBeLost, match=r"covered of public.t would not hold: .*2020-03-02"):
        migrate(database, COVERED, chosen=chosen)
    database.run("UPDATE t SET during = '[2020-02-15,2020-03-01)' WHERE id = 2")
    migrate(database, COVERED, chosen=chosen)

    assert database.rows("SELECT convalidated FROM pg_constraint WHERE conname = 'covered'") == [
        (True,)
    ]


def test_orphans_in_partitions_are_found_beforehand(database: Database) -> None:
    database.run(
        "CREATE TABLE parent (id int PRIMARY KEY)",
        "CREATE TABLE t (id int PRIMARY KEY, p int) PARTITION BY RANGE (id)",
        "CREATE TABLE one PARTITION OF t DEFAULT",
        "INSERT INTO t VALUES (1, 7)",
    )
    chosen = settings(force_copy=True)

    for clauses in ("ADD FOREIGN KEY (p) REFERENCES parent",
                    "ADD q int DEFAULT 8, ADD FOREIGN KEY (q) REFERENCES parent"):  # fmt: skip
        with pytest.raises(DataWouldBeLost, match=r"there is no \([78]\) in public.parent") as lost:
            migrate(database, clauses, chosen=chosen)
        assert "swapped but" not in str(lost.value) and lost.value.exit_code == 6
        assert database.rows("SELECT FROM pg_constraint WHERE conrelid = 't'::regclass"
                             " AND contype = 'f'") == []  # fmt: skip


def test_texts_of_two_collations_meet_by_the_one_of_the_table_referred_to(
    database: Database,
) -> None:
    database.run(
        'CREATE TABLE parent (id text COLLATE "C" PRIMARY KEY)',
        "INSERT INTO parent VALUES ('a')",
        'CREATE TABLE t (id int PRIMARY KEY, p text COLLATE "POSIX")',
        "INSERT INTO t VALUES (1, 'a'), (2, 'b')",
    )
    clauses, chosen = "ADD FOREIGN KEY (p) REFERENCES parent", settings(force_copy=True)

    with pytest.raises(DataWouldBeLost, match=r"there is no \(b\) in public.parent"):
        migrate(database, clauses, chosen=chosen)


def test_a_trigger_that_a_partition_has_from_its_parent_is_switched_without_a_copy(
    database: Database,
) -> None:
    database.run(
        "CREATE TABLE whole (id int PRIMARY KEY) PARTITION BY RANGE (id)",
        "CREATE TABLE t PARTITION OF whole FOR VALUES FROM (0) TO (9)",
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        "CREATE TRIGGER g AFTER INSERT ON whole FOR EACH ROW EXECUTE FUNCTION f()",
    )

    assert migrate(database, "DISABLE TRIGGER g").way == Way.NATIVE


ATTACHED = """
CREATE TABLE t (id int NOT NULL, n int, CONSTRAINT positive CHECK (n > 0), PRIMARY KEY (id))
    PARTITION BY {by};
CREATE TABLE t_one PARTITION OF t FOR VALUES {one};
CREATE SCHEMA aside;
CREATE TABLE aside.two (n int, id int NOT NULL, CONSTRAINT positive CHECK (n > 0));
INSERT INTO aside.two SELECT g, g FROM generate_series(1, {rows}) g {where};
"""
RANGES = f"""
{ATTACHED.format(by="RANGE (id)", one="FROM (-9) TO (1)", rows=ROWS, where="")}
CREATE TABLE rest PARTITION OF t DEFAULT;
INSERT INTO t SELECT -g, 1 FROM generate_series(10, 99) g;
"""
HASHES = ATTACHED.format(
    by="HASH (id)", one="WITH (MODULUS 2, REMAINDER 0)", rows=ROWS,
    where="WHERE satisfies_hash_partition('t'::regclass, 2, 1, g)",
)  # fmt: skip


@pytest.mark.parametrize(
    ("create", "bound"),
    [(RANGES, f"FROM (1) TO ({ROWS + 1})"), (HASHES, "WITH (MODULUS 2, REMAINDER 1)")],
    ids=["range", "hash"],
)
def test_a_partition_is_attached_without_a_look_under_the_lock(
    database: Database, create: str, bound: str
) -> None:
    database.run(create)
    clauses = f"ATTACH PARTITION aside.two FOR VALUES {bound}"
    expected = natively(database, clauses)

    report = migrate(database, clauses)

    assert report.way == Way.SEQUENCE
    assert definition(database) == expected
    assert database.rows("SELECT conname FROM pg_constraint WHERE conname = '_osc_bound'") == []


def test_a_default_partition_beside_no_other_and_one_below_a_trigger_are_attached(
    database: Database,
) -> None:
    """The one has no bound to look at; the other is looked at where nobody is locked."""
    database.run(
        "CREATE TABLE t (id int PRIMARY KEY) PARTITION BY LIST (id)",
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        "CREATE TRIGGER g AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()",
        "CREATE TABLE rest (id int PRIMARY KEY)",
        "CREATE TABLE one (id int PRIMARY KEY)",
        "INSERT INTO rest VALUES (2)",
        "INSERT INTO one VALUES (1)",
    )

    migrate(database, "ATTACH PARTITION rest DEFAULT")
    migrate(database, "ATTACH PARTITION one FOR VALUES IN (1)")

    assert database.rows("SELECT tableoid::regclass::text FROM t ORDER BY id") == [
        ("one",),
        ("rest",),
    ]


def test_a_partition_that_requires_more_than_its_parent_is_tried_with_it(
    database: Database,
) -> None:
    database.run(
        "CREATE TABLE t (id int) PARTITION BY RANGE (id)",
        "CREATE TABLE one PARTITION OF t (id PRIMARY KEY) FOR VALUES FROM (0) TO (9)",
    )
    alter = parse("ALTER TABLE ONLY t ADD PRIMARY KEY (id)", mysql=False)

    migration.migrate(
        database.engine, Request(alter, None, "", "tests"), settings(), Tracker(), Controls()
    )

    assert database.rows("SELECT conname FROM pg_constraint WHERE conname = 't_pkey'")


def test_a_key_may_refer_to_the_table_by_a_key_that_comes_with_it(database: Database) -> None:
    """Other names mean what they mean, such as that of its sequence."""
    database.run("CREATE TABLE t (id serial PRIMARY KEY, other int, up int)")
    database.run("INSERT INTO t VALUES (1, 5, NULL), (2, 6, 5)")
    clauses = (
        "ALTER id TYPE bigint, ALTER id SET DEFAULT nextval('t_id_seq') + 0, ADD UNIQUE (other),"
        " ADD FOREIGN KEY (up) REFERENCES t (other)"
    )
    expected = natively(database, clauses)

    migrate(database, clauses)

    assert definition(database) == expected
    keys = "SELECT confrelid, convalidated FROM pg_constraint WHERE contype = 'f' AND conrelid = "
    assert database.rows(f"{keys}'t'::regclass") == database.rows("SELECT 't'::regclass::oid, true")


def test_rows_that_do_not_belong_into_a_new_partition_stop_it(database: Database) -> None:
    database.run(RANGES)
    before = definition(database)

    with pytest.raises(DataWouldBeLost):
        migrate(database, "ATTACH PARTITION aside.two FOR VALUES FROM (1) TO (9)")

    assert definition(database) == before
    assert database.rows("SELECT conname FROM pg_constraint WHERE conname = '_osc_bound'") == []
