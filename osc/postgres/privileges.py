"""What the role that migrates lacks, all of it at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from osc.engine import Sync
from osc.errors import NotAllowed
from osc.postgres.kin import Member
from osc.postgres.quoting import identifier
from osc.postgres.session import Connection


@dataclass(frozen=True)
class Lack:
    """`what` is a sentence about the role, and `todo` what gives it."""

    what: str
    todo: str


def require(session: Connection, members: Sequence[Member], sync: Sync) -> None:
    """NotAllowed with whatever is missing to copy a table with its family and its parents."""
    lacks = [
        *ownership(session, members),
        *_room(session, members),
        *_of_the_server(session, members, sync),
    ]
    if lacks:
        raise _not_allowed(dict.fromkeys((lack.what, lack.todo) for lack in lacks))


def require_ownership(session: Connection, members: Sequence[Member]) -> None:
    """All that an ALTER without a copy asks for; what a copy would need is told with it."""
    lacks = [*ownership(session, members)]
    if lacks:
        more = [*_room(session, members), *_of_the_server(session, members, Sync.LOG)]
        error = _not_allowed((lack.what, lack.todo) for lack in lacks)
        if more:
            error.todo += ", and for a copy: " + "; ".join(lack.todo for lack in more)
        raise error


def all_of(checks: Iterable[Callable[[], object]]) -> None:
    """Runs them all, and raises what they miss as one NotAllowed; any other refusal at once."""
    missing = []
    for check in checks:
        try:
            check()
        except NotAllowed as error:
            missing.append((error.happened, error.todo))
    if missing:
        raise _not_allowed(dict.fromkeys(missing))


def membership(session: Connection, owner: str, *, quoted: bool = False) -> str:
    """What makes us as good as the owner."""
    role = identifier(str(session.value("SELECT current_user")))
    return f"GRANT {owner if quoted else identifier(owner)} TO {role}"


def _not_allowed(missing: Iterable[tuple[str, str]]) -> NotAllowed:
    whats, todos = zip(*missing, strict=True)
    return NotAllowed(
        "; ".join(whats),
        still_true="nothing was touched",
        todo="; ".join(dict.fromkeys(todos)),
    )


OWNERS = """
SELECT pg_get_userbyid(relowner), pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = $1
"""


def ownership(session: Connection, members: Sequence[Member]) -> Iterator[Lack]:
    for member in members:
        owner, owns = session.rows(OWNERS, member.oid)[0]
        if not owns:
            yield Lack(f"{member.name} belongs to {owner}", membership(session, owner))


ROOM = """
SELECT DISTINCT current_user, nspname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
WHERE c.oid = ANY ($1) AND NOT has_schema_privilege(n.oid, 'CREATE')
AND NOT has_schema_privilege(relowner, n.oid, 'CREATE')
"""
"""Who becomes a member of the owner has what the owner may do."""


def _room(session: Connection, members: Sequence[Member]) -> Iterator[Lack]:
    for role, schema in session.rows(ROOM, [member.oid for member in members]):
        grant = f"GRANT CREATE ON SCHEMA {identifier(schema)} TO {identifier(role)}"
        yield Lack(f"{role} may not create tables in the schema {schema}", grant)


def require_room_in(session: Connection, schemas: Iterable[str]) -> None:
    """NotAllowed where the swap says something again, or moves it, where we may create nothing."""
    closed = session.rows(
        "SELECT nspname, current_user FROM pg_namespace WHERE nspname = ANY ($1)"
        " AND NOT has_schema_privilege(oid, 'CREATE') ORDER BY 1",
        [*schemas],
    )
    if closed:
        raise _not_allowed(
            (
                f"{role} may not create in the schema {schema}, where something is that hangs on"
                " the table and is said again of the new one",
                f"GRANT USAGE, CREATE ON SCHEMA {identifier(schema)} TO {identifier(role)}",
            )
            for schema, role in closed
        )


SERVER = """
SELECT current_user, current_database(),
       has_database_privilege(current_database(), 'CREATE')
       OR ($1::oid IS NOT NULL AND has_database_privilege($1, current_database(), 'CREATE')),
       to_regnamespace('osc') IS NULL
       OR has_schema_privilege(to_regnamespace('osc')::oid, 'USAGE'),
       to_regnamespace('osc') IS NULL
       OR has_schema_privilege(to_regnamespace('osc')::oid, 'CREATE'),
       rolreplication OR rolsuper OR EXISTS (
           SELECT FROM pg_roles r WHERE r.rolname IN ('rds_replication', 'rds_superuser')
           AND pg_has_role(r.oid, 'USAGE')),
       EXISTS (SELECT FROM pg_language
               WHERE lanname = 'plpgsql' AND has_language_privilege(oid, 'USAGE'))
FROM pg_roles WHERE rolname = current_user
"""


def _of_the_server(session: Connection, members: Sequence[Member], sync: Sync) -> Iterator[Lack]:
    owner = session.value(
        "SELECT relowner::bigint FROM pg_class WHERE oid = $1", members[0].oid if members else None
    )
    role, database, creates, sees, fills, replicates, writes = session.rows(SERVER, owner)[0]
    whom = identifier(role)
    if not creates:
        grant = f"GRANT CREATE ON DATABASE {identifier(database)} TO {whom}"
        yield Lack(f"{role} may not create schemas in {database}", grant)
    if not (sees and fills):
        grant = f"GRANT USAGE, CREATE ON SCHEMA osc TO {whom}"
        tables = f"GRANT ALL ON ALL TABLES IN SCHEMA osc TO {whom}"
        yield Lack(f"{role} may not keep its runs in the schema osc", f"{grant}; {tables}")
    if sync is Sync.LOG and not replicates:
        yield Lack(f"{role} may not read the log", f"ALTER ROLE {whom} REPLICATION")
    if sync is Sync.TRIGGERS and not writes:
        yield Lack(
            f"{role} may not write functions in plpgsql, and so no triggers",
            "CREATE EXTENSION plpgsql, or GRANT USAGE ON LANGUAGE plpgsql",
        )
