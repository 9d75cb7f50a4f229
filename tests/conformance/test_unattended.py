"""A run that cron has started: no terminal, no home, nothing in the environment; and no secrets."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote, urlsplit
from uuid import uuid4

import pytest

from osc.ops import control
from tests.conformance.place import Place

pytestmark = pytest.mark.parametrize(
    "server", ["mysql-9.7", "mariadb-10.11", "postgres-18"], indirect=True
)
SECRET = "s3cr:t@/x"
STATEMENT = "ALTER TABLE orders ADD COLUMN note VARCHAR(20) NOT NULL DEFAULT 'x'"
NOTHING = {"PYTHONPATH": os.environ.get("PYTHONPATH", str(Path(__file__).parents[2]))}
"""All that cron would leave to a command besides a PATH, which we don't need."""


@contextmanager
def with_a_password(place: Place) -> Iterator[str]:
    """The URL of a user who may do all, with a password in it."""
    name = f"u_{uuid4().hex[:8]}"
    made: tuple[str, ...]
    if place.mysql:
        made = (
            f"CREATE USER {name}@'%' IDENTIFIED BY '{SECRET}'",
            f"GRANT ALL ON *.* TO {name}@'%'",
        )
        gone = f"DROP USER {name}@'%'"
    else:
        made = (f"CREATE ROLE {name} SUPERUSER LOGIN PASSWORD '{SECRET}'",)
        gone = f"DROP OWNED BY {name} CASCADE; DROP ROLE {name}"
    parts = urlsplit(place.url)
    place.app.run(*made)
    try:
        netloc = f"{name}:{quote(SECRET, safe='')}@{parts.netloc.rpartition('@')[2]}"
        yield parts._replace(netloc=netloc).geturl()
    finally:
        place.app.run(gone)


def osc(*words: str, **more: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "osc", *words],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        cwd="/", env={**NOTHING, **more},
    )  # fmt: skip


def until_the_cut_over(stderr: IO[str]) -> list[dict[str, Any]]:
    """Its events so far; every line is one."""
    events = []
    for line in stderr:
        events.append(json.loads(line))
        if events[-1].get("phase") == "cut-over":
            return events
    raise AssertionError(events)


def test_a_run_from_cron_is_steered_from_elsewhere_and_tells_no_secret(
    place: Place, tmp_path: Path
) -> None:
    place.app.run("CREATE TABLE orders (id INT PRIMARY KEY)", "INSERT INTO orders VALUES (1), (2)")
    socket = tmp_path / "osc.sock"
    with with_a_password(place) as url:
        run = osc(
            "run", url, STATEMENT, "--execute", "--force-copy", "--postpone-cut-over",
            "--control-socket", str(socket), "--log-format", "json", "--json", "--debug",
        )  # fmt: skip
        assert run.stderr
        events = until_the_cut_over(run.stderr)
        shown = Path(f"/proc/{run.pid}/cmdline").read_bytes()
        with osc("watch", "--json", OSC_URL=url) as watch:
            assert watch.stdout
            lines = map(json.loads, watch.stdout)
            assert any(line["forecast"].startswith("lock expected free: ") for line in lines)
            watch.terminate()
        by_socket = control.ask(socket, "status")
        control.ask(socket, "max-lag-millis=2500")
        status, _ = osc("status", "--json", OSC_URL=url).communicate()
        told, said = osc("cut-over", OSC_URL=url).communicate()
        result, rest = run.communicate(timeout=60)
        history, _ = osc("history", "--json", OSC_URL=url).communicate()

    assert run.returncode == 0, rest
    assert told.strip() == "it may", said
    assert "lock expected free: yes" in by_socket
    (live,) = json.loads(status)
    assert live["live"]["forecast"].startswith("lock expected free: yes")
    assert "ledger" in json.loads(result)["allowed_by"]
    (once,) = json.loads(history)
    assert once["result"]["allowed_by"] == json.loads(result)["allowed_by"]
    first, second, third = once["said"]
    assert (first["words"], first["answer"]) == ("max-lag-millis=2500", "max-lag-millis is 2500")
    assert first["by"].endswith(", through the socket")
    assert (second["words"], second["answer"]) == ("cut-over", "it may")
    assert (third["words"], third["by"]) == ("cut-over begins", once["result"]["allowed_by"])
    events += [json.loads(line) for line in rest.splitlines()]
    assert {"phase", "cut-over"} <= {event["action"] for event in events}
    ledger = str([place.app.rows(f"SELECT * FROM {table}") for table in tables_of_ours(place)])
    for place_of_secrets in (shown.decode(), str(events), status, history, result, ledger):
        assert SECRET not in place_of_secrets
        assert quote(SECRET, safe="") not in place_of_secrets
    assert place.app.value("SELECT COUNT(*) FROM orders WHERE note = 'x'") == 2


def tables_of_ours(place: Place) -> list[str]:
    if place.mysql:
        sql = (
            "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() "
            r"AND table_name LIKE '\_osc\_%'"
        )
        return [f"`{name}`" for (name,) in place.app.rows(sql)]
    sql = "SELECT tablename FROM pg_tables WHERE schemaname = 'osc'"
    return [f'osc."{name}"' for (name,) in place.app.rows(sql)]
