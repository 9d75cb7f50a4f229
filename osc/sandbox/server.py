"""One server process of our own: start it, wait until it answers, stop it by its pid."""

from __future__ import annotations

import random
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

START_SECONDS = 60.0
STOP_SECONDS = 20.0
POLL_SECONDS = 0.02


class Unavailable(Exception):
    """Such a server can't be had on this machine; the text says what is missing."""


@dataclass(frozen=True)
class Account:
    """The unprivileged user a server runs as where we are root."""

    uid: int
    gid: int


@dataclass(frozen=True)
class Recipe:
    """How one server is started; its folder holds the data, the log and the pid."""

    engine: str
    version: str
    user: str
    folder: Path
    port: int
    command: tuple[str, ...]
    answers: Callable[[int], bool]
    stop_signal: signal.Signals = signal.SIGTERM
    account: Account | None = None


@dataclass(frozen=True)
class Server:
    """A server that answers on a loopback port."""

    engine: str
    version: str
    host: str
    port: int
    user: str
    password: str
    folder: Path
    pid: int

    def url(self, database: str) -> str:
        """The address osc takes; `database` need not exist yet."""
        scheme = "postgresql" if self.engine == "postgres" else "mysql"
        return f"{scheme}://{self.user}@{self.host}:{self.port}/{database}"


class Running:
    """A server under our control; `server` is a new value after every restart."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._process, self.server = _launch(recipe)

    def __repr__(self) -> str:
        return f"<{self.server.engine} {self.server.version} on port {self.server.port}>"

    def url(self, database: str) -> str:
        return self.server.url(database)

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def log(self) -> str:
        """Everything the server has written so far."""
        return _log(self._recipe.folder).read_text(errors="replace")

    def kill(self) -> None:
        """End it the way a power cut would (SIGKILL)."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """Shut it down cleanly, or kill it when that takes too long; its data stay."""
        self._process.send_signal(self._recipe.stop_signal)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def restart(self) -> None:
        """Start it again on the same port and data, stopping it first if it still runs."""
        self.stop()
        self._process, self.server = _launch(self._recipe)


def version_in(text: str) -> str:
    """The version number in what a server says about itself."""
    found = re.search(r"\d+(?:\.\d+)+", text)
    if found is None:
        raise Unavailable(f"no version in {text!r}")
    return found[0]


@contextmanager
def running(recipe: Recipe) -> Iterator[Running]:
    """The server of `recipe` until the block ends, or until this process dies."""
    with _guard(recipe.folder):
        running = Running(recipe)
        try:
            yield running
        finally:
            running.stop()


def free_port() -> int:
    """A loopback port nobody listens on, below those the kernel gives to outgoing connections.

    A server that is killed and restarted finds its port free for the same reason.
    """
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def _launch(recipe: Recipe) -> tuple[subprocess.Popen[bytes], Server]:
    deadline = time.monotonic() + START_SECONDS
    while True:
        process = _spawn(recipe)
        try:
            if _comes_up(recipe, process, deadline):
                return process, _described(recipe, process.pid)
        except BaseException:
            process.kill()
            process.wait()
            raise
        # PostgreSQL refuses to start while children of a killed postmaster still live;
        # they notice its death by themselves, a moment later.
        if "is still in use" not in _tail(recipe) or time.monotonic() > deadline:
            raise _did_not_start(recipe, f"ended with status {process.returncode}")


def _comes_up(recipe: Recipe, process: subprocess.Popen[bytes], deadline: float) -> bool:
    """Whether it answers; if not, it has ended."""
    while process.poll() is None:
        if recipe.answers(recipe.port):
            return True
        if time.monotonic() > deadline:
            raise _did_not_start(recipe, f"gave no answer within {START_SECONDS:.0f} s")
        time.sleep(POLL_SECONDS)
    return False


def _spawn(recipe: Recipe) -> subprocess.Popen[bytes]:
    account = recipe.account
    with _log(recipe.folder).open("ab") as log:
        process = subprocess.Popen(
            recipe.command,
            cwd=recipe.folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
    _pid(recipe.folder).write_text(f"{process.pid}\n")
    return process


def _described(recipe: Recipe, pid: int) -> Server:
    return Server(
        engine=recipe.engine,
        version=recipe.version,
        host="127.0.0.1",
        port=recipe.port,
        user=recipe.user,
        password="",
        folder=recipe.folder,
        pid=pid,
    )


def _did_not_start(recipe: Recipe, what: str) -> Unavailable:
    return Unavailable(
        f"{recipe.engine} {recipe.version} {what}; its log ends with:\n{_tail(recipe)}"
    )


def _tail(recipe: Recipe) -> str:
    lines = _log(recipe.folder).read_text(errors="replace").splitlines()
    return "\n".join(lines[-15:])


def _log(folder: Path) -> Path:
    return folder / "log"


def _pid(folder: Path) -> Path:
    return folder / "pid"


# SIGQUIT first: PostgreSQL then frees its shared memory, which outlives a SIGKILL.
GUARD = """
cat >/dev/null
pid=$(cat "$0/pid") || exit 0
kill -QUIT "$pid"
for _ in 1 2 3 4 5 6 7 8 9 10; do kill -0 "$pid" || break; sleep 0.3; done
kill -KILL "$pid"
rm -rf "$0" || { sleep 1; rm -rf "$0"; }
"""


@contextmanager
def _guard(folder: Path) -> Iterator[None]:
    """A shell that outlives us and clears up when we are killed before we could.

    It waits for the end of its input, which comes when we end, whatever the reason.
    """
    guard = subprocess.Popen(
        ["sh", "-c", GUARD, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield
    finally:
        _pid(folder).unlink(missing_ok=True)
        guard.communicate()
