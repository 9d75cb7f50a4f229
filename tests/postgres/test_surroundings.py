"""What hangs on the table from outside: it follows the new table, or the ALTER is refused."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from osc import migration
from osc.config import settings
from osc.engine import Job, Session, Sync
from osc.errors import (
    Conflict,
    DataWouldBeLost,
    Interrupted,
    LockTimeout,
    Precondition,
    SwappedButUnfinished,
    TableChanged,
)
from osc.migration import Request
from osc.model.consent import Consent
from osc.model.controls import Controls
from osc.model.phase import Phase
from osc.model.progress import Tracker
from tests.postgres.conftest import Database

pytestmark = pytest.mark.parametrize("server_name", ["postgres-18"])
"""The scenarios are played on others, too."""

TABLES = """
CREATE TABLE parent (id int PRIMARY KEY);
INSERT INTO parent SELECT generate_series(1, 100);
CREATE TABLE t (id int PRIMARY KEY, p int CONSTRAINT to_parent REFERENCES parent ON DELETE CASCADE,
                u int, v int);
INSERT INTO t SELECT n, n, n, n FROM generate_series(1, 100) AS n;
CREATE TABLE child (id int PRIMARY KEY, t int CONSTRAINT to_t REFERENCES t);
INSERT INTO child SELECT n, n FROM generate_series(1, 100) AS n;
"""
WORDS = """
CREATE VIEW seen AS SELECT id, u FROM t WHERE u > 5;
CREATE VIEW upon AS SELECT seen.u FROM seen;
CREATE FUNCTION below(most int) RETURNS bigint LANGUAGE sql
BEGIN ATOMIC SELECT count(*) FROM t WHERE t.u < most; END;
CREATE TABLE other (id int);
CREATE POLICY known ON other USING (id IN (SELECT u FROM t));
CREATE RULE noted AS ON INSERT TO other DO ALSO UPDATE t SET p = 1 WHERE u = NEW.id;
CREATE PUBLICATION theirs FOR TABLE t (id, u) WHERE (id > 3);
"""
OIDS = """
SELECT relname::text, oid::bigint FROM pg_class WHERE relname IN ('seen', 'upon')
UNION ALL SELECT proname::text, oid::bigint FROM pg_proc WHERE proname = 'below'
UNION ALL SELECT rulename::text, oid::bigint FROM pg_rewrite WHERE rulename = 'noted'
UNION ALL SELECT polname::text, oid::bigint FROM pg_policy ORDER BY 1
"""
SAID = """
SELECT pg_get_viewdef('seen'::regclass), pg_get_functiondef('below'::regproc),
       (SELECT pg_get_ruledef(oid) FROM pg_rewrite WHERE rulename = 'noted'),
       (SELECT pg_get_expr(polqual, polrelid) FROM pg_policy),
       (SELECT array_agg(attname::text ORDER BY attnum) FROM pg_attribute
        JOIN pg_publication_rel ON attrelid = prrelid AND attnum = ANY (prattrs)),
       (SELECT string_agg(a.attname, ' ' ORDER BY a.attnum) FROM pg_attribute a
        WHERE attrelid = 't'::regclass AND attnum > 0 AND NOT attisdropped)
"""
VALID = """
SELECT conname::text, convalidated FROM pg_constraint
WHERE contype = 'f' AND connamespace = 'public'::regnamespace ORDER BY 1
"""


def nothing(session: Session) -> None:
    pass


def swap(database: Database, job: Job, budget: float = 0.25) -> None:
    database.engine.swapper(job).swap(nothing, budget)


def migrated(database: Database, clauses: str) -> Job:
    """As the stages do it, except that nobody writes meanwhile."""
    job = database.loaded(clauses)
    swap(database, job)
    database.engine.aftercare(job).finish(lambda: None)
    return job


@contextmanager
def native(database: Database, clauses: str) -> Iterator[None]:
    """The block sees what the server's own ALTER makes of it; then it is undone."""
    with database.application.transaction(force_rollback=True):
        database.run(f"ALTER TABLE t {clauses}")
        yield


