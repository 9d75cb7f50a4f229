"""MySQL and MariaDB as an `Engine`: which part is made of what."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from osc.engine import Engine, Sync
from osc.model.consent import Consent
from osc.model.table import TableName
from osc.mysql import claim, flavor
from osc.mysql.aftercare import MySQLAftercare
from osc.mysql.binlog import BinlogSource
from osc.mysql.board import MySQLBoard
from osc.mysql.books import Books
from osc.mysql.catalog import MySQLCatalog
from osc.mysql.checks import MySQLChecks
from osc.mysql.clone import Clones
from osc.mysql.dialect import MySQLDialect
from osc.mysql.gauges import MySQLGauges, replicas
from osc.mysql.ladder import MySQLLadder
from osc.mysql.lasting import LastingSession
from osc.mysql.ledger import HEARTBEAT, NOTE, MySQLLedger
from osc.mysql.load import MySQLLoad
from osc.mysql.locking import Lent
from osc.mysql.noted import Notes
from osc.mysql.session import Connector, address, version
from osc.mysql.stand_ins import UserTriggers
from osc.mysql.swap import swapper
from osc.mysql.triggers import TriggerSource
from osc.mysql.workshop import MySQLWorkshop


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

    @cache
    def server_id() -> int:
        return flavor.server_id(first)

    def alive(name: TableName) -> bool:
        return claim.holder(first, name) is not None

    clones = Clones(connector, catalog, original_first=lambda: not rename_under_lock())
    workshop = MySQLWorkshop(connector, catalog, clones, told.is_mariadb)
    ladder = MySQLLadder(connector, catalog, told.is_mariadb)
    books = Books(to.database, server_id)
    ledger = MySQLLedger(connector, books, alive)
    of_a_replica = MySQLLedger(connector, books, alive, begins_own=True)
    board = MySQLBoard(connector, books)
    lent = Lent()

    def consenting(engine: Engine, consent: Consent) -> Engine:
        here = books.here if consent.on_replica else ""
        return replace(
            engine,
            checks=MySQLChecks(first, to, told.is_mariadb, consent),
            workshop=replace(workshop, consent=consent, clones=replace(clones, here=here)),
            ladder=replace(ladder, here=here),
            ledger=of_a_replica if consent.on_replica else ledger,
        )

    def close() -> None:
        for part in (ledger, of_a_replica, board, first):
            part.close()

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
        gauges=lambda: MySQLGauges(connector, books),
        replicas=lambda: replicas(to, first, is_mariadb=told.is_mariadb),
        swapper=lambda job: swapper(
            job,
            connector,
            lambda session: MySQLCatalog(session, to.database),
            notes=Notes(job.id, to.database, books.of(NOTE, job.id).name),
            rename_under_lock=rename_under_lock(),
            lent=lent,
            carried=(UserTriggers(job, connector),),
        ),
        aftercare=lambda job: MySQLAftercare(
            job, connector, lambda session: MySQLCatalog(session, to.database)
        ),
        ladder=ladder,
        sources={
            Sync.LOG: lambda job, start: BinlogSource(
                job, to, connector, start, books.of(HEARTBEAT, job.id)
            ),
            Sync.TRIGGERS: lambda job, start: TriggerSource(
                job, connector, to.database, start, lent
            ),
        },
        consenting=consenting,
        close=close,
    )
