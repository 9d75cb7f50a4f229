"""Encrypted to a server whose certificate is looked at: all connections of a run, or none."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from osc import errors
from osc.engines import engine_at, secured
from osc.sandbox import mariadb
from tests.conformance.place import SOON, Place, open_place
from tests.servers import Lease, names

WITH_TLS = ("mysql-9.7", "mariadb-10.11", "postgres-15")
"""Those that were built with it."""
pytestmark = pytest.mark.parametrize(
    "server", [name for name in names() if name in WITH_TLS], indirect=True
)

Key = ec.EllipticCurvePrivateKey


def name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def certificate(of: str, key: Key, by: str, by_key: Key) -> bytes:
    """For the host `of`; its own authority where `by` is the same."""
    now, is_authority = datetime.now(UTC), of == by
    made = (
        x509.CertificateBuilder()
        .subject_name(name(of))
        .issuer_name(name(by))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
    )
    if not is_authority:
        made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(of)]), critical=False)
    return made.sign(by_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def write_certificates(folder: Path) -> None:
    authority, other, server = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
    (folder / "ca.pem").write_bytes(certificate("ours", authority, "ours", authority))
    (folder / "other.pem").write_bytes(certificate("other", other, "other", other))
    (folder / "server.pem").write_bytes(certificate("localhost", server, "ours", authority))
    (folder / "server.key").write_bytes(
        server.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """The certificate of the server's authority, and that of another one."""
    with TemporaryDirectory() as made:
        Path(made).chmod(0o755)
        write_certificates(Path(made))
        yield Path(made)


@pytest.fixture(scope="module")
def own_mariadb(folder: Path) -> Iterator[Lease]:
    """MariaDB reads them when it starts, and never others; this one lets nobody in without."""
    settings = {
        "ssl_ca": f"{folder}/ca.pem",
        "ssl_cert": f"{folder}/server.pem",
        "ssl_key": f"{folder}/server.key",
        "require_secure_transport": "ON",
    }
    with mariadb.start(settings=settings) as running:
        yield Lease("mariadb", running.server.version, running.url(""), running)


@contextmanager
def mysql_with(place: Place, folder: Path) -> Iterator[None]:
    files = {"ssl_ca": "ca.pem", "ssl_cert": "server.pem", "ssl_key": "server.key"}
    before = {option: place.app.value(f"SELECT @@{option}") for option in files}
    try:
        for option, file in files.items():
            place.app.run(f"SET GLOBAL {option} = '{folder / file}'")
        place.app.run("ALTER INSTANCE RELOAD TLS", "SET GLOBAL require_secure_transport = ON")
        yield
    finally:
        place.app.run("SET GLOBAL require_secure_transport = OFF")
        for option, file in before.items():
            place.app.run(f"SET GLOBAL {option} = '{file}'")
        place.app.run("ALTER INSTANCE RELOAD TLS")


@contextmanager
def postgres_with(place: Place, folder: Path) -> Iterator[None]:
    """Its key must be the server's own, and nobody else's."""
    owner = os.stat(place.app.value("SHOW data_directory"))
    shutil.chown(folder / "server.key", owner.st_uid, owner.st_gid)
    (folder / "server.key").chmod(0o600)
    files = {"ssl_cert_file": "server.pem", "ssl_key_file": "server.key"}
    try:
        for option, file in files.items():
            place.app.run(f"ALTER SYSTEM SET {option} = '{folder / file}'")
        place.app.run("ALTER SYSTEM SET ssl = on", "SELECT pg_reload_conf()")
        _await(place, "on")
        yield
    finally:
        for option in (*files, "ssl"):
            place.app.run(f"ALTER SYSTEM RESET {option}")
        place.app.run("SELECT pg_reload_conf()")


def _await(place: Place, wanted: str) -> None:
    """A reload is done some time after it was asked for."""
    deadline = time.monotonic() + SOON
    while place.app.value("SHOW ssl") != wanted:
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def certified(request: pytest.FixtureRequest, server: Lease, folder: Path) -> Iterator[Place]:
    """A place on a server with such a certificate."""
    if server.engine == "mariadb":
        with open_place(request.getfixturevalue("own_mariadb")) as place:
            yield place
        return
    with_them = postgres_with if server.engine == "postgres" else mysql_with
    with open_place(server) as place, with_them(place, folder):
        yield place


def at(place: Place, host: str) -> str:
    parts = urlsplit(place.url)
    user = parts.netloc.rpartition("@")[0]
    return parts._replace(netloc=f"{user}@{host}:{parts.port}").geturl()


@pytest.mark.parametrize("in_the_url", [False, True], ids=["options", "url"])
def test_a_whole_run_is_encrypted_to_the_server_that_the_certificate_names(
    certified: Place, folder: Path, in_the_url: bool
) -> None:
    place, url = certified, at(certified, "localhost")
    place.app.run(
        "CREATE TABLE orders (id INT PRIMARY KEY, note VARCHAR(20))",
        "INSERT INTO orders VALUES (1, 'one'), (2, 'two')",
    )
    secure = ["--ssl-mode", "verify-identity", "--ssl-ca", str(folder / "ca.pem")]
    if in_the_url:
        words = ("ssl_mode=verify-identity&ssl_ca", "sslmode=verify-full&sslrootcert")
        url, secure = f"{url}?{words[not place.mysql]}={folder / 'ca.pem'}", []
    ran = subprocess.run(
        [sys.executable, "-m", "osc", "run", url, "--execute", "--force-copy",
         "ALTER TABLE orders ADD COLUMN x INT", *secure],
        capture_output=True, text=True,
    )  # fmt: skip

    assert ran.returncode == 0, ran.stderr
    assert place.app.rows("SELECT id, note FROM orders ORDER BY id") == [(1, "one"), (2, "two")]


@pytest.mark.parametrize(
    ("host", "authority", "mode", "said"),
    [
        ("127.0.0.1", "ca.pem", "verify-identity", r"127\.0\.0\.1"),
        ("localhost", "other.pem", "verify-ca", "certificate verify failed"),
        ("localhost", "server.key", "verify-ca", "server.key"),
    ],
)
def test_a_certificate_that_does_not_fit_is_told_with_what_to_do(
    certified: Place, folder: Path, host: str, authority: str, mode: str, said: str
) -> None:
    asked = {"ssl-mode": mode, "ssl-ca": str(folder / authority)}

    with pytest.raises(errors.OscError, match=said) as found:
        engine_at(secured(at(certified, host), asked)).close()

    assert found.value.exit_code in (2, 5)
    if found.value.exit_code == 5:
        assert "--ssl-ca" in found.value.todo


def test_who_looks_for_the_authority_alone_may_use_any_name(certified: Place, folder: Path) -> None:
    asked = {"ssl-mode": "verify-ca", "ssl-ca": str(folder / "ca.pem")}

    with closing(engine_at(secured(at(certified, "127.0.0.1"), asked))) as engine:
        assert engine.ledger.runs() == []