@pytest.mark.parametrize("clauses", ["RENAME COLUMN u TO w", "ADD COLUMN z int DEFAULT 5"])
def test_what_mentions_the_table_follows_its_columns_and_keeps_its_oid(
    database: Database, clauses: str
) -> None:
    database.run(TABLES, WORDS)
    with native(database, clauses):
        wanted = database.rows(SAID)
    before = database.rows(OIDS)

    migrated(database, clauses)

    assert database.rows(SAID) == wanted
    assert database.rows(OIDS) == before
    assert database.rows("SELECT below(10), (SELECT count(*) FROM upon)") == [(9, 95)]


NUMBERED = """
CREATE VIEW listed AS SELECT x.c FROM t x(a, b, c, d);
CREATE TABLE more (id int, k int);
CREATE TABLE most (k int);
CREATE VIEW joined AS SELECT t.v, k FROM t JOIN more USING (id) JOIN most USING (k);
"""


def test_names_of_columns_by_their_number_and_by_joins_are_not_confused(
    database: Database,
) -> None:
    database.run(TABLES, NUMBERED)
    said = "SELECT pg_get_viewdef('listed'::regclass), pg_get_viewdef('joined'::regclass)"
    with native(database, "ADD COLUMN k int"):
        wanted = database.rows(said)

    with pytest.raises(Precondition, match=r"view public.listed names columns by their number"):
        database.job("DROP COLUMN p")
    job = migrated(database, "ADD COLUMN k int")
    database.engine.workshop.drop([job.names.archive])

    assert database.rows(said) == wanted
    database.run("CREATE VIEW named AS SELECT j.f FROM (t CROSS JOIN most) j(a, b, c, d, e, f)")
    with pytest.raises(Precondition, match=r"view public.named names columns by their number"):
        database.job("ADD COLUMN z int")


def test_columns_that_exchange_their_names_take_the_views_along(database: Database) -> None:
    """The way through one that is free needs three statements: three migrations."""
    database.run(TABLES, WORDS, "UPDATE t SET v = -u")

    for clauses in ("RENAME u TO w", "RENAME v TO u", "RENAME w TO v"):
        job = migrated(database, clauses)
        database.engine.workshop.drop([job.names.archive])

    assert database.rows("SELECT max(u), below(10) FROM seen") == [(100, 9)]
    assert database.rows("SELECT id FROM t WHERE v = 7 AND u = -7") == [(7,)]


def test_nothing_hangs_on_the_archive_and_no_orphan_gets_in_before_the_aftercare(
    database: Database,
) -> None:
    database.run(TABLES, WORDS)
    job = database.loaded()

    swap(database, job)

    assert database.rows(VALID) == [("to_parent", False), ("to_t", False)]
    for orphan in ("INSERT INTO child VALUES (101, 101)", "INSERT INTO t VALUES (101, 101)"):
        with pytest.raises(psycopg.errors.ForeignKeyViolation):
            database.run(orphan)
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        database.run("DELETE FROM t WHERE id = 7")
    for _ in range(2):
        database.engine.aftercare(job).finish(lambda: None)
    assert database.rows(VALID) == [("to_parent", True), ("to_t", True)]
    database.engine.workshop.drop([job.names.archive])
    assert database.rows("SELECT nspname::text FROM pg_namespace WHERE nspname ~ '_osc_'") == []


