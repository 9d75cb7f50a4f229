"""What is refused, and why, before anything is touched."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import psycopg
import pytest

from osc.engine import Engine, Sync
from osc.errors import NotAllowed, OscError, Precondition, Unreachable, Usage
from osc.model.chunk import Chunk
from osc.model.table import TableName
from osc.postgres import definition, foreign
from osc.postgres.engine import connect
from tests.postgres.conftest import Database, read_to

TABLE = "CREATE TABLE t (id int PRIMARY KEY, v int)"


def check(
    database: Database,
    clauses: str = "ALTER v TYPE bigint",
    table: str = "t",
    sync: Sync = Sync.LOG,
) -> None:
    """As the stages do it: find, check, rehearse."""
    engine, alter = database.engine, database.alter(clauses, table)
    engine.checks.server(sync)
    found = engine.catalog.find(alter, sync)
    engine.checks.table(found, alter, sync)
    engine.workshop.rehearse(found, alter)


def test_a_plain_table_is_not_refused(database: Database) -> None:
    database.run(TABLE)

    check(database)


@pytest.mark.parametrize(
    ("also", "says"),
    [
        ("CREATE VIEW w AS SELECT v FROM t", "the type of v, which view public.w uses"),
        ("CREATE MATERIALIZED VIEW w AS SELECT id FROM t", "materialized view public.w"),
        ("CREATE TABLE h () INHERITS (t)", "inherited by public.h"),
        ("CREATE FUNCTION g(t) RETURNS int LANGUAGE sql AS 'SELECT 1'", r"function public.g\("),
        ("CREATE TABLE holds (a t[])", "column a of table public.holds"),
        ("ALTER TABLE t REPLICA IDENTITY NOTHING", "its replica identity is NOTHING"),
        ("ALTER TABLE t DROP CONSTRAINT t_pkey", "no primary key"),
        ("ALTER TABLE t SET UNLOGGED", "unlogged"),
        (
            "CREATE UNIQUE INDEX half ON t (v);"
            " UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'half'::regclass",
            "half is invalid",
        ),
    ],
)
def test_what_cannot_be_carried_over_is_refused_by_name(
    database: Database, also: str, says: str
) -> None:
    database.run(TABLE, also)

    with pytest.raises(Precondition, match=says) as refused:
        check(database)

    assert refused.value.todo


USES_OF_V = [
    "CREATE POLICY p{n} ON other USING (id IN (SELECT v FROM {t}))",
    "CREATE POLICY p ON {t} USING (v > 1)",
    "CREATE VIEW w AS SELECT v FROM {t}",
    "CREATE RULE r{n} AS ON DELETE TO other DO ALSO DELETE FROM {t} WHERE v = OLD.id",
    "CREATE RULE r AS ON UPDATE TO {t} WHERE OLD.v = 7 DO ALSO SELECT 1",
    "CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT max(v) FROM {t}; END",
    "CREATE PUBLICATION osc_p FOR TABLE {t} (id, v)",
    "CREATE TRIGGER g BEFORE UPDATE OF v ON {t} FOR EACH ROW"
    " EXECUTE FUNCTION suppress_redundant_updates_trigger()",
]


def test_a_type_that_the_server_refuses_to_a_column_in_use_is_refused_by_us(
    database: Database,
) -> None:
    """Also where it is the type that the column has."""
    database.run("CREATE TABLE other (id int)")
    for n, use in enumerate(USES_OF_V):
        table = f"t{n}"
        database.run(TABLE.replace("t (", f"{table} ("), use.format(n=n, t=table))

        for clauses in ("ALTER v TYPE bigint", "ALTER v SET DATA TYPE int USING v + 1"):
            with pytest.raises(psycopg.Error, match="cannot alter type"):
                database.run(f"ALTER TABLE {table} {clauses}")
            with pytest.raises(OscError, match=r"the type of v|cannot alter type"):
                check(database, clauses, table)


def test_an_heir_that_drops_its_parents_not_null_is_refused_before_the_copy(
    database: Database,
) -> None:
    """Natively it may, before 18; but the new table could not INHERIT from that parent any more."""
    database.run("CREATE TABLE parent (v int NOT NULL)")
    database.run("CREATE TABLE t (id int PRIMARY KEY) INHERITS (parent)")

    with pytest.raises(OscError, match=r"NOT NULL, which it has in|drop inherited"):
        check(database, "ALTER v DROP NOT NULL, SET ACCESS METHOD heap")


def test_who_may_not_refer_to_a_table_adds_no_key_to_it(database: Database) -> None:
    """It is tried on a stand-in, where the server wouldn't mind."""
    database.run(TABLE, "CREATE TABLE ref (id int PRIMARY KEY)", "GRANT SELECT ON ref TO PUBLIC")
    session, ref = database.session(), TableName("public", "ref")
    source = definition.oid_of(session, TableName("public", "t"))
    assert source is not None

    with session.undone(), pytest.raises(NotAllowed, match="stranger may not refer to"):
        session.run("CREATE ROLE osc_stranger; SET LOCAL ROLE osc_stranger")
        foreign.stand_in_for(session, source, TableName("scratch", "t"), [ref], {})


