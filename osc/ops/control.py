"""The unix socket of a run: whoever may write into it steers, one line of words a connection.

    echo status | nc -U /run/user/1000/osc.shop.orders.sock

Nobody but the run's own user (and root) may connect: it is made with mode 0600, in a folder that
belongs to the same user or is sticky. A path that is taken by anything but a dead socket of ours is
left alone, and the run says so before it touches a table.
"""

from __future__ import annotations

import os
import pwd
import socket
import socketserver
import stat
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from osc.errors import OscError, Precondition

LONGEST_LINE = 4096
LONGEST_PATH = 107
"""What fits into the `sun_path` of Linux, beside the zero at its end."""
PATIENCE_SECONDS = 5.0

Obey = Callable[[str, str], str]
"""The words and who says them; the answer."""


@contextmanager
def listening(path: Path, obey: Obey) -> Iterator[Path]:
    """Answers on `path` for the length of the block; Precondition where it can't be had."""
    make_way(path)
    server = _bound(path, obey)
    mine = path.stat().st_ino
    thread = threading.Thread(target=server.serve_forever, args=(0.2,), name="osc control")
    thread.daemon = True
    thread.start()
    try:
        yield path
    finally:
        server.shutdown()
        server.server_close()
        with suppress(FileNotFoundError):
            if path.stat().st_ino == mine:
                path.unlink()


def make_way(path: Path) -> None:
    """Precondition where the place can't be ours; a dead socket of ours goes."""
    if len(os.fsencode(path)) > LONGEST_PATH:
        raise _refused(f"the socket {path} can't be made: more than {LONGEST_PATH} bytes of path")
    try:
        found = path.lstat()
    except FileNotFoundError:
        if not path.parent.is_dir():
            raise _refused(f"there is no folder {path.parent} for the socket") from None
        if not os.access(path.parent, os.W_OK | os.X_OK):
            raise _refused(f"the socket {path} can't be made: nobody lets us write there") from None
        return
    except OSError as error:
        raise _refused(f"the socket {path} can't be made: {error}") from error
    if not stat.S_ISSOCK(found.st_mode):
        raise _refused(f"{path} is there already and is no socket")
    if found.st_uid != os.geteuid():
        raise _refused(f"the socket {path} belongs to another user")
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(PATIENCE_SECONDS)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()  # whoever listened there is dead
            return
        except OSError as error:
            raise _refused(f"the socket {path} is in an odd state: {error}") from error
    raise _refused(f"another process answers on the socket {path}")


def _refused(happened: str) -> Precondition:
    return Precondition(
        happened,
        still_true="nothing was touched",
        todo="remove it, or name another path with --control-socket",
    )


def _bound(path: Path, obey: Obey) -> _Server:
    before = os.umask(0o177)
    try:
        return _Server(str(path), obey)
    except OSError as error:
        raise _refused(f"the socket {path} can't be made: {error}") from error
    finally:
        os.umask(before)


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True

    def __init__(self, path: str, obey: Obey) -> None:
        self.obey = obey
        super().__init__(path, _Handler)


class _Handler(socketserver.StreamRequestHandler):
    server: _Server
    timeout = PATIENCE_SECONDS

    def handle(self) -> None:
        with suppress(OSError):  # whoever asked has gone
            line = self.rfile.readline(LONGEST_LINE).decode(errors="replace")
            self.wfile.write(f"{self._answer(line)}\n".encode())

    def _answer(self, line: str) -> str:
        try:
            return self.server.obey(line, _peer(self.connection))
        except OscError as error:
            return f"error: {error}"


def _peer(connection: socket.socket) -> str:
    """Who is at the other end, as the kernel knows it."""
    credentials = connection.getsockopt(
        socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")
    )
    _, user, _ = struct.unpack("3i", credentials)
    try:
        name = pwd.getpwuid(user).pw_name
    except KeyError:
        name = str(user)
    return f"{name}@{socket.gethostname()}, through the socket"


def ask(path: Path, line: str) -> str:
    """One line of words to a run, and its answer; Precondition where nobody answers."""
    try:
        with socket.socket(socket.AF_UNIX) as line_to:
            line_to.settimeout(PATIENCE_SECONDS)
            line_to.connect(str(path))
            line_to.sendall(f"{line}\n".encode())
            with line_to.makefile(encoding="utf-8") as answer:
                return answer.read().rstrip("\n")
    except OSError as error:
        raise Precondition(
            f"nobody answers on {path}: {error}",
            still_true="nothing was changed",
            todo="`osc status URL` says whether a run is alive, on whatever host",
        ) from error
