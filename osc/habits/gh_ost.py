"""gh-ost's command line (1.1.10, doc/command-line-flags.md)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from osc import __version__
from osc.habits.habit import Flag, Reader, Translation, milliseconds, switch
from osc.model import alter

NO_NEED = "there is no need for it here"

FLAGS: dict[str, Flag] = {
    "alter": Flag(place="alter"),
    "database": Flag(place="database"),
    "table": Flag(place="table"),
    "host": Flag(place="host"),
    "port": Flag(place="port"),
    "user": Flag(place="user"),
    "password": Flag(place="password"),
    "ask-pass": Flag(takes_value=False),
    "conf": Flag("--defaults-file", says="its [client] is read, not its [osc]"),
    "master-user": Flag(),
    "master-password": Flag(),
    "charset": Flag(says="rows never leave the server; there is nothing to convert"),
    "execute": Flag(switch("--execute"), takes_value=False),
    "allow-on-master": Flag(takes_value=False, says="the primary is what we want"),
    "assume-rbr": Flag(takes_value=False, says=NO_NEED),
    "switch-to-rbr": Flag(takes_value=False, says="set binlog_format = ROW yourself"),
    "assume-master-host": Flag(says="that is where we connect to"),
    "allow-master-master": Flag(switch("--on-replica"), takes_value=False),
    "test-on-replica": Flag(
        takes_value=False,
        refused="run it there with --migrate-on-replica and a --postpone-cut-over-flag-file that "
        "stays, and when all is compared and it waits, `osc abort` it",
    ),
    "test-on-replica-skip-replica-stop": Flag(takes_value=False),
    "migrate-on-replica": Flag(switch("--on-replica"), takes_value=False),
    "tungsten": Flag(takes_value=False, refused="Tungsten's replication is not known here"),
    "gtid": Flag(takes_value=False, says=NO_NEED),
    "aliyun-rds": Flag(takes_value=False, says=NO_NEED),
    "gcp": Flag(takes_value=False, says=NO_NEED),
    "azure": Flag(takes_value=False, says=NO_NEED),
    "skip-port-validation": Flag(takes_value=False, says=NO_NEED),
    "replica-server-id": Flag(says="a free one is taken"),
    "chunk-size": Flag(says="chunks are sized by time: see --chunk-time"),
    "dml-batch-size": Flag(says="batches are sized by themselves"),
    "nice-ratio": Flag("--nice-ratio"),
    "exact-rowcount": Flag(takes_value=False, says="an estimate is enough for a bar"),
    "concurrent-rowcount": Flag(takes_value=False),
    "default-retries": Flag("--cut-over-attempts"),
    "max-lag-millis": Flag(milliseconds("--max-lag")),
    "heartbeat-interval-millis": Flag(says="a beat every 100 ms"),
    "throttle-control-replicas": Flag(
        lambda value: [
            word for one in value.split(",") if one for word in ("--replica", f"mysql://{one}/")
        ],
        says="each is reached as the primary is; give --replica URL for another user",
    ),
    "throttle-query": Flag("--throttle-query"),
    "throttle-http": Flag("--throttle-http"),
    "throttle-http-interval-millis": Flag(says="it is asked twice a second"),
    "throttle-http-timeout-millis": Flag(says="it has a second to answer"),
    "ignore-http-errors": Flag(takes_value=False, says="an address that is silent holds the copy"),
    "replication-lag-query": Flag(says="lag is measured by a heartbeat"),
    "throttle-flag-file": Flag("--throttle-flag-file"),
    "throttle-additional-flag-file": Flag("--throttle-flag-file"),
    "max-load": Flag("--max-load"),
    "critical-load": Flag("--critical-load"),
    "critical-load-interval-millis": Flag(says="a critical load counts when it is seen twice"),
    "critical-load-hibernate-seconds": Flag("--critical-load-hibernate"),
    "panic-flag-file": Flag("--panic-flag-file"),
    "postpone-cut-over-flag-file": Flag("--postpone-cut-over-flag-file"),
    "cut-over": Flag(says="one way, atomic for whoever reads or writes"),
    "cut-over-lock-timeout-seconds": Flag(
        lambda value: ["--cut-over-lock-timeout", str(int(float(value) * 1000))],
        says="250 ms is our default: everybody waits behind a lock that waits",
    ),
    "cut-over-exponential-backoff": Flag(takes_value=False, says="it is always so here"),
    "exponential-backoff-max-interval": Flag(says="10 s at most here"),
    "ok-to-drop-table": Flag(switch("--drop-old-table"), takes_value=False),
    "initially-drop-old-table": Flag(takes_value=False, says="`osc cleanup` removes old tables"),
    "initially-drop-ghost-table": Flag(takes_value=False, says="`osc cleanup` removes leftovers"),
    "initially-drop-socket-file": Flag(takes_value=False, says="a dead socket is taken over"),
    "timestamp-old-table": Flag(takes_value=False, says="the old table's name has a number"),
    "serve-socket-file": Flag("--control-socket"),
    "serve-tcp-port": Flag(says="only its own user's socket steers a run, and the ledger"),
    "hooks-path": Flag("--hooks-path"),
    "hooks-hint": Flag("--hooks-hint"),
    "hooks-hint-owner": Flag(says="hooks are told --hooks-hint alone"),
    "hooks-hint-token": Flag(says="hooks are told --hooks-hint alone"),
    "hooks-status-interval": Flag("--hooks-status-interval"),
    "statsd-addr": Flag("--statsd"),
    "statsd-tags": Flag(says="no tags: the table is in the metrics of Prometheus"),
    "runtime-metrics-interval": Flag(says="numbers are sent every 10 s"),
    "include-triggers": Flag(takes_value=False, says="triggers are always carried over"),
    "trigger-suffix": Flag(says="triggers keep their names"),
    "remove-trigger-suffix-if-exists": Flag(takes_value=False, says="triggers keep their names"),
    "discard-foreign-keys": Flag(takes_value=False, says="foreign keys are carried over instead"),
    "skip-foreign-key-checks": Flag(takes_value=False, says="foreign keys are carried over"),
    "approve-renamed-columns": Flag(takes_value=False, says="renamed columns keep their data"),
    "skip-renamed-columns": Flag(
        takes_value=False,
        refused="renamed columns keep their data; DROP the one and ADD the other where they should"
        " not",
    ),
    "allow-nullable-unique-key": Flag(
        takes_value=False, says="a key with NULLs tells no rows apart, and is not used"
    ),
    "skip-strict-mode": Flag(takes_value=False, says="a value that doesn't fit stops the run"),
    "allow-zero-in-date": Flag(takes_value=False, says="zero dates are kept as they are"),
    "force-table-names": Flag(says="the names are ours"),
    "old-table": Flag(refused="a way back after the swap is not here yet"),
    "force-named-cut-over": Flag(takes_value=False, says="words may name the table"),
    "force-named-panic": Flag(takes_value=False, says="words may name the table"),
    "skip-metadata-lock-check": Flag(takes_value=False, says=NO_NEED),
    "allow-setup-metadata-lock-instruments": Flag(takes_value=False, says=NO_NEED),
    "analyze-ghost-table-before-cutover": Flag(takes_value=False, says="it is always so here"),
    "binlogsyncer-max-reconnect-attempts": Flag(says="see --reconnect-for, in seconds"),
    "attempt-instant-ddl": Flag(takes_value=False, says="what needs no copy is never copied"),
    "panic-on-warnings": Flag(takes_value=False, says="a warning is always an error here"),
    "checkpoint": Flag(takes_value=False, says="every chunk is one"),
    "checkpoint-seconds": Flag(says="every chunk is one"),
    "resume": Flag(takes_value=False),
    "revert": Flag(takes_value=False, refused="a way back after the swap is not here yet"),
    "storage-engine": Flag(refused="only InnoDB is known here", fine="innodb"),
    "quiet": Flag(switch("--quiet"), takes_value=False),
    "verbose": Flag(takes_value=False),
    "debug": Flag(switch("--debug"), takes_value=False),
    "stack": Flag(takes_value=False),
    "mysql-timeout": Flag(says="a silent server is noticed by itself"),
    "ssl": Flag(takes_value=False),
    "ssl-allow-insecure": Flag(takes_value=False),
    "ssl-ca": Flag("--ssl-ca"),
    "ssl-cert": Flag("--ssl-cert"),
    "ssl-key": Flag("--ssl-key"),
    "check-flag": Flag(takes_value=False),
    "help": Flag(takes_value=False),
    "version": Flag(takes_value=False),
}


THROTTLE_FILE = "/tmp/gh-ost.throttle"
"""gh-ost's own default of --throttle-additional-flag-file: one file for all runs of a host."""


