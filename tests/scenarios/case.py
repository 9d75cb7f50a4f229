"""A case: a folder that says which table, which ALTER, which writes, and what must come of it.

    case.toml          what it shows, and what is unusual about it (the fields of `Case`)
    setup.sql          is run on the server, once, before its variables are set
    create.sql         makes the table and its rows
    alter.sql          the ALTER under test
    writes.sql         what the applications do meanwhile (`script.py` has the syntax)
    session.sql        settings of the applications' sessions
    native.sql         settings of the session in which the twin gets the native ALTER

`create.postgres.sql` serves PostgreSQL only, `create.mysql.sql` MySQL and, where there is no
`create.mariadb.sql`, MariaDB too; so for the other files. A case runs on every engine that it has
a create file for, and with each way to follow changes that `syncs` names: the log alone if it says
nothing. In case.toml a table named like an engine or such a way overrides the keys outside of it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

SYNCS = ("log", "triggers")
CASES = Path(__file__).with_name("cases")
SERVERS = {"mysql": "mysql-9.7", "mariadb": "mariadb-10.11", "postgres": "postgres-18"}
FILES_OF = {
    "mysql": ("mysql",),
    "mariadb": ("mariadb", "mysql"),
    "postgres": ("postgres",),
}


@dataclass(frozen=True)
class Case:
    """One case on one server, with one way to follow changes.

    `refused` are the exit codes, one of which is to come, with `message` (a regular expression) in
    its words; `native` is "fails" where the server's own ALTER must fail too. `serial` lets only
    one transaction at a time write, for writes whose order decides the result. `differs` are
    columns that can't be equal on both sides, each with a condition that holds of every row.
    `globals` are variables of the server while the case runs. `climbs` lets osc take the ways that
    need no copy; every other case is a copy, whatever the server could do by itself.
    """

    name: str
    server: str
    shows: str
    create: str
    alter: str
    setup: str = ""
    writes: str = ""
    session: str = ""
    native_session: str = ""
    sync: str = "log"
    table: str = "t"
    schema: str = "public"
    writers: int = 3
    serial: bool = False
    refused: tuple[int, ...] = ()
    message: str = ""
    native: str = "applies"
    climbs: bool = False
    differs: Mapping[str, str] = field(default_factory=dict)
    globals: Mapping[str, str] = field(default_factory=dict)

    @property
    def engine(self) -> str:
        return self.server.partition("-")[0]

    def __str__(self) -> str:
        sync = "" if self.sync == "log" else f"-{self.sync}"
        return f"{self.name}[{self.server}{sync}]"


def every_case(sync: str | None = None) -> list[Case]:
    """Each case on each of its servers, server by server; each with that `sync`, where one is
    wanted, and otherwise with those that matter to it."""
    found = [case for folder in sorted(CASES.iterdir()) for case in read(folder, sync)]
    return sorted(found, key=lambda case: case.server)


def read(folder: Path, wanted: str | None = None) -> Iterator[Case]:
    """The case in `folder`, once for each server and way that it is meant for."""
    words = tomllib.loads((folder / "case.toml").read_text())
    syncs = [wanted] if wanted else words.get("syncs", ["log"])
    for server, sync in product(_servers(folder, words), syncs):
        engine = server.partition("-")[0]
        yield _on(server, folder, {**_overridden(words, engine, sync), "sync": sync}, engine)


def _servers(folder: Path, words: Mapping[str, Any]) -> list[str]:
    engines = words.get("engines") or [e for e in SERVERS if _text(folder, "create", e)]
    return [SERVERS.get(engine, engine) for engine in [*engines, *words.get("also", [])]]


def _overridden(words: Mapping[str, Any], engine: str, sync: str) -> dict[str, Any]:
    others = ("engines", "also", "syncs", *SERVERS, *SYNCS)
    plain = {key: value for key, value in words.items() if key not in others}
    return {**plain, **words.get(engine, {}), **words.get(sync, {})}


def _on(server: str, folder: Path, words: dict[str, Any], engine: str) -> Case:
    refused = words.pop("refused", ())
    return Case(
        name=folder.name,
        server=server,
        setup=_text(folder, "setup", engine),
        create=_text(folder, "create", engine),
        alter=_text(folder, "alter", engine).strip().removesuffix(";"),
        writes=_text(folder, "writes", engine),
        session=_text(folder, "session", engine),
        native_session=_text(folder, "native", engine),
        refused=(refused,) if isinstance(refused, int) else tuple(refused),
        **words,
    )


def _text(folder: Path, what: str, engine: str) -> str:
    names = [f"{what}.{of}.sql" for of in FILES_OF[engine]] + [f"{what}.sql"]
    return next((path.read_text() for name in names if (path := folder / name).exists()), "")
