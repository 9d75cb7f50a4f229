"""Binlog events: what is delivered, what waits, what is refused, what is none of our business."""

from __future__ import annotations

import pytest

from osc.errors import Bug, Guarded, PositionGone, TableChanged
from osc.model.change import KeyValue
from osc.model.table import TableName
from osc.mysql import events
from osc.mysql.events import INCIDENT, XA_PREPARE, inflated
from osc.mysql.position import LogPlace, seal
from tests.unit.packets import (
    BEAT_MAP,
    BEGIN,
    CLOSE,
    COMMIT,
    DELETE_ROWS,
    GTID,
    INT,
    ORDERS,
    OUR_MAP,
    PREPARE,
    WRITE_ROWS,
    XA_START,
    beat,
    event,
    fed,
    next_file,
    our_row,
    query,
    reading,
    recorded,
    rows,
    table,
)


def test_a_row_of_ours_is_a_key() -> None:
    assert fed(GTID, BEGIN, OUR_MAP, our_row(5), COMMIT).keys == [(5,)]


def test_a_row_of_a_table_id_that_was_not_announced_could_be_one_of_ours() -> None:
    with pytest.raises(Bug, match="never named"):
        fed(GTID, BEGIN, our_row(5), COMMIT)


def test_the_end_of_a_statement_without_rows_names_no_table() -> None:
    assert fed(GTID, BEGIN, rows(WRITE_ROWS, 0xFFFFFF, 0, b""), COMMIT).keys == []


def test_a_table_id_is_forgotten_with_its_log_file() -> None:
    with pytest.raises(Bug, match="never named"):
        fed(OUR_MAP, CLOSE, next_file("bin.2"), our_row(5))


def test_a_table_id_may_come_to_mean_another_table() -> None:
    other = table(1, TableName("shop", "other"), bytes([INT]))

    assert fed(OUR_MAP, other, our_row(5)).keys == []


