"""An address that says whether there is load: anything but a plain 200 holds the copy."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from osc.model.controls import Controls
from osc.model.progress import Tracker
from osc.model.reading import Reading
from osc.ops import gauges, throttle
from osc.ops.gauges import Http
from osc.ops.throttle import Throttle

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


@contextmanager
def answering(
    *pieces: bytes, pause: float = 0.0, tls: ssl.SSLContext | None = None
) -> Iterator[str]:
    """A server that says these pieces to whoever comes, with a pause before each; its address."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)

        def serve() -> None:
            while not over.is_set():
                try:
                    line, _ = server.accept()
                    line = tls.wrap_socket(line, server_side=True) if tls else line
                    with line:
                        line.recv(65_536)
                        for piece in pieces:
                            over.wait(pause)
                            line.sendall(piece)
                except OSError:
                    continue

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http{'s' if tls else ''}://127.0.0.1:{server.getsockname()[1]}/load"
        finally:
            over.set()
            thread.join()


def test_200_is_good() -> None:
    with answering(OK) as address:
        assert Http(address).read().severity == 0


@pytest.mark.parametrize("status", ["204 No Content", "404 Not Found", "503 Busy", "405 No HEAD"])
def test_any_other_status_is_bad_and_told(status: str) -> None:
    with answering(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode()) as address:
        found = Http(address).read()

    assert found.severity > 1
    assert str(found) == f"--throttle-http answered {status.split()[0]}"


def test_a_redirection_is_not_followed_to_a_page_that_is_always_good() -> None:
    with answering(OK) as page:
        moved = f"HTTP/1.1 302 Found\r\nLocation: {page}\r\nContent-Length: 0\r\n\r\n"
        with answering(moved.encode()) as address:
            assert str(Http(address).read()) == "--throttle-http answered 302"


@pytest.mark.parametrize(
    "said",
    [b"", b"\x00\xff garbage\r\n\r\n", b"HTTP/9 x\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"x" * 70_000,
     b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 500 + b"\r\n"],
    ids=["nothing", "garbage", "no status", "a long line", "many lines"],
)  # fmt: skip
def test_what_is_no_answer_is_bad(said: bytes) -> None:
    with answering(said) as address:
        found = Http(address).read()

    assert found.severity > 1
    assert found.trouble.startswith("no answer: ")


def test_an_address_that_nobody_answers_at_is_bad() -> None:
    assert Http("http://127.0.0.1:9/").read().severity > 1


def test_an_answer_that_drips_is_bad_as_long_as_it_drips(monkeypatch: pytest.MonkeyPatch) -> None:
    """No single wait is long enough for a timeout; the whole is."""
    monkeypatch.setattr(throttle, "STALE_SECONDS", 0.3)
    monkeypatch.setattr(throttle, "FIRST_SECONDS", 0.1)
    monkeypatch.setattr(throttle, "PARTING_SECONDS", 0.0)
    tracker = Tracker()

    def is_silent(readings: tuple[Reading, ...]) -> bool:
        return any("no answer for" in one.trouble for one in readings)

    with (
        answering(*(b"HTTP/1.1 200 OK\r\nX: ", *[b"x"] * 100), pause=0.1) as address,
        Throttle([Http(address)], controls := Controls(), tracker).at_work(),
    ):
        assert tracker.wait_until(lambda now: is_silent(now.signals), 20)
        assert "no answer for" in controls.steering.held_by


def test_a_server_that_says_nothing_is_given_up_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gauges, "HTTP_SECONDS", 0.1)
    with answering(OK, pause=5.0) as address:
        began = time.monotonic()
        found = Http(address).read()

    assert found.trouble == "no answer: timed out"
    assert time.monotonic() - began < 4


def test_a_certificate_that_nobody_vouches_for_is_bad(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-subj", "/CN=127.0.0.1",
         "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    with answering(OK, tls=context) as address:
        found = Http(address).read()

    assert "certificate verify failed" in found.trouble