TREE = "CREATE TABLE t (id int PRIMARY KEY, v int) PARTITION BY RANGE (id)"
PARTITION = "CREATE TABLE part PARTITION OF t FOR VALUES FROM (0) TO (9)"


@pytest.mark.parametrize(
    ("also", "clauses", "says"),
    [
        ("CREATE VIEW w AS SELECT v FROM part", "ALTER v TYPE bigint", "view public.w uses"),
        (
            "CREATE MATERIALIZED VIEW w AS SELECT id FROM part",
            "ALTER v TYPE bigint",
            "view public.w.* made anew",
        ),
        ("ALTER TABLE part REPLICA IDENTITY FULL", "ALTER v TYPE bigint", "of rows in public.part"),
        ("SELECT 1", "DETACH PARTITION part", "which tables belong together"),
    ],
)
def test_what_partitions_cannot_carry_over_is_refused_by_name(
    database: Database, also: str, clauses: str, says: str
) -> None:
    database.run(TREE, PARTITION, also)

    with pytest.raises(Precondition, match=says) as refused:
        check(database, clauses)

    assert refused.value.todo


@pytest.mark.parametrize("kind", ["STORED", "VIRTUAL"])
def test_nobody_is_refused_an_update_because_we_publish_the_table(
    database: Database, kind: str
) -> None:
    """Since 18 the server refuses it where the replica identity has a generated column."""
    release = database.application.info.server_version
    if kind == "VIRTUAL" and release < 180000:
        pytest.skip("there are none")
    generated = f"g int GENERATED ALWAYS AS (v + 1) {kind}"
    database.run(f"CREATE TABLE t (id int PRIMARY KEY, v int, {generated})")
    database.run("INSERT INTO t VALUES (1, 1)", "ALTER TABLE t REPLICA IDENTITY FULL")

    if kind == "VIRTUAL":
        with pytest.raises(Precondition, match=r"columns \(g\).* refuse every UPDATE and"):
            check(database, "ADD w int")
        check(database, "ADD w int", sync=Sync.TRIGGERS)
    else:
        check(database, "ADD w int")
        with database.source(database.job("ADD w int")) as source:
            database.run("UPDATE t SET v = 2", "DELETE FROM t")
            assert set(read_to(source, source.mark())) == {("1",)}


