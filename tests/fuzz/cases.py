"""Random cases: a table, what is written to it, and an ALTER, each drawn for the one before it."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from tests.fuzz.alters import alters
from tests.fuzz.kind import Vocabulary
from tests.fuzz.mysql_kinds import MARIADB, MYSQL
from tests.fuzz.postgres_kinds import POSTGRES
from tests.fuzz.tables import tables
from tests.fuzz.writes import writes
from tests.scenarios.case import Case

WORDS: dict[str, Vocabulary] = {"mysql": MYSQL, "mariadb": MARIADB, "postgres": POSTGRES}


@st.composite
def cases(draw: DrawFn, server: str) -> Case:
    table = draw(tables(WORDS[server.partition("-")[0]]))
    return Case(
        name="fuzz",
        server=server,
        shows="what was drawn",
        create=table.create(),
        alter=draw(alters(table)),
        writes=draw(st.one_of(writes(table), st.just(""))),
        writers=draw(st.integers(1, 3)),
    )
