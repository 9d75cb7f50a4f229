"""MySQL servers, from the installed binaries or from Debian unstable's packages."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from osc.sandbox import debian, mysql_family
from osc.sandbox.mysql_family import Programs, series
from osc.sandbox.server import Running, Unavailable

PACKAGES = ("mysql-server-core", "mysql-client-core")
SUITE = "unstable"
SERIES = "9.7"
COMMON = {"secure_file_priv": '""', "mysqlx": "OFF"}
SMALL = {
    "innodb_redo_log_capacity": "8M",
    "innodb_buffer_pool_size": "32M",
    "innodb_doublewrite": "OFF",
}

# The server does not look up names, so 127.0.0.1 is nobody's localhost.
ROOT_OVER_TCP = """
CREATE USER root@'127.0.0.1';
GRANT ALL ON *.* TO root@'127.0.0.1' WITH GRANT OPTION;
GRANT PROXY ON ''@'' TO root@'127.0.0.1' WITH GRANT OPTION;
"""


def start(
    version: str | None = None, settings: Mapping[str, str] = {}
) -> AbstractContextManager[Running]:
    """A server of that version (9.7, say; whatever there is, if none is named)."""
    return mysql_family.start(find(version), settings, _initialise)


def available() -> list[str]:
    """The versions to be had here; the one that would be fetched is a guess."""
    unpacked = _unpacked() if debian.is_unpacked(PACKAGES, SUITE) else None
    known = [series(programs.version()) for programs in (_installed(), unpacked) if programs]
    fetchable = unpacked is None and debian.reason_against(SUITE) is None
    return [*known, SERIES] if fetchable else known


def find(version: str | None) -> Programs:
    return mysql_family.first_match(version, _installed, _unpacked)


def _installed() -> Programs | None:
    program = shutil.which("mysqld")
    if program is None or _is_mariadb(program):
        return None
    return Programs("mysql", (program,), COMMON)


def _is_mariadb(program: str) -> bool:
    shown = subprocess.run([program, "--version"], capture_output=True, text=True)
    return "MariaDB" in shown.stdout


def _unpacked() -> Programs:
    root = debian.unpacked(PACKAGES, SUITE)
    share = root / "usr" / "share" / "mysql"
    paths = {
        **COMMON,
        "basedir": str(root / "usr"),
        "lc_messages_dir": str(share),
        "character_sets_dir": str(share / "charsets"),
        "plugin_dir": str(root / "usr" / "lib" / "mysql" / "plugin"),
    }
    return Programs("mysql", debian.command(root, "usr/sbin/mysqld"), paths)


def _initialise(programs: Programs, options: Path, data: Path) -> None:
    first = options.with_name("root.sql")
    first.write_text(ROOT_OVER_TCP)
    small = [f"--{name}={value}" for name, value in SMALL.items()]
    done = subprocess.run(
        [
            *programs.server,
            f"--defaults-file={options}",
            "--initialize-insecure",
            f"--datadir={data}",
            f"--init-file={first}",
            *small,
        ],
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        raise Unavailable(f"MySQL could not make its data folder:\n{done.stderr[-2000:]}")
    # Every copy is to be a server of its own, with its own UUID.
    (data / "auto.cnf").unlink(missing_ok=True)