def test_a_partition_alone_does_not_lose_a_key_of_those_above_it(database: Database) -> None:
    """Of its parent, whether that has it from a parent of its own or not."""
    database.run(
        "CREATE TABLE kinds (kind int PRIMARY KEY)",
        "CREATE TABLE whole (id int PRIMARY KEY, v int REFERENCES kinds) PARTITION BY RANGE (id)",
        "CREATE TABLE half PARTITION OF whole FOR VALUES FROM (0) TO (9) PARTITION BY RANGE (id)",
        "CREATE TABLE t PARTITION OF half DEFAULT",
    )

    with pytest.raises(Precondition, match=r"whole_v_fkey.* is of public.half") as refused:
        check(database, "SET (fillfactor = 70)")

    assert "alter the whole table" in refused.value.todo


@pytest.mark.parametrize(
    ("made", "says"),
    [
        ("CREATE VIEW t AS SELECT 1 AS v", "is a view"),
        ("CREATE MATERIALIZED VIEW t AS SELECT 1 AS v", "materialised view"),
        ("CREATE SEQUENCE t", "a sequence"),
        ("SELECT 1", "there is no table t"),
    ],
)
def test_what_is_no_plain_table_is_refused(database: Database, made: str, says: str) -> None:
    database.run(made)

    with pytest.raises(Precondition, match=says):
        check(database)


def test_a_table_of_the_server_itself_is_refused(database: Database) -> None:
    with pytest.raises(Precondition, match="pg_class is a table of the server"):
        check(database, "ALTER relname TYPE text", "pg_class")


@pytest.mark.parametrize(
    ("clauses", "says"),
    [
        ("RENAME TO other", "renames the table"),
        ("ADD n serial", "takes its values from a sequence"),
        ("ADD n int GENERATED ALWAYS AS IDENTITY", "takes its values from a sequence"),
        ("ALTER id TYPE text USING v::text", "computed anew"),
        ("ALTER id TYPE numeric(3, -1)", "two rows might meet"),
        ("DROP id", "no usable key"),
        ("ALTER v TYPE nonsense", 'type "nonsense" does not exist'),
        ("ALTER v ADD GENERATED ALWAYS AS IDENTITY", "the server refuses.* must be declared NOT"),
        ("ALTER v TYPE bigint, SET SCHEMA public", "moves it to another schema"),
        (
            "ADD CHECK (tableoid = 't'::regclass)",
            "CHECK t_tableoid_check tells the table by its OID",
        ),
        ("ADD w text DEFAULT 't'::regclass::text", "default or expression of w tells the table"),
    ],
)
def test_an_alter_that_cannot_be_followed_is_refused(
    database: Database, clauses: str, says: str
) -> None:
    database.run(TABLE)

    with pytest.raises(OscError, match=says):
        check(database, clauses)

    assert not database.rows("SELECT FROM pg_namespace WHERE nspname LIKE '\\_osc%'")


def test_a_refusal_of_the_server_speaks_of_the_tables_of_the_user(database: Database) -> None:
    database.run(
        TABLE,
        "CREATE TABLE other (t int REFERENCES t)",
        "ALTER TABLE t ADD twice int GENERATED ALWAYS AS (v * 2) STORED",
    )
    for clauses, says in (
        ("SET UNLOGGED", '"t" to unlogged because it references logged table "public.other"'),
        ("DROP v", "twice of table public.t depends on column v of table public.t"),
    ):
        with pytest.raises(Precondition, match=says) as refused:
            check(database, clauses)
        assert "_osc" not in str(refused.value)


def test_unlogged_tables_may_refer_to_unlogged_ones(database: Database) -> None:
    database.run(
        "CREATE UNLOGGED TABLE parent (id int PRIMARY KEY)",
        "CREATE UNLOGGED TABLE t (id int PRIMARY KEY, v int REFERENCES parent)",
        "CREATE UNLOGGED TABLE child (t int REFERENCES t)",
    )

    assert database.job("ALTER v TYPE bigint").shadow.column("v").type == "bigint"
    with pytest.raises(Precondition, match=r"logged.* references unlogged table"):
        database.job("SET LOGGED")


