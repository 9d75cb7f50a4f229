"""Where a server is and who we are there; and passwords that nobody sees."""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from osc import errors
from osc.cli import hidden
from osc.engines import completed, engine_at, secured
from osc.mysql import options, tls
from osc.mysql.session import address

SECRET = "s3cr:t@x"


@pytest.fixture(autouse=True)
def nothing_else_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(options, "FILES", (str(tmp_path / "etc.cnf"), "~/.my.cnf"))
    for name in ("MYSQL_HOST", "MYSQL_TCP_PORT", "MYSQL_PWD"):
        monkeypatch.delenv(name, raising=False)


def test_the_option_file_says_what_the_url_does_not(tmp_path: Path) -> None:
    (tmp_path / ".my.cnf").write_text(
        "!includedir elsewhere\n[client]\nuser = ann\npassword = 'p#1 =x'\nhost=db1\n"
        "port=3307\n"
        "ssl_ca = /ca.pem # ours\nquick\n[mysql]\nuser = nobody\n[osc]\nhost=db2\n"
    )

    found = address("mysql:///shop")
    own = address("mysql://bob@db9:1/shop")

    assert (found.user, found.password, found.host, found.port) == ("ann", "p#1 =x", "db2", 3307)
    assert found.tls == (("ca", "/ca.pem"),)
    assert (own.user, own.password, own.host, own.port) == ("bob", "", "db9", 1)
    assert "p#1" not in repr(found)


def test_a_file_that_is_named_is_read_instead_and_has_to_be_there(tmp_path: Path) -> None:
    (tmp_path / ".my.cnf").write_text("[client]\nuser=home\n")
    (tmp_path / "named").write_text("[client]\nuser=named\nsocket=/run/my.sock\n")

    assert address(f"mysql:///shop?defaults_file={tmp_path}/named").user == "named"
    assert address(f"mysql:///shop?defaults_file={tmp_path}/named").socket == "/run/my.sock"
    with pytest.raises(errors.Usage, match="can't be read"):
        address("mysql:///shop?defaults_file=/no/such")


def test_a_broken_option_file_is_not_quoted(tmp_path: Path) -> None:
    (tmp_path / "x.cnf").write_text("password = secret\n")
    with pytest.raises(errors.Usage, match="is not written as one") as found:
        options.read(str(tmp_path / "x.cnf"))

    assert "secret" not in str(found.value)


def test_the_user_s_own_file_wins_over_that_of_the_machine_and_what_it_includes(
    tmp_path: Path,
) -> None:
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "etc.cnf").write_text(
        f"[client-server]\nsocket = /run/s\nport=1\n!includedir {tmp_path}/conf.d/\n!include more\n"
    )
    (tmp_path / "conf.d" / "a.cnf").write_text("[client]\nhost=included\nuser=included\n")
    (tmp_path / "conf.d" / "a.txt").write_text("[client]\nhost=not-included\n")
    (tmp_path / "more").write_text('[client]\npassword="a\\sb\\\\"\n')
    (tmp_path / ".my.cnf").write_text("[client]\nuser=own\n")

    found = address("mysql:///shop")

    assert (found.host, found.user, found.password) == ("included", "own", "a b\\")
    assert (found.socket, found.port) == ("/run/s", 1)


def test_a_file_that_everybody_may_write_into_says_nothing(tmp_path: Path) -> None:
    (tmp_path / ".my.cnf").write_text("[client]\nuser=anybody\n")
    (tmp_path / ".my.cnf").chmod(0o666)

    assert address("mysql:///shop").user is None
    with pytest.raises(errors.Usage, match="everybody may write"):
        options.read(str(tmp_path / ".my.cnf"))


@pytest.mark.parametrize("line", ["!include me.cnf", "!include none.cnf", "!includes x"])
def test_what_can_not_be_included_is_told(tmp_path: Path, line: str) -> None:
    (tmp_path / "me.cnf").write_text(f"{line}\n")

    with pytest.raises(errors.Usage):
        options.read(str(tmp_path / "me.cnf"))


def test_the_variable_wins_over_the_password_of_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".my.cnf").write_text("[client]\npassword=file\n")
    monkeypatch.setenv("MYSQL_PWD", "variable")

    assert address("mysql://ann@db/shop").password == "variable"


@pytest.mark.parametrize(
    ("asked", "mode"),
    [
        ({}, "preferred"),
        ({"mode": "VERIFY_IDENTITY"}, "verify-identity"),
        ({"mode": "verify-full"}, "verify-identity"),
        ({"ca": "ca.pem"}, "verify-ca"),
        ({"ca": "ca.pem", "mode": "REQUIRED"}, "required"),
        ({"verify_identity": "1"}, "verify-identity"),
        ({"verify_server_cert": "0"}, "preferred"),
        ({"cert": "c.pem"}, "required"),
        ({"disabled": "1"}, "disabled"),
        ({"disabled": "0"}, "preferred"),
    ],
)
def test_the_mode_of_encryption_is_the_client_s(asked: dict[str, str], mode: str) -> None:
    assert tls.mode(asked) == mode


