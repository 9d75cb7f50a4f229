"""The table that serves is compared with what the ALTER makes of the old one, object by object."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, cast

import pytest

from osc import errors
from osc.config import settings
from osc.engine import Aftercare, Engine, Job, Session, Swapped, Swapper
from osc.migration import Request, migrate, resume
from osc.model import alter
from osc.model.consent import Consent
from osc.model.controls import Controls
from osc.model.progress import Tracker
from osc.model.report import Report
from osc.mysql.surroundings import Surroundings
from osc.mysql.tagged import Tags
from tests.conformance.place import Place
from tests.servers import every_server

STATEMENT = "ALTER TABLE orders MODIFY v BIGINT CHECK (v > -7), ADD note TEXT"
TABLES = (
    "CREATE TABLE parent (id INT PRIMARY KEY)",
    "CREATE TABLE orders (id INT PRIMARY KEY, p INT, v INT CHECK (v >= -(7)), KEY (v), "
    "CONSTRAINT up FOREIGN KEY (p) REFERENCES parent (id))",
    "CREATE TABLE child (o INT, CONSTRAINT down FOREIGN KEY (o) REFERENCES orders (id))",
    "CREATE TABLE heard (id INT)",
    "CREATE TRIGGER b AFTER INSERT ON orders FOR EACH ROW INSERT INTO heard VALUES (NEW.id)",
    "CREATE TRIGGER a AFTER INSERT ON orders FOR EACH ROW PRECEDES b SET @a = 1",
    "INSERT INTO orders (id, v) VALUES (1, 1), (2, 2)",
)

on_both = every_server("mysql", "mariadb")


@dataclass(frozen=True)
class Meddled:
    """A swapper beside whom somebody works, right `before` it and right `after` it."""

    swapper: Swapper
    before: Callable[[], object]
    after: Callable[[], object]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.swapper, name)

    def swap(self, drain: Callable[[Session], None], budget_seconds: float) -> Swapped:
        self.before()
        swapped = self.swapper.swap(drain, budget_seconds)
        self.after()
        return swapped


def nothing(job: Job | None = None) -> None:
    """Nobody does anything."""


@pytest.fixture
def orders(place: Place) -> Place:
    place.app.run(*TABLES)
    return place


def meddled(
    place: Place, *, before: Callable[[Job], object] = nothing, after: tuple[str, ...] = ()
) -> Engine:
    def swapper(job: Job) -> Swapper:
        found = place.engine.swapper(job)
        hands = Meddled(found, lambda: before(job), lambda: place.app.run(*after))
        return cast(Swapper, hands)

    return replace(place.engine, swapper=swapper)


def run(engine: Engine, statement: str = STATEMENT) -> Report:
    parsed = alter.parse(statement, mysql=True)
    request = Request(alter=parsed, sync=None, statement=statement, by="test")
    wanted = settings(force_copy=True, reconnect_for=0, reword_checks=True)
    return migrate(engine, request, wanted, Tracker(), Controls())


@on_both
def test_what_is_missing_or_too_much_after_the_swap_is_told_once(orders: Place) -> None:
    done = (
        "ALTER TABLE orders ADD KEY sneaky (note(9)), DROP FOREIGN KEY up",
        "ALTER TABLE child DROP FOREIGN KEY down",
    )

    with pytest.raises(errors.SwappedButUnfinished) as told:
        run(meddled(orders, after=done))

    assert told.value.exit_code == 13
    lines = [line.strip() for line in str(told.value).splitlines()]
    assert [line[:14] for line in lines if line[:2] in ("- ", "+ ")] == [
        "- foreign key ", "- referred to ", "+ KEY `sneaky`",
    ]  # fmt: skip
    assert resume(orders.engine, None, settings(reword_checks=True), Tracker(), Controls())


@on_both
def test_a_trigger_or_a_privilege_that_did_not_come_along_is_told(orders: Place) -> None:
    """Once, by whichever process: another one has read what there was."""
    job = orders.job_on("orders", "FORCE")

    def surroundings() -> Surroundings:
        found: Surroundings = cast(Any, orders.engine.swapper(job)).parts.carried[-1]
        return found

    orders.app.run("GRANT SELECT (v) ON orders TO CURRENT_USER")
    surroundings().prepare()
    orders.app.run("DROP TRIGGER b", "REVOKE SELECT (v) ON orders FROM CURRENT_USER")

    with orders.session() as session:
        with pytest.raises(errors.TableChanged) as told:
            surroundings().complete(session)
        surroundings().complete(session)

    lines = [line.strip() for line in str(told.value).splitlines()[1:]]
    assert [line[:12] for line in lines if line[0] in "-+"] == ["- trigger b:", "- privilege "]


@on_both
def test_a_comparison_that_the_server_was_lost_in_is_made_by_whoever_goes_on(
    orders: Place,
) -> None:
    engine = meddled(orders, after=("ALTER TABLE orders ADD KEY sneaky (note(9))",))

    with pytest.raises(errors.SwappedButUnfinished, match="gone away"):
        run(replace(engine, aftercare=lambda job: cast(Aftercare, Lost())))

    with pytest.raises(errors.SwappedButUnfinished, match=r"\+ KEY `sneaky`"):
        resume(orders.engine, None, settings(reword_checks=True), Tracker(), Controls())
    assert resume(orders.engine, None, settings(reword_checks=True), Tracker(), Controls())


@on_both
def test_a_shadow_that_somebody_has_altered_is_not_swapped_in(orders: Place) -> None:
    def altered(job: Job) -> None:
        shadow = f"`{job.shadow.name.schema}`.`{job.shadow.name.name}`"
        orders.app.run(f"ALTER TABLE {shadow} DROP KEY v")

    with pytest.raises(errors.TableChanged, match=r"(?s)is not what the ALTER makes.*- KEY `v`"):
        run(meddled(orders, before=altered))

    assert "note" not in str(orders.app.rows("SHOW CREATE TABLE orders"))


@every_server("mysql")
def test_a_check_that_would_be_worded_otherwise_is_refused_and_told_where_it_is_allowed(
    orders: Place,
) -> None:
    parsed = alter.parse(STATEMENT, mysql=True)
    table = orders.engine.catalog.find(parsed)

    with pytest.raises(
        errors.Precondition, match=r"orders_chk_1.*means the same.*and 1 more"
    ) as no:
        orders.engine.workshop.rehearse(table, parsed)
    assert "--reword-checks" in no.value.todo

    allowing = orders.engine.consenting(orders.engine, Consent(reworded=True))
    found = allowing.workshop.rehearse(table, parsed)
    assert [told.partition(" afterwards")[0] for told in found.findings] == [
        "`orders_chk_1` CHECK ((`v` >= -(7))) may be worded `orders_chk_1` CHECK ((`v` >= -7))",
        "`orders_chk_2` CHECK ((`v` > -(7))) may be worded `orders_chk_2` CHECK ((`v` > -7))",
    ]


@on_both
def test_the_report_has_what_the_alter_has_changed_and_nothing_else(orders: Place) -> None:
    diff = run(orders.engine).diff

    assert not [line for line in diff.lines if "up" in line or "down" in line or "KEY" in line]
    assert any(line.startswith("+ `note` text") for line in diff.lines)


class Lost:
    """An aftercare whose line breaks."""

    def confirm(self) -> None:
        raise errors.ConnectionLost("the server has gone away")


class Held(Tags):
    """Somebody is in the way of their removal."""

    def complete(self, session: Session) -> None:
        raise errors.LockTimeout("somebody is in the way")


@on_both
def test_the_old_key_that_stood_beside_the_new_one_goes_with_the_resume(place: Place) -> None:
    place.app.run(
        "CREATE TABLE orders (id INT PRIMARY KEY, v INT)", "INSERT INTO orders VALUES (1, 1)"
    )

    def swapper(job: Job) -> Swapper:
        found = cast(Any, place.engine.swapper(job))
        held = Held(job, place.engine.connect, found.parts.catalog)
        kinds = [held if isinstance(one, Tags) else one for one in found.parts.carried]
        return cast(Swapper, replace(found, parts=replace(found.parts, carried=tuple(kinds))))

    statement = "ALTER TABLE orders MODIFY id VARCHAR(20), ADD note TEXT"
    with pytest.raises(errors.SwappedButUnfinished, match="in the way"):
        run(replace(place.engine, swapper=swapper), statement)
    place.app.run("INSERT INTO orders VALUES ('a', 2, 'while both are there')")
    assert resume(place.engine, None, settings(), Tracker(), Controls())

    assert "_osc_tag" not in str(place.app.rows("SHOW CREATE TABLE orders"))
    assert place.app.rows("SELECT id, v FROM orders ORDER BY v") == [("1", 1), ("a", 2)]