def test_a_generated_column_goes_with_what_it_is_computed_of(database: Database) -> None:
    database.run(TABLE, "ALTER TABLE t ADD twice int GENERATED ALWAYS AS (v * 2) STORED")

    job = database.loaded("DROP v CASCADE")

    assert [column.name for column in job.shadow.columns] == ["id"]


@pytest.fixture
def nobody(database: Database) -> Iterator[Engine]:
    """The engine as a role that may do nothing."""
    database.run(
        "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'osc_nobody') THEN"
        " CREATE ROLE osc_nobody LOGIN; END IF; END $$"
    )
    parts = urlsplit(database.url)
    engine = connect(parts._replace(netloc=f"osc_nobody@{parts.hostname}:{parts.port}").geturl())
    yield engine
    engine.close()


OF_OTHERS = """
CREATE ROLE {0}_one; CREATE ROLE {0}_two; CREATE ROLE {0}_three;
CREATE SCHEMA closed; CREATE TABLE closed.parent (id int PRIMARY KEY);
CREATE TABLE closed.t (id int PRIMARY KEY, v int, p int REFERENCES closed.parent);
ALTER TABLE closed.t OWNER TO {0}_one;
CREATE TABLE child (t int REFERENCES closed.t); ALTER TABLE child OWNER TO {0}_two;
CREATE VIEW seen AS SELECT id FROM closed.t; ALTER VIEW seen OWNER TO {0}_three;
CREATE SCHEMA osc; GRANT USAGE ON SCHEMA closed TO osc_nobody;
CREATE SCHEMA apart; CREATE STATISTICS apart.together ON id, v FROM closed.t;
CREATE SCHEMA words; CREATE FUNCTION words.all_of_it() RETURNS bigint LANGUAGE sql
BEGIN ATOMIC SELECT count(*) FROM closed.t; END;
ALTER FUNCTION words.all_of_it() OWNER TO {0}_three;
"""
NO_ROOM = "osc_nobody may not create in the schema {}, where something is that hangs on the table"


def test_a_role_that_may_do_nothing_is_told_all_that_it_lacks_at_once(
    database: Database, nobody: Engine
) -> None:
    """What it is told makes it able, run as it is."""
    database.run(OF_OTHERS.format(database.name))
    alter = database.alter("ALTER v TYPE bigint", "closed.t")
    table = nobody.catalog.find(alter)
    closed = ("apart", "words", "public")
    try:
        with pytest.raises(NotAllowed) as refused:
            nobody.checks.table(table, alter, Sync.LOG)
        assert set(refused.value.happened.split("; ")) == {
            f"closed.t belongs to {database.name}_one",
            "osc_nobody may not create tables in the schema closed",
            f"osc_nobody may not create schemas in {database.name}",
            "osc_nobody may not keep its runs in the schema osc",
            "osc_nobody may not read the log",
            "view public.seen, which has to follow the new table, belongs to"
            f" {database.name}_three",
            "public.child, whose foreign key child_t_fkey refers to the table, belongs to"
            f" {database.name}_two",
            "function words.all_of_it(), which has to follow the new table, belongs to"
            f" {database.name}_three",
            "the foreign key t_p_fkey can't be made again: we may not refer to closed.parent, or"
            " not look whether its rows are there",
            *(f"{NO_ROOM.format(of)} and is said again of the new one" for of in closed),
        }
        database.run(refused.value.todo)
        nobody.checks.table(table, alter, Sync.LOG)
        nobody.checks.server(Sync.LOG)
        database.run("ALTER ROLE osc_nobody NOREPLICATION")
    finally:
        roles = ", ".join(f"{database.name}_{number}" for number in ("one", "two", "three"))
        database.run(f"DROP OWNED BY {roles} CASCADE", f"DROP ROLE {roles}")


