"""What `osc plan` says of a subcommand is what the server does with ALGORITHM=INSTANT or INPLACE.

The oracle knows nothing of our code: it runs each statement on a filled twin, by the cheapest
ALGORITHM and LOCK that the server takes, and looks at InnoDB's number of the table, which a rebuild
changes.
"""

from __future__ import annotations

from pathlib import Path

import pymysql

from osc import errors
from osc.model import alter as alters
from osc.model.table import TableName
from osc.mysql import clauses, naming, trial
from osc.mysql.catalog import MySQLCatalog
from osc.mysql.trial import Answer
from tests.conformance.place import Place
from tests.servers import every_server

MATRIX = Path(__file__).parent / "ladder_matrix.txt"
PARENT = "CREATE TABLE p (id INT PRIMARY KEY)"
TABLE = """
CREATE TABLE m (
    id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    a INT NOT NULL, b INT NULL, c VARCHAR(50) NOT NULL DEFAULT 'x' COMMENT 'hm',
    d VARCHAR(200) DEFAULT NULL, e ENUM('a', 'b') DEFAULT 'a', st SET('x', 'y'),
    f DECIMAL(10,2) DEFAULT 1.5, g DATETIME NULL, ts TIMESTAMP NULL, t TEXT, vb VARBINARY(20),
    l CHAR(10) CHARACTER SET latin1, v INT AS (a + 1) VIRTUAL, s INT AS (a + 2) STORED,
    u INT NOT NULL, pid INT, fid INT,
    KEY i_a (a), UNIQUE KEY u_u (u), KEY i_c (c), KEY i_cp (c(10)), KEY i_pid (pid),
    CONSTRAINT f_p FOREIGN KEY (pid) REFERENCES p (id), CONSTRAINT ck CHECK (a >= 0)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4"""
ROWS = "INSERT INTO m (a, b, c, g, t, u, pid) VALUES " + ", ".join(
    f"({n}, {n}, 'c{n}', '2024-01-02 03:04:05', 't', {n}, 1)" for n in range(1, 101)
)
BY_THE_BOOK = {
    "mysql": ("ALGORITHM=INSTANT", "ALGORITHM=INPLACE, LOCK=NONE", "ALGORITHM=INPLACE, LOCK=SHARED",
              "ALGORITHM=COPY"),
    "mariadb": ("ALGORITHM=INSTANT, LOCK=NONE", "ALGORITHM=NOCOPY, LOCK=NONE",
                "ALGORITHM=INPLACE, LOCK=NONE", "ALGORITHM=NOCOPY, LOCK=SHARED",
                "ALGORITHM=INPLACE, LOCK=SHARED", "ALGORITHM=INSTANT", "ALGORITHM=COPY"),
}  # fmt: skip
INNODB = {"mysql": "INNODB_TABLES", "mariadb": "INNODB_SYS_TABLES"}


@every_server("mysql", "mariadb")
def test_the_plan_says_what_the_server_does(place: Place) -> None:
    expected = _matrix(place.engine.name)
    _make(place)
    table = place.engine.catalog.find(alters.parse("ALTER TABLE m FORCE", mysql=True))
    catalog = MySQLCatalog(place.engine.connect("test"), place.database)

    with trial.running(
        place.engine.connect, catalog, table, is_mariadb=place.engine.name == "mariadb"
    ) as asked:
        said = {statement: _asked(asked, statement) for statement in expected}
    done = {statement: _natively(place, statement) for statement in expected}

    assert said == expected
    assert done == {
        statement: word.replace("build", "in place") if word.startswith("build") else word
        for statement, word in expected.items()
    }


@every_server("mysql", "mariadb")
def test_nothing_is_left_of_the_asking(place: Place) -> None:
    _make(place)
    parsed = alters.parse(
        "ALTER TABLE m ADD COLUMN n1 INT, ADD KEY (n1), COMMENT = 'x'", mysql=True
    )
    assert place.engine.ladder is not None
    table = place.engine.ladder.find(parsed)
    before = place.app.rows("SHOW CREATE TABLE m")

    place.engine.ladder.look(table, parsed, small_bytes=0)

    assert place.app.rows("SHOW CREATE TABLE m") == before
    assert place.app.rows("SHOW DATABASES LIKE '\\_osc\\_ask%'") == []


@every_server("mysql", "mariadb")
def test_what_a_process_that_died_while_it_asked_has_left_is_swept(place: Place) -> None:
    _make(place)
    name = TableName(place.database, "m")
    place.app.run(f"CREATE DATABASE {naming.asking(name)}")

    listed = place.engine.workshop.sweep(name, execute=False)
    swept = place.engine.workshop.sweep(name, execute=True)

    assert listed == swept == [f"database {naming.asking(name)}"]
    assert place.engine.workshop.sweep(name, execute=True) == []


def _matrix(engine: str) -> dict[str, str]:
    column = {"mysql": 1, "mariadb": 2}[engine]
    lines = MATRIX.read_text().strip().splitlines()[1:]
    rows = (line.split(" | ") for line in lines)
    return {row[0]: row[column] for row in rows}


def _make(place: Place) -> None:
    place.app.run(PARENT, "INSERT INTO p VALUES (1)", TABLE, ROWS)


def _make_anew(place: Place) -> None:
    place.app.run("DROP TABLE IF EXISTS m, z", TABLE, ROWS)


def _asked(asked: trial.Trial, statement: str) -> str:
    parts = clauses.read(alters.parse(f"ALTER TABLE m {statement}", mysql=True)).parts
    try:
        return _word(asked.ask(", ".join(parts)))
    except errors.ServerError:
        return "refused"


def _word(answer: Answer) -> str:
    if answer.is_copy:
        return "copy"
    how = "instant" if answer.algorithm == "INSTANT" else "in place"
    what = "rebuild" if answer.rebuilds else "build" if answer.builds else how
    return what + (", blocks writes" if answer.lock == "SHARED" else "")


def _natively(place: Place, statement: str) -> str:
    _make_anew(place)
    before = _number(place)
    for modifiers in BY_THE_BOOK[place.engine.name]:
        try:
            place.app.run(f"ALTER TABLE m {modifiers}, {statement}")
        except pymysql.err.MySQLError as error:
            if error.args[0] not in (1221, 1845, 1846):
                return "refused"
            continue
        if "COPY" in modifiers.replace("NOCOPY", ""):
            return "copy"
        is_rebuilt = _number(place) != before
        how = "instant" if "INSTANT" in modifiers else "in place"
        word = "rebuild" if is_rebuilt else how
        return word + (", blocks writes" if "SHARED" in modifiers else "")
    return "refused"


def _number(place: Place) -> int:
    names = "', '".join(f"{place.database}/{table}" for table in ("m", "z"))
    view = INNODB[place.engine.name]
    sql = f"SELECT table_id FROM information_schema.{view} WHERE name IN ('{names}')"
    return int(place.app.value(sql))
