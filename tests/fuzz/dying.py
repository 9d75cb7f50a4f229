"""The real command line as a process that is killed, and started again until it is done.

Its phases are read from its log on stderr, one JSON object a line. Between a line and our answer to
it the process goes on, as under any kill: which phase it died in is therefore asked of its last
line, and what died there is decided by the server, not by us.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 60.0
BEGINS = "begins"
"""What a process does before its first line."""
ENDED = "ended"
SUCCESS = 0


class Process:
    """One life of `osc`."""

    def __init__(self, *words: str) -> None:
        self.lines: list[str] = []
        self.phase = BEGINS
        self._seen = threading.Condition()
        self._began = time.monotonic()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "osc", *words, "--log-format", "json", "--json"],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        """Whatever happened, nothing of ours goes on running."""
        self._process.kill()
        self.end()

    def reaches(self, phase: str, timeout_seconds: float = PATIENCE_SECONDS) -> bool:
        """True as soon as a line says so; False when the process ends without."""
        with self._seen:
            self._seen.wait_for(lambda: self.phase in (phase, ENDED), timeout_seconds)
            return self.phase == phase

    def works(self, timeout_seconds: float = PATIENCE_SECONDS) -> bool:
        """True as soon as it has told of any phase but its search for where to go on."""
        with self._seen:
            idle = (BEGINS, "plan", "preflight", "resume")
            self._seen.wait_for(lambda: self.phase not in idle, timeout_seconds)
            return self.phase not in (*idle, ENDED)

    def lasts(self, seconds: float) -> bool:
        """Whether it still runs after so long a time; returns at once when it does not."""
        with self._seen:
            return not self._seen.wait_for(lambda: self.phase == ENDED, seconds)

    def send(self, number: signal.Signals) -> str:
        """Sends a signal; the phase that it met."""
        phase = self.phase
        self._process.send_signal(number)
        return phase

    def end(self, timeout_seconds: float = PATIENCE_SECONDS) -> int:
        """Waits for the end; the exit code, as a shell would tell it."""
        try:
            code = self._process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"no end after {timeout_seconds:.0f} s:\n{self.told()}") from None
        self._reader.join(timeout_seconds)
        return 128 - code if code < 0 else code

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    def told(self) -> str:
        """What it said, for whoever has to find out why it failed."""
        return "".join(self.lines[-12:])

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            with self._seen:
                self.lines.append(line)
                self.phase = _phase(line) or self.phase
                self._seen.notify_all()
        assert self._process.stdout is not None
        self.lines.append(self._process.stdout.read())
        with self._seen:
            self.phase = ENDED
            self._seen.notify_all()


def _phase(line: str) -> str | None:
    try:
        said = json.loads(line)
    except ValueError:
        return None
    return str(said["phase"]) if said.get("action") == "phase" else None


@dataclass(frozen=True)
class Death:
    """A signal, when the log tells of a phase, or of any (`working`), or right after the start.

    `later_seconds` lets it go on for a while first.
    """

    phase: str = ""
    working: bool = False
    later_seconds: float = 0.0
    by: signal.Signals = signal.SIGKILL

    @property
    def exit_code(self) -> int:
        return 128 + self.by


@dataclass(frozen=True)
class Obituary:
    """One process that was killed: in which phase, and how long it had lived."""

    phase: str
    seconds: float
    exit_code: int


@dataclass
class Migration:
    """One ALTER that takes several processes; `run` begins it and `resume` goes on with it."""

    url: str
    statement: str
    table: str = "t"
    options: Sequence[str] = ()
    obituaries: list[Obituary] = field(default_factory=list)
    _begun: bool = False

    @contextmanager
    def process(self) -> Iterator[Process]:
        """The next process; `run` again where the last one died before it had left a trace."""
        words = ["resume", self.url, self.table] if self.is_begun() else self._run()
        with Process(*words, *self.options) as started:
            yield started

    def _run(self) -> list[str]:
        return ["run", self.url, self.statement, "--execute", "--force-copy"]

    def is_begun(self) -> bool:
        self._begun = self._begun or self.row() is not None
        return self._begun

    def row(self) -> dict[str, object] | None:
        """The migration as `osc status` tells it."""
        with Process("status", self.url, self.table) as asked:
            assert asked.end() == SUCCESS, asked.told()
            rows = json.loads(asked.lines[-1])
        found = rows.get("migrations", []) if isinstance(rows, dict) else rows
        return found[-1] if found else None

    def dies(self, death: Death) -> bool:
        """One process, killed as it is told; False where it came to its end before that."""
        with self.process() as process:
            if death.phase and not process.reaches(death.phase):
                return self._ended(process)
            if death.working and not process.works():
                return self._ended(process)
            if not process.lasts(death.later_seconds):
                return self._ended(process)
            phase = process.send(death.by)
            code = process.end()
            if code == SUCCESS:
                return False  # it was through before the signal came
            assert code == death.exit_code, f"exit code {code}\n{process.told()}"
            self.obituaries.append(Obituary(phase, process.seconds, code))
            return True

    def _ended(self, process: Process) -> bool:
        assert process.end() == SUCCESS, process.told()
        return False

    def ends(self) -> str:
        """The last process, which nobody kills, ends with 0, and so does one more; the archive."""
        for _ in range(2):
            with self.process() as process:
                assert process.end() == SUCCESS, f"{self.obituaries}\n{process.told()}"
        row = self.row()
        assert row is not None and row["phase"] == "done", row
        return str(row["archive"])