def test_a_process_that_dies_in_the_aftercare_is_followed_by_one_that_finishes_it(
    database: Database,
) -> None:
    database.run(TABLES)
    alter, tracker, controls = database.alter("ALTER v TYPE bigint"), Tracker(), Controls()
    request = Request(alter, Sync.LOG, "ALTER TABLE t ALTER v TYPE bigint", "tests")
    plain = settings(force_copy=True, reconnect_for=0)
    with database.connect() as busy, pytest.raises(SwappedButUnfinished, match="was swapped"):
        # The aftercare has to wait for a lock, and is interrupted while it does.
        busy.execute("BEGIN")

        def interfere(phase: Phase) -> None:
            if phase is Phase.AFTERCARE:
                busy.execute("LOCK TABLE child IN SHARE MODE")
                controls.stop(Interrupted(15))

        tracker.on_phase(interfere)
        migration.migrate(database.engine, request, plain, tracker, controls)
    phases = [run.phase for run in migration.status(database.engine, None)]
    left = database.rows(VALID)
    migration.resume(database.engine, None, plain, Tracker(), Controls())

    assert phases == ["aftercare"] and ("to_t", False) in left
    assert database.rows(VALID) == [("to_parent", True), ("to_t", True)]
    assert [run.phase for run in migration.status(database.engine, None)] == ["done"]


@pytest.mark.parametrize(
    "clauses",
    [
        "ALTER v TYPE bigint, ADD CONSTRAINT new FOREIGN KEY (u) REFERENCES parent",
        "ALTER v TYPE bigint, VALIDATE CONSTRAINT unchecked",
        "ALTER p TYPE bigint USING p + 1000",
    ],
)
def test_a_promise_that_rows_do_not_keep_is_no_surprise_after_the_swap(
    database: Database, clauses: str
) -> None:
    database.run(TABLES, "UPDATE t SET u = 1000 + u")
    database.run(
        "ALTER TABLE t ADD CONSTRAINT unchecked FOREIGN KEY (u) REFERENCES parent NOT VALID"
    )
    alter = database.alter(clauses)
    table = database.engine.catalog.find(alter)
    rehearsal = database.engine.workshop.rehearse(table, alter)

    with pytest.raises(DataWouldBeLost, match=r"foreign key .* would not hold"):
        database.engine.workshop.probe(table, rehearsal)


def test_an_orphan_that_was_written_after_the_first_look_is_found_before_the_swap(
    database: Database,
) -> None:
    database.run(TABLES)
    job = database.loaded("ADD CONSTRAINT new FOREIGN KEY (u) REFERENCES parent")
    database.run("UPDATE t SET u = 1000 WHERE id = 9")

    with pytest.raises(DataWouldBeLost, match=r"there is no .1000. in public.parent"):
        swap(database, job)

    assert database.rows(VALID) == [("to_parent", True), ("to_t", True)]


@pytest.mark.parametrize(
    ("clauses", "says"),
    [
        ("DROP CONSTRAINT t_pkey", "other objects depend on it"),
        ("DROP COLUMN u", "drops u, which .*seen uses"),
        ("DROP COLUMN u CASCADE", "drops u, which .*seen uses"),
        ("ALTER p TYPE text", "cannot be implemented"),
    ],
)
def test_what_takes_from_a_dependent_is_refused(
    database: Database, clauses: str, says: str
) -> None:
    database.run(TABLES, "CREATE VIEW seen AS SELECT id, u FROM t")
    alter = database.alter(clauses)

    with pytest.raises(Precondition, match=says):
        database.engine.workshop.rehearse(database.engine.catalog.find(alter), alter)


def test_a_cascade_takes_the_keys_that_the_native_one_takes(database: Database) -> None:
    database.run(TABLES, "ALTER TABLE t ADD UNIQUE (u)")
    database.run("CREATE TABLE third (u int CONSTRAINT to_u REFERENCES t (u))")

    migrated(database, "DROP COLUMN u CASCADE")

    assert database.rows(VALID) == [("to_parent", True), ("to_t", True)]


