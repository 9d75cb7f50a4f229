"""MySQL and MariaDB as an `Engine`: which part is made of what."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from osc.engine import Engine, Sync
from osc.model.consent import Consent
from osc.mysql import claim, flavor
from osc.mysql.aftercare import MySQLAftercare
from osc.mysql.binlog import BinlogSource
from osc.mysql.board import MySQLBoard
from osc.mysql.catalog import MySQLCatalog
from osc.mysql.checks import MySQLChecks
from osc.mysql.clone import Clones
from osc.mysql.dialect import MySQLDialect
from osc.mysql.gauges import MySQLGauges, replicas
from osc.mysql.ladder import MySQLLadder
from osc.mysql.lasting import LastingSession
from osc.mysql.ledger import MySQLLedger
from osc.mysql.load import MySQLLoad
from osc.mysql.locking import Lent
from osc.mysql.noted import Notes
from osc.mysql.session import Connector, address, version
from osc.mysql.stand_ins import UserTriggers
from osc.mysql.swap import swapper
from osc.mysql.triggers import TriggerSource
from osc.mysql.workshop import MySQLWorkshop

SILENT_SECONDS = 60


def connect(url: str) -> Engine:
    """Opens one session to learn what server this is; raises Unreachable in words."""
    to = address(url)
    told = flavor.flavor_of(version(to))
    connector = Connector(to, is_mariadb=told.is_mariadb)
    first = LastingSession(lambda: connector("catalog"))
    catalog = MySQLCatalog(first, to.database)

    @cache
    def rename_under_lock() -> bool:
        return flavor.has_rename_under_lock(first, to.database)

    clones = Clones(connector, catalog, original_first=lambda: not rename_under_lock())
    workshop = MySQLWorkshop(connector, catalog, clones, told.is_mariadb)
    ledger = MySQLLedger(
        connector, to.database, alive=lambda name: claim.holder(first, name) is not None
    )

    board = MySQLBoard(connector, to.database)
    lent = Lent()

    def consenting(engine: Engine, consent: Consent) -> Engine:
        return replace(
            engine,
            checks=MySQLChecks(first, to, told.is_mariadb, consent),
            workshop=replace(workshop, consent=consent),
        )

    def close() -> None:
        ledger.close()
        board.close()
        first.close()

    return Engine(
        name=told.engine,
        version=told.version,
        database=to.database,
        mysql=True,
        connect=connector,
        claim=lambda name: claim.claim(connector, name),
        catalog=catalog,
        checks=MySQLChecks(first, to, told.is_mariadb),
        workshop=workshop,
        ledger=ledger,
        board=board,
        dialect=MySQLDialect,
        load=lambda job: MySQLLoad(job, connector, catalog, workshop),
        gauges=lambda: MySQLGauges(connector, to.database),
        replicas=lambda: replicas(to, first, is_mariadb=told.is_mariadb),
        swapper=lambda job: swapper(
            job,
            connector,
            lambda session: MySQLCatalog(session, to.database),
            notes=Notes(job.id, to.database),
            rename_under_lock=rename_under_lock(),
            lent=lent,
            carried=(UserTriggers(job, connector),),
        ),
        aftercare=lambda job: MySQLAftercare(
            job, connector, lambda session: MySQLCatalog(session, to.database)
        ),
        ladder=MySQLLadder(connector, catalog, told.is_mariadb),
        sources={
            Sync.LOG: lambda job, start: BinlogSource(job, to, connector, start),
            Sync.TRIGGERS: lambda job, start: TriggerSource(
                job, connector, to.database, start, lent
            ),
        },
        consenting=consenting,
        close=close,
    )
