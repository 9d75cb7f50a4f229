"""pt-online-schema-change's command line (Percona Toolkit 3.7, its manual's section OPTIONS)."""

from __future__ import annotations

from collections.abc import Sequence

from osc.errors import Usage
from osc.habits.habit import Flag, Reader, Translation, seconds, switch

KEYS = {"h": "host", "P": "port", "u": "user", "p": "password", "S": "socket", "D": "database",
        "t": "table"}  # fmt: skip
OURS = "is always so here"
COPIED = "rows are never ignored here: duplicates and bad values stop the run with their rows named"

FLAGS: dict[str, Flag] = {
    "alter": Flag(place="alter"),
    "execute": Flag(switch("--execute"), takes_value=False),
    "dry-run": Flag(takes_value=False, says="without --execute nothing is changed"),
    "print": Flag(takes_value=False, says="`osc plan` prints each statement"),
    "host": Flag(place="host"),
    "port": Flag(place="port"),
    "user": Flag(place="user"),
    "password": Flag(place="password"),
    "ask-pass": Flag(takes_value=False, says="give the password in $MYSQL_PWD or ~/.my.cnf"),
    "socket": Flag(place="socket"),
    "database": Flag(place="database"),
    "charset": Flag(says="rows never leave the server; there is nothing to convert"),
    "defaults-file": Flag(says="~/.my.cnf is read where no user is given"),
    "chunk-time": Flag("--chunk-time"),
    "chunk-size": Flag(says="chunks are sized by time alone: see --chunk-time"),
    "chunk-size-limit": Flag(says="chunks are cut by the key, so that none is larger than meant"),
    "chunk-index": Flag(says="rows are told by the best unique key that both tables have"),
    "max-lag": Flag(lambda value: ["--max-lag", seconds(value)]),
    "check-interval": Flag(says="signals are read several times a second"),
    "max-load": Flag("--max-load"),
    "critical-load": Flag("--critical-load"),
    "sleep": Flag(says="the copy follows the signals instead: see --max-latency"),
    "pause-file": Flag("--pause-file"),
    "recursion-method": Flag(says="name replicas with --replica URL"),
    "recurse": Flag(says="name replicas with --replica URL"),
    "check-slave-lag": Flag(says="name the replica with --replica URL"),
    "check-replica-lag": Flag(says="name the replica with --replica URL"),
    "skip-check-slave-lag": Flag(says="only replicas that let us in or are named are watched"),
    "skip-check-replica-lag": Flag(says="only replicas that let us in or are named are watched"),
    "alter-foreign-keys-method": Flag(
        says="foreign keys are carried over under the lock of the cut-over, by one method"
    ),
    "drop-old-table": Flag(switch("--drop-old-table"), takes_value=False),
    "drop-new-table": Flag(
        takes_value=False, wanted="no", says="what can be resumed is kept by itself"
    ),
    "drop-triggers": Flag(
        takes_value=False, wanted="no", says="ours are kept while a run can go on"
    ),
    "swap-tables": Flag(
        lambda value: ["--postpone-cut-over"] if value == "no" else [],
        takes_value=False,
        wanted="no",
        says="the cut-over waits for `osc cut-over`; `osc abort` ends it without",
    ),
    "preserve-triggers": Flag(takes_value=False, says=OURS),
    "analyze-before-swap": Flag(takes_value=False, says=OURS),
    "null-to-not-null": Flag(takes_value=False, says=COPIED),
    "check-unique-key-change": Flag(takes_value=False, says=COPIED),
    "check-alter": Flag(takes_value=False, says="the ALTER is tried on an empty clone"),
    "check-plan": Flag(takes_value=False, says="chunks are cut along an index"),
    "check-replication-filters": Flag(takes_value=False, says=OURS),
    "tries": Flag(says="see --cut-over-attempts and --cut-over-lock-timeout"),
    "set-vars": Flag(says="what our sessions need they set for themselves"),
    "progress": Flag(says="a line every 30 s, or a bar on a terminal"),
    "statistics": Flag(takes_value=False, says="the result has them"),
    "quiet": Flag(switch("--quiet"), takes_value=False),
    "new-table-name": Flag(says="the name is ours"),
    "history": Flag(takes_value=False, says="`osc status` and `osc history` know every run"),
    "resume": Flag(says="`osc resume URL` goes on with what was stopped"),
    "force": Flag(takes_value=False, says="nothing is forced here"),
    "version-check": Flag(takes_value=False),
    "statement-timeout": Flag(says="our statements are short by themselves"),
}


def translated(line: Sequence[str]) -> Translation:
    """The old table is dropped there unless one says otherwise; so it is here."""
    reader = Reader("pt-online-schema-change", FLAGS)
    reader.read(line)
    for dsn in reader.words:
        reader.place |= _dsn(dsn)
    if "drop-old-table" not in reader.given:
        reader.options.append("--drop-old-table")
        reader.remarks.append("the old table is dropped at the end, as pt-osc does by default")
    return reader.translation()


def _dsn(text: str) -> dict[str, str]:
    """`D=shop,t=orders`, a comma in a value escaped by a backslash."""
    found: dict[str, str] = {}
    for part in text.replace("\\,", "\0").split(","):
        key, mark, value = part.partition("=")
        if not mark:
            raise Usage(f"{text!r} is no DSN such as D=shop,t=orders")
        if key in KEYS:
            found[KEYS[key]] = value.replace("\0", ",")
    return found
