"""A table that others inherit from: what its refusal proposes leads to the same rows and types."""

from __future__ import annotations

import pytest

from osc.engine import Session, Sync
from osc.errors import Precondition
from tests.postgres.conftest import Database

pytestmark = pytest.mark.parametrize("server_name", ["postgres-18"])

FAMILY = """
CREATE TABLE t (id int PRIMARY KEY, v int NOT NULL DEFAULT 1, CHECK (v > 0));
CREATE TABLE child (x int, PRIMARY KEY (id)) INHERITS (t);
CREATE TABLE grandchild (PRIMARY KEY (id)) INHERITS (child);
INSERT INTO t SELECT generate_series(1, 3);
INSERT INTO child SELECT generate_series(4, 6);
INSERT INTO grandchild SELECT generate_series(7, 9);
"""
ALTER = "ALTER v TYPE bigint"
ROWS = "SELECT tableoid::regclass::text, id, v, pg_typeof(v)::text FROM t ORDER BY id"
TAKEN_FOR_ONE = """
SELECT inhrelid::regclass::text, attname, format_type(atttypid, NULL), attinhcount
FROM pg_inherits JOIN pg_attribute ON attrelid = inhrelid AND attnum > 0 ORDER BY 1, 2
"""


def nothing(session: Session) -> None:
    pass


def test_a_family_that_is_taken_apart_and_put_together_again_is_as_the_native_alter_leaves_it(
    database: Database,
) -> None:
    database.run(FAMILY)
    with database.application.transaction(force_rollback=True):
        database.run(f"ALTER TABLE t {ALTER}")
        rows, taken_for_one = database.rows(ROWS), database.rows(TAKEN_FOR_ONE)
    found = database.engine.catalog.find(database.alter(ALTER))
    with pytest.raises(Precondition, match=r"inherited by public\.child") as refused:
        database.engine.checks.table(found, database.alter(ALTER), Sync.LOG)

    assert "NO INHERIT on each child" in refused.value.todo
    database.run("ALTER TABLE grandchild NO INHERIT child", "ALTER TABLE child NO INHERIT t")
    for table in ("grandchild", "child", "t"):
        job = database.loaded(ALTER, table)
        database.engine.swapper(job).swap(nothing, 1.0)
        database.engine.workshop.drop([job.names.archive])
    database.run("ALTER TABLE child INHERIT t", "ALTER TABLE grandchild INHERIT child")

    assert database.rows(ROWS) == rows
    assert database.rows(TAKEN_FOR_ONE) == taken_for_one
