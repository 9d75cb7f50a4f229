"""What MySQL and MariaDB share: an option file, a fresh data folder, a greeting on the port."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from osc.sandbox import folders
from osc.sandbox.server import Recipe, Running, Unavailable, free_port, running, version_in

USER = "root"
SETTINGS = Path(__file__).parent / "settings"

# These count when the data folder is made; a server refuses to start with others later.
MADE_WITH = {"lower_case_table_names", "innodb_page_size", "innodb_data_file_path"}


@dataclass(frozen=True)
class Programs:
    """One server's programs: how to call it, and where its files are."""

    engine: str
    server: tuple[str, ...]
    paths: Mapping[str, str]

    def version(self) -> str:
        shown = subprocess.run(
            [*self.server, "--no-defaults", "--version"],
            capture_output=True,
            text=True,
            check=True,
        )
        return version_in(shown.stdout.partition("Ver ")[2])


Initialise = Callable[[Programs, Path, Path], None]


@contextmanager
def start(
    programs: Programs, settings: Mapping[str, str], initialise: Initialise
) -> Iterator[Running]:
    """A server with a data folder of its own; `initialise` makes one (option file, folder)."""
    chosen = {name.replace("-", "_"): value for name, value in settings.items()}
    made_with = {name: value for name, value in chosen.items() if name in MADE_WITH}
    fresh = _fresh_data(programs, made_with, initialise)
    with folders.temporary(programs.engine) as folder:
        folders.copy(fresh, folder / "data")
        with running(_recipe(programs, folder, chosen)) as server:
            yield server


def first_match(version: str | None, *sources: Callable[[], Programs | None]) -> Programs:
    """The programs of the first source that has this version; later ones may be costly."""
    seen = []
    for source in sources:
        programs = source()
        if programs is None:
            continue
        if matches(programs.version(), version):
            return programs
        seen.append(f"{programs.engine} {programs.version()}")
    raise Unavailable(f"version {version} was wanted, there is {' and '.join(seen)}")


def matches(version: str, wanted: str | None) -> bool:
    """Whether 9.7.4 is what was wanted with 9.7."""
    return wanted is None or f"{version}.".startswith(f"{wanted}.")


def series(version: str) -> str:
    """9.7 of 9.7.4."""
    return ".".join(version.split(".")[:2])


def _fresh_data(programs: Programs, made_with: Mapping[str, str], initialise: Initialise) -> Path:
    def build(target: Path) -> None:
        options = target / "options.cnf"
        own = {**programs.paths, **_account(), "tmpdir": str(target)}
        options.write_text(_option_file({**own, **made_with}))
        initialise(programs, options, target / "data")

    digest = hashlib.sha256(repr(sorted(made_with.items())).encode()).hexdigest()[:8]
    suffix = f"-{digest}" if made_with else ""
    name = f"{programs.engine}-{programs.version()}-data{suffix}"
    return folders.built_once(name, build) / "data"


def _recipe(programs: Programs, folder: Path, settings: Mapping[str, str]) -> Recipe:
    """With a `tmpdir` of its own: at its start MariaDB deletes temporary tables that it takes for
    left over, and in /tmp those of its neighbours are among them (their queries fail: error 6)."""
    port, temporary = free_port(), folder / "tmp"
    temporary.mkdir(exist_ok=True)
    own = {
        **programs.paths,
        **_account(),
        "datadir": str(folder / "data"),
        "tmpdir": str(temporary),
        "bind_address": "127.0.0.1",
        "port": str(port),
        "socket": str(folder / "socket"),
        "pid_file": str(folder / "own-pid"),
    }
    options = folder / "options.cnf"
    shared = (SETTINGS / f"{programs.engine}.cnf").read_text()
    options.write_text(shared + _option_file({**own, **settings}))
    return Recipe(
        engine=programs.engine,
        version=programs.version(),
        user=USER,
        folder=folder,
        port=port,
        command=(*programs.server, f"--defaults-file={options}"),
        answers=answers,
    )


def _option_file(settings: Mapping[str, str]) -> str:
    lines = [f"{name} = {value}" for name, value in settings.items()]
    return "\n".join(["[mysqld]", *lines, ""])


def _account() -> dict[str, str]:
    """Both refuse to run as root until told that it is meant."""
    return {"user": "root"} if os.geteuid() == 0 else {}


def answers(port: int) -> bool:
    """Whether it greets with its handshake; it opens the port only when it is ready."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            return connection.recv(5)[4:] == b"\x0a"
    except OSError:
        return False