def test_whoever_is_on_a_child_or_a_view_is_waited_for_and_never_fails(database: Database) -> None:
    """Each holds a lock that we want and wants one that we hold: for us alone that is a deadlock,
    for our wait is the shorter one."""
    database.run(TABLES, "CREATE VIEW seen AS SELECT id, u FROM t")
    job = database.loaded()

    for holds, wants in (
        ("UPDATE child SET t = 5 WHERE id = 1", "INSERT INTO t VALUES (200 + random() * 1e6)"),
        ("DELETE FROM t WHERE id > 1000", "UPDATE child SET id = id WHERE id = 2"),
        ("UPDATE parent SET id = id WHERE id = 3", "DELETE FROM t WHERE id > 1000"),
        ("SELECT * FROM seen", "SELECT * FROM seen"),
    ):
        with database.connect() as application:
            application.execute("BEGIN")
            application.execute(holds)
            refusals: list[Exception] = []
            attempt = threading.Thread(target=_attempt, args=(database, job, refusals))
            attempt.start()
            application.execute(wants)
            attempt.join()
            application.execute("ROLLBACK")
        assert isinstance(refusals[0], LockTimeout | Conflict), holds
    swap(database, job)


def _attempt(database: Database, job: Job, refusals: list[Exception]) -> None:
    try:
        swap(database, job)
    except Exception as refusal:
        refusals.append(refusal)


def test_a_key_that_came_after_the_copy_began_is_carried_over_too(database: Database) -> None:
    database.run(TABLES)
    job = database.loaded()
    database.run("CREATE TABLE late (t int CONSTRAINT came_late REFERENCES t)")

    swap(database, job)
    database.engine.aftercare(job).finish(lambda: None)

    assert ("came_late", True) in database.rows(VALID)
    database.engine.workshop.drop([job.names.archive])


MATERIALIZED = """
CREATE SCHEMA apart;
CREATE MATERIALIZED VIEW kept WITH (fillfactor = 70) AS SELECT id, u AS "U" FROM t WHERE id > 5;
CREATE UNIQUE INDEX kept_id ON kept (id) WITH (fillfactor = 60);
COMMENT ON COLUMN kept."U" IS 'the second';
CREATE STATISTICS kept_both ON id, "U" FROM kept;
GRANT SELECT ON kept TO pg_monitor WITH GRANT OPTION;
CREATE MATERIALIZED VIEW apart.counted AS SELECT count(*) AS n FROM kept JOIN t USING (id);
CREATE VIEW upon AS SELECT "U", n FROM kept, apart.counted;
CREATE FUNCTION most() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT max("U") FROM kept; END;
DELETE FROM child WHERE t > 90; DELETE FROM t WHERE id > 90;
"""
TOLD = """
SELECT pg_get_viewdef('kept'::regclass), pg_get_viewdef('apart.counted'::regclass),
       pg_get_viewdef('upon'::regclass), pg_get_functiondef('most'::regproc),
       pg_get_indexdef('kept_id'::regclass), col_description('kept'::regclass, 2),
       (SELECT array_agg(stxnamespace::regnamespace::text || stxname) FROM pg_statistic_ext),
       (SELECT concat(relacl, reloptions) FROM pg_class WHERE oid = 'kept'::regclass),
       (SELECT count(*) FROM pg_class WHERE relkind = 'm' AND relnamespace::regnamespace::text
        NOT LIKE '\\_osc%')
"""


@pytest.mark.parametrize("clauses", ["ADD COLUMN z int DEFAULT 5", "RENAME COLUMN u TO w"])
def test_materialized_views_are_made_anew_where_that_is_allowed(
    database: Database, clauses: str
) -> None:
    database.run(TABLES, MATERIALIZED)
    with native(database, clauses):
        wanted = database.rows(TOLD)
    database.engine = database.engine.consenting(database.engine, Consent(materialized=True))
    job = database.loaded(clauses)

    database.engine.swapper(job).prepare(lambda: None)
    swap(database, job)
    database.engine.workshop.drop([job.names.archive])

    assert database.rows(TOLD) == wanted
    assert database.rows('SELECT max("U"), max(n), most() FROM upon') == [(90, 85, 90)]
    database.run("REFRESH MATERIALIZED VIEW CONCURRENTLY kept")


