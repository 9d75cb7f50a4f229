"""Keys that changed, from a changelog that statement triggers fill: where the log can't be read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from osc.engine import Job
from osc.errors import PositionGone, TableChanged
from osc.model.change import Position
from osc.model.changelog import BLOCK
from osc.polling import PollingSource, Row, incarnation_of
from osc.postgres import changelog
from osc.postgres.dialect import as_text
from osc.postgres.quoting import qualified
from osc.postgres.session import Address


def source(address: Address, job: Job, start: Position | None) -> PollingSource:
    """Makes the changelog and its triggers, or finds those of an earlier process again."""
    return PollingSource(Rows(address, job, start), start)


class Rows:
    """`osc.polling.ChangelogRows` on PostgreSQL."""

    def __init__(self, address: Address, job: Job, start: Position | None) -> None:
        self._job = job
        self._log = changelog.of(job)
        if start is None:
            self._log.create(address.opened, job.lock_budget_seconds)
        self._session = address.connect("changelog reader")
        try:
            self.incarnation = self._log.incarnation(self._session)
            if start is not None:
                self._require(incarnation_of(start))
        except BaseException:
            self._session.close()
            raise
        keys = ", ".join(as_text(column) for column in self._log.columns)
        self._select = f"SELECT number, truncated, {keys} FROM {qualified(self._log.name)}"

    def beyond(self, number: int, most: int) -> Sequence[Row]:
        where = f"WHERE number > $1 ORDER BY number LIMIT {most}"
        return self._keys(self._session.rows(f"{self._select} {where}", number))

    def counts(self, upto: int) -> Mapping[int, int]:
        return dict(
            self._session.rows(
                f"SELECT number / {BLOCK}, count(*) FROM {qualified(self._log.name)}"
                " WHERE number <= $1 GROUP BY 1",
                upto,
            )
        )

    def block(self, block: int) -> Sequence[Row]:
        return self._keys(
            self._session.rows(
                f"{self._select} WHERE number BETWEEN $1 AND $2 ORDER BY number",
                block * BLOCK,
                (block + 1) * BLOCK - 1,
            )
        )

    def _keys(self, rows: Sequence[tuple[Any, ...]]) -> Sequence[Row]:
        if any(truncated for _, truncated, *_ in rows):
            raise TableChanged(
                f"{self._log.original} was truncated by somebody else",
                still_true="it serves as it is; the shadow did not follow that",
                todo="start again",
            )
        return [(number, tuple(key)) for number, _, *key in rows]

    def require_unchanged(self) -> None:
        self._require(self.incarnation)

    def _require(self, incarnation: str) -> None:
        found = self._log.incarnation(self._session)
        if found == incarnation and found:
            return
        original = self._log.original
        what = "gone or disabled" if not found else "changed"
        raise PositionGone(
            f"changes of {original} were not written down: our triggers on it, or {self._log.name},"
            f" were {what} by somebody else",
            still_true=f"{original} serves and is untouched",
            todo="start again",
        )

    def delete(self, numbers: Sequence[int]) -> None:
        self._session.run(
            f"DELETE FROM {qualified(self._log.name)} WHERE number = ANY ($1::bigint[])",
            list(numbers),
        )

    def close(self) -> None:
        self._session.close()