def test_of_tables_without_end_only_some_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each ALTER, and each restart of the server, gives every table a new number."""
    monkeypatch.setattr(events, "MOST_MAPS", 3)
    renumbered = [table(number, ORDERS, bytes([INT, INT, INT])) for number in range(1, 9)]

    reader = fed(*renumbered, our_row(5))

    assert reader.keys == [(5,)]
    assert len(reader._maps) <= 3


def test_a_heartbeat_counts_when_its_transaction_is_over() -> None:
    reader = fed(GTID, BEGIN, BEAT_MAP, beat(41))
    before = reader.mark

    reader.feed(COMMIT)

    assert (before, reader.mark) == (0, 41)


def test_the_heartbeat_of_another_migration_is_not_ours() -> None:
    assert fed(GTID, BEGIN, BEAT_MAP, beat(41, migration=8), COMMIT).mark == 0


def test_the_heartbeat_of_a_dead_process_is_not_ours() -> None:
    assert fed(GTID, BEGIN, BEAT_MAP, beat(41, generation=1), COMMIT).mark == 0


def test_a_heartbeat_that_is_deleted_is_no_heartbeat() -> None:
    assert fed(GTID, BEGIN, BEAT_MAP, beat(41, DELETE_ROWS), COMMIT).mark == 0


def test_of_several_heartbeats_the_newest_counts() -> None:
    reader = fed(BEGIN, BEAT_MAP, beat(42), COMMIT, BEGIN, BEAT_MAP, beat(41), COMMIT)

    assert reader.mark == 42


def test_the_position_shows_the_end_of_the_last_whole_transaction_again() -> None:
    reader = fed(GTID, BEGIN, OUR_MAP, our_row(5))
    inside = reader.place

    reader.feed(COMMIT)

    assert inside == LogPlace("bin.1", 4)
    assert reader.place == LogPlace("bin.1", 900 - len(COMMIT), seal(COMMIT))


def test_the_position_follows_the_log_into_its_next_file() -> None:
    assert fed(GTID, BEGIN, COMMIT, CLOSE, next_file("bin.2")).place == LogPlace("bin.2", 4)


def test_the_position_stays_behind_a_prepared_transaction_of_ours_even_in_the_next_file() -> None:
    """Who began behind the PREPARE would meet a COMMIT that tells no keys."""
    reader = fed(GTID, BEGIN, COMMIT)
    before = reader.place
    for packet in (GTID, XA_START, OUR_MAP, our_row(5), PREPARE, CLOSE, next_file("bin.2")):
        reader.feed(packet)
    while_prepared = reader.place

    reader.feed(query("XA COMMIT X'6f6e65',X'',1", end=300))

    assert while_prepared == before
    assert reader.place.file == "bin.2"


def test_the_position_does_not_wait_for_prepared_transactions_of_other_tables() -> None:
    assert fed(GTID, XA_START, PREPARE, BEGIN, COMMIT).place.offset == 900 - len(COMMIT)


def test_the_position_does_not_lie_within_a_create_table_as_select() -> None:
    """Its rows come after the statement; a function in it may write to our table."""
    create = query("CREATE TABLE x (id INT) START TRANSACTION", end=500)

    assert fed(GTID, create, OUR_MAP, our_row(5)).place == LogPlace("bin.1", 4)


def test_an_event_of_an_unknown_type_ends_the_run() -> None:
    with pytest.raises(Bug, match="unknown type 99"):
        fed(event(99))


def test_an_unknown_event_that_the_server_calls_ignorable_is_ignored() -> None:
    assert fed(event(99, flags=0x80)).keys == []


def test_an_incident_ends_the_run() -> None:
    with pytest.raises(PositionGone, match="incident"):
        fed(event(INCIDENT))


def test_a_prepared_transaction_waits_for_its_commit() -> None:
    reader = fed(GTID, XA_START, OUR_MAP, our_row(5), PREPARE)
    prepared = list(reader.keys)

    reader.feed(query("XA COMMIT X'6f6e65',X'',1"))

    assert (prepared, reader.keys) == ([], [(5,)])


def test_the_commit_of_a_transaction_that_was_prepared_before_us_ends_the_run() -> None:
    with pytest.raises(TableChanged, match="prepared before this run"):
        fed(query("XA COMMIT X'6f6e65',X'',1"))


def test_it_is_harmless_where_it_is_known_to_leave_the_table_alone() -> None:
    reader = reading(xa=True)

    reader.feed(query("XA COMMIT X'6f6e65',X'',1"))

    assert reader.keys == []


def test_the_rollback_of_a_transaction_that_was_prepared_before_us_is_harmless() -> None:
    assert fed(query("XA ROLLBACK X'6f6e65',X'',1")).keys == []


# Recorded from servers, with checksums.


def kinds_until(recording: str, keys: int) -> int:
    """How many events of a recording it takes until so many keys are there."""
    reader = reading(checksum=4)
    for count, packet in enumerate(recorded(recording), 1):
        reader.feed(packet)
        if len(reader.keys) == keys:
            return count
    raise AssertionError(f"never {keys} keys: {reader.keys}")


@pytest.mark.parametrize("server", ["mysql", "mariadb"])
def test_xa_transactions_count_when_they_are_committed(server: str) -> None:
    """`one` is prepared and committed, `two` rolled back, `three` committed at once, 4 is plain."""
    packets = recorded(f"{server}-xa")
    prepared = next(n for n, packet in enumerate(packets) if packet[4] == XA_PREPARE)
    reader = reading(checksum=4)

    for packet in packets[: prepared + 1]:
        reader.feed(packet)
    at_prepare = list(reader.keys)
    for packet in packets[prepared + 1 :]:
        reader.feed(packet)

    assert at_prepare == []
    assert reader.keys == [(1,), (3,), (4,)]


@pytest.mark.parametrize("server", ["mysql", "mariadb"])
def test_what_was_rolled_back_to_a_savepoint_may_be_told_and_does_no_harm(server: str) -> None:
    reader = reading(checksum=4)

    for packet in recorded(f"{server}-savepoints"):
        reader.feed(packet)

    assert set(reader.keys) >= {(1,)}
    assert set(reader.keys) <= {(1,), (2,), (3,)}


@pytest.mark.parametrize("server", ["mysql", "mariadb"])
def test_a_change_that_is_logged_as_a_statement_ends_the_run(server: str) -> None:
    reader = reading(checksum=4)

    with pytest.raises(TableChanged, match="STATEMENT format"):
        for packet in recorded(f"{server}-statements"):
            reader.feed(packet)


def test_a_compressed_statement_of_mariadb_is_read() -> None:
    reader = reading(checksum=4)

    with pytest.raises(TableChanged, match="a_long_name_so_that"):
        for packet in recorded("mariadb-compressed"):
            reader.feed(packet)


@pytest.mark.parametrize("header", [0x01, 0x91], ids=["no compression", "another algorithm"])
def test_a_compression_that_we_do_not_know_is_an_error(header: int) -> None:
    with pytest.raises(Bug, match="unknown header"):
        inflated(bytes([header, 0]))


# Statements as text.


def test_after_a_harmless_statement_the_position_moves_on() -> None:
    create = query("CREATE TABLE x (id INT)", end=500)

    assert fed(GTID, create).place.offset == 500 - len(create)


def test_keys_can_be_taken_in_the_midst_of_a_compressed_transaction() -> None:
    """It is one packet, and may hold millions of them."""
    taken: list[list[KeyValue]] = []
    reader = reading(checksum=4)

    def take() -> None:
        if reader.keys:
            assert reader.position == before
            taken.append(reader.keys)
            reader.keys = []

    reader.between = take
    for packet in recorded("mysql-compressed"):
        before = reader.position
        reader.feed(packet)

    whole = reading(checksum=4)
    for packet in recorded("mysql-compressed"):
        whole.feed(packet)
    assert len(taken) > 1
    assert [key for keys in taken for key in keys] + reader.keys == whole.keys


def test_prepared_transactions_that_hold_too_much_stop_the_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(events, "MOST_PREPARED", 1)
    reader = fed(GTID, XA_START, OUR_MAP, our_row(5), PREPARE)

    with pytest.raises(Guarded, match="XA transactions hold 2 changes"):
        for packet in (GTID, query("XA START X'74776f',X'',1"), OUR_MAP, our_row(6)):
            reader.feed(packet)