def test_the_twins_of_materialized_views_go_with_the_shadow(database: Database) -> None:
    database.run(TABLES, MATERIALIZED)
    database.engine = database.engine.consenting(database.engine, Consent(materialized=True))
    job = database.loaded()
    for _ in range(2):
        database.engine.swapper(job).prepare(lambda: None)

    database.engine.workshop.drop([job.shadow.name])

    assert database.rows("SELECT nspname FROM pg_namespace WHERE nspname LIKE '\\_osc%'") == []
    assert database.rows('SELECT max("U"), max(n), most() FROM upon') == [(100, 95, 100)]


def test_materialized_views_are_not_made_anew_without_a_word(database: Database) -> None:
    database.run(TABLES)
    job = database.loaded()
    database.run(MATERIALIZED)

    with pytest.raises(Precondition, match=r"read by .*counted, .*kept.*made anew"):
        database.engine.checks.table(job.original, job.alter, Sync.LOG)
    with pytest.raises(Precondition, match="--rebuild-materialized-views"):
        swap(database, job)


PARTITIONED = """
CREATE TABLE parent (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE parents PARTITION OF parent DEFAULT;
INSERT INTO parent SELECT generate_series(1, 100);
CREATE TABLE t (id int PRIMARY KEY, p int CONSTRAINT to_parent REFERENCES parent, u int, v int,
                itself int CONSTRAINT to_itself REFERENCES t) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (50);
CREATE TABLE t2 PARTITION OF t DEFAULT;
INSERT INTO t SELECT n, n, n, n, n FROM generate_series(1, 100) AS n;
CREATE TABLE child (id int PRIMARY KEY, t int CONSTRAINT to_t REFERENCES t ON DELETE CASCADE)
PARTITION BY RANGE (id);
CREATE TABLE children PARTITION OF child DEFAULT;
INSERT INTO child SELECT n, n FROM generate_series(1, 100) AS n;
CREATE TABLE known (id int PRIMARY KEY);
INSERT INTO known SELECT generate_series(1, 49);
ALTER TABLE t1 ADD CONSTRAINT one_alone FOREIGN KEY (u) REFERENCES known ON DELETE SET NULL;
ALTER TABLE t2 ADD CONSTRAINT two_to_all FOREIGN KEY (v) REFERENCES t;
CREATE TABLE of_two (t int CONSTRAINT to_two REFERENCES t2 (id));
INSERT INTO of_two VALUES (77);
COMMENT ON CONSTRAINT to_two ON of_two IS 'of two alone';
CREATE VIEW seen AS SELECT id, u FROM t1 WHERE u > 5;
CREATE VIEW upon AS SELECT seen.u FROM seen JOIN t2 USING (u);
CREATE FUNCTION below(most int) RETURNS bigint LANGUAGE sql
BEGIN ATOMIC SELECT count(*) FROM t1 WHERE t1.u < most; END;
CREATE PUBLICATION theirs FOR TABLE t1 (id, u), t2 WHERE (id > 60);
"""
TIED = """
SELECT conname::text, conrelid::regclass::text, pg_get_constraintdef(oid), convalidated
FROM pg_constraint WHERE contype = 'f' AND connamespace = 'public'::regnamespace
UNION ALL SELECT pubname, prrelid::regclass::text, concat(prattrs, pg_get_expr(prqual, prrelid)),
       true FROM pg_publication_rel JOIN pg_publication p ON p.oid = prpubid
UNION ALL SELECT relname, pg_get_viewdef(oid), '', true FROM pg_class
       WHERE relname IN ('seen', 'upon')
UNION ALL SELECT '', pg_get_functiondef('below'::regproc), '', true ORDER BY 1, 2, 3
"""


