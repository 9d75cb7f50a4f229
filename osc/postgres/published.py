"""Publications that name the table or a partition: the new one takes its place in the swap.

Subscribers find a table by its name: they see the changes of the one up to the swap and those of
the other from there on, and have to refresh nothing. Our own publication is none of these.

One FOR ALL TABLES tells of the shadow and of the ledger, too, and a subscriber that is sent a row
of a table that he doesn't have stops there. That is so whichever way the ALTER is done: the ledger
is written each time. One FOR TABLES IN SCHEMA tells of neither, and of the new table once it is in
its place.
"""

from __future__ import annotations

from functools import partial

from osc.engine import Statement
from osc.errors import NotAllowed, Precondition
from osc.model.consent import Consent
from osc.postgres import kin, privileges
from osc.postgres.carried import Carried, Exchange
from osc.postgres.dependents import Dependent
from osc.postgres.quoting import identifier, listed
from osc.postgres.session import Connection, Row, plain_names

OURS = "^osc_[0-9]+_[0-9a-f]{8}$"
FILTER, COLUMNS = "pg_get_expr(r.prqual, r.prrelid)", "r.prattrs"
"""There are such since 15."""

ENTRIES = f"""
{kin.DESCENDANTS}
SELECT r.oid, p.pubname, r.prrelid::regclass::text, pg_get_userbyid(p.pubowner),
       pg_has_role(p.pubowner, 'USAGE'), {FILTER},
       ARRAY(SELECT a.attname::text FROM unnest({COLUMNS}) WITH ORDINALITY AS u (n, at)
             JOIN pg_attribute a ON (a.attrelid, a.attnum) = (r.prrelid, u.n) ORDER BY u.at),
       ARRAY(SELECT DISTINCT a.attname::text FROM pg_depend d
             JOIN pg_attribute a ON (a.attrelid, a.attnum) = (d.refobjid, d.refobjsubid)
             WHERE d.classid = 'pg_publication_rel'::regclass AND d.objid = r.oid
             AND d.refclassid = 'pg_class'::regclass AND d.refobjid = r.prrelid)
FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid
WHERE r.prrelid IN (SELECT oid FROM tree) AND pubname !~ '{OURS}' ORDER BY pubname, r.prrelid
"""


def _entries(session: Connection, table: int) -> list[Row]:
    query = ENTRIES
    if session.raw.info.server_version < 150000:
        query = query.replace(FILTER, "NULL::text").replace(COLUMNS, "'{}'::int2[]")
    return session.rows(query, table)


def read(session: Connection, table: int) -> tuple[Dependent, ...]:
    """The entries as dependents of the columns that they list or filter by."""
    with plain_names(session):
        return tuple(
            Dependent("publication", oid, f"publication {name}", tuple(columns))
            for oid, name, *_, columns in _entries(session, table)
        )


def _require_ours(session: Connection, name: str, _: str, owner: str, owns: bool) -> None:
    if not owns:
        raise NotAllowed(
            f"the publication {name}, which names the table, belongs to {owner}",
            still_true="nothing was touched",
            todo=privileges.membership(session, owner),
        )


EVERYWHERE = f"""
SELECT (SELECT string_agg(pubname, ', ' ORDER BY pubname) FROM pg_publication WHERE puballtables),
       (SELECT string_agg(slot_name, ', ' ORDER BY slot_name) FROM pg_replication_slots
        WHERE plugin = 'pgoutput' AND database = current_database()
        AND wal_status IS DISTINCT FROM 'lost' AND slot_name !~ '{OURS}')
"""


def require_private(session: Connection, consent: Consent) -> None:
    """Raises Precondition where somebody may be sent rows of tables that are ours alone. Which
    publications are read through a slot is only known while it is read, so each slot counts; those
    that a standby has for itself aren't seen from here."""
    publications, slots = session.rows(EVERYWHERE)[0]
    if publications and slots and not consent.published:
        raise Precondition(
            f"the publication {publications} is FOR ALL TABLES: whoever reads it through the slot"
            f" {slots} would be sent rows of our ledger, and in a copy those of the new table; a"
            " subscription stops at tables that it doesn't have",
            still_true="nothing was touched",
            todo="CREATE PUBLICATION … FOR TABLES IN SCHEMA … here and, when it has been received,"
            " ALTER SUBSCRIPTION … SET PUBLICATION … WITH (copy_data = false) there, then DROP"
            f" PUBLICATION {publications}; or drop the slot, if nobody needs it; or allow it with"
            " --publish-shadow, where the reader leaves out what he doesn't know (Debezium's"
            " table.include.list)",
        )


def require(session: Connection, table: int) -> None:
    entries = _entries(session, table)
    privileges.all_of(partial(_require_ours, session, *entry[1:5]) for entry in entries)
    subscribed = session.value(
        f"{kin.DESCENDANTS} SELECT string_agg(s.subname, ', ') FROM pg_subscription_rel r"
        " JOIN pg_subscription s ON s.oid = r.srsubid WHERE r.srrelid IN (SELECT oid FROM tree)",
        table,
    )
    if subscribed:
        raise Precondition(
            f"the table is the target of the subscription {subscribed}, which would take nothing"
            " for the new table",
            still_true="nothing was touched",
            todo="take it out of the publication and refresh the subscription, or use the native"
            " ALTER",
        )


def carried(session: Connection, exchange: Exchange) -> Carried:
    with plain_names(session):
        found = _entries(session, exchange.source)
    before, named = list[Statement](), list[Statement]()
    for _, name, on, _, _, condition, columns, _ in found:
        publication = f"ALTER PUBLICATION {identifier(name)}"
        of = f" ({listed(columns)})" if columns else ""
        where = f" WHERE ({condition})" if condition is not None else ""
        before.append(Statement(f"{publication} DROP TABLE {on}"))
        named.append(Statement(f"{publication} ADD TABLE {on}{of}{where}"))
    return Carried(before=tuple(before), named=tuple(named))