def translated(line: Sequence[str]) -> Translation:
    """`--alter` may be a whole ALTER TABLE, which names database and table then. What gh-ost does
    where nothing is said, and people's scripts rely on, is done here, too."""
    reader = Reader("gh-ost", FLAGS)
    reader.read(line)
    if "help" in reader.given:
        return reader.help()
    if "version" in reader.given:
        return reader.answered(f"osc {__version__}, by the flags of gh-ost 1.1.10")
    if "check-flag" in reader.given:
        return reader.answered("these flags are known")
    _read_alter(reader)
    _read_address(reader)
    if reader.given.get("ssl") == "yes":
        insecure = reader.given.get("ssl-allow-insecure") == "yes"
        reader.options += ["--ssl-mode", "required" if insecure else "verify-identity"]
    creates = _as_by_default(reader) if reader.executes else ()
    return replace(reader.translation(), creates=creates)


def _read_alter(reader: Reader) -> None:
    said = reader.place.get("alter", "")
    if said.split()[:1] and said.split()[0].upper() == "ALTER" and "TABLE" in said.upper().split():
        whole = alter.parse(said, mysql=True)
        reader.place |= {"alter": whole.clauses, "table": whole.table}
        if whole.schema:
            reader.place["database"] = whole.schema


def _read_address(reader: Reader) -> None:
    given, place = reader.given, reader.place
    if primary := given.get("assume-master-host"):
        host, _, port = primary.partition(":")
        place |= {"host": host, "port": port or "3306"}
        place |= {"user": given["master-user"]} if "master-user" in given else {}
        place |= {"password": given["master-password"]} if "master-password" in given else {}
    reader.place = {"host": "127.0.0.1", "port": "3306", **place}


def _as_by_default(reader: Reader) -> tuple[str, ...]:
    """The files that gh-ost makes at its start; what else it does by itself becomes options."""
    given, place = reader.given, reader.place
    if "serve-socket-file" not in given and {"database", "table"} <= place.keys():
        socket = f"/tmp/gh-ost.{place['database']}.{place['table']}.sock"
        reader.options += ["--control-socket", socket]
    if "throttle-additional-flag-file" not in given:
        reader.options += ["--throttle-flag-file", THROTTLE_FILE]
    postponed = given.get("postpone-cut-over-flag-file", "")
    if postponed:
        reader.remarks.append(
            f"--postpone-cut-over-flag-file: {postponed} is made now, and the cut-over waits until "
            "it is removed"
        )
    return (postponed,) if postponed else ()
