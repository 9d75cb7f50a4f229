"""What comments hold is a part of the statement for us where it is one for the server."""

from __future__ import annotations

import pytest

from osc.errors import Usage
from tests.conformance.place import Place
from tests.servers import every_server

pytestmark = every_server("mysql", "mariadb")

COMMENTS = (
    "/*! + 1 */", "/*!50100 + 1 */", "/*!50701 + 1 */", "/*!80023 + 1 */", "/*!080023 + 1 */",
    "/*!90700+ 1*/", "/*!99999 + 1 */", "/*!100500 + 1 */", "/*!101101 + 1 /* why */ */",
    "/*!999999 + 1 '*/", "/*!999999 + 1 /* why */ + 1 */", "/*M! + 1 */", "/*M!100500 + 1 */",
    "/*M!80000 + 1 */", "/*M!999999 + 1 */", "/*!50100 + LENGTH('*/') */",
)  # fmt: skip


def test_the_server_and_we_execute_the_same_comments(place: Place) -> None:
    for comment in COMMENTS:
        ours = place.engine.read(f"ALTER TABLE t ALGORITHM {comment}").clauses

        expression = ours.removeprefix("ALGORITHM")
        theirs = place.app.value(f"SELECT 1 {comment}")
        assert place.app.value(f"SELECT 1 {expression}") == theirs, comment
        assert "/*!" not in ours
        assert "/*M" not in ours


@pytest.mark.parametrize(
    "comment", ["/*!1 + 1 */", "/*!50100 + 1", "/*!999999 + 1", "/*!50100 + 1 /*!80023 + 1 */ */"]
)
def test_what_cannot_be_told_is_refused(place: Place, comment: str) -> None:
    with pytest.raises(Usage, match="can't be read"):
        place.engine.read(f"ALTER TABLE t ALGORITHM {comment}")
