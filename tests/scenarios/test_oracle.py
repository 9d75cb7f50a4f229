"""The comparison itself: it sees a changed, a missing or an extra row, and another schema."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from osc.model.progress import Tracker
from tests.scenarios.case import SERVERS, Case
from tests.scenarios.runner import native, play, set_up, site_of
from tests.scenarios.script import Blanks, filled_in, statements, transactions
from tests.scenarios.site import Site, run_script
from tests.scenarios.tools import native_alter
from tests.scenarios.twin import differences
from tests.servers import Lease

CREATE = """
CREATE TABLE {t} (id INT NOT NULL PRIMARY KEY, v VARCHAR(20) NOT NULL, n INT DEFAULT 7);
INSERT INTO {t} SELECT n, 'x', n FROM {numbers 50};
"""
TAMPERED = {
    "DELETE FROM {t} WHERE id = 7": "row only in the twin: id=",
    "INSERT INTO {t} VALUES (51, 'y', 1)": "row only in the migrated table: id=",
    "UPDATE {t} SET v = 'X' WHERE id = 9": "v is ",
    "UPDATE {t} SET v = 'x ' WHERE id = 9": "v is ",
    "UPDATE {t} SET n = NULL WHERE id = 9": "n is None",
    "CREATE INDEX by_v ON {t} (v)": "definition migrated",
    "ALTER TABLE {t} ALTER COLUMN n SET DEFAULT 8": "definition migrated",
    "ALTER TABLE {t} DROP COLUMN n": "columns: migrated ['id', 'v']",
}


def a_case(server: str, **unusual: object) -> Case:
    return Case("oracle", server, "", CREATE, "ALTER TABLE {t} ADD m INT", **unusual)  # type: ignore[arg-type]


@pytest.mark.parametrize("server", SERVERS.values())
def test_a_twin_that_got_the_same_is_equal(server: str, servers: Callable[[str], Lease]) -> None:
    case = a_case(server)
    with site_of(case, servers(server)) as site:
        set_up(site, case)
        native(site, case, site.original)
        native(site, case, site.twin)

        assert differences(site) == []


@pytest.mark.parametrize("tampering", TAMPERED)
@pytest.mark.parametrize("server", SERVERS.values())
def test_any_difference_is_seen(
    server: str, tampering: str, servers: Callable[[str], Lease]
) -> None:
    case = a_case(server)
    with site_of(case, servers(server)) as site:
        set_up(site, case)
        run_script(site, site.original, [tampering])

        found = "\n".join(differences(site))

    assert TAMPERED[tampering] in found


@pytest.mark.parametrize("server", SERVERS.values())
def test_what_is_left_behind_is_seen(server: str, servers: Callable[[str], Lease]) -> None:
    case = a_case(server)

    def untidy(site: Site, statement: str, tracker: Tracker) -> str:
        native_alter(case)(site, statement, tracker)
        run_script(site, site.original, ["CREATE TABLE forgotten (id INT)"])
        return "nothing.kept"

    with pytest.raises(AssertionError, match=r"left behind: \w+ \w+\.forgotten"):
        play(case, servers(server), untidy)


@pytest.mark.parametrize("server", SERVERS.values())
def test_a_lost_write_is_seen(server: str, servers: Callable[[str], Lease]) -> None:
    case = a_case(server, writes="UPDATE {t} SET n = n + 1 WHERE id = {own 1..50};")

    def forgetful(site: Site, statement: str, tracker: Tracker) -> str:
        native_alter(case)(site, statement, tracker)
        run_script(site, site.original, ["UPDATE {t} SET n = n - 1 WHERE id = 3"])
        return ""

    with pytest.raises(AssertionError, match="n is "):
        play(case, servers(server), forgetful)


@pytest.mark.parametrize("server", SERVERS.values())
def test_a_failed_write_is_seen(server: str, servers: Callable[[str], Lease]) -> None:
    case = a_case(server, writes="UPDATE {t} SET missing = 1 WHERE id = 1;")

    with pytest.raises(AssertionError, match="missing"):
        play(case, servers(server), native_alter(case))


@pytest.mark.parametrize("server", SERVERS.values())
def test_a_refusal_must_come_when_it_is_expected(
    server: str, servers: Callable[[str], Lease]
) -> None:
    case = a_case(server, refused=(6,))

    with pytest.raises(AssertionError, match="was to be refused"):
        play(case, servers(server), native_alter(case))


def test_a_statement_ends_at_the_end_of_a_line() -> None:
    assert statements("-- none;\nSELECT ';a';\nSELECT 2,\n 3;\n") == [
        "SELECT ';a'",
        "SELECT 2,\n 3",
    ]


def test_a_transaction_ends_at_an_empty_line() -> None:
    found = transactions("INSERT 1;\n\nXA START 'x';\nINSERT 2;\nXA END 'x';\n")

    assert found == [["BEGIN", "INSERT 1", "COMMIT"], ["XA START 'x'", "INSERT 2", "XA END 'x'"]]


def test_blanks_with_a_name_keep_their_number_and_own_ones_are_disjoint() -> None:
    from random import Random

    template = ["{a:1..9} {a} {n} {own 1..10}", "{a} {t} '{1,2}' {b}"]
    drawn = [filled_in(template, Blanks(n=4, w=1, writers=3), Random(i)) for i in range(50)]

    for first, second in drawn:
        a, again, n, own = first.split()
        assert a == again == second[0]
        assert n == "4" and int(own) % 3 == 1 and 1 <= int(own) <= 10
        assert second.endswith(" {t} '{1,2}' {b}")
