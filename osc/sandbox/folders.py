"""The cache of unpacked servers and fresh data folders, and the folders servers run in."""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from osc.sandbox.server import Account, Unavailable


def cache() -> Path:
    """The folder that outlives us: the user's cache, or a private temporary one."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())
    return _writable(home / "osc-sandbox") or _private_temporary()


def _writable(folder: Path) -> Path | None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return folder if os.access(folder, os.W_OK | os.X_OK) else None


def _private_temporary() -> Path:
    folder = Path(tempfile.gettempdir()) / f"osc-sandbox-{os.geteuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    # Anybody may create a folder of this name before us: programs are run from it.
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise Unavailable(f"{folder} is not ours alone; remove it, or set XDG_CACHE_HOME")
    return folder


def built_once(name: str, build: Callable[[Path], None]) -> Path:
    """The folder `name` of the cache, built if it isn't there; seen whole or not at all."""
    target = cache() / name
    if target.is_dir():
        return target
    with _locked(target.with_name(f".{name}.lock")):
        if not target.is_dir():
            _build(target, build)
    return target


def _build(target: Path, build: Callable[[Path], None]) -> None:
    unfinished = target.with_name(f".{target.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    try:
        build(unfinished)
        unfinished.rename(target)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def temporary(engine: str) -> Iterator[Path]:
    """A folder for one server, gone when the block ends."""
    folder = Path(tempfile.mkdtemp(prefix=f"osc-{engine}-"))
    try:
        yield folder
    finally:
        _remove(folder)


def _remove(folder: Path) -> None:
    # The last children of a killed server may still be writing.
    deadline = time.monotonic() + 5
    while folder.exists() and time.monotonic() < deadline:
        shutil.rmtree(folder, ignore_errors=True)
        if folder.exists():
            time.sleep(0.05)


def copy(source: Path, target: Path) -> None:
    """Copy a folder, sharing blocks where the file system can."""
    sharing = ["--reflink=auto"] if sys.platform == "linux" else []
    subprocess.run(["cp", "-a", *sharing, str(source), str(target)], check=True)


def give(folder: Path, account: Account | None) -> None:
    """Make `account` the owner of a folder and all that is in it."""
    if account is None:
        return
    for path in (folder, *folder.rglob("*")):
        os.chown(path, account.uid, account.gid, follow_symlinks=False)
