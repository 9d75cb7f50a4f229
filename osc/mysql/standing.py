"""Whether this server is alone, follows another one or is one of many that are written to.

What is written on a replica is not written on its source. So that is refused, whichever way the
ALTER would be done, unless the operator allows it (`--on-replica`): to change the replicas one by
one, or one of two servers that follow each other. What comes by replication must be in our binlog
then, or it would be lost, and what we write must not stop it.

Where several servers take writes and each agrees to those of the others (Galera, Group Replication
with many primaries), a table's lock keeps out only who writes through this one. Nothing is copied
there: the server's own ALTER is all that is left.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from osc import errors
from osc.engine import Session, Statement, Sync
from osc.model.consent import Consent
from osc.model.table import TableName
from osc.mysql import flavor, quoting

NOTHING_TOUCHED = "nothing was touched"
PRIMARY = "name the primary in the URL, or allow --on-replica to change this server without it"
LOST = (
    "the lock of a cut-over keeps nobody out who writes through another one, and what he writes at "
    "that moment would be lost"
)
READ_ONLY = "1290"
PROBE = "_osc_probe_a"


@dataclass(frozen=True)
class Standing:
    """Each method gives reasons to refuse, best first."""

    session: Session
    is_mariadb: bool

    def place(self, schema: str, consent: Consent) -> Iterator[errors.OscError]:
        """Why nothing may be written here, neither rows nor an ALTER."""
        source = self._source()
        if consent.on_replica:
            yield from self._as_a_replica(source, schema)
        elif self._is("read_only", "ON"):
            yield _refused("the server is read-only; is it a replica?", PRIMARY)
        elif source:
            yield _refused(
                f"the server is a replica of {source}: what is written here is not written there",
                PRIMARY,
            )

    def sync(self, sync: Sync) -> Iterator[errors.OscError]:
        """Why what comes from elsewhere can't be followed: no lock holds it back, no trigger fires
        for a row that comes as a row, and a binlog has it only where the server is told so."""
        yield from self._one_of_many()
        source = self._source()
        if source and sync is Sync.TRIGGERS:
            yield _refused(
                f"the rows that come from {source} fire no triggers",
                "--sync log, with log_bin and log_replica_updates (log_slave_updates) ON",
            )
        elif source and "OFF" in self._values("log_replica_updates", "log_slave_updates"):
            yield _refused(
                f"the binlog does not tell of the rows that come from {source}",
                "start the server with log_replica_updates (log_slave_updates) ON",
            )

    def _one_of_many(self) -> Iterator[errors.OscError]:
        provider = self._values("wsrep_provider")
        if self._is("wsrep_on", "ON") and provider not in ([], ["NONE"]):
            yield _refused(
                f"the server is one of a Galera cluster: {LOST}",
                "let the server alter it: by wsrep_OSU_method for all at once, or one by one",
            )
        if self._is("group_replication_single_primary_mode", "OFF") and self.session.query(
            Statement(
                "SELECT member_id FROM performance_schema.replication_group_members "
                "WHERE member_state = 'ONLINE'"
            )
        ):
            yield _refused(
                f"the server is one of many primaries of Group Replication: {LOST}",
                "SELECT group_replication_switch_to_single_primary_mode(@@server_uuid)",
            )

    def _as_a_replica(self, source: str | None, schema: str) -> Iterator[errors.OscError]:
        if self._is("super_read_only", "ON"):
            yield _refused(
                "super_read_only is ON: nobody at all may write here",
                "SET GLOBAL super_read_only = OFF while it runs; read_only may stay",
            )
        elif source and self._would_stop_replication():
            yield _refused(
                "what is written here would stop replication: by gtid_domain_id it is of the same "
                f"kind as what comes from {source}, and gtid_strict_mode allows one writer of each",
                "SET GLOBAL gtid_domain_id to a number that no other server has",
            )
        elif self._is("read_only", "ON") and not self._may_write(schema):
            yield errors.NotAllowed(
                "the server is read-only, for this user, too",
                still_true=NOTHING_TOUCHED,
                todo=f"GRANT {'READ_ONLY ADMIN' if self.is_mariadb else 'CONNECTION_ADMIN'} "
                "ON *.* to this user",
            )

    def _may_write(self, schema: str) -> bool:
        """Tried, because the privilege may come by a role. The binlog tells of it: so it is asked
        last."""
        try:
            self.session.execute(
                Statement(f"DROP TABLE IF EXISTS {quoting.table(TableName(schema, PROBE))}")
            )
        except errors.ServerError as error:
            if error.code != READ_ONLY:
                raise
            return False
        return True

    def _would_stop_replication(self) -> bool:
        """MariaDB's error 1950: a number in a domain may not come after a higher one of ours."""
        if not self._is("gtid_strict_mode", "ON"):
            return False
        ((own, followed),) = self.session.query(
            Statement("SELECT @@GLOBAL.gtid_domain_id, @@GLOBAL.gtid_slave_pos")
        )
        return str(own) in [one.strip().partition("-")[0] for one in str(followed).split(",")]

    def _source(self) -> str | None:
        asked = "SHOW ALL SLAVES STATUS" if self.is_mariadb else "SHOW REPLICA STATUS"
        try:
            rows = self.session.query(Statement(asked))
        except (errors.NotAllowed, errors.BadStatement):
            return self._by_its_threads()
        return str(rows[0][3 if self.is_mariadb else 1]) if rows else None

    def _by_its_threads(self) -> str | None:
        """Without the privilege to ask, who sees other people's sessions sees those that follow."""
        try:
            rows = self.session.query(
                Statement(
                    "SELECT id FROM information_schema.processlist "
                    "WHERE user = 'system user' AND (command LIKE %s OR state LIKE %s)",
                    ("Slave%", "%for source to send%"),
                )
            )
        except errors.NotAllowed:
            return None
        return "another server" if rows else None

    def _is(self, name: str, value: str) -> bool:
        return self._values(name) == [value]

    def _values(self, *names: str) -> list[str]:
        found = (flavor.variable(self.session, name) for name in names)
        return [one.upper() for one in found if one is not None]


def _refused(happened: str, todo: str) -> errors.Precondition:
    return errors.Precondition(happened, still_true=NOTHING_TOUCHED, todo=todo)
