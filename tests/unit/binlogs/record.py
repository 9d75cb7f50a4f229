"""Records the binlogs beside this file from real servers: `python -m tests.unit.binlogs.record`.

A recording is a text file, one event a line, in hexadecimal, as the server sent it. The statements
that made it are in `CASES` below; what must come out of it stands in `tests/unit/test_mysql_*.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from osc.engine import Session, Statement
from osc.mysql.logfiles import HEADER
from osc.mysql.position import LogPlace
from osc.mysql.session import Connector, address
from osc.mysql.stream import Log, Stream
from tests.servers import lease
from tests.unit.binlogs.keys import EVERYWHERE, MARIADB_ONLY, KeyType

HERE = Path(__file__).parent
PLAIN = "CREATE TABLE orders (id INT PRIMARY KEY, note TEXT, data JSON)"


def types(keys: tuple[KeyType, ...]) -> tuple[list[str], list[str]]:
    creates = [f"CREATE TABLE {key.table} (k {key.sql} PRIMARY KEY)" for key in keys]
    inserts = [
        f"INSERT INTO {key.table} VALUES {', '.join(f'({one})' for one in key.literals)}"
        for key in keys
    ]
    return creates, inserts


WIDE = """CREATE TABLE orders (
    a FLOAT, b DOUBLE, c BIT(1), d BIT(17), e ENUM('x','y'), f SET('x','y','z'), g TINYTEXT,
    h TEXT, i MEDIUMTEXT, j LONGBLOB, k CHAR(255) CHARACTER SET utf8mb4,
    l VARCHAR(300) CHARACTER SET latin1, m DECIMAL(31,11), n TIME(3), o DATETIME(5),
    p TIMESTAMP(1) NULL, q YEAR, r DATE, s POINT, t BINARY(20), u VARBINARY(9), v JSON,
    w MEDIUMINT UNSIGNED, id BIGINT PRIMARY KEY, z INT)"""
FULL = """INSERT INTO orders VALUES (1.5, 2.5, b'1', b'10000000000000001', 'y', 'x,z', 'g', 'h',
    'i', REPEAT('j', 300), 'ü', REPEAT('l', 290), 12345678901.5, '-01:02:03.004',
    '2024-02-29 01:02:03', '2024-02-29 01:02:03', 2024, '2024-02-29', POINT(1, 2), x'00ff', x'01',
    '{"a": 1}', 77, 42, 1)"""
EMPTY = "INSERT INTO orders (id) VALUES (43)"
MANY = ", ".join(f"({n}, REPEAT('x', 300), NULL)" for n in range(1, 31))

CASES: dict[str, dict[str, tuple[list[str], list[str]]]] = {
    "wide": {"": ([WIDE], [FULL, EMPTY, "UPDATE orders SET z = 2", "DELETE FROM orders"])},
    "minimal": {
        "": (
            [PLAIN, "INSERT INTO orders VALUES (1, 'a', NULL), (2, 'b', NULL)"],
            [
                "SET SESSION binlog_row_image = 'MINIMAL'",
                "UPDATE orders SET note = 'c' WHERE id = 1",
                "UPDATE orders SET id = 3 WHERE id = 2",
                "DELETE FROM orders WHERE id = 3",
                "INSERT INTO orders (id) VALUES (4)",
            ],
        )
    },
    "partial": {
        "mysql": (
            [
                "CREATE TABLE orders (data JSON, id INT PRIMARY KEY, more JSON, note INT)",
                "INSERT INTO orders VALUES ('{\"a\": \"0123456789\", \"b\": 1}', 1, '{}', 0), "
                "('{\"a\": 1, \"b\": 2}', 2, NULL, 0)",
            ],
            [
                "SET SESSION binlog_row_value_options = 'PARTIAL_JSON'",
                "UPDATE orders SET data = JSON_SET(data, '$.a', 'short'), note = 1",
                "UPDATE orders SET note = 2",
                "UPDATE orders SET data = JSON_REMOVE(data, '$.b'), id = id + 10",
            ],
        )
    },
    "compressed": {
        "mysql": (
            [PLAIN],
            [
                "SET SESSION binlog_transaction_compression = ON",
                f"INSERT INTO orders VALUES {MANY}",
                "DELETE FROM orders WHERE id > 28",
            ],
        ),
        "mariadb": (
            [PLAIN, "SET GLOBAL log_bin_compress = ON"],
            [
                f"INSERT INTO orders VALUES {MANY}",
                "UPDATE orders SET note = REPEAT('y', 300) WHERE id > 28",
                "DELETE FROM orders WHERE id > 28",
                "ALTER TABLE orders ADD COLUMN a_long_name_so_that_this_text_is_compressed_as_well "
                "INT COMMENT 'a long comment so that this text is compressed as well: it has to "
                "have more bytes than log_bin_compress_min_len, and that is 256 by default; so we "
                "go on for a while, and then it is long enough'",
            ],
        ),
    },
    "xa": {
        "": (
            [PLAIN],
            [
                "XA START 'one', 'b', 5", "INSERT INTO orders (id) VALUES (1)",
                "XA END 'one', 'b', 5", "XA PREPARE 'one', 'b', 5",
                "XA COMMIT 'one', 'b', 5",
                "XA START 'two'", "INSERT INTO orders (id) VALUES (2)", "XA END 'two'",
                "XA PREPARE 'two'", "XA ROLLBACK 'two'",
                "XA START 'three'", "INSERT INTO orders (id) VALUES (3)", "XA END 'three'",
                "XA COMMIT 'three' ONE PHASE",
                "INSERT INTO orders (id) VALUES (4)",
            ],
        )
    },
    "savepoints": {
        "": (
            [PLAIN, "CREATE TABLE other LIKE orders"],
            [
                "BEGIN", "INSERT INTO orders (id) VALUES (1)", "SAVEPOINT s",
                "INSERT INTO orders (id) VALUES (2)", "ROLLBACK TO s",
                "INSERT INTO other (id) VALUES (3)", "COMMIT",
            ],
        ),
        "mariadb": (
            [PLAIN, "CREATE TABLE plain (id INT) ENGINE=MyISAM"],
            [
                "BEGIN", "INSERT INTO orders (id) VALUES (1)", "SAVEPOINT s",
                "INSERT INTO orders (id) VALUES (2)", "INSERT INTO plain VALUES (1)",
                "ROLLBACK TO s", "COMMIT",
                "BEGIN", "INSERT INTO orders (id) VALUES (3)", "INSERT INTO plain VALUES (1)",
                "ROLLBACK",
            ],
        ),
    },
    "statements": {
        "": (
            [PLAIN],
            [
                "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
                "SET SESSION binlog_format = 'STATEMENT'",
                "UPDATE orders SET note = 'x' WHERE id = 1",
            ],
        )
    },
}  # fmt: skip


def record(name: str, engine: str) -> None:
    with lease(name) as server:
        connect = Connector(address(server.url("mysql")), is_mariadb=engine == "mariadb")
        session = connect("recorder")
        keys = EVERYWHERE + (MARIADB_ONLY if engine == "mariadb" else ())
        cases = {"types": types(keys)}
        cases |= {case: made.get(engine, made.get("", ([], []))) for case, made in CASES.items()}
        for case, (before, recorded) in cases.items():
            if recorded:
                lines = _events(session, server.url("shop"), engine, before, recorded)
                (HERE / f"{engine}-{case}.txt").write_text("\n".join(lines) + "\n")


def _events(
    session: Session, url: str, engine: str, before: list[str], recorded: list[str]
) -> list[str]:
    run = _runner(session)
    run("DROP DATABASE IF EXISTS shop")
    run("CREATE DATABASE shop CHARACTER SET utf8mb4")
    run("USE shop")
    for sql in before:
        run(sql)
    writer = Connector(address(url), is_mariadb=engine == "mariadb")("writer")
    start = Log(session).end()
    for sql in recorded:
        _runner(writer)(sql)
    writer.close()
    return _read(url, session, start, Log(session).end().offset)


def _runner(session: Session) -> Callable[[str], object]:
    return lambda sql: session.query(Statement(sql))


def _read(url: str, session: Session, start: LogPlace, end: int) -> list[str]:
    stream = Stream(address(url), Log(session), start)
    lines: list[str] = []
    while True:
        packet = stream.packet()
        lines.append(packet.hex())
        if HEADER.unpack_from(packet)[4] >= end:
            stream.close()
            return lines


if __name__ == "__main__":
    record("mysql-9.7", "mysql")
    record("mariadb-10.11", "mariadb")
