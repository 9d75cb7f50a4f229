"""Reasons to refuse, found before anything is touched, each with what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from osc.engine import Sync
from osc.errors import Precondition
from osc.model.alter import Alter
from osc.model.consent import NO_CONSENT, Consent
from osc.model.table import Table
from osc.postgres import definition, kin, privileges, published, relatives, surroundings
from osc.postgres.kin import Member
from osc.postgres.quoting import qualified
from osc.postgres.session import Connection, Open, plain_names


@dataclass(frozen=True)
class PostgresChecks:
    """What the clone carries over, as `definition.describe` verifies, need not be refused here."""

    opened: Open
    consent: Consent = NO_CONSENT

    def place(self) -> None:
        with self.opened("checks") as session:
            _require_primary(session)

    def server(self, sync: Sync) -> None:
        if sync is Sync.LOG:
            with self.opened("checks") as session:
                _require_logical_decoding(session)

    def table(self, table: Table, alter: Alter, sync: Sync) -> None:
        relatives.require_no_change(alter)
        with self.opened("checks") as session:
            published.require_private(session, self.consent)
            oid = definition.oid_of(session, table.name)
            if oid is None:
                raise _refused(f"there is no table {table.name}", "")
            family = kin.family(session, oid)
            for member in family:
                _require_plain(session, member, sync)
                _require_valid_indexes(session, member)
            _require_nothing_attached(session, table, oid)
            relatives.require(session, oid)
            privileges.all_of(
                (
                    partial(
                        privileges.require, session, (*family, *kin.parents(session, oid)), sync
                    ),
                    partial(surroundings.require, session, oid, table.name, self.consent),
                )
            )
            if sync is Sync.LOG:
                _require_replica_identity(session, table, oid)
                _require_sendable_identity(session, table, oid)
                relatives.require_one_identity(session, oid)


def _refused(happened: str, todo: str) -> Precondition:
    return Precondition(happened, still_true="nothing was touched", todo=todo)


def _require_primary(session: Connection) -> None:
    if session.value("SELECT pg_is_in_recovery()"):
        raise _refused("this server is a standby: it takes no writes", "connect to the primary")


def _require_logical_decoding(session: Connection) -> None:
    level, senders, sending, slots, used = session.rows(
        "SELECT current_setting('wal_level'), current_setting('max_wal_senders')::int,"
        " (SELECT count(*) FROM pg_stat_replication),"
        " current_setting('max_replication_slots')::int,"
        " (SELECT count(*) FROM pg_replication_slots)"
    )[0]
    if level != "logical":
        raise _refused(
            f"wal_level is {level}: changes can't be read from the log",
            "set wal_level = logical and restart the server",
        )
    if used >= slots:
        raise _refused(
            f"all {slots} replication slots are in use", "drop one or raise max_replication_slots"
        )
    if sending >= senders:
        raise _refused(f"all {senders} walsenders are in use", "raise max_wal_senders")


def _require_plain(session: Connection, table: Member, sync: Sync) -> None:
    persistence, hidden = session.rows(
        "SELECT relpersistence::text,"
        " relrowsecurity AND relforcerowsecurity AND NOT rolsuper AND NOT rolbypassrls"
        " FROM pg_class, pg_roles WHERE pg_class.oid = $1 AND rolname = current_user",
        table.oid,
    )[0]
    if persistence == "t":
        raise _refused(f"{table.name} is temporary: only its session sees it", "")
    if persistence == "u" and sync is Sync.LOG:
        raise _refused(
            f"{table.name} is unlogged: its changes are not in the log",
            "follow it by --sync triggers",
        )
    if hidden:
        raise _refused(
            f"{table.name} forces row level security on us: rows might be hidden from the copy",
            "connect as a role with BYPASSRLS",
        )


REFUSALS = {
    "inherited": (
        "a child table, which the ALTER would change too,",
        "where no row has to be written anew, it is enough to leave out --force-copy; otherwise"
        " ALTER TABLE … NO INHERIT on each child (the parent is then read without its rows), give"
        " this ALTER to each of them and to the parent by itself, and INHERIT again, which takes no"
        " look at the rows; what the children have from the parent is then their own as well, and"
        " stays theirs where the parent loses it",
    ),
    "member": ("an extension", "a table of an extension is changed by its upgrades"),
}


def _require_nothing_attached(session: Connection, table: Table, oid: int) -> None:
    """Named one by one, from the description: its lines begin with what they describe."""
    lines = [line for line in definition.describe(session, oid) if _refusal(line)]
    if lines:
        kind, todo = _refusal(lines[0]) or ("", "")
        named = "\n  ".join(lines)
        raise _refused(f"{kind} hangs on {table.name} and can't be carried over:\n  {named}", todo)


def _refusal(line: str) -> tuple[str, str] | None:
    """What a line of the description is that can't be carried over, and what to do about it."""
    return REFUSALS.get(kin.own_words(line).replace(":", "").split()[0])


def _require_valid_indexes(session: Connection, table: Member) -> None:
    with plain_names(session):
        found = session.value(
            "SELECT string_agg(indexrelid::regclass::text, ', ') FROM pg_index"
            " WHERE indrelid = $1 AND NOT (indisvalid AND indisready)",
            table.oid,
        )
    if found:
        raise _refused(f"{found} is invalid: it was never built to its end", "drop or reindex it")


def _require_replica_identity(session: Connection, table: Table, oid: int) -> None:
    if table.keys:
        return
    identity = session.value("SELECT relreplident::text FROM pg_class WHERE oid = $1", oid)
    on = qualified(table.name)
    why = {
        "n": "its replica identity is NOTHING",
        "d": "it has no primary key that can be its replica identity",
        "f": "it has no unique key over NOT NULL columns",
        "i": "the index of its replica identity is gone or can't tell rows apart",
    }[identity]
    raise _refused(
        f"the log doesn't tell which rows of {table.name} change: {why}",
        f"ALTER TABLE {on} REPLICA IDENTITY USING INDEX a unique index over NOT NULL columns"
        f" (add one if there is none), or REPLICA IDENTITY DEFAULT with a primary key",
    )


UNSENT = f"""
{kin.DESCENDANTS}
SELECT string_agg(DISTINCT quote_ident(attname), ', ') FROM tree JOIN pg_class USING (oid)
JOIN pg_attribute a ON attrelid = pg_class.oid AND attgenerated = 'v' AND NOT attisdropped
WHERE relreplident = 'f'
"""


def _require_sendable_identity(session: Connection, table: Table, oid: int) -> None:
    """No publication can send a virtual column. Where the replica identity has one the server
    refuses each UPDATE and DELETE of a published table: those of the applications."""
    unsent = session.value(UNSENT, oid)
    if unsent:
        raise _refused(
            f"{table.name} has REPLICA IDENTITY FULL and virtual generated columns ({unsent}):"
            " were it published, so that we can follow it, the server would refuse every UPDATE and"
            " DELETE",
            "follow it by --sync triggers, or ALTER TABLE … REPLICA IDENTITY DEFAULT",
        )
