"""What operators say to a run, from whatever host, and what the run shows of itself."""

from __future__ import annotations

from osc.engine import Order, Said
from osc.postgres.lasting import Lasting
from osc.postgres.session import Address


class PostgresBoard:
    """The port `Board`."""

    def __init__(self, address: Address) -> None:
        self._lasting = Lasting(address, "board")
        self._opened = self._lasting.opened

    def order(self, migration: int, words: str, by: str) -> int:
        with self._opened() as session:
            return int(
                session.value(
                    "INSERT INTO osc.instruction (migration, words, ordered_by)"
                    " VALUES ($1, $2, $3) RETURNING number",
                    migration,
                    words,
                    by,
                )
            )

    def orders(self, migration: int) -> list[Order]:
        with self._opened() as session:
            found = session.rows(
                "SELECT number, words, ordered_by FROM osc.instruction"
                " WHERE migration = $1 AND answer IS NULL ORDER BY number",
                migration,
            )
        return [Order(*row) for row in found]

    def answer(self, number: int, text: str) -> None:
        with self._opened() as session:
            session.run("UPDATE osc.instruction SET answer = $2 WHERE number = $1", number, text)

    def answered(self, number: int) -> str | None:
        with self._opened() as session:
            found = session.value("SELECT answer FROM osc.instruction WHERE number = $1", number)
            return None if found is None else str(found)

    def note(self, migration: int, words: str, by: str, answer: str) -> None:
        with self._opened() as session:
            session.run(
                "INSERT INTO osc.instruction (migration, words, ordered_by, answer)"
                " VALUES ($1, $2, $3, $4)",
                migration,
                words,
                by,
                answer,
            )

    def said(self, migration: int) -> list[Said]:
        with self._opened() as session:
            found = session.rows(
                "SELECT words, ordered_by, ordered_at::text, answer FROM osc.instruction"
                " WHERE migration = $1 AND answer IS NOT NULL ORDER BY number",
                migration,
            )
        return [Said(*row) for row in found]

    def show(self, migration: int, record: str) -> None:
        with self._opened() as session:
            session.run(
                "INSERT INTO osc.report (migration, record) VALUES ($1, $2) ON CONFLICT (migration)"
                " DO UPDATE SET record = excluded.record, shown_at = clock_timestamp()",
                migration,
                record,
            )

    def shown(self, migration: int) -> tuple[str, float] | None:
        with self._opened() as session:
            found = session.rows(
                "SELECT record, extract(epoch FROM clock_timestamp() - shown_at)::float8"
                " FROM osc.report WHERE migration = $1",
                migration,
            )
        return found[0] if found else None

    def clear(self, migration: int) -> None:
        with self._opened() as session:
            session.run("DELETE FROM osc.report WHERE migration = $1", migration)

    def close(self) -> None:
        self._lasting.close()
