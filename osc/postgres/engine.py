"""Assembles the parts into an `Engine` for one PostgreSQL database."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from osc.engine import Engine, Sync
from osc.model.consent import Consent
from osc.postgres import flavor
from osc.postgres.aftercare import PostgresAftercare
from osc.postgres.board import PostgresBoard
from osc.postgres.catalog import PostgresCatalog
from osc.postgres.checks import PostgresChecks
from osc.postgres.claim import claim
from osc.postgres.decoding import RETAINED_BYTES, SlotSource
from osc.postgres.dialect import PostgresDialect
from osc.postgres.gauges import PostgresGauges
from osc.postgres.ladder import PostgresLadder
from osc.postgres.ledger import PostgresLedger
from osc.postgres.load import PostgresLoad
from osc.postgres.rehearsal import target_of
from osc.postgres.reuse import Sessions
from osc.postgres.session import address
from osc.postgres.swap import PostgresSwapper
from osc.postgres.triggers import TriggerSource
from osc.postgres.workshop import PostgresWorkshop


def connect(url: str, *, retained_bytes: int = RETAINED_BYTES) -> Engine:
    """Raises Usage, Unreachable or Precondition where that server is none for us."""
    place = address(url)
    with place.opened("start") as session:
        kind = flavor.ask(session)
        database = str(session.value("SELECT current_database()"))
    kind.require()
    sessions = Sessions(place)
    opened = sessions.opened
    ledger, board = PostgresLedger(place), PostgresBoard(place)

    def consenting(engine: Engine, consent: Consent) -> Engine:
        return replace(
            engine,
            checks=PostgresChecks(opened, consent),
            workshop=PostgresWorkshop(opened, consent),
            ladder=PostgresLadder(opened, ledger, kind.has_named_not_null(), consent),
            swapper=lambda job: PostgresSwapper(
                opened, job, partial(target_of, opened, job), consent
            ),
        )

    def close() -> None:
        ledger.close()
        board.close()
        sessions.close()

    return Engine(
        name="PostgreSQL",
        version=kind.version,
        database=database,
        mysql=False,
        connect=place.connect,
        claim=lambda table: claim(place, table),
        catalog=PostgresCatalog(opened),
        checks=PostgresChecks(opened),
        workshop=PostgresWorkshop(opened),
        ledger=ledger,
        board=board,
        dialect=PostgresDialect,
        load=lambda job: PostgresLoad(opened, job),
        ladder=PostgresLadder(opened, ledger, kind.has_named_not_null()),
        swapper=lambda job: PostgresSwapper(opened, job, partial(target_of, opened, job)),
        gauges=lambda: PostgresGauges(place),
        sources={
            Sync.LOG: lambda job, start: SlotSource(
                place, kind, database, job, start=start, retained_bytes=retained_bytes
            ),
            Sync.TRIGGERS: lambda job, start: TriggerSource(place, job, start),
        },
        aftercare=lambda job: PostgresAftercare(opened, job),
        consenting=consenting,
        close=close,
    )
