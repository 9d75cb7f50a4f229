"""Privileges as they were granted: to whom, of what, by whom, and whether they may be passed on.

Who holds a privilege WITH GRANT OPTION may have granted it to others. Who takes it away from him
takes theirs, too, and theirs alone: so it matters who has granted what. Each is granted by its own
grantor, those first who have it from the owner.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from osc.errors import ServerError
from osc.postgres.quoting import identifier
from osc.postgres.session import Connection

ACL = """
SELECT pg_get_userbyid(grantor), grantor = c.relowner, grantee::bigint, pg_get_userbyid(grantee),
       grantee = c.relowner, privilege_type, is_grantable, NULL
FROM pg_class c, aclexplode(c.relacl) WHERE c.oid = $1
UNION ALL
SELECT pg_get_userbyid(grantor), grantor = c.relowner, grantee::bigint, pg_get_userbyid(grantee),
       grantee = c.relowner, privilege_type, is_grantable, attname
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid, aclexplode(a.attacl)
WHERE c.oid = $1 AND NOT a.attisdropped
"""

TYPE_ACL = """
SELECT pg_get_userbyid(grantor), grantor = y.typowner, grantee::bigint, pg_get_userbyid(grantee),
       grantee = y.typowner, privilege_type, is_grantable, NULL
FROM pg_class c JOIN pg_type y ON y.oid = c.reltype, aclexplode(y.typacl) WHERE c.oid = $1
"""

OWNER = "SELECT pg_get_userbyid(relowner), relacl IS NOT NULL FROM pg_class WHERE oid = $1"
"""Without an ACL the owner has everything, and nobody else anything."""


@dataclass(frozen=True)
class Grant:
    """One privilege; `column` is None where it is of the whole relation."""

    grantor: str
    by_owner: bool
    grantee_oid: int
    grantee: str
    to_owner: bool
    privilege: str
    grantable: bool
    column: str | None

    def statement(self, on: str) -> str:
        of = f" ({identifier(self.column)})" if self.column is not None else ""
        # The owner may pass on what is his, without being told so.
        option = " WITH GRANT OPTION" if self.grantable and not self.to_owner else ""
        return f"GRANT {self.privilege}{of} ON {on} TO {self.to}{option}"

    def rests_on(self, other: Grant) -> bool:
        """Whether the other lets our grantor grant this; who may pass on what is of the whole
        relation may do so for each column."""
        passed_on = other.grantable and other.grantee == self.grantor
        same = other.privilege == self.privilege and other.column in (None, self.column)
        return passed_on and same

    @property
    def to(self) -> str:
        return "PUBLIC" if self.grantee_oid == 0 else identifier(self.grantee)


def replay(session: Connection, on: str, source: int, made: int, schema: str) -> None:
    """The grants of the original and no others: default privileges would leak in. `made` has its
    owner already: who may act for him grants in his name."""
    wanted, found = _read(session, ACL, source), _read(session, ACL, made)
    (owner, given), (_, listed) = session.rows(OWNER, made)[0], session.rows(OWNER, source)[0]
    for grantee in dict.fromkeys(grant.to for grant in found):
        session.run(f"REVOKE ALL ON {on} FROM {grantee}")
    if listed:
        session.run(f"REVOKE ALL ON {on} FROM {identifier(owner)}")
    elif given:
        session.run(f"GRANT ALL ON {on} TO {identifier(owner)}")
    _grant(session, wanted, on, schema)


def replay_of_type(session: Connection, on: str, source: int, schema: str) -> None:
    """The same of the row type of the table `source`; default privileges give nothing of one."""
    wanted = _read(session, TYPE_ACL, source)
    if wanted:
        owner, _ = session.rows(OWNER, source)[0]
        session.run(f"REVOKE ALL ON TYPE {on} FROM PUBLIC, {identifier(owner)}")
        _grant(session, wanted, f"TYPE {on}", schema)


def _grant(session: Connection, grants: Sequence[Grant], on: str, schema: str) -> None:
    for grant in _from_the_owner_on(grants):
        if grant.by_owner:
            session.run(grant.statement(on))
        else:
            _as(session, grant, on, schema)


def _read(session: Connection, query: str, oid: int) -> list[Grant]:
    return [Grant(*row) for row in session.rows(query, oid)]


def _from_the_owner_on(grants: Sequence[Grant]) -> Iterator[Grant]:
    """In their order, which a dump shows; but whoever grants has been granted before, what he
    grants: a list may show what he was given after what he gave, where it had an older entry for
    the same two roles."""
    waiting, given = list(grants), list[Grant]()
    while waiting:
        may = (grant for grant in waiting if grant.by_owner or any(map(grant.rests_on, given)))
        grant = next(may, waiting[0])
        waiting.remove(grant)
        given.append(grant)
        yield grant


def _as(session: Connection, grant: Grant, on: str, schema: str) -> None:
    """In the name of a grantor who isn't the owner. He must find the clone, so its schema is open
    to him for as long as it is there."""
    session.run(f"GRANT USAGE ON SCHEMA {identifier(schema)} TO {identifier(grant.grantor)}")
    try:
        session.run(f"SET ROLE {identifier(grant.grantor)}")
    except ServerError as error:
        error.happened = (
            f"{error.happened}: {grant.privilege} was granted to {grant.grantee} by"
            f" {grant.grantor}, and only that role can grant it again"
        )
        raise
    session.run(grant.statement(on))
    session.run("RESET ROLE")
