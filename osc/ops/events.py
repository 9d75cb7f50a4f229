"""What the lines of `--log-format json` look like, for those who read them by machine.

`schema` goes up when a field changes its meaning or goes; a new field is no such change, so that
other fields are let through. `docker/monitoring/events.schema.json` is written from this.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter

SCHEMA = 1


class Line(BaseModel):
    """`event` is the sentence that a person would read."""

    model_config = ConfigDict(extra="allow", strict=True)

    version: Literal[1] = Field(alias="schema")
    event: str
    level: Literal["debug", "info", "warning", "error", "critical"]
    timestamp: Annotated[AwareDatetime, Field(strict=False)]


class Log(Line):
    """Anything else."""

    action: Literal["log"]


class Counts(Line):
    """Where a run is."""

    phase: str
    table: str
    rows_copied: int
    rows_estimated: int
    rows_verified: int
    backlog: int
    backlog_seconds: float
    waiting_for: str


class PhaseBegins(Counts):
    """A phase begins; the counts so far."""

    action: Literal["phase"]


class Progress(Counts):
    """Every 30 s; the same and the speed."""

    action: Literal["progress"]
    rows_per_second: int


class CutOver(Line):
    """An attempt begins: who allowed it, and what is expected of its lock."""

    action: Literal["cut-over"]
    allowed_by: str
    forecast: str


class Said(Line):
    """Somebody, a file or an hour has told the run something: the words, who, the answer."""

    action: Literal["said"]
    words: str
    by: str
    answer: str


class Throttled(Line):
    """It has stood still for 5 s, and why; later that it goes on, and after how long."""

    action: Literal["throttled"]
    phase: str
    table: str
    seconds: float


class Blocked(Line):
    """An attempt at a lock came to nothing: who was in the way."""

    action: Literal["blocked"]
    attempt: int
    attempts: int
    sessions: list[int]


class BlockerEnded(Line):
    """A session was ended for the lock, and as whom allowed."""

    action: Literal["blocker-ended"]
    allowed_by: str
    session: int


class Onlookers(Line):
    """The cut-over goes on, and to somebody's old snapshot rows will be missing."""

    action: Literal["onlookers"]
    sessions: list[int]


class Repair(Line):
    """Rows that differed were copied anew."""

    action: Literal["repair"]
    rows_repaired: int


class HookFailed(Line):
    """A hook that has no veto went wrong, or will never be run."""

    action: Literal["hook-failed"]


class Failed(Line):
    """The end, where it is none: what happened, what is still true, what to do."""

    action: Literal["error"]
    error: str
    title: str
    still_true: str
    todo: str
    exit_code: int


KINDS: tuple[type[Line], ...] = (
    PhaseBegins, Progress, CutOver, Said, Throttled, Blocked, BlockerEnded, Onlookers, Repair,
    HookFailed, Failed, Log,
)  # fmt: skip
ACTIONS = {
    kind.model_fields["action"].annotation.__args__[0]: (kind.__doc__ or "")  # type: ignore[union-attr]
    for kind in KINDS
}
"""What a line of JSON may be about; README has them for those who read it."""

_ANY: TypeAdapter[Any] = TypeAdapter(
    Annotated[
        PhaseBegins | Progress | CutOver | Said | Throttled | Blocked | BlockerEnded | Onlookers
        | Repair | HookFailed | Failed | Log,
        Field(discriminator="action"),
    ]
)  # fmt: skip


def check(line: str) -> None:
    """ValidationError for a line that is none of these."""
    _ANY.validate_json(line)


def json_schema() -> dict[str, Any]:
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **_ANY.json_schema()}
