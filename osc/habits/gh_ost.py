"""gh-ost's command line (1.1.10, doc/command-line-flags.md)."""

from __future__ import annotations

from collections.abc import Sequence

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
    "ask-pass": Flag(takes_value=False, says="give the password in $MYSQL_PWD or ~/.my.cnf"),
    "conf": Flag(says="~/.my.cnf is read where no user is given"),
    "execute": Flag(switch("--execute"), takes_value=False),
    "allow-on-master": Flag(takes_value=False, says="the primary is what we want"),
    "assume-rbr": Flag(takes_value=False, says=NO_NEED),
    "switch-to-rbr": Flag(takes_value=False, says="set binlog_format = ROW yourself"),
    "assume-master-host": Flag(says="name the primary in --host"),
    "test-on-replica": Flag(takes_value=False, says="run it on a clone instead"),
    "migrate-on-replica": Flag(takes_value=False, says="run it on the primary"),
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
    "hooks-status-interval": Flag("--hooks-status-interval"),
    "statsd-addr": Flag("--statsd"),
    "include-triggers": Flag(takes_value=False, says="triggers are always carried over"),
    "trigger-suffix": Flag(says="triggers keep their names"),
    "discard-foreign-keys": Flag(takes_value=False, says="foreign keys are carried over instead"),
    "skip-foreign-key-checks": Flag(takes_value=False, says="foreign keys are carried over"),
    "approve-renamed-columns": Flag(takes_value=False, says="renamed columns keep their data"),
    "attempt-instant-ddl": Flag(takes_value=False, says="what needs no copy is never copied"),
    "panic-on-warnings": Flag(takes_value=False, says="a warning is always an error here"),
    "checkpoint": Flag(takes_value=False, says="every chunk is one"),
    "checkpoint-seconds": Flag(says="every chunk is one"),
    "resume": Flag(takes_value=False, says="`osc resume URL` goes on with what was stopped"),
    "revert": Flag(takes_value=False, says="not here yet"),
    "storage-engine": Flag(says="InnoDB"),
    "quiet": Flag(switch("--quiet"), takes_value=False),
    "verbose": Flag(takes_value=False),
    "debug": Flag(switch("--debug"), takes_value=False),
    "stack": Flag(takes_value=False),
    "mysql-timeout": Flag(says="a silent server is noticed by itself"),
    "ssl": Flag(takes_value=False, says="write ssl_ca, ssl_cert and ssl_key into the URL"),
}


def translated(line: Sequence[str]) -> Translation:
    """`--alter` may be a whole ALTER TABLE, which names database and table then."""
    reader = Reader("gh-ost", FLAGS)
    reader.read(line)
    said = reader.place.get("alter", "")
    if said.split()[:1] and said.split()[0].upper() == "ALTER" and "TABLE" in said.upper().split():
        whole = alter.parse(said, mysql=True)
        reader.place |= {"alter": whole.clauses, "table": whole.table}
        if whole.schema:
            reader.place["database"] = whole.schema
    return reader.translation()
