"""Row images, recorded from servers, give the keys that were written."""

from __future__ import annotations

from pathlib import Path

import pytest

from osc.errors import Bug, Precondition, TableChanged
from osc.model.change import KeyValue
from osc.model.table import TableName
from osc.mysql import types
from osc.mysql.events import EventReader
from osc.mysql.logfiles import LogFiles
from osc.mysql.position import LogPlace
from osc.mysql.rows import RowReader
from tests.unit.binlogs.keys import EVERYWHERE, MARIADB_ONLY, KeyType

RECORDED = Path(__file__).parent / "binlogs"


def reader(ours: RowReader) -> EventReader:
    return EventReader(
        ours=ours,
        heartbeats=RowReader(TableName("shop", "_osc_heartbeat"), (0, 1, 2), (), 3),
        generation=(7, 1),
        on_query=lambda database, text: None,
        files=LogFiles(LogPlace("bin.1", 4), checksum_bytes=4),
    )


def keys(recording: str, ours: RowReader) -> list[KeyValue]:
    reading = reader(ours)
    for line in (RECORDED / f"{recording}.txt").read_text().split():
        reading.feed(bytes.fromhex(line))
    return reading.keys


def orders(position: int, columns: int, of: str = "int") -> RowReader:
    return RowReader(TableName("shop", "orders"), (position,), (types.read(of),), columns)


@pytest.mark.parametrize(
    ("recording", "key"),
    [(f"{server}-types", key) for server in ("mysql", "mariadb") for key in EVERYWHERE]
    + [("mariadb-types", key) for key in MARIADB_ONLY],
    ids=lambda value: value.sql if isinstance(value, KeyType) else value,
)
def test_a_key_of_each_type_is_read(recording: str, key: KeyType) -> None:
    wording = key.sql + (" COLLATE any" if "CHARACTER SET" in key.sql else "")
    ours = RowReader(TableName("shop", key.table), (0,), (types.read(wording),), 1)

    assert keys(recording, ours) == [(part,) for part in key.parts]


@pytest.mark.parametrize("server", ["mysql", "mariadb"])
def test_columns_of_every_type_are_stepped_over_whether_null_or_not(server: str) -> None:
    found = keys(f"{server}-wide", orders(23, 25, "bigint"))

    assert found == [(42,), (43,)] * 3


@pytest.mark.parametrize("server", ["mysql", "mariadb"])
def test_a_minimal_image_gives_the_old_key_and_the_new_one(server: str) -> None:
    found = keys(f"{server}-minimal", orders(0, 3))

    assert found == [(1,), (2,), (3,), (3,), (4,)]


def test_a_partial_update_of_json_is_stepped_over() -> None:
    found = keys("mysql-partial", orders(1, 4))

    assert found == [(1,), (2,), (1,), (2,), (1,), (11,), (2,), (12,)]


def test_a_compressed_transaction_of_mysql_is_unpacked() -> None:
    found = keys("mysql-compressed", orders(0, 3))

    assert found == [(n,) for n in range(1, 31)] + [(29,), (30,)]


def test_compressed_rows_of_mariadb_are_unpacked() -> None:
    found = keys("mariadb-compressed", orders(0, 3))

    assert found == [(n,) for n in range(1, 31)] + [(29,), (30,), (29,), (30,)]


@pytest.mark.parametrize("server", ["mysql", "mariadb"])
def test_rows_of_other_tables_are_skipped(server: str) -> None:
    elsewhere = RowReader(TableName("other", "orders"), (0,), (types.read("int"),), 3)

    assert keys(f"{server}-minimal", elsewhere) == []


def test_where_the_server_folds_names_the_case_of_a_table_does_not_matter() -> None:
    kind = (types.read("int"),)

    folded = RowReader(TableName("Shop", "ORDERS"), (0,), kind, 3, fold_case=True)
    exact = RowReader(TableName("Shop", "ORDERS"), (0,), kind, 3)

    assert len(keys("mysql-minimal", folded)) == 5
    assert keys("mysql-minimal", exact) == []


def test_an_image_without_a_key_column_is_refused() -> None:
    with pytest.raises(TableChanged, match="lacks a column of the key"):
        keys("mysql-minimal", orders(1, 3, "varchar(10)"))


def test_a_table_that_has_lost_a_column_is_refused() -> None:
    with pytest.raises(TableChanged, match="3 columns now, 4 when we began"):
        keys("mysql-minimal", orders(0, 4))


def table_map(code: int, meta: bytes = b"") -> bytes:
    """From the column count on: one column, its metadata, a bitmap of NULLs."""
    return bytes([1, code, len(meta)]) + meta + b"\0"


def test_a_column_of_a_type_that_we_do_not_know_is_an_error() -> None:
    with pytest.raises(Bug, match="unknown type 99"):
        orders(0, 1).table_map(table_map(99, b"\0\0"), 0)


@pytest.mark.parametrize(("code", "of"), [(7, "timestamp"), (12, "datetime"), (11, "time")])
def test_a_temporal_key_in_the_format_of_an_old_server_is_refused(code: int, of: str) -> None:
    with pytest.raises(Precondition, match="old server"):
        orders(0, 1, of).table_map(table_map(code), 0)