@pytest.mark.parametrize("clauses", ["RENAME COLUMN u TO w", "ALTER v TYPE bigint"])
def test_keys_of_partitioned_tables_and_what_hangs_on_partitions_follow(
    database: Database, clauses: str
) -> None:
    database.run(PARTITIONED)
    with native(database, clauses):
        wanted = database.rows(TIED)

    job = migrated(database, clauses)
    database.engine.workshop.drop([job.names.archive])

    assert database.rows(TIED) == wanted
    assert database.rows("SELECT below(10), (SELECT count(*) FROM seen)") == [(9, 44)]
    for orphan in (
        "INSERT INTO child VALUES (1000, 1000)",
        "INSERT INTO t (id, p) VALUES (1000, 1000)",
        "INSERT INTO of_two VALUES (7)",
        "UPDATE t SET v = 999 WHERE id = 60",
    ):
        with pytest.raises(psycopg.errors.ForeignKeyViolation):
            database.run(orphan)
    database.run("UPDATE t SET itself = NULL", "DELETE FROM t WHERE id = 7")
    assert database.rows("SELECT count(*) FROM child WHERE t = 7") == [(0,)]


def test_a_range_that_comes_to_be_uncovered_meanwhile_is_told_of(database: Database) -> None:
    """The aftercare asks: VALIDATE lets it pass (18.4)."""
    database.run(
        "CREATE TABLE parent (id int4range, at int4range, PRIMARY KEY (id, at WITHOUT OVERLAPS))",
        "INSERT INTO parent VALUES ('[1,2)', '[1,5)')",
        "CREATE TABLE t (id int PRIMARY KEY, p int4range, at int4range)",
    )
    job = database.loaded("ADD CONSTRAINT covered FOREIGN KEY (p, PERIOD at) REFERENCES parent")
    database.session().run(f"INSERT INTO {job.shadow.name} VALUES (1, '[1,2)', '[4,7)')")
    swap(database, job)

    with pytest.raises(DataWouldBeLost, match=r"covered .* would not hold"):
        database.engine.aftercare(job).finish(lambda: None)


def test_keys_that_the_alter_silences_are_refused(database: Database) -> None:
    database.run(TABLES)

    with pytest.raises(Precondition, match=r"to_parent.*can't be carried over so"):
        database.job("ALTER v TYPE bigint, DISABLE TRIGGER ALL")


VIEWED = """
CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE SCHEMA apart;
CREATE VIEW seen WITH (security_barrier, check_option = local) AS
    SELECT id, u, p FROM t WHERE u > 5;
CREATE VIEW apart.upon AS SELECT u AS "U", count(*) AS n FROM seen GROUP BY u;
CREATE MATERIALIZED VIEW kept AS SELECT "U" FROM apart.upon;
CREATE VIEW elsewhere AS SELECT id FROM t;
CREATE TRIGGER instead INSTEAD OF INSERT ON seen FOR EACH ROW EXECUTE FUNCTION noted('a');
COMMENT ON TRIGGER instead ON seen IS 'of the view';
CREATE RULE gone AS ON DELETE TO apart.upon DO INSTEAD DELETE FROM t WHERE t.u = OLD."U";
CREATE FUNCTION many() RETURNS bigint LANGUAGE sql
BEGIN ATOMIC SELECT count(*) FROM apart.upon JOIN t ON t.id = "U"; END;
ALTER VIEW seen ALTER u SET DEFAULT 7;
COMMENT ON VIEW seen IS 'seen'; COMMENT ON COLUMN apart.upon."U" IS 'the u';
ALTER VIEW apart.upon OWNER TO pg_monitor;
GRANT SELECT ON t, seen TO pg_monitor; GRANT UPDATE (u) ON seen TO PUBLIC;
"""
RETYPED = 'ALTER COLUMN u TYPE bigint, RENAME COLUMN v TO "V"'
AGAIN = f"""
DROP FUNCTION many; DROP VIEW seen, elsewhere CASCADE; DROP FUNCTION noted; DROP SCHEMA apart;
ALTER TABLE t ALTER COLUMN u TYPE bigint; {VIEWED}
"""
VIEWS_TOLD = """
SELECT c.oid::regclass::text, pg_get_viewdef(c.oid), reloptions::text, relowner::regrole::text,
       relacl::text, obj_description(c.oid, 'pg_class'),
       (SELECT array_agg(concat(attname, ' ', format_type(atttypid, atttypmod), ' ', attacl, ' ',
                                col_description(c.oid, attnum)) ORDER BY attnum)
        FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0),
       (SELECT pg_get_expr(adbin, 0) FROM pg_attrdef WHERE adrelid = c.oid),
       (SELECT concat(pg_get_triggerdef(oid), obj_description(oid, 'pg_trigger'))
        FROM pg_trigger WHERE tgrelid = c.oid),
       (SELECT pg_get_ruledef(oid) FROM pg_rewrite WHERE ev_class = c.oid AND rulename = 'gone'),
       pg_get_functiondef('many'::regproc)
FROM pg_class c WHERE relkind IN ('v', 'm') AND relnamespace::regnamespace::text
      IN ('public', 'apart') ORDER BY 1
"""


