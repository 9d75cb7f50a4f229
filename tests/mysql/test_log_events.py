"""What a server may write into its log about our table is understood, or ends the run by name."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from osc.engine import ChangeSource
from osc.engines import engine_at
from osc.errors import TableChanged
from osc.sandbox.server import Unavailable
from tests.conformance.place import App, Place, delivered, keys, open_place
from tests.servers import START, WANTED, Lease, every_server, names

PLAIN = "CREATE TABLE orders (id INT PRIMARY KEY, note VARCHAR(100))"


@pytest.fixture
def place(server: Lease) -> Iterator[Place]:
    with open_place(server) as found:
        yield found


@contextmanager
def following(place: Place, create: str = PLAIN) -> Iterator[ChangeSource]:
    place.app.run(create)
    place.engine.ledger.prepare()
    with place.source(place.reading("orders")) as source:
        yield source


THEIRS = {
    "alter": ["ALTER TABLE orders ADD COLUMN x INT"],
    "from another database": ["USE mysql", "ALTER TABLE {db}.orders ADD COLUMN x INT"],
    "quoted": ["USE mysql", "ALTER TABLE `{db}` . `orders` ADD x INT"],
    "index": ["CREATE INDEX i ON orders (note)"],
    "truncate": ["TRUNCATE orders"],
    "drop": ["DROP TABLE orders"],
    "drop among others": ["CREATE TABLE o2 (id INT)", "DROP TABLE o2, {db}.orders"],
    "drop the database": ["DROP DATABASE {db}", "CREATE DATABASE {db}"],
    "rename": ["RENAME TABLE orders TO gone"],
    "alter rename": ["ALTER TABLE orders RENAME TO gone"],
    "rename among others": [
        "CREATE TABLE o2 (id INT)",
        "USE mysql",
        "RENAME TABLE {db}.o2 TO {db}.o3, {db}.orders TO {db}.gone",
    ],
    "replaced": [
        "CREATE TABLE o2 (id INT PRIMARY KEY)",
        "RENAME TABLE orders TO gone, o2 TO orders",
    ],
    "a table of that name from elsewhere": [
        "RENAME TABLE orders TO gone",
        "CREATE TABLE other (id INT)",
        "RENAME TABLE other TO orders",
    ],
    "in a comment that is executed": ["/*!50000 ALTER TABLE orders ADD COLUMN x INT */"],
    "optimize": ["OPTIMIZE TABLE orders"],
}


@pytest.mark.parametrize("theirs", THEIRS)
@every_server("mysql", "mariadb")
def test_a_definition_that_somebody_else_changes_ends_the_run(place: Place, theirs: str) -> None:
    with following(place) as source:
        app = place.another_app()
        for statement in THEIRS[theirs]:
            app.run(statement.format(db=place.database))

        with pytest.raises(TableChanged, match="changed by somebody else"):
            while True:
                source.read(5.0)


WRITES = {
    "insert": "INSERT INTO orders VALUES (2, 'x')",
    "update through a view": "UPDATE seen SET note = 'x'",
    "insert of a trigger on another table": "INSERT INTO log VALUES (1)",
    "procedure": "CALL write_one()",
    "load data": "LOAD DATA INFILE '{file}' INTO TABLE orders",
}


@pytest.mark.parametrize("how", WRITES)
@every_server("mysql", "mariadb")
def test_a_write_that_is_logged_as_a_statement_ends_the_run(place: Place, how: str) -> None:
    place.app.run(
        PLAIN,
        "INSERT INTO orders VALUES (1, 'a')",
        "CREATE VIEW seen AS SELECT * FROM orders",
        "CREATE TABLE log (id INT PRIMARY KEY)",
        "CREATE TRIGGER t AFTER INSERT ON log FOR EACH ROW UPDATE orders SET note = 'y'",
        "CREATE PROCEDURE write_one() INSERT INTO orders VALUES (3, 'p')",
    )
    place.engine.ledger.prepare()
    if place.lease.running is None:
        pytest.skip("files of this server can't be made from here")
    file = place.lease.running.server.folder / "rows"
    file.write_text("7\trow\n")
    with place.source(place.reading("orders")) as source:
        app = place.another_app()
        app.run("SET SESSION binlog_format = 'STATEMENT'", WRITES[how].format(file=file))

        with pytest.raises(TableChanged, match="STATEMENT format"):
            while True:
                source.read(5.0)


@every_server("mysql", "mariadb")
def test_a_session_that_does_not_log_is_not_seen(place: Place) -> None:
    """Nobody who reads the log can: verification finds the row, or an operator knows of it."""
    with following(place) as source:
        app = place.another_app()
        app.run("SET SESSION sql_log_bin = 0", "INSERT INTO orders VALUES (1, 'a')")

        assert keys(source) == []


ODD = {
    "mysql": (
        "CREATE TABLE orders (g GEOMETRY, v VECTOR(3), j JSON, b BIT(13), s SET('a', 'b'), "
        "e ENUM('x', 'y'), y YEAR, c CHAR(255) CHARACTER SET utf8mb4, d DECIMAL(30, 7), "
        "t TIME(5), ts TIMESTAMP(3) NULL, dt DATETIME(6), f FLOAT, db DOUBLE, bl TINYBLOB, "
        "lt LONGTEXT, vb VARBINARY(300), id INT PRIMARY KEY, vg INT AS (id * 2) VIRTUAL, "
        "note INT)",
        "INSERT INTO orders (g, v, j, b, s, e, y, c, d, t, ts, dt, f, db, bl, lt, vb, id, note) "
        "VALUES (ST_GeomFromText('LINESTRING(0 0, 1 1)'), STRING_TO_VECTOR('[1, 2, 3]'), "
        "'{\"a\": 1}', b'1010', 'a,b', 'y', 2024, REPEAT('ä', 200), -1.5, '-11:22:33.5', "
        "'2024-01-02 03:04:05.678', '2024-01-02', 1.5, 2.5, 'bl', REPEAT('l', 70000), "
        "REPEAT('v', 299), {}, 0)",
    ),
    "mariadb": (
        "CREATE TABLE orders (g GEOMETRY, i6 INET6, i4 INET4, u UUID, j JSON, b BIT(13), "
        "vc VARCHAR(4000) COMPRESSED, bc BLOB COMPRESSED, tc TEXT COMPRESSED, y YEAR, "
        "d DECIMAL(30, 7), t TIME(5), ts TIMESTAMP(3) NULL, dt DATETIME(6), lt LONGTEXT, "
        "id INT PRIMARY KEY, vg INT AS (id * 2) VIRTUAL, note INT)",
        "INSERT INTO orders (g, i6, i4, u, j, b, vc, bc, tc, y, d, t, ts, dt, lt, id, note) "
        "VALUES (ST_GeomFromText('LINESTRING(0 0, 1 1)'), '2001:db8::ff', '10.0.0.1', UUID(), "
        "'{\"a\": 1}', b'1010', REPEAT('c', 3000), REPEAT('b', 3000), REPEAT('t', 3000), 2024, "
        "-1.5, '-11:22:33.5', '2024-01-02 03:04:05.678', '2024-01-02', REPEAT('l', 70000), {}, 0)",
    ),
}


@pytest.mark.parametrize("image", ["FULL", "MINIMAL", "NOBLOB"])
@every_server("mysql", "mariadb")
def test_the_key_is_found_behind_columns_of_every_type(place: Place, image: str) -> None:
    create, insert = ODD[place.lease.engine]
    with following(place, create) as source:
        app = place.another_app()
        app.run(f"SET SESSION binlog_row_image = '{image}'")
        app.run(insert.replace("{}", "41"))
        app.run("UPDATE orders SET note = 1, g = NULL", "UPDATE orders SET id = 42")
        app.run("DELETE FROM orders")

        assert set(keys(source)) == {(41,), (42,)}


SESSIONS = {
    "mysql": {
        "compressed": "SET SESSION binlog_transaction_compression = ON",
        "partial json": "SET SESSION binlog_row_value_options = 'PARTIAL_JSON'",
        "query text": "SET SESSION binlog_rows_query_log_events = ON",
        "both": "SET SESSION binlog_rows_query_log_events = ON, "
        "binlog_transaction_compression = ON, binlog_row_value_options = 'PARTIAL_JSON'",
    },
    "mariadb": {
        "annotated": "SET SESSION binlog_annotate_row_events = ON",
        "not annotated": "SET SESSION binlog_annotate_row_events = OFF",
    },
}
HOWS = [
    pytest.param(server, how, id=f"{server}-{how}")
    for server in names("mysql", "mariadb")
    for how in SESSIONS[WANTED[server].engine]
]


@pytest.mark.parametrize(("server", "how"), HOWS, indirect=["server"])
def test_every_way_in_which_a_session_logs_its_rows_is_understood(place: Place, how: str) -> None:
    create = "CREATE TABLE orders (id INT PRIMARY KEY, j JSON, note INT)"
    with following(place, create) as source:
        app = place.another_app()
        app.run(SESSIONS[place.lease.engine][how])
        app.run("""INSERT INTO orders VALUES (1, '{"a": 1, "b": "xxxxxxxxxxxxxxxxxxx"}', 0)""")
        app.run("UPDATE orders SET j = JSON_SET(j, '$.a', 2), note = 1 WHERE id = 1")
        app.run("UPDATE orders SET j = JSON_REMOVE(j, '$.b'), id = 2")
        app.run("INSERT INTO orders VALUES (3, NULL, 0), (4, NULL, 0)", "DELETE FROM orders")

        assert set(keys(source)) == {(1,), (2,), (3,), (4,)}


@every_server("mysql", "mariadb")
def test_a_row_of_many_packets_is_read_to_its_end(place: Place) -> None:
    """A packet of the protocol holds 16 MB; the key of the row stands behind all of them."""
    create = "CREATE TABLE orders (body LONGBLOB, note INT, id INT PRIMARY KEY)"
    before = place.app.value("SELECT @@GLOBAL.max_allowed_packet")
    place.app.run(f"SET GLOBAL max_allowed_packet = {64 * 2**20}")
    try:
        with following(place, create) as source:
            app = place.another_app()
            app.run(f"INSERT INTO orders VALUES (REPEAT('x', {20 * 2**20}), 1, 7)")
            app.run(f"UPDATE orders SET body = REPEAT('y', {33 * 2**20}), id = 8")
            app.run("INSERT INTO orders VALUES ('', 1, 9)")

            assert set(keys(source)) == {(7,), (8,), (9,)}
    finally:
        place.app.run(f"SET GLOBAL max_allowed_packet = {before}")


@every_server("mysql", "mariadb")
def test_changes_of_several_tables_in_one_transaction_are_told_apart(place: Place) -> None:
    place.app.run("CREATE TABLE a (x INT, id INT PRIMARY KEY)", "CREATE TABLE b LIKE a")
    with following(place) as source:
        place.another_app().run(
            "BEGIN",
            "INSERT INTO a VALUES (1, 100)",
            "INSERT INTO orders VALUES (1, 'x')",
            "INSERT INTO b VALUES (1, 200)",
            "UPDATE orders, a SET orders.note = 'y', a.x = 2",
            "DELETE orders, b FROM orders, b",
            "COMMIT",
        )

        assert set(keys(source)) == {(1,)}


@every_server("mysql", "mariadb")
def test_the_log_may_be_rotated_at_any_time(place: Place) -> None:
    with following(place) as source:
        for number in range(5):
            place.another_app().run(
                f"INSERT INTO orders VALUES ({number}, 'x')", "FLUSH BINARY LOGS"
            )

        assert {key for one in delivered(source) for key in one.keys} == {(n,) for n in range(5)}


UNUSUAL = {
    "mysql": {
        "without GTIDs": {"gtid_mode": "OFF", "enforce_gtid_consistency": "OFF"},
        "small row events": {"binlog_row_event_max_size": "256"},
    },
    "mariadb": {
        "compressed": {"log_bin_compress": "ON", "log_bin_compress_min_len": "10"},
        "small row events": {"binlog_row_event_max_size": "256"},
        "not compressed nor annotated": {"binlog_annotate_row_events": "OFF"},
    },
}
STARTED = [
    pytest.param(server, how, id=f"{server}-{how}")
    for server in names("mysql", "mariadb")
    for how in UNUSUAL[WANTED[server].engine]
]


@pytest.mark.parametrize(("name", "how"), STARTED)
def test_a_server_that_logs_in_an_unusual_way_is_understood(name: str, how: str) -> None:
    wanted = WANTED[name]
    if wanted.variable in os.environ:
        pytest.skip("its server belongs to somebody else")
    try:
        with START[wanted.engine](wanted.version, UNUSUAL[wanted.engine][how]) as running:
            App(running.url("mysql")).run("CREATE DATABASE shop")
            server = running.server
            lease = Lease(server.engine, server.version, running.url(""), running)
            url = running.url("shop")
            place = Place(lease, "shop", engine_at(url), App(url))
            with following(place) as source:
                many = ", ".join(f"({n}, '{'long ' * 15}')" for n in range(1, 500))
                place.app.run(f"INSERT INTO orders VALUES {many}")
                place.app.run("UPDATE orders SET note = 'x' WHERE id < 300")
                place.app.run("DELETE FROM orders WHERE id > 450")
                inserted = {(n,) for n in range(1, 500)}

                assert set(keys(source)) == inserted
                place.app.run("UPDATE orders SET id = id + 1000")
                assert len(set(keys(source))) == 900
    except Unavailable as reason:
        pytest.skip(str(reason))
