"""pt-online-schema-change's command line (Percona Toolkit 3.7, its manual's section OPTIONS)."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from osc import __version__
from osc.errors import Usage
from osc.habits.habit import Flag, Reader, Translation, number, seconds, switch

KEYS = {"h": "host", "P": "port", "u": "user", "p": "password", "S": "socket", "D": "database",
        "t": "table", "F": "defaults-file"}  # fmt: skip
SHORT = {
    "h": "host", "P": "port", "u": "user", "p": "password", "S": "socket", "D": "database",
    "A": "charset", "F": "defaults-file", "q": "quiet",
}  # fmt: skip
ALONE = "it is watched, by a heartbeat, and no other one"
LETS_IN = "a replica lets us in as its server does; name it with --replica URL for another user"
ANOTHER_TABLE = "the new table is what the ALTER says, and nothing else; write it into the ALTER"
OURS = "it is always so here"
COPIED = "rows are never ignored here: duplicates and bad values stop the run with their rows named"

FLAGS: dict[str, Flag] = {
    "alter": Flag(place="alter"),
    "execute": Flag(switch("--execute"), takes_value=False),
    "dry-run": Flag(takes_value=False),
    "print": Flag(takes_value=False, says="`osc plan` prints each statement"),
    "host": Flag(place="host"),
    "port": Flag(place="port"),
    "user": Flag(place="user"),
    "password": Flag(place="password"),
    "ask-pass": Flag(takes_value=False),
    "socket": Flag(place="socket"),
    "database": Flag(place="database"),
    "charset": Flag(says="rows never leave the server; there is nothing to convert"),
    "defaults-file": Flag("--defaults-file"),
    "config": Flag(says="settings stand in osc.toml or --config of `osc run`"),
    "pid": Flag(says="the claim of the table is in the server, not in a file"),
    "help": Flag(takes_value=False),
    "version": Flag(takes_value=False),
    "chunk-time": Flag(
        lambda value: ["--chunk-time", value] if _is_above_0(value) else [],
        wanted="0",
        says="chunks are sized by time alone",
    ),
    "chunk-size": Flag(says="chunks are sized by time alone: see --chunk-time"),
    "chunk-size-limit": Flag(says="chunks are cut by the key, so that none is larger than meant"),
    "chunk-index-columns": Flag(says="chunks are cut by the whole key"),
    "where": Flag(
        refused="a table is altered with all its rows; delete the others before, or after"
    ),
    "chunk-index": Flag(says="rows are told by the best unique key that both tables have"),
    "max-lag": Flag(lambda value: ["--max-lag", seconds(value)]),
    "check-interval": Flag(says="signals are read several times a second"),
    "max-load": Flag("--max-load"),
    "critical-load": Flag("--critical-load"),
    "sleep": Flag(),
    "max-flow-ctl": Flag(refused="Galera's flow control is not watched; see --throttle-query"),
    "pause-file": Flag("--pause-file"),
    "recursion-method": Flag(says="name replicas with --replica URL"),
    "recurse": Flag(says="name replicas with --replica URL"),
    "channel": Flag(says="lag is measured by a heartbeat, whatever channel it comes through"),
    "check-slave-lag": Flag(lambda dsn: _replica(dsn), says=ALONE),
    "check-replica-lag": Flag(lambda dsn: _replica(dsn), says=ALONE),
    "slave-user": Flag(says=LETS_IN),
    "replica-user": Flag(says=LETS_IN),
    "slave-password": Flag(says=LETS_IN),
    "replica-password": Flag(says=LETS_IN),
    "fail-on-stopped-replication": Flag(
        takes_value=False, says="a replica that is silent holds the copy"
    ),
    "skip-check-slave-lag": Flag(says="only replicas that let us in or are named are watched"),
    "skip-check-replica-lag": Flag(says="only replicas that let us in or are named are watched"),
    "alter-foreign-keys-method": Flag(
        says="foreign keys are carried over under the lock of the cut-over, by one method"
    ),
    "only-same-schema-fks": Flag(takes_value=False, says="children of all schemas are known"),
    "check-foreign-keys": Flag(takes_value=False, says="foreign keys are carried over"),
    "reverse-triggers": Flag(
        takes_value=False, refused="the old table is not kept current after the swap"
    ),
    "data-dir": Flag(refused=ANOTHER_TABLE),
    "remove-data-dir": Flag(takes_value=False, refused=ANOTHER_TABLE),
    "default-engine": Flag(takes_value=False, refused=ANOTHER_TABLE),
    "remove-tablespace": Flag(takes_value=False, refused=ANOTHER_TABLE),
    "plugin": Flag(refused="hooks are executables here: see --hooks-path"),
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
    "history-table": Flag(says="the ledger is in the database of the table"),
    "binary-index": Flag(takes_value=False, says=OURS),
    "resume": Flag(),
    "force": Flag(takes_value=False, says="nothing is forced here"),
    "version-check": Flag(takes_value=False),
    "statement-timeout": Flag(says="our statements are short by themselves"),
}


def translated(line: Sequence[str]) -> Translation:
    """The old table is dropped there unless one says otherwise; so it is here."""
    reader = Reader("pt-online-schema-change", FLAGS, short=SHORT)
    reader.read(line)
    if "help" in reader.given:
        return reader.help()
    if "version" in reader.given:
        return reader.answered(f"osc {__version__}, by the flags of pt-online-schema-change 3.7")
    for dsn in reader.words:
        _read_dsn(reader, dsn)
    if reader.executes and reader.given.get("dry-run") == "yes":
        raise Usage("--execute and --dry-run are given", todo="leave one of them out")
    if reader.place.get("alter", "-").strip() == "":
        reader.place["alter"] = "FORCE"  # An empty one rebuilds the table.
    _rest_as_it_sleeps(reader)
    kept = "drop-old-table" in reader.given or "no" in (
        reader.given.get("swap-tables"), reader.given.get("drop-triggers"),
    )  # fmt: skip
    if not kept:
        reader.options.append("--drop-old-table")
        reader.remarks.append("the old table is dropped at the end, as pt-osc does by default")
    return reader.translation()


def _read_dsn(reader: Reader, text: str) -> None:
    found = _dsn(text)
    if file := found.pop("defaults-file", ""):
        reader.options += ["--defaults-file", file]
    reader.place |= found


def _rest_as_it_sleeps(reader: Reader) -> None:
    """Seconds after each chunk; ours is told as a part of the chunk's own time."""
    slept = number(reader.given.get("sleep", "0"), "--sleep")
    if slept:
        lasts = number(reader.given.get("chunk-time", "0.5"), "--chunk-time") or 0.5
        reader.options += ["--nice-ratio", f"{min(slept / lasts, 100):g}"]


def _is_above_0(text: str) -> bool:
    return number(text, "--chunk-time") > 0


def _replica(text: str) -> list[str]:
    """A DSN; its password would be seen in the list of processes."""
    found = _dsn(text)
    user = f"{quote(found['user'], safe='')}@" if "user" in found else ""
    port = f":{found['port']}" if "port" in found else ""
    return ["--replica", f"mysql://{user}{found.get('host', '127.0.0.1')}{port}/"]


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