def test_views_are_made_anew_for_other_types_where_that_is_allowed(database: Database) -> None:
    database.run(TABLES, VIEWED)
    with database.application.transaction(force_rollback=True):
        database.run(AGAIN)
        wanted = database.rows(VIEWS_TOLD)
    stays = "SELECT 'elsewhere'::regclass::oid"
    before = database.rows(stays)
    database.engine = database.engine.consenting(database.engine, Consent(True, True))
    job = database.loaded("ALTER COLUMN u TYPE bigint")

    database.engine.checks.table(job.original, job.alter, Sync.LOG)
    for _ in range(2):
        database.engine.swapper(job).prepare(lambda: None)
    swap(database, job)
    database.engine.workshop.drop([job.names.archive])

    assert database.rows(VIEWS_TOLD) == wanted
    assert database.rows(stays) == before
    assert database.rows("SELECT many(), (SELECT count(*) FROM kept)") == [(95, 95)]
    assert database.rows("SELECT nspname FROM pg_namespace WHERE nspname LIKE '\\_osc%'") == []


def test_a_view_that_came_meanwhile_is_not_made_anew_without_a_word(database: Database) -> None:
    database.run(TABLES)
    job = database.loaded("ALTER COLUMN u TYPE bigint")
    database.run("CREATE VIEW late AS SELECT u FROM t")

    with pytest.raises(TableChanged, match="late: made meanwhile"):
        database.engine.swapper(job).prepare(lambda: None)
    with pytest.raises(TableChanged, match="--rebuild-views"):
        swap(database, job)


@pytest.mark.parametrize(
    ("uses", "consent", "says"),
    [
        ("", Consent(materialized=True), "(?s)changes the type of u, .*allow --rebuild-views"),
        ("", Consent(views=True), "kept, which can only be made anew"),
        ("CREATE TABLE rows (r seen)", Consent(True, True), "column r of table .*rows"),
        ("CREATE VIEW odd AS SELECT t.u = 3::int2 FROM t", Consent(True, True), "odd"),
        ("CREATE VIEW more AS SELECT s FROM seen s", Consent(True, True), "more"),
    ],
)
def test_views_that_cannot_be_made_anew_are_refused(
    database: Database, uses: str, consent: Consent, says: str
) -> None:
    database.run(TABLES, VIEWED, uses)
    engine = database.engine.consenting(database.engine, consent)
    alter = database.alter("ALTER COLUMN u TYPE text")

    with pytest.raises(Precondition, match=says):
        engine.workshop.rehearse(engine.catalog.find(alter), alter)
