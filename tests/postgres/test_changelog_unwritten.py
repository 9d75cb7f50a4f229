"""Changes that no trigger of ours wrote down are noticed, and veto the swap."""

from __future__ import annotations

import pytest

from osc.engine import Session, Sync
from osc.errors import PositionGone
from tests.postgres.changelog import ROWS, TABLE, following, subscribed, told, until
from tests.postgres.conftest import Database, read_to

MEDDLING = {
    "all are disabled": ["ALTER TABLE t DISABLE TRIGGER ALL"],
    "the user's are disabled": ["ALTER TABLE t DISABLE TRIGGER USER"],
    "a restore disables and enables them": [
        "ALTER TABLE t DISABLE TRIGGER ALL; INSERT INTO t VALUES (99);"
        "ALTER TABLE t ENABLE TRIGGER ALL"
    ],
    "one is off for a while": [
        "ALTER TABLE t DISABLE TRIGGER _osc_1_delete",
        "DELETE FROM t WHERE id = 1",
        "ALTER TABLE t ENABLE ALWAYS TRIGGER _osc_1_delete",
    ],
    "one is dropped": ["DROP TRIGGER _osc_1_update ON t"],
    "one is dropped and made again": [
        "CREATE TEMPORARY TABLE def AS SELECT pg_get_triggerdef(oid) AS made FROM pg_trigger"
        " WHERE tgname = '_osc_1_update'",
        "DROP TRIGGER _osc_1_update ON t",
        "UPDATE t SET v = 0",
        "DO $$ BEGIN EXECUTE (SELECT made FROM def); END $$",
        "ALTER TABLE t ENABLE ALWAYS TRIGGER _osc_1_update",
    ],
    "the schema is gone": ["DROP SCHEMA osc CASCADE"],
    "the function does something else": [
        "CREATE OR REPLACE FUNCTION osc.changelog_1() RETURNS trigger LANGUAGE plpgsql"
        " AS 'BEGIN RETURN NULL; END'"
    ],
}


def test_a_subscription_that_comes_later_is_noticed(database: Database) -> None:
    database.run(TABLE)

    with (
        following(database) as source,
        subscribed(database),
        pytest.raises(PositionGone, match="subscription"),
    ):
        told(source)


@pytest.mark.parametrize("how", MEDDLING)
def test_changes_that_were_not_written_down_are_noticed_with_the_next_mark(
    database: Database, how: str
) -> None:
    database.run(TABLE, ROWS)

    with following(database) as source:
        told(source)
        database.run(*MEDDLING[how])

        for _ in range(2):
            with pytest.raises(PositionGone, match="not written down"):
                told(source)
    database.run("DROP SCHEMA IF EXISTS osc CASCADE")


@pytest.mark.parametrize("how", MEDDLING)
def test_changes_that_were_not_written_down_are_noticed_when_it_is_opened_again(
    database: Database, how: str
) -> None:
    database.run(TABLE, ROWS)
    job = database.job()

    with following(database, job) as source:
        position = source.position
        source.close()
        database.run(*MEDDLING[how])
        with pytest.raises(PositionGone, match=r"public\.t were not written down"):
            database.engine.sources[Sync.TRIGGERS](job, position)
    database.run("DROP SCHEMA IF EXISTS osc CASCADE")


@pytest.mark.parametrize("how", ["all are disabled", "a restore disables and enables them"])
def test_what_was_not_written_down_vetoes_the_swap(database: Database, how: str) -> None:
    database.run(TABLE, ROWS)
    job = database.job()

    with following(database, job) as source:
        database.copy(job)
        database.engine.load(job).finish(lambda: None, lambda: None)
        told(source)
        database.run(*MEDDLING[how])

        def drain(session: Session) -> None:
            read_to(source, source.mark())

        with pytest.raises(PositionGone):
            database.engine.swapper(job).swap(drain, 1.0)

    assert database.rows("SELECT pg_typeof(v)::text FROM t LIMIT 1") == [("integer",)]


@pytest.mark.parametrize("how", ["ALTER TABLE t DISABLE TRIGGER ALL", "DROP SCHEMA osc CASCADE"])
def test_it_is_noticed_without_a_mark_too(database: Database, how: str) -> None:
    database.run(TABLE)

    with following(database) as source:
        database.run(how)
        with pytest.raises(PositionGone):
            until(lambda: source.read(0.1) is not None, 5.0)


def test_upkeep_of_the_catalog_is_no_meddling(database: Database) -> None:
    database.run(TABLE, ROWS)

    with following(database) as source:
        database.run(
            "VACUUM FULL pg_trigger", "VACUUM FREEZE pg_proc", "VACUUM FULL osc.changelog_1",
            "ANALYZE t", "VACUUM FREEZE t", "UPDATE t SET v = 0 WHERE id = 1",
            "REINDEX TABLE osc.changelog_1",
        )  # fmt: skip

        assert told(source) == {("1",)}
