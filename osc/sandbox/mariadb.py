"""MariaDB servers, from the installed binaries or from the machine's own Debian suite."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from osc.sandbox import debian, mysql_family
from osc.sandbox.mysql_family import Programs, series
from osc.sandbox.server import Running, Unavailable

PACKAGES = ("mariadb-server-core",)
SCRIPTS = (
    "mysql_system_tables.sql",
    "mysql_performance_tables.sql",
    "mysql_system_tables_data.sql",
    "maria_add_gis_sp_bootstrap.sql",
    "mysql_sys_schema.sql",
)
SMALL = {"innodb_log_file_size": "8M", "innodb_buffer_pool_size": "32M"}


def start(
    version: str | None = None, settings: Mapping[str, str] = {}
) -> AbstractContextManager[Running]:
    """A server of that version (10.11, say; whatever there is, if none is named)."""
    return mysql_family.start(find(version), settings, _initialise)


def available() -> list[str]:
    """The version to be had here: the installed one, or the one that would be fetched."""
    installed = _installed()
    version = installed.version() if installed else debian.candidate(PACKAGES[0])
    return [series(version)] if version else []


def find(version: str | None) -> Programs:
    return mysql_family.first_match(version, _installed, _unpacked)


def _installed() -> Programs | None:
    program = shutil.which("mariadbd") or shutil.which("mariadbd", path="/usr/sbin")
    if program is None:
        return None
    base = Path(program).resolve().parent.parent
    return Programs("mariadb", (program,), _paths(base))


def _unpacked() -> Programs:
    root = debian.unpacked(PACKAGES)
    return Programs("mariadb", debian.command(root, "usr/sbin/mariadbd"), _paths(root / "usr"))


def _paths(base: Path) -> dict[str, str]:
    shares = (base / "share" / name for name in ("mysql", "mariadb"))
    share = next((path for path in shares if (path / SCRIPTS[0]).exists()), None)
    if share is None:
        raise Unavailable(f"MariaDB's SQL scripts are not in {base}/share")
    return {
        "basedir": str(base),
        "lc_messages_dir": str(share),
        "character_sets_dir": str(share / "charsets"),
    }


def _initialise(programs: Programs, options: Path, data: Path) -> None:
    """Make the system tables the way mariadb-install-db does, from the same scripts."""
    (data / "mysql").mkdir(parents=True)
    share = Path(programs.paths["lc_messages_dir"])
    scripts = [(share / name).read_text() for name in SCRIPTS]
    small = [f"--{name}={value}" for name, value in SMALL.items()]
    done = subprocess.run(
        [
            *programs.server,
            f"--defaults-file={options}",
            "--bootstrap",
            f"--datadir={data}",
            *small,
        ],
        input="\n".join(["use mysql;", "SET @auth_root_socket = NULL;", *scripts]),
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        raise Unavailable(f"MariaDB could not make its system tables:\n{done.stderr[-2000:]}")