def test_an_identity_is_looked_at_without_a_ca_of_our_own_too() -> None:
    """The driver's own option would let anybody pass."""
    context = tls.parameters((("mode", "VERIFY_IDENTITY"),))["ssl"]

    assert context.check_hostname
    assert context.verify_mode == ssl.CERT_REQUIRED


@pytest.mark.parametrize(
    "asked", [(("mode", "sometimes"),), (("ca", "/no/such.pem"),), (("verfy_cert", "1"),)]
)
def test_tls_that_can_not_be_is_wrong_usage(asked: tuple[tuple[str, str], ...]) -> None:
    with pytest.raises(errors.Usage):
        tls.parameters(asked)


def test_options_become_the_words_of_the_engine() -> None:
    asked = {"ssl-mode": "verify-identity", "ssl-ca": "/a b.pem"}

    assert secured("mysql://h/d", asked) == (
        "mysql://h/d?ssl_mode=verify-identity&ssl_ca=%2Fa%20b.pem"
    )
    assert secured("postgresql://h/d?a=b", asked) == (
        "postgresql://h/d?a=b&sslmode=verify-full&sslrootcert=%2Fa%20b.pem"
    )
    with pytest.raises(errors.Usage, match="--defaults-file"):
        secured("postgresql://h/d", {"defaults-file": "x"})


def test_a_password_on_the_command_line_is_in_no_process_list(tmp_path: Path) -> None:
    """The server never greets, so that the process stays as it is while it is looked at."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        url = f"mysql://ann:{SECRET}@127.0.0.1:{port}/shop"
        command = [sys.executable, "-m", "osc", "status", url]
        with subprocess.Popen(command, stderr=subprocess.PIPE, env=_bare(tmp_path)) as run:
            server.settimeout(60)
            server.accept()[0].close()
            cmdline = Path(f"/proc/{run.pid}/cmdline")
            assert SECRET not in cmdline.read_text()
            assert "ann:***@" in cmdline.read_text()
            run.terminate()
            assert run.stderr is not None
            assert SECRET not in run.stderr.read().decode()


def _bare(home: Path) -> dict[str, str]:
    """As cron has it: no terminal, next to nothing in the environment."""
    return {"PATH": "/usr/bin:/bin", "PYTHONPATH": os.getcwd()}


def test_the_peers_passwords_are_known_by_their_own_flags() -> None:
    pt = ["pt", "--alter", "ADD x INT", "-p", "one", "h=a,p=two,D=shop,t=orders", "-pthree"]

    shown = " ".join(hidden.without_secrets(pt))

    assert not any(word in shown for word in ("one", "two", "three"))
    assert "D=shop,t=orders" in shown


def test_what_is_kept_for_the_other_life_is_handed_on_to_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(hidden.VARIABLE, json.dumps(["run", "x"]))

    assert hidden.arguments() == ["run", "x"]
    assert hidden.VARIABLE not in os.environ


@pytest.mark.parametrize(
    "replica, found",
    [
        ("mysql://r1:3307/", "mysql://ann:s3@r1:3307/shop"),
        ("mysql://r1", "mysql://ann:s3@r1/shop"),
        ("mysql://bob@r1/other?ssl_mode=required", "mysql://bob@r1/other?ssl_mode=required"),
        ("postgresql:///shop?host=/run", "postgresql:///shop?host=/run"),
    ],
)
def test_a_replica_is_where_its_server_is_in_all_that_its_url_leaves_out(
    replica: str, found: str
) -> None:
    assert completed(replica, "mysql://ann:s3@db1:3306/shop") == found


def test_libpq_s_words_are_understood_and_no_word_is_passed_over() -> None:
    found = address("mysql://ann@db/shop?sslmode=verify-full&sslrootcert=/ca.pem")

    assert dict(found.tls) == {"mode": "verify-full", "ca": "/ca.pem"}
    assert address("mysql://ann@db/shop?unix_socket=/run/s").socket == "/run/s"
    with pytest.raises(errors.Usage, match="nothing is known of 'tls'"):
        address("mysql://ann@db/shop?tls=true")


@pytest.mark.parametrize("scheme", ["mysql", "postgresql"])
@pytest.mark.parametrize("mark", ["/", "?", "#"])
def test_no_part_of_a_password_is_taken_for_something_else_and_told(scheme: str, mark: str) -> None:
    with pytest.raises(errors.Usage, match="%2F") as found:
        engine_at(f"{scheme}://ann:sec{mark}ret@127.0.0.1:1/shop")

    assert "sec" not in str(found.value)
    assert "ret" not in str(found.value)