def test_who_is_not_the_owner_is_told_what_a_copy_would_need_besides(
    database: Database, nobody: Engine
) -> None:
    database.run(TABLE)
    alter, ladder = database.alter("ALTER v TYPE bigint"), nobody.ladder
    assert ladder

    with pytest.raises(NotAllowed, match="belongs to postgres") as refused:
        ladder.look(ladder.find(alter), alter, small_bytes=0)

    assert refused.value.todo == (
        'GRANT "postgres" TO "osc_nobody", and for a copy: ALTER ROLE "osc_nobody" REPLICATION'
    )


def test_a_table_whose_rows_may_be_hidden_from_us_is_refused(
    database: Database, nobody: Engine
) -> None:
    """A policy that is forced on its owner, too, would leave rows out of the copy."""
    database.run(
        f"GRANT CREATE ON DATABASE {database.name} TO osc_nobody",
        "CREATE SCHEMA mine AUTHORIZATION osc_nobody",
        "CREATE TABLE mine.t (id int PRIMARY KEY, v int)",
        "ALTER TABLE mine.t OWNER TO osc_nobody",
        "ALTER TABLE mine.t ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
    )
    alter = database.alter("ALTER v TYPE bigint", "mine.t")
    table = nobody.catalog.find(alter)

    with pytest.raises(Precondition, match=r"mine\.t forces row level security on us") as refused:
        nobody.checks.table(table, alter, Sync.TRIGGERS)
    database.engine.checks.table(table, alter, Sync.TRIGGERS)

    assert "BYPASSRLS" in refused.value.todo


def test_an_owner_with_replication_needs_no_more(database: Database, nobody: Engine) -> None:
    database.run(
        f"GRANT CREATE ON DATABASE {database.name} TO osc_nobody",
        "ALTER ROLE osc_nobody REPLICATION",
        "CREATE SCHEMA mine AUTHORIZATION osc_nobody",
        "CREATE TABLE mine.t (id int PRIMARY KEY, v int)",
        "ALTER TABLE mine.t OWNER TO osc_nobody",
        "INSERT INTO mine.t SELECT n, n FROM generate_series(1, 10) AS n",
        "CREATE SCHEMA words",
        "GRANT USAGE, CREATE ON SCHEMA words TO osc_nobody",
        "CREATE VIEW words.seen AS SELECT id FROM mine.t",
        "ALTER VIEW words.seen OWNER TO osc_nobody",
        "CREATE STATISTICS words.together ON id, v FROM mine.t",
        "ALTER STATISTICS words.together OWNER TO osc_nobody",
    )
    database.engine = nobody

    job = database.job(table="mine.t")
    with database.source(job) as source:
        source.mark()
        session = nobody.connect("copy")
        session.execute(nobody.dialect(job).copy_chunk(Chunk(1, None, None)))
        session.close()
        nobody.load(job).finish(lambda: None, lambda: None)
        nobody.swapper(job).swap(lambda held: None, 1.0)
    nobody.workshop.drop([job.names.archive, job.names.shadow])
    nobody.ledger.prepare()

    assert database.rows("SELECT pg_typeof(v)::text, count(*) FROM mine.t GROUP BY 1") == [
        ("bigint", 10)
    ]
    database.run("ALTER ROLE osc_nobody NOREPLICATION")


def test_a_second_run_on_a_table_is_refused_and_told_who_has_it(database: Database) -> None:
    name = TableName("public", "t")
    other = connect(database.url)

    with (
        database.engine.claim(name),
        pytest.raises(Precondition, match=r"another run .*pid \d+"),
        other.claim(name),
    ):
        pass
    with other.claim(name):
        pass

    other.close()


def test_a_password_is_never_told() -> None:
    for url, error in (
        ("postgresql://me:s3cret@127.0.0.1:1/db", Unreachable),
        ("postgresql://me:s3cret@127.0.0.1/db?nonsense=1", Usage),
    ):
        with pytest.raises(error) as said:
            connect(url)
        assert "s3cret" not in str(said.value) + repr(said.value)
