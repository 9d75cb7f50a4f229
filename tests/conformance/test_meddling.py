"""What is done to the shadow behind our back is found, named, and repaired where that is wanted.

Each run is a whole migration that is meddled with when the load is over and verification begins.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from osc import errors
from osc.config import settings
from osc.migration import Request, migrate
from osc.model import alter
from osc.model.controls import Controls
from osc.model.phase import Phase
from osc.model.progress import Tracker
from osc.model.report import Report
from tests.conformance.place import App, Place
from tests.servers import every_server

PAUSE_SECONDS = 0.02

STATEMENT = "ALTER TABLE orders ADD COLUMN extra INT"


@dataclass(frozen=True)
class Meddling:
    """`create` and `fill` make the original; each of `hands` is at one key, as the error tells."""

    create: str
    fill: str
    hands: dict[str, str]


MYSQL = Meddling(
    "CREATE TABLE orders (id INT PRIMARY KEY, t VARCHAR(20), d DOUBLE, f FLOAT, j {json}, b BLOB, "
    "m DATETIME(6), ts TIMESTAMP(6) NULL, bits BIT(8), e ENUM('a', 'b'), n DECIMAL(6,2))",
    "INSERT INTO orders VALUES ({id}, {text}, 0e0, 0e0, '{{\"a\": 1, \"b\": [1, 2]}}', X'00FF01', "
    "'2024-01-02 03:04:05.000001', '2024-01-02 03:04:05.000001', b'1', 'a', 1.50)",
    {
        "(1,)": "t = ''",
        "(2,)": "t = 'Some text '",
        "(3,)": "t = 'some text'",
        "(4,)": "d = {zero}",
        "(5,)": "f = {zero}",
        "(6,)": 'j = \'{{"a": 1, "b": [2, 1]}}\'',
        "(7,)": "b = X'00FF00'",
        "(8,)": "m = m + INTERVAL 1 MICROSECOND",
        "(9,)": "ts = ts + INTERVAL 1 MICROSECOND",
        "(10,)": "bits = b'11'",
    },
)
POSTGRES = Meddling(
    "CREATE TABLE orders (id int PRIMARY KEY, t text{blind}, d float8, f real, j json, "
    "b bytea, m timestamp, p bpchar, v text[], n numeric)",
    "INSERT INTO orders VALUES ({id}, {text}, 0, 0, '{{\"a\": 1, \"b\": 2}}', '\\x00ff01', "
    "'2024-01-02 03:04:05.000001', 'x', '{{1,2}}', 1.0)",
    {
        "('1',)": "t = ''",
        "('2',)": "t = 'Some text '",
        "('3',)": "t = 'some text'",
        "('4',)": "d = '-0'",
        "('5',)": "f = '-0'",
        "('6',)": 'j = \'{{"b": 2, "a": 1}}\'',
        "('7',)": "b = '\\x00ff00'",
        "('8',)": "m = m + interval '1 microsecond'",
        "('9',)": "p = 'x '",
        "('10',)": "n = 1.00",
    },
)
CASE_BLIND = (
    "CREATE COLLATION blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false)"
)


def _has_case_blind(place: Place) -> bool:
    """Some builds of PostgreSQL have no ICU."""
    if place.mysql:
        return False
    try:
        place.app.run(CASE_BLIND)
    except psycopg.errors.FeatureNotSupported:
        return False
    return True


def _values(place: Place) -> tuple[list[str], dict[str, str]]:
    """The statements that make the original, and for each key what is done to its shadow."""
    chosen = MYSQL if place.mysql else POSTGRES
    json = "JSON" if place.lease.engine == "mysql" else "LONGTEXT"
    blind = " COLLATE blind" if _has_case_blind(place) else ""
    made = [chosen.create.format(json=json, blind=blind)]
    made += [
        chosen.fill.format(id=n, text="NULL" if n == 1 else "'Some text'") for n in range(1, 13)
    ]
    # MariaDB makes 0 of -0 when it stores it.
    zero = "1e-40" if place.lease.engine == "mariadb" else "-0e0"
    hands = {
        key: f"SET {hand.format(zero=zero)} WHERE id = {number}"
        for number, (key, hand) in enumerate(chosen.hands.items(), 1)
    }
    return made, hands


def _migrate(place: Place, meddle: Callable[[str], None], **wanted: Any) -> Report:
    """`meddle` is given the shadow, as SQL."""
    tracker = Tracker()
    parsed = alter.parse(STATEMENT, mysql=place.mysql)
    shadow = place.engine.workshop.names(place.engine.catalog.find(parsed)).shadow
    quote = "`{}`.`{}`" if place.mysql else '"{}"."{}"'

    def at(phase: Phase) -> None:
        if phase is Phase.VERIFY:
            meddle(quote.format(shadow.schema, shadow.name))

    tracker.on_phase(at)
    request = Request(alter=parsed, sync=None, statement=STATEMENT, by="tests")
    chosen = settings(force_copy=True, **wanted)
    return migrate(place.engine, request, chosen, tracker, Controls())


def _told(error: errors.VerificationFailed) -> set[str]:
    return set(re.findall(r"\([^()]*,\)", error.happened))


@every_server()
def test_every_kind_of_altered_value_vetoes_the_swap(place: Place) -> None:
    made, hands = _values(place)
    place.app.run(*made)
    before = place.app.rows("SELECT * FROM orders ORDER BY id")

    def meddle(shadow: str) -> None:
        place.app.run(*(f"UPDATE {shadow} {hand}" for hand in hands.values()))

    with pytest.raises(errors.VerificationFailed) as veto:
        _migrate(place, meddle)

    assert _told(veto.value) == set(hands)
    assert veto.value.exit_code == 7
    assert place.app.rows("SELECT * FROM orders ORDER BY id") == before


@every_server()
def test_every_kind_of_altered_value_is_repaired(place: Place) -> None:
    made, hands = _values(place)
    place.app.run(*made)
    before = place.app.rows("SELECT * FROM orders ORDER BY id")

    def meddle(shadow: str) -> None:
        place.app.run(*(f"UPDATE {shadow} {hand}" for hand in hands.values()))

    report = _migrate(place, meddle, repair=True)

    assert report.rows_repaired == len(hands)
    assert place.app.rows("SELECT * FROM orders ORDER BY id") == [(*row, None) for row in before]


BY_TEXT = {
    "mysql": "CREATE TABLE orders (name VARCHAR(20) COLLATE utf8mb4_0900_ai_ci PRIMARY KEY, n INT)",
    "mariadb": "CREATE TABLE orders (name VARCHAR(20) COLLATE utf8mb4_general_nopad_ci PRIMARY KEY,"
    " n INT)",
    "postgres": "CREATE TABLE orders (name text PRIMARY KEY, n int)",
}
ROWS: Sequence[tuple[str, str]] = (
    ("INSERT INTO {shadow} VALUES ('', 0, 0)", ""),
    ("INSERT INTO {shadow} VALUES ('zz', 0, 0)", "zz"),
    ("INSERT INTO {shadow} VALUES ('f ', 0, 0)", "f "),
    ("DELETE FROM {shadow} WHERE name = 'k'", "k"),
    ("UPDATE {shadow} SET n = -1 WHERE name = 'm'", "m"),
    ("UPDATE {shadow} SET name = 'P' WHERE name = 'p'", "p"),
    ("UPDATE {shadow} SET name = 'P' WHERE name = 'p'", "P"),
)


@every_server()
@pytest.mark.parametrize("repair", [False, True])
def test_rows_that_are_added_deleted_and_renamed_are_found(place: Place, repair: bool) -> None:
    """Before the first, beyond the last, between two that look alike, and one that is another only
    to those who read its bytes."""
    place.app.run(BY_TEXT[place.lease.engine])
    place.app.run(*(f"INSERT INTO orders VALUES ('{c}', 1)" for c in "abcdefghijklmnop"))
    before = place.app.rows("SELECT name, n FROM orders ORDER BY name")

    def meddle(shadow: str) -> None:
        place.app.run(*dict.fromkeys(sql.format(shadow=shadow) for sql, _ in ROWS))

    if repair:
        report = _migrate(place, meddle, repair=True)
        assert report.rows_repaired == len(ROWS)
    else:
        with pytest.raises(errors.VerificationFailed) as veto:
            _migrate(place, meddle)
        as_key = str.encode if place.mysql else str
        assert _told(veto.value) == {str((as_key(name),)) for _, name in ROWS}
    assert place.app.rows("SELECT name, n FROM orders ORDER BY name") == before


@every_server()
def test_rows_that_change_all_the_time_are_excused_and_the_one_beside_them_is_not(
    place: Place,
) -> None:
    """A span under permanent change of nearly all its rows comes to its end, though no faster than
    the changes can be followed: so the writer takes a breath each time."""
    place.app.run(
        "CREATE TABLE orders (id INT PRIMARY KEY, n INT)",
        *(f"INSERT INTO orders VALUES ({n}, 0)" for n in range(200)),
    )
    ended, writers = threading.Event(), list[threading.Thread]()

    def write(app: App) -> None:
        while not ended.wait(PAUSE_SECONDS):
            app.run("UPDATE orders SET n = n + 1 WHERE id <> 77")

    def meddle(shadow: str) -> None:
        place.app.run(f"UPDATE {shadow} SET n = -1 WHERE id = 77")
        writers.append(threading.Thread(target=write, args=(place.another_app(),)))
        writers[0].start()

    try:
        with pytest.raises(errors.VerificationFailed) as veto:
            _migrate(place, meddle)
    finally:
        ended.set()
        writers[0].join()

    assert _told(veto.value) == {"(77,)" if place.mysql else "('77',)"}
